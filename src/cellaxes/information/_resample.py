"""Sampling error by half-samples."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Statistic = Callable[[NDArray[np.int64]], float]
"""The estimate on some rows of the pairs."""


def half_width(statistic: Statistic, n: int, rng: np.random.Generator, n_splits: int) -> float:
    """Return the half width of a 95 % interval from complementary half-samples.

    Each split deals the n pairs to two halves without replacement. Half the difference of
    the two estimates has the variance of the estimate at n, and a bias that depends on
    sample size cancels in it (random subsampling; Politis, Romano and Wolf 1999).

    Parameters
    ----------
    statistic
        Estimate on given rows.
    n
        Number of pairs.
    rng
        Draws the splits.
    n_splits
        Number of splits; the interval uses Student's t with as many degrees of freedom.
    """
    half = n // 2
    squares = np.empty(n_splits)
    for split in range(n_splits):
        order = rng.permutation(n)
        first, second = np.sort(order[:half]), np.sort(order[half : 2 * half])
        squares[split] = ((statistic(first) - statistic(second)) / 2) ** 2
    return float(student.ppf(0.975, n_splits) * np.sqrt(squares.mean()))
