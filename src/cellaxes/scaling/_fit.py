"""Fitting the noise law, with intervals and an honest word on what is not identified."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import f as fisher

from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._points import join_levels
from cellaxes.scaling._result import NoiseFit
from cellaxes.scaling._search import Problem, make_problem, optimum
from cellaxes.scaling._uncertainty import displaced, interval, shared_shift, threshold

WIDE = 100
"""Ratio of the ends of the sensitivity's interval beyond which it is not identified."""

MIN_LEVELS = 4
"""Distinct depths below which two parameters and a residual cannot be told apart."""


def fit_noise_law(
    depth: ArrayLike,
    information: ArrayLike,
    *,
    error: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    level: ArrayLike | None = None,
) -> NoiseFit:
    """Fit the noise law by least squares.

    The optimum is global by construction (deterministic multi-start over the whole search
    range, parameters on a logarithmic scale). Intervals join two sources in quadrature: the
    95 % profile likelihood of the scatter around the law (residual variance estimated, F
    threshold, ``n - 2`` degrees of freedom), and the displacement of the optimum when all
    points move together by an error they share. Points of one study do share errors: the
    same cells are measured at every depth, by the same estimator.
    benchmarks/law_on_truth.py counts how often both parameters are covered.

    Parameters
    ----------
    depth
        Measured depth of each point, UMIs per cell (or another noise coordinate
        proportional to the signal-to-noise ratio), positive, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; replicates are separate points.
    error
        Standard error of each point, bits, a number or ``(n,)``, e.g.
        ``MIEstimate.standard_error``; taken as shared by all depths where it exceeds the
        scatter around the law (in proportion to the information), which ``None`` takes alone.
    weights
        Inverse variances up to a common factor, ``(n,)``; ``None`` weighs all alike.
    level
        Which points are replicates of one depth, ``(n,)``; ``None``: those of equal depth.

    Returns
    -------
    `NoiseFit`. Where a parameter is not identified (too few depths, a flat curve, a depth
    range that ends below ``u_bar``, an interval that does not close) ``identified`` is
    false and ``reason`` says why.

    Raises
    ------
    InputError
        If there are fewer than three points, or a value is NaN or a depth not positive.

    Examples
    --------
    >>> u = [10, 30, 100, 300, 1000, 3000]
    >>> fit = fit_noise_law(u, NoiseLaw(200, 2.0)(u))
    >>> round(fit.u_bar), round(fit.I_max, 3), fit.identified
    (200, 2.0, True)
    """
    problem = make_problem(depth, information, weights)
    log_u_bar, I_max = optimum(problem)
    edge = threshold(problem, log_u_bar, I_max)
    law = NoiseLaw(float(np.exp(log_u_bar)), I_max)
    levels, r_squared = _level_r_squared(problem, law, level)
    residual = problem.y - law(problem.u)
    residual_sd = float(np.sqrt((residual**2).sum() / max(len(residual) - 2, 1)))
    shift = shared_shift(problem, law, residual_sd, error)
    moved = np.array(displaced(problem, shift)) - [log_u_bar, I_max]
    low, high = interval(problem, 0, log_u_bar, edge, moved[:, 0])
    I_low, I_high = interval(problem, 1, I_max, edge, moved[:, 1])
    fit = NoiseFit(
        u_bar=law.u_bar,
        u_bar_low=float(np.exp(low)),
        u_bar_high=float(np.exp(high)),
        I_max=I_max,
        I_max_low=max(I_low, 0.0),
        I_max_high=I_high,
        r_squared=r_squared,
        r_squared_points=_r_squared(problem.y, law(problem.u)),
        residual_sd=residual_sd,
        n=len(problem.u),
        n_levels=levels,
        identified=True,
        reason="",
        depth=tuple(problem.u.tolist()),
        information=tuple(problem.y.tolist()),
        weights=tuple(problem.w.tolist()),
        shift=shift,
    )
    reasons = _doubts(fit, problem)
    return replace(fit, identified=not reasons, reason="; ".join(reasons))


def _r_squared(y: NDArray[np.float64], fitted: NDArray[np.float64]) -> float:
    spread = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - fitted) ** 2).sum() / spread) if spread > 0 else float("nan")


def _level_r_squared(problem: Problem, law: NoiseLaw, level: ArrayLike | None) -> tuple[int, float]:
    """Return the number of levels, and the R² of the law on their means."""
    found = join_levels(problem.u, problem.y, level)
    return len(found.u), _r_squared(found.y, law(found.u))


def _doubts(fit: NoiseFit, problem: Problem) -> list[str]:
    """Reasons why the parameters cannot be read from these data, most basic first."""
    found = []
    if fit.n_levels < MIN_LEVELS:
        found.append(f"{fit.n_levels} depths are too few, at least {MIN_LEVELS} are needed")
    mean = float(np.average(problem.y, weights=problem.w))
    flat = float((problem.w * (problem.y - mean) ** 2).sum())
    least = float(problem.sse(np.array(np.log(fit.u_bar)), np.array(fit.I_max)))
    freedom = max(fit.n - 2, 1)
    if flat < least * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom):
        found.append("the curve is flat within its scatter: information does not rise with depth")
        return found
    deepest = float(problem.u.max())
    if fit.u_bar > deepest:
        found.append(
            f"the depth range ends at {deepest:.4g}, below the sensitivity ({fit.u_bar:.4g}): "
            "capacity and sensitivity are extrapolated; measure deeper"
        )
    if fit.u_bar < problem.u.min():
        found.append(
            f"the depth range begins at {problem.u.min():.4g}, above the sensitivity "
            f"({fit.u_bar:.4g}): measure shallower"
        )
    if np.isinf(fit.I_max_high) or np.isinf(fit.u_bar_high):
        found.append("the data set no upper limit to the capacity")
    elif fit.u_bar_high > WIDE * fit.u_bar_low or fit.I_max_low <= 0:
        found.append(
            f"the intervals say little (sensitivity {fit.u_bar_low:.3g} to {fit.u_bar_high:.3g}, "
            f"capacity {fit.I_max_low:.3g} to {fit.I_max_high:.3g} bits): measure more replicates"
        )
    return found
