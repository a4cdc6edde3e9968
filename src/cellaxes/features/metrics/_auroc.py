"""How well each feature ranks the cells of each concept above the others."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import rankdata

from cellaxes.features.metrics._arrays import (
    Array,
    Concepts,
    Matrix,
    blocks,
    check_cells,
    concepts,
    matrix,
    sums_within,
)


def auroc(activations: Matrix, labels: Any) -> Array:
    """Return the area under the ROC curve of every feature for every concept.

    The chance that a cell of the concept is above one that is not, ties counting half
    (Mann-Whitney). It is insensitive: dense raw dimensions already reach high values.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``; only stored values are sorted.
    labels
        One label per cell, or a 0/1 matrix ``(n_cells, n_concepts)``.

    Returns
    -------
    Array ``(n_features, n_concepts)``, concepts in the order of their names (a matrix: as they
    stand); 0.5 for a dead feature, NaN where a concept has no cell or all.

    Raises
    ------
    InputError
        If activations and labels have other cells.

    Examples
    --------
    >>> auroc(np.array([[3.0, 0], [1, 0], [2, 0], [0, 0]]), ["a", "a", "b", "b"])
    array([[0.75, 0.25],
           [0.5 , 0.5 ]])
    """
    x, named = matrix(activations), concepts(labels)
    check_cells(x.shape[0], named.n_cells, "labels")
    return auroc_of(x, named)


def auroc_of(x: Matrix, named: Concepts) -> Array:
    """Return `auroc` of what is checked already."""
    n, m = x.shape
    inside = named.sizes
    area = np.empty((m, len(inside)))
    for start, block in blocks(x):
        above, at_zero = _ranks(block)
        here = slice(start, start + block.shape[1])
        area[here] = sums_within(above, named.member) + at_zero[:, None] * inside
    outside = n - inside
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = (area - inside * (inside + 1) / 2) / (inside * outside)
    found[:, (inside == 0) | (outside == 0)] = np.nan
    return found


def _ranks(block: sp.csc_matrix) -> tuple[sp.csr_matrix, Array]:
    """Return mid-ranks less the rank of zero (stored cells only), and the rank of zero."""
    n, m = block.shape
    shifted: NDArray[Any] = np.empty(block.nnz)
    at_zero = np.empty(m)
    for j in range(m):
        stored = slice(block.indptr[j], block.indptr[j + 1])
        values = block.data[stored]
        n_zero = n - len(values)
        at_zero[j] = np.count_nonzero(values < 0) + (n_zero + 1) / 2
        shifted[stored] = rankdata(values) + n_zero * (values > 0) - at_zero[j]
    ranks = sp.csc_matrix((shifted, block.indices, block.indptr), shape=block.shape)
    return ranks.tocsr(), at_zero
