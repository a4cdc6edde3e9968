"""The inner loops of image noise."""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True, nogil=True)
def add_scaled(
    clean: NDArray[Any], z: NDArray[np.float32], scale: np.float32, out: NDArray[np.float32]
) -> None:
    """Write ``clean + scale z``; z may be longer."""
    for i in range(clean.size):
        out[i] = np.float32(clean[i]) + scale * z[i]


@njit(cache=True, nogil=True)
def moments(x: NDArray[Any], y: NDArray[Any]) -> tuple[float, float, float]:
    """Return the variances of x and y and the mean squared difference."""
    shift = float(x[0])
    sums = np.zeros(5)
    for i in range(x.size):
        a = float(x[i]) - shift
        b = float(y[i]) - shift
        sums[0] += a
        sums[1] += a * a
        sums[2] += b
        sums[3] += b * b
        sums[4] += (a - b) * (a - b)
    n = x.size
    of_x = sums[1] / n - (sums[0] / n) ** 2
    of_y = sums[3] / n - (sums[2] / n) ** 2
    return max(of_x, 0.0), max(of_y, 0.0), sums[4] / n


@njit(cache=True, nogil=True)
def block_means(
    x: NDArray[Any],
    size: tuple[int, int, int],
    side: int,
    small: NDArray[np.float32],
    full: NDArray[np.float32],
) -> None:
    """Write the mean of each block, once to ``small`` and to all its pixels in ``full``."""
    height, width, channels = size
    across = -(-width // side)
    for image in range(x.shape[0]):
        for top in range(0, height, side):
            bottom = min(top + side, height)
            for left in range(0, width, side):
                right = min(left + side, width)
                for c in range(channels):
                    total = 0.0
                    for row in range(top, bottom):
                        for column in range(left, right):
                            total += float(x[image, (row * width + column) * channels + c])
                    mean = np.float32(total / ((bottom - top) * (right - left)))
                    small[image, ((top // side) * across + left // side) * channels + c] = mean
                    for row in range(top, bottom):
                        for column in range(left, right):
                            full[image, (row * width + column) * channels + c] = mean
