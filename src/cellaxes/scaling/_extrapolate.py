"""Information at depths that were not measured: a distribution, not a line."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.scaling._fit import fit_noise_law
from cellaxes.scaling._search import make_problem

LOCAL = 4
"""Deepest levels that say where the curve goes."""
TREND_SHARE = 0.5
"""Share of what the trend adds beyond the range, as the half width of a 90 % interval."""
FLOOR = 0.1
"""Half width that is always left, bits."""


@dataclass(frozen=True)
class Prediction:
    """Information expected at some depths, bits.

    Attributes
    ----------
    at
        Depths.
    mean, low, high
        Expectation and 90 % interval, bits, one per depth.
    members
        What each law or trend says alone, by name.
    """

    at: tuple[float, ...]
    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    members: dict[str, tuple[float, ...]]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per depth: at, mean, low, high and the members."""
        columns = {"at": self.at, "mean": self.mean, "low": self.low, "high": self.high}
        return pd.DataFrame(columns | self.members)


def predict(
    depth: ArrayLike, information: ArrayLike, *, at: ArrayLike, level: ArrayLike | None = None
) -> Prediction:
    """Predict information at depths beyond (or between) the measured ones.

    The noise law interpolates well, but its capacity is read off the shape of the whole
    curve, and beyond the range it errs more than a straight line through the last two levels
    does; the straight line never saturates. Beyond the range the mean is therefore that of
    three: the law through the `LOCAL` deepest levels, and the log-linear trends through the
    three and the `LOCAL` deepest. Within the range it is the law through all levels. Means
    of replicates are what is fitted.

    The half width of the interval joins, in quadrature, half of what the trend adds beyond
    the range, the scatter of levels and replicates at the lever arm of the trend, and 0.1 bit.
    These shares were set on the 63 curves of benchmarks/extrapolation.py, which counts how
    often the truth is inside.

    Parameters
    ----------
    depth
        Measured depth of each point, positive, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; replicates are separate points.
    at
        Depths to predict, positive.
    level
        Which points are replicates of one depth, ``(n,)``; ``None``: those of equal depth.

    Raises
    ------
    InputError
        If there are fewer than four levels, or a value is NaN or a depth not positive.

    Examples
    --------
    >>> from cellaxes.scaling import NoiseLaw
    >>> u = [10, 30, 100, 300, 1000]
    >>> ahead = predict(u, NoiseLaw(500, 2.0)(u), at=[3000])
    >>> round(ahead.mean[0], 2), ahead.low[0] < NoiseLaw(500, 2.0)(3000) < ahead.high[0]
    (2.07, True)
    """
    problem = make_problem(depth, information, None)
    labels = problem.u if level is None else np.asarray(level).ravel()
    if len(labels) != len(problem.u):
        raise InputError(
            f"level must have one entry per point: {len(problem.u)}, not {len(labels)}."
        )
    goal = np.atleast_1d(np.asarray(at, dtype=np.float64)).ravel()
    if not (np.isfinite(goal).all() and (goal > 0).all()):
        raise InputError("depths to predict must be positive numbers.")
    u, y, error = _levels(problem.u, problem.y, labels)
    if len(u) < LOCAL:
        raise InputError(
            f"prediction needs at least {LOCAL} depths, but there are {len(u)}: measure more."
        )
    if len(np.unique(u[-LOCAL:])) < LOCAL:
        raise InputError("levels must differ in depth: merge those of equal depth.")
    x, ahead = np.log(u), np.log(goal)
    whole = fit_noise_law(u, y)
    members = {
        "law": whole.law(goal),
        f"law of {LOCAL}": fit_noise_law(u[-LOCAL:], y[-LOCAL:]).law(goal),
        "trend of 3": np.polyval(np.polyfit(x[-3:], y[-3:], 1), ahead),
        f"trend of {LOCAL}": np.polyval(np.polyfit(x[-LOCAL:], y[-LOCAL:], 1), ahead),
    }
    within = goal <= u[-1]
    beyond = np.mean([values for name, values in members.items() if name != "law"], axis=0)
    mean = np.where(within, members["law"], beyond)
    slope, start = np.polyfit(x[-LOCAL:], y[-LOCAL:], 1)
    residual = y[-LOCAL:] - (start + slope * x[-LOCAL:])
    scatter = np.hypot(np.sqrt((residual**2).sum() / (LOCAL - 2)), error)
    centred = x[-LOCAL:] - x[-LOCAL:].mean()
    lever = np.sqrt(1 / LOCAL + (ahead - x[-LOCAL:].mean()) ** 2 / (centred**2).sum())
    trend = TREND_SHARE * max(float(slope), 0.0) * (ahead - x[-1])
    inside = np.hypot(1.645 * whole.residual_sd, FLOOR)
    half = np.where(within, inside, np.sqrt(trend**2 + (scatter * lever) ** 2 + FLOOR**2))
    return Prediction(
        at=tuple(goal.tolist()),
        mean=tuple(mean.tolist()),
        low=tuple((mean - half).tolist()),
        high=tuple((mean + half).tolist()),
        members={name: tuple(np.asarray(values).tolist()) for name, values in members.items()},
    )


def _levels(
    u: NDArray[np.float64], y: NDArray[np.float64], labels: NDArray[np.generic]
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Return mean depth and information of each level in order of depth, and their error.

    The error is the standard error of a level's mean by its replicates, pooled over the
    `LOCAL` deepest levels; zero without replicates.
    """
    _, group = np.unique(labels, return_inverse=True)
    count = np.bincount(group)
    mean_u, mean_y = np.bincount(group, u) / count, np.bincount(group, y) / count
    spread = np.bincount(group, (y - mean_y[group]) ** 2)
    order = np.argsort(mean_u)
    deepest = order[-LOCAL:][count[order[-LOCAL:]] > 1]
    variance = spread[deepest] / (count[deepest] - 1) / count[deepest]
    return mean_u[order], mean_y[order], float(np.sqrt(variance.mean())) if len(deepest) else 0.0
