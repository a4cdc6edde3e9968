"""Whether predictions have the right size; averages that know no compound are far too small."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes.perturbation.metrics._pairs import Array, Matrix, Pairs, pairs


def slope(
    truth: Matrix,
    predicted: Matrix,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """Return the slope through zero of truth on prediction, Σyŷ / Σŷ². Best is 1.

    Above 1 the predictions are too small: multiplied by the slope they would have the least
    squared error. Fit a factor on rows held out of training, never on the test.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.
    weights
        Of the rows, ``(n_rows,)``.

    Returns
    -------
    float, NaN for a prediction of zero.

    Raises
    ------
    InputError
        As in `rmse`.

    Examples
    --------
    >>> slope([[2.0, -4.0]], [[1.0, -2.0]])
    2.0
    """
    return slope_of(pairs(truth, predicted, mask=mask, weights=weights))


def norm_ratio(
    truth: Matrix,
    predicted: Matrix,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> float:
    """Return the size of the predictions over that of the truth, √(Σŷ² / Σy²). Best is 1.

    The index of mode collapse: near 0 the model predicts nothing of any compound. NaN
    where the truth is zero. ``truth``, ``predicted`` and ``mask`` are ``(n_rows, n_genes)``,
    ``weights`` ``(n_rows,)``; errors as in `slope`.

    Examples
    --------
    >>> norm_ratio([[2.0, -4.0]], [[1.0, -2.0]])
    0.5
    """
    return norm_ratio_of(pairs(truth, predicted, mask=mask, weights=weights))


def slope_of(held: Pairs) -> float:
    """Return `slope` of what is checked already."""
    return _over(_sum(held, held.truth * held.predicted), _sum(held, held.predicted**2))


def norm_ratio_of(held: Pairs) -> float:
    """Return `norm_ratio` of what is checked already."""
    return float(np.sqrt(_over(_sum(held, held.predicted**2), _sum(held, held.truth**2))))


def _sum(held: Pairs, values: Array) -> float:
    return float(held.weights @ values.sum(axis=1))


def _over(a: float, b: float) -> float:
    return a / b if b > 0 else float("nan")
