"""Whether a prediction is nearer to its own truth than to that of other compounds."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._pairs import Array, Mask, Matrix, Pairs, labels, pairs

Distance = Literal["l1", "l2", "cosine"]

TIED = 1e-12
"""Relative difference below which two distances are one and rounding."""

BLOCK = 512
"""Genes that are looked at together: a context of hundreds of rows stays in the cache."""


def discrimination(
    truth: Matrix,
    predicted: Matrix,
    context: Any,
    *,
    distance: Distance = "l1",
    centre: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the perturbation discrimination score of every row. Best is 1, chance 0.5.

    Among the n rows of its context, row p is beaten by k_p = #{q: d(ŷ_p, y_q) < d(ŷ_p, y_p)},
    ties counting half, and PDS_p = 1 − k_p / (n − 1). Distances are means over the genes that are
    known of y_q and predicted for p. The rows of one context should be of different compounds.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    context
        Context of each row, ``(n_rows,)``: compounds are told apart within it.
    distance
        ``"l1"``, ``"l2"`` or ``"cosine"`` (blind to the size of a response; 1 where either is 0).
    centre
        Mean of the training rows, ``(n_genes,)``, taken from both first; matters for cosine.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.

    Returns
    -------
    Array ``(n_rows,)``, NaN for a row that is alone in its context or masked.

    Raises
    ------
    InputError
        As in `rmse`; if no context has two rows or ``distance`` is unknown.

    References
    ----------
    Wu et al. (PerturBench, 2024), rank; Virtual Cell Challenge (2025), discrimination score.

    Examples
    --------
    >>> truth = [[0.0, 1.0], [1.0, 0.0]]
    >>> discrimination(truth, truth, ["B", "B"])
    array([1., 1.])
    """
    held = pairs(truth, predicted, mask=mask)
    held = held if centre is None else held.centred(centre)
    beaten, rivals = counts_of(held, _codes(held, context), distance)
    return scores_of(beaten, rivals)


def pds(
    truth: Matrix,
    predicted: Matrix,
    context: Any,
    *,
    distance: Distance = "l1",
    centre: ArrayLike | None = None,
    mask: ArrayLike | None = None,
) -> float:
    """Return the mean of `discrimination` over rows. Best is 1.

    A prediction that is the same for all rows of a context scores 0.5 exactly, whatever it is.
    As `discrimination`, by ``distance``: ``truth``, ``predicted`` and ``mask`` are
    ``(n_rows, n_genes)``, ``context`` is ``(n_rows,)`` and ``centre`` ``(n_genes,)``.

    Examples
    --------
    >>> pds([[0.0, 1.0], [1.0, 0.0], [5.0, 2.0]], [[0.3, 0.1]] * 3, ["B"] * 3)
    0.5
    """
    held = pairs(truth, predicted, mask=mask)
    held = held if centre is None else held.centred(centre)
    codes = _codes(held, context)
    return pooled(*counts_of(held, codes, distance), codes)


def _codes(held: Pairs, context: Any) -> NDArray[np.intp]:
    codes = labels(context, len(held.truth), "context")[0]
    if np.bincount(codes[held.weights > 0]).max() < 2:
        raise InputError(
            "no context holds two rows, so there is nothing to tell apart: pass a context of "
            "several compounds."
        )
    return codes


def counts_of(
    held: Pairs, codes: NDArray[np.intp], distance: Distance = "l1"
) -> tuple[Array, Array]:
    """Return by how many rows each is beaten, and how many there are besides it."""
    if distance not in get_args(Distance):
        raise InputError(f"distance must be one of {get_args(Distance)}, but is {distance!r}.")
    beaten, rivals = np.zeros(len(codes)), np.zeros(len(codes))
    for code in range(codes.max() + 1):
        here = np.flatnonzero((codes == code) & (held.weights > 0))
        d = _distances(held.guess[here], held.truth[here], held.keep[here], distance)
        gap = d - np.diag(d)[:, None]
        tied = np.abs(gap) <= TIED * np.fmax.reduce(d, axis=1, initial=0, keepdims=True)
        beaten[here] = ((gap < 0) & ~tied).sum(axis=1) + (tied.sum(axis=1) - 1) / 2
        rivals[here] = len(here) - 1
    return beaten, rivals


def _distances(guess: Array, truth: Array, keep: Mask, kind: Distance) -> Array:
    """Return the distance of every prediction (rows) to every measured profile (columns).

    Over the genes that both know; NaN, which beats nothing, where there is none.
    """
    told = ~np.isnan(guess)
    guess = np.where(told, guess, 0)
    shared = told.astype(np.float64) @ keep.T
    n: Array = np.where(shared > 0, shared, np.nan)
    if kind == "cosine":
        size = np.sqrt(guess**2 @ keep.T) * np.sqrt(told @ (truth**2).T)
        dot = guess @ truth.T
        far: Array = 1 - np.divide(dot, size, out=np.zeros_like(dot), where=size > 0)
        return far + 0 * n
    total, whole = np.zeros(n.shape), bool(keep.all() and told.all())
    for start in range(0, truth.shape[1], BLOCK):
        block = slice(start, start + BLOCK)
        known, counts = np.ascontiguousarray(truth[:, block]), keep[:, block]
        for row, x in enumerate(guess[:, block]):
            gap = known - x
            if not whole:
                gap *= counts & told[row, block]
            if kind == "l1":
                total[row] += np.abs(gap, out=gap).sum(axis=1)
            else:
                total[row] += np.einsum("ij,ij->i", gap, gap)
    mean: Array = total / n
    return mean if kind == "l1" else np.sqrt(mean)


def scores_of(beaten: Array, rivals: Array) -> Array:
    """Return the score of each row, NaN where it has no rival."""
    return 1 - beaten / np.where(rivals > 0, rivals, np.nan)


def pooled(beaten: Array, rivals: Array, codes: NDArray[np.intp]) -> float:
    """Return the mean score, summed so that a constant prediction gives 0.5 to the last bit."""
    n_rows = np.bincount(codes, weights=rivals > 0)
    k = np.bincount(codes, weights=beaten)
    possible = np.bincount(codes, weights=rivals)
    told = possible > 0
    if not told.any():
        return float("nan")
    by_context = 1 - k[told] / possible[told]
    return float((n_rows[told] * by_context).sum() / n_rows[told].sum())
