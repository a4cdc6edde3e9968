"""Curves that share their sensitivity, fitted together."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import f as fisher

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._points import group_of, join_levels
from cellaxes.scaling._search import Problem, best_capacity, make_problem, optimum

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PooledFit:
    """Noise laws of several curves with one sensitivity.

    Attributes
    ----------
    u_bar, u_bar_low, u_bar_high
        The shared sensitivity in the units of the depth, with its 95 % profile-likelihood
        interval; infinite (or 0) where the data do not close it.
    curves
        Names of the curves.
    I_max, I_max_low, I_max_high
        Capacity of each with its interval, bits.
    r_squared
        Share of the variance of the level means, within curves, that the laws explain.
    aicc_shared, aicc_separate
        Akaike's criterion with its small-sample correction for one sensitivity and for one
        each.
    helps
        Whether one sensitivity is the better description: ``aicc_shared`` is smaller, and
        there are enough depths to tell.
    """

    u_bar: float
    u_bar_low: float
    u_bar_high: float
    curves: tuple[str, ...]
    I_max: tuple[float, ...]
    I_max_low: tuple[float, ...]
    I_max_high: tuple[float, ...]
    r_squared: float
    aicc_shared: float
    aicc_separate: float
    helps: bool

    def law(self, curve: str) -> NoiseLaw:
        """Return the law of the curve that is called ``curve``.

        Raises
        ------
        InputError
            If there is none.
        """
        curve = str(curve)
        if curve not in self.curves:
            raise InputError(f"there is no curve {curve!r} among {', '.join(self.curves)}.")
        return NoiseLaw(self.u_bar, self.I_max[self.curves.index(curve)])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    def to_frame(self) -> pd.DataFrame:
        """Return one row per curve."""
        columns = {name: getattr(self, name) for name in ("I_max", "I_max_low", "I_max_high")}
        shared = {name: getattr(self, name) for name in ("u_bar", "u_bar_low", "u_bar_high")}
        return pd.DataFrame({"curve": self.curves} | shared | columns)


def fit_pooled_noise_law(
    depth: ArrayLike,
    information: ArrayLike,
    curve: ArrayLike,
    *,
    level: ArrayLike | None = None,
) -> PooledFit:
    """Fit one sensitivity and a capacity each to several curves.

    Curves of one model and signal at different numbers of training cells often differ in
    their capacity alone; a curve that ends early then borrows the sensitivity from the
    others. Whether this helps is said by ``helps``. Means of replicates are fitted. For a
    given sensitivity each capacity is found by itself, so that the optimum is a search over
    one number; nothing is random.

    Parameters
    ----------
    depth, information
        The points, ``(n,)``; depth in UMIs per cell or another coordinate, information in bits.
    curve
        Name of the curve of each point, ``(n,)``.
    level
        Which points of a curve are replicates of one depth, ``(n,)``; ``None``: those of
        equal depth.

    Raises
    ------
    InputError
        If there are fewer than two curves, a curve has fewer than three depths, or a value
        is NaN or a depth not positive.

    Examples
    --------
    >>> u = np.tile([10, 100, 1000, 10_000], 2)
    >>> bits = np.concatenate([NoiseLaw(300, 2.0)(u[:4]), NoiseLaw(300, 3.0)(u[:4])])
    >>> fit = fit_pooled_noise_law(u, bits, ["a"] * 4 + ["b"] * 4)
    >>> round(fit.u_bar), np.round(fit.I_max, 3).tolist(), fit.helps
    (300, [2.0, 3.0], True)
    """
    problem = make_problem(depth, information, None)
    given = np.asarray(curve).ravel()
    if pd.isna(given).any():
        raise InputError("curve has missing entries: leave these points out, or name their curve.")
    names = given.astype(str)
    if len(names) != len(problem.u):
        raise InputError(f"curve must name each of {len(problem.u)} points, not {len(names)}.")
    curves = tuple(dict.fromkeys(names.tolist()))
    if len(curves) < 2:
        raise InputError("pooling needs at least two curves: use fit_noise_law for one.")
    group = group_of(level, problem.u)
    parts = [_means(problem, group, names == name, name) for name in curves]
    n, m = sum(len(part.u) for part in parts), len(curves)
    low = min(part.log_u_bar_range[0] for part in parts)
    high = max(part.log_u_bar_range[1] for part in parts)
    grid = np.linspace(low, high, 300)

    def sums(log_u_bar: Array) -> Array:
        return np.array([_given(part, log_u_bar)[1] for part in parts])

    at = int(sums(grid).sum(axis=0).argmin())
    polished = minimize_scalar(
        lambda value: float(sums(np.array([value])).sum()),
        bounds=(grid[max(at - 1, 0)], grid[min(at + 1, len(grid) - 1)]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    best = float(polished.x)
    scale = 1e-12 * sum(float((part.y**2).sum()) for part in parts) + 1e-300
    least = max(float(polished.fun), scale)
    freedom = max(n - m - 1, 1)
    edge = least * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom)
    u_low, u_high, ends = _intervals(parts, best, (low, high), edge)
    separate = max(sum(float(part.sse(*map(np.array, optimum(part)))) for part in parts), scale)
    shared = _aicc(least, n, m + 2)
    apart = _aicc(separate, n, 2 * m + 1)
    spread = sum(float(((part.y - part.y.mean()) ** 2).sum()) for part in parts)
    return PooledFit(
        u_bar=float(np.exp(best)),
        u_bar_low=u_low,
        u_bar_high=u_high,
        curves=curves,
        I_max=tuple(float(_given(part, np.array([best]))[0][0]) for part in parts),
        I_max_low=tuple(pair[0] for pair in ends),
        I_max_high=tuple(pair[1] for pair in ends),
        r_squared=1 - float(polished.fun) / spread if spread > 0 else float("nan"),
        aicc_shared=shared,
        aicc_separate=apart,
        helps=spread > 0 and shared < apart < np.inf,
    )


def _means(
    problem: Problem, group: NDArray[np.intp], rows: NDArray[np.bool_], name: str
) -> Problem:
    found = join_levels(problem.u[rows], problem.y[rows], group[rows])
    if len(found.u) < 3:
        raise InputError(
            f"the curve {name!r} has {len(found.u)} depths, but at least 3 are needed: leave it "
            "out or measure more."
        )
    return Problem(found.u, found.y, np.ones_like(found.u))


def _given(part: Problem, log_u_bar: Array) -> tuple[Array, Array]:
    """Return the best capacity of a curve for each sensitivity, and its sum of squares."""
    I_max = best_capacity(part, log_u_bar)
    return I_max, part.sse(log_u_bar, I_max)


def _aicc(sse: float, n: int, parameters: int) -> float:
    spare = n - parameters - 1
    if spare <= 0:
        return float("inf")
    return float(n * np.log(sse / n) + 2 * parameters * (1 + (parameters + 1) / spare))


def _intervals(
    parts: list[Problem], best: float, reach: tuple[float, float], edge: float
) -> tuple[float, float, list[tuple[float, float]]]:
    """Return the ends of the sensitivity's interval and of each capacity's."""
    log_u_bar = np.unique(
        np.concatenate([np.linspace(*reach, 400), best + np.linspace(-1, 1, 201) ** 3])
    )
    log_u_bar = log_u_bar[(log_u_bar >= reach[0]) & (log_u_bar <= reach[1])]
    alone = [_given(part, log_u_bar) for part in parts]
    total = np.sum([sse for _, sse in alone], axis=0)
    inside = np.flatnonzero(total <= edge)
    first, last = int(inside.min()), int(inside.max())
    u_low = float(np.exp(log_u_bar[first])) if first > 0 else 0.0
    u_high = float(np.exp(log_u_bar[last])) if last < len(log_u_bar) - 1 else float("inf")
    ends = []
    for part, (I_max, sse) in zip(parts, alone, strict=True):
        others = total - sse
        known = others[inside] + sse[inside] <= edge
        centre = I_max[inside][known]
        pair = [
            _capacity_end(part, log_u_bar[inside], others[inside], edge, value, side)
            for side, value in ((-1, float(centre.min())), (1, float(centre.max())))
        ]
        ends.append((pair[0], pair[1] if last < len(log_u_bar) - 1 else float("inf")))
    return u_low, u_high, ends


def _capacity_end(
    part: Problem, log_u_bar: Array, others: Array, edge: float, start: float, side: int
) -> float:
    """Return where no sensitivity is left that keeps a capacity within the threshold."""
    inner, step = start, 0.005
    top = part.I_max_range[1]
    while True:
        outer = inner + side * step
        if outer <= 0 or outer >= top:
            return 0.0 if side < 0 else float("inf")
        if (part.sse(log_u_bar, np.full_like(log_u_bar, outer)) + others).min() > edge:
            break
        inner, step = outer, 1.5 * step
    for _ in range(30):
        middle = (inner + outer) / 2
        if (part.sse(log_u_bar, np.full_like(log_u_bar, middle)) + others).min() > edge:
            outer = middle
        else:
            inner = middle
    return outer
