"""Normalisation factors of libraries: trimmed mean of M-values."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.matrix import Counts
from cellaxes.perturbation._counts import Array, dense_counts, library_sizes

LOGRATIO_TRIM = 0.3
SUM_TRIM = 0.05


def norm_factors(
    counts: Counts | pd.DataFrame, *, library_size: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Return the TMM factor of each library; the effective library size is size x factor.

    Of each sample j against a reference r: ``M = log2((c_j/N_j)/(c_r/N_r))``,
    ``A = log2((c_j/N_j)(c_r/N_r))/2`` and the variance of M,
    ``v = (N_j-c_j)/(N_j c_j) + (N_r-c_r)/(N_r c_r)``. Of the genes seen in both, the outer 30 %
    of M and 5 % of A at each end are trimmed; ``f_j = 2^(sum(M/v) / sum(1/v))``, over the
    geometric mean of all f. The reference is the sample whose upper quartile, over its library
    size, is closest to the mean; where most samples have none, the one with the largest
    sum of square roots.

    Parameters
    ----------
    counts
        ``(n_samples, n_genes)``, whole numbers.
    library_size
        ``(n_samples,)``; the sums of counts unless given.

    Returns
    -------
    ``(n_samples,)``, geometric mean 1.

    Raises
    ------
    InputError
        If the counts are no counts or a library is empty.

    References
    ----------
    Robinson & Oshlack, Genome Biology 11, R25 (2010).

    Examples
    --------
    >>> norm_factors(np.array([[10, 20, 30, 40], [100, 200, 300, 400]]))
    array([1., 1.])
    """
    matrix = dense_counts(counts)
    sizes = library_sizes(matrix, library_size)
    return tmm(matrix, sizes)


def tmm(counts: Array, sizes: Array) -> Array:
    """Return the TMM factors of checked counts; see `norm_factors`."""
    counts = counts[:, counts.any(axis=0)]
    upper = np.array([np.quantile(row, 0.75) for row in counts]) / sizes
    if np.median(upper) < 1e-20:
        reference = int(np.sqrt(counts).sum(axis=1).argmax())
    else:
        reference = int(np.abs(upper - upper.mean()).argmin())
    r, n_r = counts[reference], sizes[reference]
    logs = np.array([_log_factor(c, r, n, n_r) for c, n in zip(counts, sizes, strict=True)])
    factors: Array = np.exp2(logs - logs.mean())
    return factors


def _log_factor(c: Array, r: Array, n_c: float, n_r: float) -> float:
    """Return log2 of one sample's factor against the reference, 0 where nothing is shared."""
    both = (c > 0) & (r > 0)
    c, r = c[both], r[both]
    p, q = c / n_c, r / n_r  # in this order: rounding decides which equal ratios share a rank
    m, a = np.log2(p / q), (np.log2(p) + np.log2(q)) / 2
    if len(m) == 0 or np.abs(m).max() < 1e-6:
        return 0.0
    v = (n_c - c) / n_c / c + (n_r - r) / n_r / r
    kept = _inner(m, LOGRATIO_TRIM) & _inner(a, SUM_TRIM) & (v > 0)
    if not kept.any():
        return 0.0
    return float((m[kept] / v[kept]).sum() / (1 / v[kept]).sum())


def _inner(values: Array, trim: float) -> NDArray[np.bool_]:
    """Whether the rank of each value (ties shared) lies within the trimmed range."""
    n = len(values)
    low = np.floor(n * trim) + 1
    ordered = np.sort(values)
    first, last = ordered.searchsorted(values), ordered.searchsorted(values, "right")
    ranks = (first + last + 1) / 2
    kept: NDArray[np.bool_] = (ranks >= low) & (ranks <= n + 1 - low)
    return kept
