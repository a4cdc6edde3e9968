"""A categorical label in ``obs``."""

import anndata

from cellaxes._core.adata import obs_column
from cellaxes._core.errors import InputError
from cellaxes.signal._signal import Signal


def label(adata: anndata.AnnData, key: str) -> Signal:
    """Return the categorical label ``obs[key]`` as a discrete signal.

    Unused categories are dropped. A number in ``obs`` is taken as a class name, so bin a
    continuous quantity first.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obs`` column: categorical, string, boolean or integer.

    Raises
    ------
    InputError
        If the column is missing, has missing values, one class only, or a class per cell.
    """
    column = obs_column(adata, key)
    if column.dtype.kind == "f" and not (column == column.round()).all():
        raise InputError(
            f"obs[{key!r}] holds fractional numbers, which are no classes: bin them "
            "(pandas.cut), or use them as a measurement from obsm."
        )
    coded = column.astype("category").cat.remove_unused_categories().cat
    categories = tuple(str(category) for category in coded.categories)
    if len(categories) < 2:
        raise InputError(
            f"obs[{key!r}] has one class only ({', '.join(categories)}): information about a "
            "constant is zero; choose a column with two classes or more."
        )
    if len(categories) > len(column) / 2:
        raise InputError(
            f"obs[{key!r}] has {len(categories)} classes in {len(column)} cells: it names cells "
            "rather than classes; choose another column."
        )
    values = coded.codes.to_numpy().astype("int64")
    return Signal(f"label:{key}", "discrete", values, categories)
