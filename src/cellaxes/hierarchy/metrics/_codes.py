"""What was true and what was said, as codes of the same labels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError


def pair(truth: ArrayLike, predicted: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return two columns of non-negative codes of equal length.

    Raises
    ------
    InputError
        If they are no such codes, differ in length or are empty.
    """
    left, right = np.asarray(truth), np.asarray(predicted)
    if left.ndim != 1 or left.shape != right.shape or not len(left):
        raise InputError(
            f"truth and predicted must be one label per cell, but have shapes {left.shape} and "
            f"{right.shape}."
        )
    for codes, what in ((left, "truth"), (right, "predicted")):
        if codes.dtype.kind not in "iu" or codes.min() < 0:
            raise InputError(
                f"{what} must hold codes of labels, whole numbers from 0: np.unique(labels, "
                "return_inverse=True) makes them."
            )
    return left.astype(np.int64), right.astype(np.int64)


def within(
    truth: ArrayLike, predicted: ArrayLike, n_labels: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return `pair`, refusing codes beyond the labels of a matrix."""
    left, right = pair(truth, predicted)
    top = int(max(left.max(), right.max()))
    if top >= n_labels:
        raise InputError(f"there is a code {top}, but the matrix has {n_labels} labels.")
    return left, right
