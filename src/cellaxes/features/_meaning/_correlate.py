"""Correlation of sparse features with sparse expression, in one pass over the cells."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from cellaxes.features._meaning._expression import Expression
from cellaxes.features._meaning._inputs import Array, moments

FEATURE_BLOCK = 512
"""Features whose products with all genes are held at once."""


def correlations(F: sp.csr_matrix, expression: Expression) -> Iterator[tuple[slice, Array]]:
    """Yield Pearson correlations of blocks of features with all genes.

    ``r = (F'E/n - mean_F mean_E) / (sd_F sd_E)``; the product touches only cells in which the
    feature is active and genes that they express. A constant feature or gene has r = 0.

    Parameters
    ----------
    F
        Activations, CSR float64 ``(n_cells, n_features)``.
    expression
        Log expression of the same cells.

    Yields
    ------
    features, r
        Which features, and ``(n_features_of_the_block, n_genes)``.
    """
    n_cells, n_features = F.shape
    mean, sd = moments(F)
    for first in range(0, n_features, FEATURE_BLOCK):
        part = slice(first, min(first + FEATURE_BLOCK, n_features))
        r = cross(F if part == slice(0, n_features) else F[:, part].tocsr(), expression)
        r /= n_cells
        r -= np.outer(mean[part], expression.mean)
        scale = np.outer(sd[part], expression.sd)
        np.divide(r, scale, out=r, where=scale > 0)
        r[scale == 0] = 0.0
        yield part, np.clip(r, -1.0, 1.0, out=r)


def cross(F: sp.csr_matrix, expression: Expression) -> Array:
    """Return ``F'E``, dense float64 ``(n_features, n_genes)``."""
    out = np.zeros((F.shape[1], expression.shape[1]))
    for start, stop, block in expression.blocks():
        _add_products(*_parts(F[start:stop]), *_parts(block), out)
    return out


def _parts(csr: sp.csr_matrix) -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[Any]]:
    """Return the arrays of a CSR matrix in the types that the kernel is compiled for."""
    return (
        csr.indptr.astype(np.int64, copy=False),
        csr.indices.astype(np.int32, copy=False),
        csr.data.astype(np.float64, copy=False),
    )


@njit(cache=True, nogil=True)
def _add_products(
    f_ptr: NDArray[np.int64],
    f_at: NDArray[np.int32],
    f: Array,
    e_ptr: NDArray[np.int64],
    e_at: NDArray[np.int32],
    e: Array,
    out: Array,
) -> None:
    for cell in range(f_ptr.size - 1):
        for i in range(f_ptr[cell], f_ptr[cell + 1]):
            row = out[f_at[i]]
            value = f[i]
            for j in range(e_ptr[cell], e_ptr[cell + 1]):
                row[e_at[j]] += value * e[j]
