"""Information beyond what was measured: a distribution, not a line."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._cells import fit_cell_law
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._points import join_levels
from cellaxes.scaling._search import Problem, make_problem, optimum

Array = NDArray[np.float64]

LOCAL = 4
"""Deepest levels that say where the curve goes."""
TREND_SHARE = 0.5
"""Share of what the trend adds beyond the range, as the half width of a 90 % interval."""
FLOOR = 0.1
"""Half width that is always left, bits."""
PRIOR_ERROR, PRIOR_COUNT = 0.4, 4
"""Error (bits) that every member is held to have made already, and how often."""
NOUN = {"depth": "depths", "cells": "numbers of cells"}


@dataclass(frozen=True)
class Prediction:
    """Information expected at some depths, bits.

    Attributes
    ----------
    at
        Depths, or numbers of training cells.
    mean, low, high
        Expectation and 90 % interval, bits, one per entry of ``at``.
    members
        What each law or trend says alone, by name.
    weights
        Share of each member in the mean beyond the measured range, by name.
    """

    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    members: dict[str, tuple[float, ...]]
    weights: dict[str, float]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per depth: at, mean, low, high and the members."""
        columns = {"at": self.at, "mean": self.mean, "low": self.low, "high": self.high}
        return pd.DataFrame(columns | self.members)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields


def predict(
    depth: ArrayLike,
    information: ArrayLike,
    *,
    at: ArrayLike,
    level: ArrayLike | None = None,
    along: str = "depth",
) -> Prediction:
    """Predict information beyond (or between) the measured depths or numbers of cells.

    The noise law interpolates well, but its capacity is read off the shape of the whole
    curve, and beyond the range it errs more than a straight line through the last two levels
    does; the straight line never saturates. Beyond the range the mean is therefore an average
    of three: the law through the `LOCAL` deepest levels, and the log-linear trends through
    the three and the `LOCAL` deepest. Within the range it is the law through all levels.
    Means of replicates are what is fitted.

    Weights are learned from the curve itself: every level that has `LOCAL` shallower ones is
    predicted from each shorter part of the curve, and a member weighs the inverse of its mean
    squared error there. All start as if they had erred by 0.4 bit four times, since a short
    curve says little of who will be right: without that the learned weights are worse than
    equal ones.

    The half width of the interval joins, in quadrature, half of what the trend adds beyond
    the range, the scatter of levels and replicates at the lever arm of the trend, and 0.1 bit.
    These shares were set on the 63 curves of benchmarks/extrapolation.py, which counts how
    often the truth is inside.

    Parameters
    ----------
    depth
        Measured depth, UMIs per cell or another coordinate, or number of training cells, of each
        point, positive, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; replicates are separate points.
    at
        Depths, or numbers of training cells, to predict, positive, ``(n_at,)``.
    level
        Which points are replicates of one depth, ``(n,)``; ``None``: those of equal depth.
    along
        ``"depth"``: the law is `NoiseLaw`; ``"cells"``: it is `CellLaw`.

    Raises
    ------
    InputError
        If there are fewer than four levels, a value is NaN or a depth not positive, or fewer
        cells are asked for than were measured.

    Examples
    --------
    >>> from cellaxes.scaling import NoiseLaw
    >>> u = [10, 30, 100, 300, 1000]
    >>> ahead = predict(u, NoiseLaw(500, 2.0)(u), at=[3000])
    >>> round(ahead.mean[0], 2), ahead.low[0] < NoiseLaw(500, 2.0)(3000) < ahead.high[0]
    (2.07, True)
    """
    if along not in NOUN:
        raise InputError(f"along must be 'depth' or 'cells', not {along!r}.")
    problem = make_problem(depth, information, None)
    goal = np.atleast_1d(np.asarray(at, dtype=np.float64)).ravel()
    if not (np.isfinite(goal).all() and (goal > 0).all()):
        raise InputError(f"{NOUN[along]} to predict must be positive numbers.")
    levels = join_levels(problem.u, problem.y, level)
    u, y, error = levels.u, levels.y, levels.error(LOCAL)
    if len(u) < LOCAL:
        raise InputError(
            f"prediction needs at least {LOCAL} {NOUN[along]}, but there are {len(u)}: "
            "measure more."
        )
    if len(np.unique(u[-LOCAL:])) < LOCAL:
        raise InputError(f"levels must be different {NOUN[along]}: merge those that are equal.")
    if along == "cells" and goal.min(initial=np.inf) < u[0]:
        raise InputError(
            f"{goal.min():g} cells are fewer than were ever measured ({u[0]:g}): the law of cells "
            "says nothing there."
        )
    whole = _law(u, y, along)
    members = _members(u, y, goal, along)
    weights = _learned(u, y, along)
    within = goal <= u[-1]
    beyond = sum(weights[name] * members[name] for name in members)
    mean = np.where(within, whole(goal), beyond)
    x, ahead = np.log(u), np.log(goal)
    slope, start = np.polyfit(x[-LOCAL:], y[-LOCAL:], 1)
    residual = y[-LOCAL:] - (start + slope * x[-LOCAL:])
    scatter = np.hypot(np.sqrt((residual**2).sum() / (LOCAL - 2)), error)
    centred = x[-LOCAL:] - x[-LOCAL:].mean()
    lever = np.sqrt(1 / LOCAL + (ahead - x[-LOCAL:].mean()) ** 2 / (centred**2).sum())
    trend = TREND_SHARE * max(float(slope), 0.0) * (ahead - x[-1])
    whole_sd = np.sqrt(((y - whole(u)) ** 2).sum() / max(len(u) - 2, 1))
    half = np.where(
        within,
        np.hypot(1.645 * whole_sd, FLOOR),
        np.sqrt(trend**2 + (scatter * lever) ** 2 + FLOOR**2),
    )
    return Prediction(
        at=tuple(goal.tolist()),
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        members={
            name: tuple(np.asarray(values).tolist())
            for name, values in ({"law": whole(goal)} | members).items()
        },
        weights=weights,
    )


def _law(u: Array, y: Array, along: str) -> Callable[[Array], Array]:
    """Return the law through levels, without intervals."""
    if along == "cells":
        return fit_cell_law(u, y).law
    log_u_bar, I_max = optimum(Problem(u, y, np.ones_like(u)))
    return NoiseLaw(float(np.exp(log_u_bar)), I_max)


def _members(u: Array, y: Array, goal: Array, along: str) -> dict[str, Array]:
    """Return what each member says at ``goal``, bits, from levels in order of depth."""
    x, ahead = np.log(u), np.log(goal)
    return {
        f"law of {LOCAL}": _law(u[-LOCAL:], y[-LOCAL:], along)(goal),
        **{
            f"trend of {n}": np.asarray(np.polyval(np.polyfit(x[-n:], y[-n:], 1), ahead), float)
            for n in (3, LOCAL)
        },
    }


def _learned(u: Array, y: Array, along: str) -> dict[str, float]:
    """Return the weight of each member by its errors on levels that were held out."""
    squares: dict[str, float] = {}
    count = 0
    for known in range(LOCAL, len(u)):
        told = _members(u[:known], y[:known], u[known:], along)
        count += len(u) - known
        for name, values in told.items():
            squares[name] = squares.get(name, 0.0) + float(((values - y[known:]) ** 2).sum())
    names = squares or _members(u, y, u[-1:], along)
    prior = PRIOR_COUNT * PRIOR_ERROR**2
    inverse = {name: (PRIOR_COUNT + count) / (prior + squares.get(name, 0.0)) for name in names}
    total = sum(inverse.values())
    return {name: value / total for name, value in inverse.items()}
