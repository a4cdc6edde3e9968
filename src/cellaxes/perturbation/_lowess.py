"""Robust locally weighted regression of a scatterplot."""

import numpy as np
from numpy.typing import NDArray

from cellaxes.perturbation._counts import Array


def lowess(
    x: Array, y: Array, span: float = 0.5, iterations: int = 3, step: float = 0.01
) -> tuple[Array, Array]:
    """Return x in rising order and the smooth curve there.

    At anchors at least ``step`` of the range apart, a line is fitted to the nearest ``span`` of
    the points with tricube weights; between anchors the curve is straight. Then ``iterations``
    times again, each point weighted by the bisquare of its residual over six times their median.

    Parameters
    ----------
    x, y
        ``(n,)``.
    span
        Share of the points that a line is fitted to.
    iterations
        Robust iterations.
    step
        Distance of anchors, in units of the range of x.

    References
    ----------
    Cleveland, Journal of the American Statistical Association 74, 829 (1979); The American
    Statistician 35, 54 (1981).
    """
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    n = len(x)
    if n < 2 or x[0] == x[-1]:
        return x, np.full(n, y.mean() if n else 0.0)
    anchors = _anchors(x, step * (x[-1] - x[0]))
    windows = _windows(x, anchors, max(2, min(n, int(span * n + 1e-7))))
    robust = np.ones(n)
    curve = y
    for turn in range(iterations + 1):
        at = np.array([_line(x, y, robust, i, w) for i, w in zip(anchors, windows, strict=True)])
        curve = np.interp(x, x[anchors], at)
        residual = np.abs(y - curve)
        scale = 6 * np.median(residual)
        if turn == iterations or scale < 1e-7 * residual.mean():
            break
        robust = np.where(residual > 0.999 * scale, 0.0, (1 - (residual / scale) ** 2) ** 2)
        robust[residual <= 0.001 * scale] = 1.0
    return x, curve


def _anchors(x: Array, delta: float) -> NDArray[np.int64]:
    """Return the places at which lines are fitted; the first and the last are among them."""
    n, at, found = len(x), 0, []
    while True:
        found.append(at)
        last_tie = int(np.searchsorted(x, x[at], side="right")) - 1
        if last_tie >= n - 1:
            return np.array(found, dtype=np.int64)
        beyond = int(np.searchsorted(x, x[at] + delta, side="right"))
        at = max(last_tie + 1, beyond - 1)


def _windows(x: Array, anchors: NDArray[np.int64], width: int) -> list[tuple[int, float]]:
    """Return of each anchor where its nearest ``width`` points start, and the farthest distance."""
    left, found = 0, []
    for i in anchors:
        while left + width < len(x) and x[i] - x[left] > x[left + width] - x[i]:
            left += 1
        found.append((left, float(max(x[i] - x[left], x[left + width - 1] - x[i]))))
    return found


def _line(x: Array, y: Array, robust: Array, i: int, window: tuple[int, float]) -> float:
    """Return the value at anchor i of the line fitted to its window."""
    left, h = window
    right = int(np.searchsorted(x, x[i] + h, side="right"))
    near, values = x[left:right], y[left:right]
    distance = np.abs(near - x[i])
    w = np.where(distance <= 0.001 * h, 1.0, 0.0)
    if h > 0:
        inside = (distance > 0.001 * h) & (distance <= 0.999 * h)
        w[inside] = (1 - (distance[inside] / h) ** 3) ** 3
    w *= robust[left:right]
    total = w.sum()
    if total <= 0:
        return float(y[i])
    w /= total
    if h > 0:
        mean = w @ near
        spread = w @ (near - mean) ** 2
        if np.sqrt(spread) > 0.001 * (x[-1] - x[0]):
            w *= 1 + (x[i] - mean) / spread * (near - mean)
    return float(w @ values)
