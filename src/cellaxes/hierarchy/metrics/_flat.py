"""Right or wrong, each label on its own."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes.hierarchy.metrics._codes import pair


def accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the share of cells that are called right.

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.

    Raises
    ------
    InputError
        If they are no codes, differ in length or are empty.

    Examples
    --------
    >>> accuracy([0, 0, 1, 1], [0, 1, 1, 1])
    0.75
    """
    left, right = pair(truth, predicted)
    return float((left == right).mean())


def balanced_accuracy(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over true labels of the share of their cells that are called right.

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.

    Raises
    ------
    InputError
        As `accuracy`.

    Examples
    --------
    >>> balanced_accuracy([0, 0, 0, 1], [0, 0, 0, 0])
    0.5
    """
    hits, true, _ = _counts(truth, predicted)
    return float((hits[true > 0] / true[true > 0]).mean())


def macro_f1(truth: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean over true labels of their F1, ``2 TP / (2 TP + FP + FN)``.

    Labels that no cell has do not count as labels; calls of them are errors of the cells.

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.

    Raises
    ------
    InputError
        As `accuracy`.

    Examples
    --------
    >>> macro_f1([0, 0, 1, 1], [0, 0, 1, 0])
    0.7333333333333334
    """
    hits, true, said = _counts(truth, predicted)
    here = true > 0
    return float((2 * hits[here] / (true[here] + said[here])).mean())


def _counts(
    truth: ArrayLike, predicted: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return of each label the cells called right, those that have it, and those called so."""
    left, right = pair(truth, predicted)
    n = int(max(left.max(), right.max())) + 1
    return (
        np.bincount(left[left == right], minlength=n),
        np.bincount(left, minlength=n),
        np.bincount(right, minlength=n),
    )
