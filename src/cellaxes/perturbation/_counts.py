"""Counts of samples as the linear models need them: dense, checked, with library sizes."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, by_rows, check_counts, csr_rows, shape_of

Array = NDArray[np.float64]


def dense_counts(counts: Counts | pd.DataFrame, where: str = "counts") -> Array:
    """Return counts ``(n_samples, n_genes)`` as dense float64, refusing what is no count.

    Parameters
    ----------
    counts
        Whole numbers >= 0 in any container; samples in rows.
    where
        What messages call the matrix.

    Raises
    ------
    InputError
        If a value is negative, not whole or not finite, or the matrix is empty.
    """
    matrix = counts.to_numpy() if isinstance(counts, pd.DataFrame) else counts
    if isinstance(matrix, list | tuple):
        matrix = np.asarray(matrix)
    n, n_genes = shape_of(matrix)
    if n == 0 or n_genes == 0:
        raise InputError(f"{where} has shape ({n}, {n_genes}): there is nothing to compute.")
    block = csr_rows(by_rows(matrix), 0, n)
    check_counts(block, where)
    return np.asarray(block.toarray(), dtype=np.float64)


def library_sizes(
    counts: Array, given: ArrayLike | None = None, names: Any = None, where: str = "counts"
) -> Array:
    """Return the library size of each sample ``(n,)``: the given one, or its sum of counts.

    Raises
    ------
    InputError
        If a library is empty, or the given sizes have another length.
    """
    sizes = counts.sum(axis=1) if given is None else np.asarray(given, dtype=np.float64).ravel()
    if len(sizes) != len(counts):
        raise InputError(f"library_size has {len(sizes)} entries for {len(counts)} samples.")
    bad = np.flatnonzero(~(np.isfinite(sizes) & (sizes > 0)))
    if len(bad):
        named = repr(names[bad[0]]) if names is not None else str(bad[0])
        raise InputError(
            f"sample {named} of {where} has an empty library ({len(bad)} in all): remove it, e.g. "
            "with min_cells= or min_counts= of pseudobulk."
        )
    return sizes


def unique_names(names: pd.Index, what: str) -> pd.Index:
    """Return ``names`` as strings, refusing those that occur twice."""
    names = pd.Index(names.astype(str))
    twice = names[names.duplicated()]
    if len(twice):
        raise InputError(
            f"{what} {twice[0]!r} occurs more than once ({len(twice.unique())} such names): make "
            "them unique, e.g. with adata.var_names_make_unique(), or sum them."
        )
    return names
