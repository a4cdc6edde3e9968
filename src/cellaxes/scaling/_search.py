"""Least squares on the noise law: the global optimum, and profiles around it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from cellaxes._core.errors import InputError
from cellaxes.scaling._laws import gradient, information

Array = NDArray[np.float64]

RANGE = np.log(1e4)
"""How far beyond the measured depths, in log units, the sensitivity is searched."""
MAX_BITS = 64
"""No measurement of cells holds more bits; larger numbers are another quantity."""
I_MAX_ROOM = 12.0
"""How far above the largest measured value, in bits, the capacity is searched."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A weighted least-squares problem: depths u, information y (bits), weights w."""

    u: Array
    y: Array
    w: Array

    @property
    def log_u_bar_range(self) -> tuple[float, float]:
        """Range of the search for the logarithm of the sensitivity."""
        return float(np.log(self.u.min()) - RANGE), float(np.log(self.u.max()) + RANGE)

    @property
    def I_max_range(self) -> tuple[float, float]:
        """Range of the search for the capacity, bits."""
        return 0.0, max(float(self.y.max()), 0.0) + I_MAX_ROOM

    def sse(self, log_u_bar: Array, I_max: Array) -> Array:
        """Weighted sum of squares at broadcast parameters."""
        fitted = information(self.u, log_u_bar[..., None], I_max[..., None])
        total: Array = (self.w * (self.y - fitted) ** 2).sum(axis=-1)
        return total


def make_problem(depth: ArrayLike, information: ArrayLike, weights: ArrayLike | None) -> Problem:
    """Check the points of a curve and make them a problem; weights get mean 1."""
    u = np.asarray(depth, dtype=np.float64).ravel()
    y = np.asarray(information, dtype=np.float64).ravel()
    w = np.ones_like(u) if weights is None else np.asarray(weights, dtype=np.float64).ravel()
    if not len(u) == len(y) == len(w):
        raise InputError(
            f"depth, information and weights must have equal lengths, not {len(u)}, {len(y)} "
            f"and {len(w)}."
        )
    if len(u) < 3:
        raise InputError(f"a noise law needs at least 3 points, but there are {len(u)}.")
    for name, values in (("depth", u), ("information", y), ("weights", w)):
        if not np.isfinite(values).all():
            raise InputError(f"{name} holds NaN or infinity: remove these points.")
    if np.abs(y).max() > MAX_BITS:
        raise InputError(
            f"information reaches {np.abs(y).max():g}, more than {MAX_BITS}: it must be in bits "
            "(are the columns exchanged?)."
        )
    if u.min() <= 0:
        raise InputError(f"depth must be positive, but the lowest is {u.min():g}: remove it.")
    if w.min() < 0 or w.max() == 0:
        raise InputError("weights must be non-negative, and at least one positive.")
    return Problem(u, y, w / w.mean())


def optimum(problem: Problem) -> tuple[float, float]:
    """Return the least-squares (log_u_bar, I_max), the global one by construction.

    Every local minimum of the sum of squares on a grid over the whole search range is
    polished with analytic derivatives; the best is kept. Nothing is random.
    """
    log_u_bar = np.linspace(*problem.log_u_bar_range, 80)[:, None]
    I_max = _capacity_grid(problem, 40)[None, :]
    surface = problem.sse(log_u_bar + 0 * I_max, I_max + 0 * log_u_bar)
    padded = np.pad(surface, 1, constant_values=np.inf)
    lowest = np.ones_like(surface, dtype=bool)
    for i in (0, 1, 2):
        for j in (0, 1, 2):
            lowest &= surface <= padded[i : i + surface.shape[0], j : j + surface.shape[1]]
    starts = np.argwhere(lowest)
    starts = starts[np.argsort(surface[lowest], kind="stable")][:6]
    polished = [_polish(problem, float(log_u_bar[i, 0]), float(I_max[0, j])) for i, j in starts]
    best = min(polished, key=lambda found: found[0])
    return best[1], best[2]


