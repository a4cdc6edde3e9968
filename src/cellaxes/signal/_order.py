"""An ``obs`` column as a quantity with an order."""

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.adata import obs_column
from cellaxes._core.errors import InputError


def in_order(adata: anndata.AnnData, key: str) -> NDArray[np.float64]:
    """Return ``obs[key]`` as numbers whose order is that of the column, ``(n_cells,)``.

    Numbers stay as they are, an ordered categorical becomes its codes, and words or categories
    that are written as numbers (``"2"``, ``"4"``) become these.

    Raises
    ------
    InputError
        If the column is missing, has missing or infinite values, has no order, or is constant.
    """
    column = obs_column(adata, key)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        column = column.cat.remove_unused_categories().cat.codes
    try:
        found = np.asarray(column.astype(str) if column.dtype.kind == "O" else column).astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"obs[{key!r}] has no order: make it numbers, or an ordered categorical "
            "(pandas.Categorical(values, categories=[…], ordered=True))."
        ) from error
    if not np.isfinite(found).all():
        raise InputError(f"obs[{key!r}] holds NaN or infinity: remove these cells.")
    if found.min() == found.max():
        raise InputError(f"obs[{key!r}] is the same in every cell: choose another column.")
    return found
