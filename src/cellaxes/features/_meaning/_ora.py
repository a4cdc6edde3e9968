"""Over-representation of gene sets among the top genes of features."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.stats import hypergeom

from cellaxes.features._meaning._inputs import Array


def top_genes(r: NDArray[np.floating], n: int) -> sp.csr_matrix:
    """Return the `n` genes of highest positive value of each row as ones, CSR."""
    n = min(n, r.shape[1])
    at = np.argpartition(-r, n - 1, axis=1)[:, :n]
    positive = np.take_along_axis(r, at, axis=1) > 0
    rows = np.repeat(np.arange(len(r)), n)[positive.ravel()]
    columns = at.ravel()[positive.ravel()]
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=r.shape)


def over_representation(
    top: sp.csr_matrix, members: sp.csr_matrix
) -> tuple[NDArray[np.int16], Array]:
    """Return how many top genes each set holds, and how likely so many are by chance.

    ``p = P(H >= hits)``, H hypergeometric: `drawn` of all genes are taken, of which the set owns
    `size`. A tail is computed once for each size, not once for each pair.

    Parameters
    ----------
    top
        Top genes of each feature, zeros and ones ``(n_features, n_genes)``.
    members
        Genes of each set, zeros and ones ``(n_genes, n_sets)``.

    Returns
    -------
    hits, p
        ``(n_features, n_sets)`` each.
    """
    hits = np.asarray((top @ members).todense()).astype(np.int16)
    sizes = np.asarray(members.sum(axis=0)).ravel().astype(int)
    drawn = np.asarray(top.sum(axis=1)).ravel().astype(int)
    unique, at = np.unique(sizes, return_inverse=True)
    p = np.ones(hits.shape)
    for n in np.unique(drawn[drawn > 0]):
        rows = drawn == n
        mass = np.exp(hypergeom.logpmf(np.arange(n + 1), members.shape[0], unique[:, None], n))
        tail = np.minimum(mass[:, ::-1].cumsum(axis=1)[:, ::-1], 1.0)
        p[rows] = tail[at, hits[rows]]
    return hits, p


def benjamini_hochberg(p: Array) -> Array:
    """Return q-values of each row (Benjamini and Hochberg 1995)."""
    n = p.shape[1]
    order = np.argsort(p, axis=1)
    scaled = np.take_along_axis(p, order, axis=1) * (n / np.arange(1, n + 1))
    monotone = np.minimum.accumulate(scaled[:, ::-1], axis=1)[:, ::-1]
    q = np.empty_like(p)
    np.put_along_axis(q, order, np.minimum(monotone, 1.0), axis=1)
    return q


def significant_rows(p: Array, alpha: float) -> NDArray[np.bool_]:
    """Return which rows hold a q-value of Benjamini and Hochberg below `alpha`."""
    some = np.flatnonzero(p.min(axis=1) < alpha)
    found = np.zeros(len(p), dtype=bool)
    steps = alpha * np.arange(1, p.shape[1] + 1) / p.shape[1]
    found[some] = (np.sort(p[some], axis=1) < steps).any(axis=1)
    return found
