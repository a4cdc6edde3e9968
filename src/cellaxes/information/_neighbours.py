"""Nearest neighbours in the maximum norm: trees in few dimensions, a scan in many."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

_TREE_SEARCH, _TREE_COUNT = 16, 5
"""Dimensions up to which a k-d tree beats the scan: to find neighbours, to count them."""


def kth_distance(points: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the max-norm distance of each point to its k-th other point, ``(n,)``."""
    if points.shape[1] <= _TREE_SEARCH:
        distance = cKDTree(points).query(points, k=[k + 1], p=np.inf)[0]
        return np.asarray(distance[:, 0], dtype=np.float64)
    radius: NDArray[np.float64] = _scan_kth(points, k)
    return radius


def count_closer(points: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count the points strictly closer than each point's own radius, ``(n,)``.

    The point itself and all that coincide with it count, whatever the radius.
    """
    if points.shape[1] == 1:
        line = points[:, 0]
        counts: NDArray[np.int64] = _line_count(line, np.sort(line), radius)
        return counts
    if points.shape[1] <= _TREE_COUNT:
        inside = np.nextafter(radius, 0)
        found = cKDTree(points).query_ball_point(points, inside, p=np.inf, return_length=True)
        return np.asarray(found, dtype=np.int64)
    scanned: NDArray[np.int64] = _scan_count(points, radius)
    return scanned


@njit(cache=True, nogil=True)
def _line_count(
    line: NDArray[np.float64], ordered: NDArray[np.float64], radius: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Count on a line by bisection on the distance itself, which no rounding can shift."""
    n = line.size
    counts = np.empty(n, dtype=np.int64)
    for i in range(n):
        at, r = line[i], radius[i]
        low, high = 0, np.searchsorted(ordered, at)
        while low < high:  # first point on the left that is close
            middle = (low + high) // 2
            if at - ordered[middle] < r:
                high = middle
            else:
                low = middle + 1
        first = low
        low, high = np.searchsorted(ordered, at, side="right"), n
        while low < high:  # first point on the right that is not
            middle = (low + high) // 2
            if ordered[middle] - at < r:
                low = middle + 1
            else:
                high = middle
        counts[i] = low - first
    return counts


@njit(cache=True, nogil=True)
def _scan_kth(points: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    n, d = points.shape
    radius = np.empty(n)
    for i in range(n):
        nearest = np.full(k, np.inf)
        for j in range(n):
            if j == i:
                continue
            worst = nearest[k - 1]
            distance = 0.0
            for c in range(d):
                distance = max(distance, abs(points[i, c] - points[j, c]))
                if distance >= worst:
                    break
            if distance < worst:
                place = k - 1
                while place > 0 and nearest[place - 1] > distance:
                    nearest[place] = nearest[place - 1]
                    place -= 1
                nearest[place] = distance
        radius[i] = nearest[k - 1]
    return radius


@njit(cache=True, nogil=True)
def _scan_count(points: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    n, d = points.shape
    counts = np.zeros(n, dtype=np.int64)
    for i in range(n):
        inside = np.nextafter(radius[i], 0.0)
        for j in range(n):
            c = 0
            while c < d and abs(points[i, c] - points[j, c]) <= inside:
                c += 1
            counts[i] += int(c == d)
    return counts
