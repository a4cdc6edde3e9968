"""Whether predictions have the right shape: correlation and angle, along rows or genes."""

from typing import get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._pairs import Array, Axis, Mask, Matrix, Pairs, pairs

FLAT = 1e-12
"""Spread, relative to the largest value, below which values are one value and rounding."""


def pearson(
    truth: Matrix,
    predicted: Matrix,
    *,
    axis: Axis = "row",
    centre: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Return the correlation of truth and prediction, of every row or of every gene. Best is 1.

    Along rows it asks whether the right genes respond; the response that all compounds share
    already reaches high values, so read it with ``centre`` too. Along genes it asks whether the
    model knows *which* compound moves a gene. Where truth or prediction is constant the
    correlation does not exist, and 0 is returned (the convention of Open Problems).

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    axis
        ``"row"`` (over genes) or ``"gene"`` (over rows).
    centre
        Mean of the training rows, ``(n_genes,)``, taken from both first. Changes nothing along
        genes.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.
    weights
        Of the rows, ``(n_rows,)``; used along genes.

    Returns
    -------
    Array ``(n_rows,)`` or ``(n_genes,)``, NaN where no value counts.

    Raises
    ------
    InputError
        As in `rmse`; if ``axis`` or the shape of ``centre`` is unknown.

    Examples
    --------
    >>> pearson([[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]], [[2.0, 4.0, 6.0], [5.0, 5.0, 5.0]])
    array([1., 0.])
    """
    return pearson_of(_held(truth, predicted, centre, mask, weights), axis)


def spearman(
    truth: Matrix,
    predicted: Matrix,
    *,
    axis: Axis = "row",
    centre: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Return the rank correlation of truth and prediction, ties at their mean rank. Best is 1.

    As `pearson`, ``(n_rows,)``, of ``axis="gene"`` ``(n_genes,)``. ``truth``, ``predicted`` and
    ``mask`` are ``(n_rows, n_genes)``, ``centre`` is ``(n_genes,)`` and ``weights`` ``(n_rows,)``.

    Examples
    --------
    >>> spearman([[1.0, 2.0, 9.0]], [[1.0, 20.0, 300.0]])
    array([1.])
    """
    return spearman_of(_held(truth, predicted, centre, mask, weights), axis)


def cosine(
    truth: Matrix,
    predicted: Matrix,
    *,
    axis: Axis = "row",
    centre: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Array:
    """Return the cosine between truth and prediction. Best is 1; 0 where one of them is zero.

    As `pearson`, ``(n_rows,)``, of ``axis="gene"`` ``(n_genes,)``, but ``centre`` ``(n_genes,)``
    matters along genes too. ``truth``, ``predicted`` and ``mask`` are ``(n_rows, n_genes)``,
    ``weights`` ``(n_rows,)``.

    Examples
    --------
    >>> cosine([[3.0, 4.0], [1.0, 0.0]], [[6.0, 8.0], [0.0, 0.0]])
    array([1., 0.])
    """
    return cosine_of(_held(truth, predicted, centre, mask, weights), axis)


def _held(
    truth: Matrix,
    predicted: Matrix,
    centre: ArrayLike | None,
    mask: ArrayLike | None,
    weights: ArrayLike | None,
) -> Pairs:
    held = pairs(truth, predicted, mask=mask, weights=weights)
    return held if centre is None else held.centred(centre)


def pearson_of(held: Pairs, axis: Axis = "row") -> Array:
    """Return `pearson` of what is checked already."""
    return _correlation(held.truth, held.predicted, _counts(held, axis), _over(axis))


def spearman_of(held: Pairs, axis: Axis = "row") -> Array:
    """Return `spearman` of what is checked already."""
    over = _over(axis)
    truth = _ranks(held.truth, held.keep, over)
    predicted = _ranks(held.predicted, held.keep, over)
    return _correlation(truth, predicted, _counts(held, axis), over)


def cosine_of(held: Pairs, axis: Axis = "row") -> Array:
    """Return `cosine` of what is checked already."""
    return _angle(held.truth, held.predicted, _counts(held, axis), _over(axis))


def _over(axis: Axis) -> int:
    if axis not in get_args(Axis):
        raise InputError(f"axis must be 'row' or 'gene', but is {axis!r}.")
    return 1 if axis == "row" else 0


def _counts(held: Pairs, axis: Axis) -> Array:
    """Return how much each value counts, zero where it is missing."""
    found: Array = held.keep * (np.ones(1) if axis == "row" else held.weights[:, None])
    return found


def _ranks(x: Array, keep: Mask, over: int) -> Array:
    if keep.all():
        found = rankdata(x, axis=over)
    else:
        found = rankdata(np.where(keep, x, np.nan), axis=over, nan_policy="omit")
    return np.asarray(np.where(keep, found, 0), dtype=np.float64)


def _correlation(x: Array, y: Array, counts: Array, over: int) -> Array:
    total = counts.sum(axis=over, keepdims=True)
    total[total == 0] = np.nan
    return _angle(_deviations(x, counts, total, over), _deviations(y, counts, total, over),
                  counts, over)  # fmt: skip


def _deviations(x: Array, counts: Array, total: Array, over: int) -> Array:
    """Return the values less their mean, zero where all that is left is rounding."""
    moved = np.where(counts > 0, x - (counts * x).sum(axis=over, keepdims=True) / total, 0)
    largest = np.abs(np.where(counts > 0, x, 0)).max(axis=over, keepdims=True)
    flat = np.abs(moved).max(axis=over, keepdims=True) <= FLAT * largest
    return np.where(flat, 0, moved)


def _angle(x: Array, y: Array, counts: Array, over: int) -> Array:
    weighted = counts * x
    norm = np.sqrt((weighted * x).sum(axis=over)) * np.sqrt((counts * y * y).sum(axis=over))
    dot = (weighted * y).sum(axis=over)
    found: Array = np.divide(dot, norm, out=np.zeros_like(dot), where=norm > 0).clip(-1, 1)
    found[(counts > 0).sum(axis=over) == 0] = np.nan
    return found
