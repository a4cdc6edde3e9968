"""How far predictions are from the truth: root mean square and mean absolute error per row."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes.perturbation.metrics._pairs import Array, Matrix, Pairs, mean_over_rows, pairs


def rmse(truth: Matrix, predicted: Matrix, *, mask: ArrayLike | None = None) -> Array:
    """Return the root mean square error of every row. Best is 0.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.

    Returns
    -------
    Array ``(n_rows,)`` in units of the profiles, NaN where no value counts.

    Raises
    ------
    InputError
        If the shapes differ, a row of the truth holds no value, or a prediction is missing.

    Examples
    --------
    >>> rmse([[3.0, 4.0], [1.0, float("nan")]], [[0.0, 0.0], [0.0, 0.0]]).round(2)
    array([3.54, 1.  ])
    """
    return rmse_of(pairs(truth, predicted, mask=mask))


def mae(truth: Matrix, predicted: Matrix, *, mask: ArrayLike | None = None) -> Array:
    """Return the mean absolute error of every row. Best is 0.

    As `rmse`: ``truth``, ``predicted`` and ``mask`` are ``(n_rows, n_genes)``, the result
    ``(n_rows,)``.

    Examples
    --------
    >>> mae([[3.0, 4.0], [1.0, float("nan")]], [[0.0, 0.0], [0.0, 0.0]])
    array([3.5, 1. ])
    """
    return mae_of(pairs(truth, predicted, mask=mask))


def mrrmse(
    truth: Matrix,
    predicted: Matrix,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """Return the mean over rows of the root mean square error. Best is 0.

    The score of the Open Problems competition of 2023, 1/R Σᵢ √(1/G Σⱼ (yᵢⱼ − ŷᵢⱼ)²). Rows with
    huge values dominate it, and it prefers predictions that are shrunken: read it beside
    `pearson` and `norm_ratio`.

    Parameters
    ----------
    truth, predicted, mask
        As in `rmse`, ``(n_rows, n_genes)``.
    weights
        Of the rows, ``(n_rows,)``.

    Examples
    --------
    >>> mrrmse([[3.0, 3.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])
    2.0
    """
    held = pairs(truth, predicted, mask=mask, weights=weights)
    return mean_over_rows(rmse_of(held), held.weights)


def mrmae(
    truth: Matrix,
    predicted: Matrix,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """Return the mean over rows of the mean absolute error. Best is 0.

    As `mrrmse`: ``truth``, ``predicted`` and ``mask`` are ``(n_rows, n_genes)``, ``weights``
    ``(n_rows,)``.

    Examples
    --------
    >>> mrmae([[3.0, 3.0], [1.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])
    2.0
    """
    held = pairs(truth, predicted, mask=mask, weights=weights)
    return mean_over_rows(mae_of(held), held.weights)


def rmse_of(held: Pairs) -> Array:
    """Return `rmse` of what is checked already."""
    return np.sqrt(_mean((held.truth - held.predicted) ** 2, held))


def mae_of(held: Pairs) -> Array:
    """Return `mae` of what is checked already."""
    return _mean(np.abs(held.truth - held.predicted), held)


def _mean(values: Array, held: Pairs) -> Array:
    n = held.n_known
    found: Array = values.sum(axis=1) / np.where(n, n, np.nan)
    return found
