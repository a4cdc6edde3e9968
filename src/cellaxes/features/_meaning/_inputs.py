"""Activations and labels in the one form that every reading of a feature takes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import as_csr, shape_of

Array = NDArray[np.float64]
Activations = Any
"""CSR (or other sparse) matrix, or dense array, ``(n_cells, n_features)``."""


def as_activations(F: Activations, n_cells: int | None = None) -> sp.csr_matrix:
    """Return activations as CSR float64 of finite values, ``(n_cells, n_features)``."""
    rows, columns = shape_of(F)
    if rows == 0 or columns == 0:
        raise InputError(f"activations have shape ({rows}, {columns}): nothing can be read there.")
    if n_cells is not None and rows != n_cells:
        raise InputError(
            f"activations have {rows} cells, but {n_cells} are described: "
            "pass the same cells in the same order."
        )
    csr = as_csr(F).astype(np.float64)
    csr.sum_duplicates()
    if not np.isfinite(csr.data).all():
        at = int(np.flatnonzero(~np.isfinite(csr.data))[0])
        row = int(np.searchsorted(csr.indptr, at, side="right")) - 1
        raise InputError(
            f"activations, cell {row}, feature {csr.indices[at]} hold {csr.data[at]}: "
            "activations must be finite."
        )
    csr.eliminate_zeros()
    return csr


def moments(F: sp.csr_matrix) -> tuple[Array, Array]:
    """Return mean and standard deviation (population) of each column, ``(n_columns,)`` each."""
    mean = np.asarray(F.mean(axis=0)).ravel()
    square = np.asarray(F.multiply(F).mean(axis=0)).ravel()
    spread = square - mean**2
    spread[spread < 1e-12 * square] = 0.0  # what rounding leaves of a constant
    return mean, np.sqrt(spread)


def as_genes(genes: Sequence[str] | ArrayLike, n_genes: int) -> NDArray[np.str_]:
    """Return gene names, one per column of the expression, refusing doubles."""
    names = np.asarray(genes, dtype=str).ravel()
    if len(names) != n_genes:
        raise InputError(f"genes has {len(names)} names for {n_genes} columns of expression.")
    unique, times = np.unique(names, return_counts=True)
    if len(unique) < len(names):
        raise InputError(
            f"genes holds {str(unique[times.argmax()])!r} {times.max()} times: names must be "
            "unique; call adata.var_names_make_unique() first."
        )
    return names


def as_codes(values: ArrayLike, n_cells: int, what: str) -> tuple[NDArray[np.int64], list[str]]:
    """Return codes ``(n_cells,)`` (-1 where missing) and the sorted names of what they stand for.

    Raises
    ------
    InputError
        If lengths differ or nothing but missing values is there.
    """
    series = pd.Series(np.asarray(values).ravel())
    if len(series) != n_cells:
        raise InputError(f"{what} has {len(series)} entries for {n_cells} cells.")
    present = series.notna()
    codes = np.full(n_cells, -1, dtype=np.int64)
    names, codes[present.to_numpy()] = np.unique(
        series[present].astype(str).to_numpy(dtype=str), return_inverse=True
    )
    if len(names) == 0:
        raise InputError(f"{what} holds missing values only.")
    return codes, [str(name) for name in names]


def one_hot(codes: NDArray[np.int64], n: int) -> sp.csr_matrix:
    """Return the indicator of each code, CSR ``(n_cells, n)``; rows of code -1 are empty."""
    rows = np.flatnonzero(codes >= 0)
    ones = np.ones(len(rows))
    return sp.csr_matrix((ones, (rows, codes[rows])), shape=(len(codes), n))


def check_feature(feature: int, n_features: int) -> None:
    """Refuse the number of a feature that is not there."""
    if not 0 <= feature < n_features:
        raise InputError(f"there is no feature {feature}: they run from 0 to {n_features - 1}.")
