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
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    channels: int,
    small: NDArray[np.float32],
    full: NDArray[np.float32],
) -> None:
    """Write the mean of each block, once to ``small`` and to all its pixels in ``full``.

    ``rows`` and ``columns`` are the ends of the blocks, from 0 to the height and the width.
    """
    width, across = columns[-1], columns.size - 1
    for image in range(x.shape[0]):
        for i in range(rows.size - 1):
            for j in range(across):
                size = (rows[i + 1] - rows[i]) * (columns[j + 1] - columns[j])
                for c in range(channels):
                    total = 0.0
                    for row in range(rows[i], rows[i + 1]):
                        for column in range(columns[j], columns[j + 1]):
                            total += float(x[image, (row * width + column) * channels + c])
                    mean = np.float32(total / size)
                    small[image, (i * across + j) * channels + c] = mean
                    for row in range(rows[i], rows[i + 1]):
                        for column in range(columns[j], columns[j + 1]):
                            full[image, (row * width + column) * channels + c] = mean
