"""A categorical label in ``obs``, or one of its classes against the rest."""

import anndata
import numpy as np

from cellaxes._core.adata import obs_column
from cellaxes._core.errors import InputError, near
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


def one_vs_rest(adata: anndata.AnnData, key: str, of: str) -> Signal:
    """Return whether ``obs[key]`` is one class, as a discrete signal of two classes.

    Every cell counts once, in the share that the class has: its entropy, the ceiling of the
    information, is below a bit where it is rare. (Resampling classes to equal shares with
    replacement, as is often done, repeats cells, and an estimator that meets a cell in
    training and in testing reads information in pure noise.)

    Parameters
    ----------
    adata
        Cells.
    key
        ``obs`` column, as of `label`.
    of
        Name of the class.

    Raises
    ------
    InputError
        As `label`, or if there is no such class.
    """
    classes = label(adata, key)
    if of not in classes.categories:
        raise InputError(f"obs[{key!r}] has no class {of!r}: {near(of, classes.categories)}")
    values = (classes.values == classes.categories.index(of)).astype(np.int64)
    return Signal(name_of_class(key, of), "discrete", values, ("the rest", of))


def names_of_classes(adata: anndata.AnnData, key: str) -> list[str]:
    """Return the signal of each class against the rest; of two classes, of the second alone.

    Raises
    ------
    InputError
        As `label`.
    """
    categories = label(adata, key).categories
    chosen = categories[1:] if len(categories) == 2 else categories
    return [name_of_class(key, of) for of in chosen]


def name_of_class(key: str, of: str) -> str:
    """Return how `parse` reads a class against the rest."""
    return f"class:{key}@{of}"
