"""Forms of the noise law, weighed against each other: how much the form itself leaves open."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import f as fisher
from scipy.stats import norm

from cellaxes._core.errors import InputError
from cellaxes.scaling._form_types import FormFit, FormsFit
from cellaxes.scaling._laws import NoiseLaw, gradient, information
from cellaxes.scaling._points import join_levels
from cellaxes.scaling._search import Problem, make_problem, optimum

Array = NDArray[np.float64]

FORMS = {"standard": (), "exponent": ("gamma",), "channels": ("k",)}
"""What each form of the law fits besides sensitivity and capacity."""
STARTS = np.geomspace(0.3, 4.0, 9)
"""Values of the exponent, or of the number of channels, from which fits set out."""
BOUNDS = (0.2, 8.0)
"""Range of the exponent and of the number of channels."""
MIN_LEVELS = 7
"""Depths below which the small-sample correction of the information criterion leaves forms with
a third parameter no weight, however wrong the standard form is."""


def fit_forms(
    depth: ArrayLike,
    information: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    level: ArrayLike | None = None,
) -> FormsFit:
    """Fit every form of the noise law and average them by AICc.

    Beyond the measured depths the forms part: one curve may have a capacity of 1.2 bits with
    the standard law and of 2.4 with a free exponent, while both describe the points. The
    average says what is left open. Means of replicates are what is fitted and counted, since
    replicates of one study share cells. Nothing is random.

    Parameters
    ----------
    depth, information, weights, level
        As in `fit_noise_law`, ``(n,)`` each: depth in UMIs per cell or another coordinate,
        information in bits.

    Raises
    ------
    InputError
        If there are fewer than seven depths, or a value is NaN or a depth not positive.

    Examples
    --------
    >>> u = [10, 30, 100, 300, 1000, 3000, 10_000]
    >>> forms = fit_forms(u, NoiseLaw(300, 2.0, gamma=0.7)(u))
    >>> forms.best.form, round(forms.best.law.gamma, 3), round(forms.I_max, 2)
    ('exponent', 0.7, 2.0)
    """
    problem = _level_means(make_problem(depth, information, weights), level)
    n = len(problem.u)
    if n < MIN_LEVELS:
        raise InputError(
            f"weighing forms needs at least {MIN_LEVELS} depths, but there are {n}: measure more."
        )
    members = [_fit(problem, form) for form in FORMS]
    relative = np.exp(-0.5 * (np.array([m.aicc for m in members]) - min(m.aicc for m in members)))
    shares = relative / relative.sum()
    weighed = [replace(m, weight=float(w)) for m, w in zip(members, shares, strict=True)]
    low, high = _mixture(weighed)
    return FormsFit(
        members=tuple(sorted(weighed, key=lambda member: -member.weight)),
        I_max=float(sum(m.weight * m.law.I_max for m in weighed)),
        I_max_low=low,
        I_max_high=high,
        n_levels=n,
    )


def _level_means(problem: Problem, level: ArrayLike | None) -> Problem:
    weighted = join_levels(problem.u, problem.w * problem.y, level)
    total = join_levels(problem.u, problem.w, level)
    if total.y.min() <= 0:
        raise InputError("weights must be positive at every depth.")
    w = total.y * total.count
    return Problem(total.u, weighted.y / total.y, w / w.mean())


def _fit(problem: Problem, form: str) -> FormFit:
    theta, least = _optimum(problem, form)
    n, parameters = len(problem.u), len(theta) + 1
    floor = 1e-18 * float((problem.w * problem.y**2).sum()) + 1e-300
    spare = n - parameters - 1
    correction = 2 * parameters * (parameters + 1) / spare if spare > 0 else np.inf
    freedom = max(n - len(theta), 1)
    edge = max(least, floor) * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom)
    low, high = (_end(problem, form, theta, edge, side) for side in (-1, 1))
    return FormFit(
        form=form,
        law=_law(theta, form),
        I_max_low=low,
        I_max_high=high,
        sse=least,
        aicc=float(n * np.log(max(least, floor) / n) + 2 * parameters + correction),
        weight=1.0,
    )


def _law(theta: Array, form: str) -> NoiseLaw:
    free = {name: float(np.exp(v)) for name, v in zip(FORMS[form], theta[2:], strict=True)}
    return NoiseLaw(float(np.exp(theta[0])), float(theta[1]), **free)


def _optimum(problem: Problem, form: str) -> tuple[Array, float]:
    """Return the best (ln u_bar, I_max[, ln gamma or ln k]) and its sum of squares.

    With the exponent or the number of channels given, the law is the standard one in other
    units, whose optimum is global; the best of these are polished with all parameters free.
    """
    if form == "standard":
        theta = np.array(optimum(problem))
        return theta, float(problem.sse(theta[0], theta[1]))
    starts = []
    for value in STARTS:
        gamma, k = (value, 1.0) if form == "exponent" else (1.0, value)
        log_u_bar, I_max = optimum(Problem(problem.u**gamma, problem.y / k, problem.w))
        start = np.array([log_u_bar / gamma, I_max * k, np.log(value)])
        starts.append((float((_residual(problem, form)(start) ** 2).sum()), start))
    starts.sort(key=lambda pair: pair[0])
    found = [_polish(problem, form, start, ()) for _, start in starts[:4]]
    return min(found, key=lambda pair: pair[1])


def _residual(problem: Problem, form: str) -> Callable[[Array], Array]:
    root = np.sqrt(problem.w)

    def residual(theta: Array) -> Array:
        gamma, k = _exponents(theta, form)
        values: Array = root * (information(problem.u, theta[0], theta[1], gamma, k) - problem.y)
        return values

    return residual


def _exponents(theta: Array, form: str) -> tuple[float, float]:
    free = float(np.exp(theta[2])) if len(theta) > 2 else 1.0
    return (free, 1.0) if form == "exponent" else (1.0, free)


def _polish(
    problem: Problem, form: str, start: Array, held: tuple[int, ...]
) -> tuple[Array, float]:
    """Minimise over the parameters that are not ``held``."""
    low = np.array([problem.log_u_bar_range[0], 0.0, np.log(BOUNDS[0])])[: len(start)]
    high = np.array([problem.log_u_bar_range[1], problem.I_max_range[1], np.log(BOUNDS[1])])
    high = high[: len(start)]
    free = [i for i in range(len(start)) if i not in held]
    rows = [0, 1, {"standard": 0, "exponent": 2, "channels": 3}[form]]
    residual, root = _residual(problem, form), np.sqrt(problem.w)

    def whole(part: Array) -> Array:
        theta = start.copy()
        theta[free] = part
        return theta

    def jacobian(part: Array) -> Array:
        theta = whole(part)
        slopes = gradient(problem.u, theta[0], theta[1], *_exponents(theta, form))
        return root[:, None] * np.column_stack([slopes[rows[i]] for i in free])

    inside = np.clip(start, low + 1e-9, high - 1e-9)[free]
    found = least_squares(
        lambda part: residual(whole(part)),
        inside,
        jac=jacobian,
        bounds=(low[free], high[free]),
        xtol=1e-12,
        ftol=1e-12,
        gtol=1e-12,
    )
    return whole(found.x), 2 * float(found.cost)


def _end(problem: Problem, form: str, best: Array, edge: float, side: int) -> float:
    """Return where the profile of the capacity crosses ``edge``, below (-1) or above (1)."""
    limit = 0.0 if side < 0 else problem.I_max_range[1]
    inner, theta, step = float(best[1]), best, 0.01
    while True:
        outer = float(np.clip(inner + side * step, min(inner, limit), max(inner, limit)))
        start = theta.copy()
        start[1] = outer
        found, least = _polish(problem, form, start, (1,))
        if least > edge:
            break
        if outer == limit:
            return 0.0 if side < 0 else float("inf")
        inner, theta, step = outer, found, 2 * step
    for _ in range(12):
        start = theta.copy()
        start[1] = (inner + outer) / 2
        found, least = _polish(problem, form, start, (1,))
        if least > edge:
            outer = float(start[1])
        else:
            inner, theta = float(start[1]), found
    return (inner + outer) / 2


def _mixture(members: list[FormFit]) -> tuple[float, float]:
    """Return the 2.5 % and 97.5 % points of the capacity over all forms.

    Either end is that of a mixture of normal distributions with the width of each form's
    interval on that side; an open interval is open for the mixture as soon as it weighs more
    than the tail.
    """
    ends = []
    for side, share in ((-1, 0.025), (1, 0.975)):
        tails = [
            ((m.law.I_max - m.I_max_low) if side < 0 else (m.I_max_high - m.law.I_max)) / 1.96
            for m in members
        ]
        open_share = sum(m.weight for m, t in zip(members, tails, strict=True) if np.isinf(t))
        if open_share / 2 > 0.025:
            ends.append(side * np.inf)
            continue
        closed = [(m, max(t, 1e-9)) for m, t in zip(members, tails, strict=True) if np.isfinite(t)]
        grid = np.linspace(
            min(m.law.I_max - 5 * t for m, t in closed),
            max(m.law.I_max + 5 * t for m, t in closed),
            4001,
        )
        below = sum(m.weight * norm.cdf((grid - m.law.I_max) / t) for m, t in closed)
        ends.append(float(grid[np.searchsorted(below / below[-1], share)]))
    return max(ends[0], 0.0), ends[1]
