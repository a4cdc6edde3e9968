"""Which genes have counts enough to be tested."""

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.perturbation._counts import Array, dense_counts, library_sizes
from cellaxes.perturbation._design import Design, as_design

LARGE = 10
"""Group size above which only a share of the further samples is asked for."""
SHARE = 0.7


def filter_by_expression(
    counts: Counts | pd.DataFrame,
    design: Design | ArrayLike | pd.DataFrame,
    *,
    library_size: ArrayLike | None = None,
    min_count: float = 10,
    min_total_count: float = 15,
) -> NDArray[np.bool_]:
    """Return which genes are expressed in as many samples as the smallest group has.

    A gene is kept whose counts per million reach ``min_count`` of a median library in
    ``n_min`` samples, and whose counts sum to ``min_total_count``. ``n_min`` is one over the
    largest leverage of the design; above 10, ten and 70 % of the rest.

    Parameters
    ----------
    counts
        ``(n_samples, n_genes)``.
    design
        `Design` or model matrix ``(n_samples, p)``.
    library_size
        ``(n_samples,)``, with normalisation factors if there are any; the sums unless given.
    min_count
        Counts in a library of median size.
    min_total_count
        Counts over all samples.

    Returns
    -------
    ``(n_genes,)``, bool.

    Raises
    ------
    InputError
        If the counts are no counts, a library is empty or the design has another length.

    References
    ----------
    Chen, Lun & Smyth, F1000Research 5, 1438 (2016).
    """
    matrix = dense_counts(counts)
    made = as_design(design)
    if made.n != len(matrix):
        raise InputError(f"the design has {made.n} rows for {len(matrix)} samples.")
    sizes = library_sizes(matrix, library_size)
    return expressed(matrix, made, sizes, min_count, min_total_count)


def expressed(
    counts: Array, design: Design, sizes: Array, min_count: float = 10, min_total: float = 15
) -> NDArray[np.bool_]:
    """Return which genes of checked counts to keep; see `filter_by_expression`."""
    n_min = 1 / design.leverage().max()
    if n_min > LARGE:
        n_min = LARGE + (n_min - LARGE) * SHARE
    cutoff = min_count / np.median(sizes)
    enough = (counts / sizes[:, None] >= cutoff).sum(axis=0) >= n_min - 1e-10
    kept: NDArray[np.bool_] = enough & (counts.sum(axis=0) >= min_total - 1e-10)
    return kept
