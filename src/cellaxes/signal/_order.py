"""An ``obs`` column as a quantity with an order."""

import re

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.adata import obs_column
from cellaxes._core.errors import InputError

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def in_order(adata: anndata.AnnData, key: str) -> NDArray[np.float64]:
    """Return ``obs[key]`` as numbers whose order is that of the column, ``(n_cells,)``.

    Numbers stay as they are, an ordered categorical becomes its codes, words or categories
    that are written as numbers (``"2"``, ``"4"``) become these, and dates (``2021-03-05``)
    the days since 1970.

    Raises
    ------
    InputError
        If the column is missing, has missing or infinite values, has no order, or is constant.
    """
    column = obs_column(adata, key)
    if isinstance(column.dtype, pd.CategoricalDtype) and column.cat.ordered:
        column = column.cat.remove_unused_categories().cat.codes
    if len(column) and (column.dtype.kind == "M" or _DATE.fullmatch(str(column.iloc[0]))):
        try:
            seconds = np.asarray(column, dtype="datetime64[s]").astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"obs[{key!r}] holds what is no date beside dates as 2021-03-05: remove these "
                "cells, or make it numbers."
            ) from error
        column = pd.Series(seconds / 86_400)
    try:
        found = np.asarray(column.astype(str) if column.dtype.kind == "O" else column).astype(float)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"obs[{key!r}] has no order: make it numbers, dates, or an ordered categorical "
            "(pandas.Categorical(values, categories=[…], ordered=True))."
        ) from error
    if not np.isfinite(found).all():
        raise InputError(f"obs[{key!r}] holds NaN or infinity: remove these cells.")
    if found.min() == found.max():
        raise InputError(f"obs[{key!r}] is the same in every cell: choose another column.")
    return found
