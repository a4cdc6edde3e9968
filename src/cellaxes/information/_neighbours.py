"""Nearest neighbours in the maximum norm: trees in few dimensions, a scan in many."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from sklearn.neighbors import KDTree


def _prefers_tree(points: NDArray[np.float64]) -> bool:
    """Whether a k-d tree beats the scan of all pairs (measured by benchmarks/speed.py)."""
    n, d = points.shape
    return bool(n > 60 * 2.0**d)


def kth_distance(points: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the max-norm distance of each point to its k-th other point, ``(n,)``."""
    if _prefers_tree(points):
        distance = cKDTree(points).query(points, k=[k + 1], p=np.inf)[0]
        return np.asarray(distance[:, 0], dtype=np.float64)
    radius: NDArray[np.float64] = _scan_kth(np.ascontiguousarray(points.T), k)
    return radius


def count_closer(points: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    """Count the points strictly closer than each point's own radius, ``(n,)``.

    The point itself and all that coincide with it count, whatever the radius.
    """
    if points.shape[1] == 1:
        line = points[:, 0]
        counts: NDArray[np.int64] = _line_count(line, np.sort(line), radius)
        return counts
    if _prefers_tree(points):
        tree = KDTree(points, metric="chebyshev")
        found = tree.query_radius(points, np.nextafter(radius, 0), count_only=True)
        return np.asarray(found, dtype=np.int64)
    scanned: NDArray[np.int64] = _scan_count(np.ascontiguousarray(points.T), radius)
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
def _distances_from(i: int, columns: NDArray[np.float64], distance: NDArray[np.float64]) -> None:
    """Write the max-norm distance of point i to every point; vectorised over the points."""
    for c in range(columns.shape[0]):
        column = columns[c]
        at = column[i]
        for j in range(distance.size):
            apart = abs(column[j] - at)
            distance[j] = apart if c == 0 or apart > distance[j] else distance[j]


@njit(cache=True, nogil=True)
def _scan_kth(columns: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    n = columns.shape[1]
    radius, distance = np.empty(n), np.empty(n)
    for i in range(n):
        _distances_from(i, columns, distance)
        distance[i] = np.inf
        nearest = np.full(k, np.inf)
        for j in range(n):
            if distance[j] < nearest[k - 1]:
                place = k - 1
                while place > 0 and nearest[place - 1] > distance[j]:
                    nearest[place] = nearest[place - 1]
                    place -= 1
                nearest[place] = distance[j]
        radius[i] = nearest[k - 1]
    return radius


@njit(cache=True, nogil=True)
def _scan_count(columns: NDArray[np.float64], radius: NDArray[np.float64]) -> NDArray[np.int64]:
    n = columns.shape[1]
    counts, distance = np.empty(n, dtype=np.int64), np.empty(n)
    for i in range(n):
        _distances_from(i, columns, distance)
        inside = np.nextafter(radius[i], 0.0)
        count = 0
        for j in range(n):
            count += int(distance[j] <= inside)
        counts[i] = count
    return counts
