"""Whether the genes that respond are found: overlap, direction, precision and recall."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._pairs import Array, Mask, Matrix, Pairs, pairs

THRESHOLD = 2.0
"""Size of a response from which a gene counts as moved; of signed −log10 p, p below 0.01."""

TOP = 50
"""Genes of a row that are compared."""


def de_overlap(
    truth: Matrix, predicted: Matrix, *, k: int = TOP, mask: ArrayLike | None = None
) -> Array:
    """Return the share of the ``k`` largest predicted responses that are so in truth. Best is 1.

    Size is what counts, not sign. Genes that tie for the last place share it, so that a
    constant prediction has k / n_genes; genes of the truth that tie for it are all in. A row
    with fewer than ``k`` genes unlike zero is asked for as many as it has.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    k
        Genes, at least 1.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.

    Returns
    -------
    Array ``(n_rows,)``, NaN for a row that is all zero or masked.

    Raises
    ------
    InputError
        As in `rmse`; if ``k`` is no positive whole number.

    Examples
    --------
    >>> de_overlap([[5.0, -4.0, 0.1, 0.2]], [[3.0, 0.0, -9.0, 0.0]], k=2)
    array([0.5])
    """
    return overlap_of(pairs(truth, predicted, mask=mask), k)


def de_direction(
    truth: Matrix,
    predicted: Matrix,
    *,
    threshold: float = THRESHOLD,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the share of moved genes whose direction is right. Best is 1, chance 0.5.

    A prediction of zero says nothing and counts half.

    Parameters
    ----------
    truth, predicted, mask
        As in `de_overlap`, ``(n_rows, n_genes)``.
    threshold
        A gene is moved where ``|truth|`` is above it.

    Returns
    -------
    Array ``(n_rows,)``, NaN for a row without a moved gene.

    Raises
    ------
    InputError
        As in `rmse`; if no row has a moved gene.

    Examples
    --------
    >>> de_direction([[5.0, -4.0, 0.1]], [[0.3, 0.2, -1.0]])
    array([0.5])
    """
    held = pairs(truth, predicted, mask=mask)
    _both_classes(held, threshold, need_still=False)
    return direction_of(held, threshold)


def de_auprc(
    truth: Matrix,
    predicted: Matrix,
    *,
    threshold: float = THRESHOLD,
    mask: ArrayLike | None = None,
) -> Array:
    """Return the average precision with which ``|predicted|`` finds moved genes. Best is 1.

    The area under the curve of precision over recall, in steps, tied predictions entering
    together: a constant prediction has the `prevalence`, which is what to read it beside.

    Parameters
    ----------
    truth, predicted, threshold, mask
        As in `de_direction`: ``(n_rows, n_genes)``, and a number.

    Returns
    -------
    Array ``(n_rows,)``, NaN for a row where no gene has moved or every gene has.

    Raises
    ------
    InputError
        As in `rmse`; if no row has both moved and unmoved genes.

    Examples
    --------
    >>> de_auprc([[5.0, -4.0, 0.1, 0.2]], [[3.0, -2.0, 2.5, 0.0]]).round(3)
    array([0.833])
    """
    held = pairs(truth, predicted, mask=mask)
    _both_classes(held, threshold, need_still=True)
    return auprc_of(held, threshold)


def prevalence(
    truth: Matrix, *, threshold: float = THRESHOLD, mask: ArrayLike | None = None
) -> Array:
    """Return the share of genes that have moved in every row: what chance reaches in `de_auprc`.

    ``truth`` and ``mask`` are ``(n_rows, n_genes)``; a gene has moved where ``|truth|`` is above
    ``threshold``. The result is ``(n_rows,)``.

    Examples
    --------
    >>> prevalence([[5.0, -4.0, 0.1, 0.2]])
    array([0.5])
    """
    held = pairs(truth, np.zeros(np.shape(truth)), mask=mask)
    moved, n = _moved(held, threshold), held.n_known
    found: Array = moved.sum(axis=1) / np.where(n, n, np.nan)
    return found


def overlap_of(held: Pairs, k: int = TOP) -> Array:
    """Return `de_overlap` of what is checked already."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InputError(f"k must be a whole number of at least 1, but is {k!r}.")
    found = np.full(len(held.truth), np.nan)
    for row, keep in enumerate(held.keep):
        truth, guess = np.abs(held.truth[row, keep]), np.abs(held.predicted[row, keep])
        asked = min(k, int(np.count_nonzero(truth)))
        if asked and held.weights[row] > 0:
            found[row] = _share_of_top(guess, asked)[truth >= _last(truth, asked)].sum() / asked
    return found


def _last(x: Array, k: int) -> float:
    """Return the k-th largest value."""
    return float(np.partition(x, len(x) - k)[len(x) - k])


def _share_of_top(x: Array, k: int) -> Array:
    """Return how much of each value is among the k largest, ties sharing the last places."""
    last = _last(x, k)
    above, tied = x > last, x == last
    shared: Array = above + tied * (k - above.sum()) / tied.sum()
    return shared


def direction_of(held: Pairs, threshold: float = THRESHOLD) -> Array:
    """Return `de_direction` of what is checked already."""
    moved = _moved(held, threshold)
    right = (np.sign(held.truth) * np.sign(held.predicted) + 1) / 2 * moved
    n = moved.sum(axis=1)
    found: Array = right.sum(axis=1) / np.where(n, n, np.nan)
    return found


def auprc_of(held: Pairs, threshold: float = THRESHOLD) -> Array:
    """Return `de_auprc` of what is checked already."""
    moved = _moved(held, threshold)
    found = np.full(len(moved), np.nan)
    for row in np.flatnonzero(_mixed(held, moved)):
        keep = held.keep[row]
        found[row] = _average_precision(moved[row, keep], np.abs(held.predicted[row, keep]))
    return found


def _average_precision(positive: Mask, score: Array) -> float:
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    found = np.cumsum(positive[order])[ends]
    gained = np.diff(found, prepend=0)
    return float((gained * found / (ends + 1)).sum() / found[-1])


def _moved(held: Pairs, threshold: float) -> Mask:
    if not threshold >= 0:
        raise InputError(f"threshold must be a number of at least 0, but is {threshold!r}.")
    moved = (np.abs(held.truth) > threshold) & held.keep
    return moved & (held.weights > 0)[:, None]


def _mixed(held: Pairs, moved: Mask) -> Mask:
    n = moved.sum(axis=1)
    mixed: Mask = (n > 0) & (n < held.n_known)
    return mixed


def _both_classes(held: Pairs, threshold: float, *, need_still: bool) -> None:
    moved = _moved(held, threshold)
    if not moved.any():
        raise InputError(
            f"no row has a gene with |truth| above {threshold:g} (the largest is "
            f"{np.abs(held.truth).max():.3g}): lower threshold."
        )
    if need_still and not _mixed(held, moved).any():
        raise InputError(
            f"every gene of every row that has one above {threshold:g} is above it, so there is "
            "one class only: raise threshold."
        )
