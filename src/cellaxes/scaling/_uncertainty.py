"""How far a fitted law may be off: scatter around it, and an error that all points share."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import f as fisher
from scipy.stats import t as student

from cellaxes._core.errors import InputError
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._search import Problem, optimum, profile_interval


def threshold(problem: Problem, log_u_bar: float, I_max: float) -> float:
    """Sum of squares at the edge of a 95 % interval for one parameter."""
    freedom = max(len(problem.u) - 2, 1)
    least = float(problem.sse(np.array(log_u_bar), np.array(I_max)))
    floor = 1e-18 * float((problem.w * problem.y**2).sum()) + 1e-300
    return max(least, floor) * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom)


def shared_shift(
    problem: Problem, law: NoiseLaw, residual_sd: float, error: ArrayLike | None
) -> tuple[float, ...]:
    """Half width (95 %) of the displacement that all points may share, bits, at each point."""
    top = law(float(problem.u.max()))
    wide = residual_sd * float(student.ppf(0.975, max(len(problem.u) - 2, 1)))
    # A point lies above the law's top by scatter alone: it shares no more than the top does.
    shared = wide * (np.minimum(np.abs(problem.y) / top, 1) if top > 0 else np.ones_like(problem.y))
    if error is not None:
        given = np.broadcast_to(np.asarray(error, dtype=np.float64), problem.u.shape)
        if not (np.isfinite(given).all() and given.min() >= 0):
            raise InputError("error must hold finite standard errors >= 0 in bits.")
        shared = np.maximum(shared, 1.96 * given)
    return tuple(shared.tolist())


def displaced(
    problem: Problem, shift: tuple[float, ...]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the optima for all points moved down, and up, by their shared error."""
    move = np.asarray(shift)
    return (
        optimum(replace(problem, y=problem.y - move)),
        optimum(replace(problem, y=problem.y + move)),
    )


def interval(
    problem: Problem, parameter: int, best: float, edge: float, moved: NDArray[np.float64]
) -> tuple[float, float]:
    """Join the profile interval and the shared displacement of a parameter in quadrature.

    A displaced optimum that runs to the edge of the search range opens that end.
    """
    low, high = profile_interval(problem, parameter, best, edge)
    reach = float(np.abs(moved).max())
    bottom, top = (problem.log_u_bar_range, problem.I_max_range)[parameter]
    if best + moved.min() < bottom + 1e-3 and parameter == 0:
        low = -np.inf
    if best + moved.max() > top - 1e-3:
        high = np.inf
    return best - float(np.hypot(best - low, reach)), best + float(np.hypot(high - best, reach))