def _capacity_grid(problem: Problem, n: int) -> Array:
    """Capacities to try: finely spaced where measured, coarsely beyond."""
    low, high = problem.I_max_range
    top = high - I_MAX_ROOM + 1e-3
    return np.concatenate([np.linspace(low, 1.2 * top, n), np.linspace(1.2 * top, high, n)[1:]])


def _polish(problem: Problem, log_u_bar: float, I_max: float) -> tuple[float, float, float]:
    root = np.sqrt(problem.w)

    def residual(theta: Array) -> Array:
        return root * (information(problem.u, theta[0], theta[1]) - problem.y)

    def jacobian(theta: Array) -> Array:
        return root[:, None] * np.column_stack(gradient(problem.u, theta[0], theta[1])[:2])

    low, high = zip(problem.log_u_bar_range, problem.I_max_range, strict=True)
    inside = np.clip([log_u_bar, I_max], np.array(low) + 1e-9, np.array(high) - 1e-9)
    found = least_squares(
        residual, inside, jac=jacobian, bounds=(low, high), xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    return float(found.cost), float(found.x[0]), float(found.x[1])


def profile_interval(
    problem: Problem, parameter: int, best: float, threshold: float
) -> tuple[float, float]:
    """Return where the profile of one parameter crosses ``threshold``, below and above ``best``.

    Parameters
    ----------
    problem
        The data.
    parameter
        0 for log_u_bar, 1 for I_max.
    best
        Its value at the optimum.
    threshold
        Sum of squares that bounds the interval.

    Returns
    -------
    The two ends; an end that the profile does not cross within the search range is infinite
    (for I_max, zero below).
    """
    ranges = (problem.log_u_bar_range, problem.I_max_range)
    others = np.linspace(*ranges[0], 120) if parameter == 1 else _capacity_grid(problem, 60)

    def profile(values: Array) -> Array:
        def at(other: Array) -> Array:
            fixed = np.broadcast_to(values.reshape(-1, *[1] * (other.ndim - 1)), other.shape)
            return problem.sse(*((fixed, other) if parameter == 0 else (other, fixed)))

        return _minimise(at, np.broadcast_to(others, (len(values), len(others))))[1]

    low, high = ranges[parameter]
    lower = _crossing(profile, best, low, threshold)
    upper = _crossing(profile, best, high, threshold)
    return (0.0 if parameter == 1 and lower is None else -np.inf if lower is None else lower), (
        np.inf if upper is None else upper
    )


def best_capacity(problem: Problem, log_u_bar: Array) -> Array:
    """Return the capacity of least squares for each given sensitivity, bits."""
    grid = np.broadcast_to(_capacity_grid(problem, 60), (len(log_u_bar), 119))
    return _minimise(lambda I_max: problem.sse(log_u_bar[:, None], I_max), grid)[0]


def _minimise(objective: Callable[[Array], Array], grid: Array) -> tuple[Array, Array]:
    """Return arguments and values of the minima of many rows: grid, then golden section."""
    values = objective(grid)
    rows = np.arange(len(grid))
    at = values.argmin(axis=1)
    low = grid[rows, np.maximum(at - 1, 0)]
    high = grid[rows, np.minimum(at + 1, grid.shape[1] - 1)]
    shrink = (np.sqrt(5) - 1) / 2
    for _ in range(26):
        left, right = high - shrink * (high - low), low + shrink * (high - low)
        pair = objective(np.column_stack([left, right]))
        keep_left = pair[:, 0] < pair[:, 1]
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
    middle = (low + high) / 2
    found = objective(middle[:, None])[:, 0]
    coarse = values[rows, at] < found
    return np.where(coarse, grid[rows, at], middle), np.where(coarse, values[rows, at], found)


def _crossing(
    profile: Callable[[Array], Array], best: float, end: float, threshold: float
) -> float | None:
    """Find where the profile first rises above the threshold between ``best`` and ``end``."""
    inner, outer = best, end
    for steps in (32, 16, 16, 16):
        values = np.linspace(inner, outer, steps + 1)
        above = np.flatnonzero(profile(values[1:]) > threshold)
        if len(above) == 0:
            return None
        inner, outer = float(values[above[0]]), float(values[above[0] + 1])
    return (inner + outer) / 2
