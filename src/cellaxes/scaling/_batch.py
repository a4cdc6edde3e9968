"""The noise law under batch effects: a ceiling on the effective depth."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares
from scipy.stats import f as fisher

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._laws import information as evaluate
from cellaxes.scaling._search import Problem, make_problem, optimum

Array = NDArray[np.float64]

GRID = np.geomspace(1e-3, 1e3, 25)
"""Values of alpha that are tried, in units of 1 / (typical depth x typical strength^2)."""
DRIFT = 2.0
"""Ratio of the largest to the smallest alpha of single strengths beyond which the quadratic
form is said to fail."""


@dataclass(frozen=True)
class BatchLaw:
    """Noise-scaling law with a coherent batch shift that nothing corrects.

    ``I(u, s) = NoiseLaw(u_bar, I_max)(u_eff)``, ``u_eff = u / (1 + alpha u s^2)``

    However deep one sequences, the effective depth stays below ``1 / (alpha s^2)``. Exact for a
    Gaussian channel whose shift has variance ``s^2``: noise and shift add up. There, with s in
    units of the standard deviation of the noiseless coordinate, `alpha_snr` is 1.

    Parameters
    ----------
    u_bar, I_max
        Of the `NoiseLaw` without a batch effect; the units of u, and bits.
    alpha
        How a shift costs depth, per unit of u and squared unit of strength.

    Examples
    --------
    >>> law = BatchLaw(u_bar=1000, I_max=3.0, alpha=0.002)
    >>> round(law(1e9, 0.0), 2), round(law(1e9, 0.5), 2), law.ceiling(0.5)
    (3.0, 2.71, 2000.0)
    """

    u_bar: float
    I_max: float
    alpha: float

    def __post_init__(self) -> None:
        if self.alpha < 0:
            raise InputError(f"a batch law needs alpha >= 0, not {self.alpha}.")
        self.noise_law  # noqa: B018 - checks the other two

    @property
    def noise_law(self) -> NoiseLaw:
        """The law without a batch effect."""
        return NoiseLaw(self.u_bar, self.I_max)

    @property
    def alpha_snr(self) -> float:
        """Alpha per unit of signal-to-noise ratio, ``alpha / B`` with ``B = 4^I_max / u_bar``."""
        return self.alpha / self.noise_law.snr_per_unit

    def __call__(self, u: ArrayLike, strength: ArrayLike) -> Any:
        """Information at depth ``u`` under a shift of ``strength``, bits; shapes are broadcast."""
        return self.noise_law(self.effective_depth(u, strength))

    def effective_depth(self, u: ArrayLike, strength: ArrayLike) -> Any:
        """Depth without a batch effect at which as much would be known.

        In the units of ``u``; its shape and that of ``strength`` are broadcast.
        """
        value = effective(np.asarray(u, float), np.asarray(strength, float), self.alpha)
        return float(value) if value.ndim == 0 else value

    def ceiling(self, strength: float) -> float:
        """Return the effective depth of infinite depth: ``1 / (alpha strength^2)``."""
        cost = self.alpha * strength**2
        return 1 / cost if cost > 0 else float("inf")


@dataclass(frozen=True)
class BatchFit:
    """The law with a batch effect fitted to curves at several strengths.

    Attributes
    ----------
    law
        The fitted law.
    alpha_low, alpha_high
        95 % profile-likelihood interval of alpha; infinite where the data do not close it.
    strengths, alphas
        Positive strengths, and the alpha of each by itself, u_bar and I_max held; equal where
        the quadratic form holds.
    r_squared
        Share of the variance of the points that the law explains.
    residual_sd
        Standard deviation of the points around the law, bits (``n - 3`` degrees of freedom).
    n
        Points.
    identified
        Whether alpha can be read from these data and means one thing at every strength; of
        u_bar and I_max ask `fit_noise_law` at strength 0.
    reason
        Why not, or empty.
    """

    law: BatchLaw
    alpha_low: float
    alpha_high: float
    strengths: tuple[float, ...]
    alphas: tuple[float, ...]
    r_squared: float
    residual_sd: float
    n: int
    identified: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    def to_frame(self) -> pd.DataFrame:
        """Return one row per positive strength: its alpha, and its ceiling under the law."""
        return pd.DataFrame(
            {
                "strength": self.strengths,
                "alpha": self.alphas,
                "shared_alpha": self.law.alpha,
                "ceiling": [self.law.ceiling(strength) for strength in self.strengths],
            }
        )


def fit_batch_law(
    depth: ArrayLike,
    information: ArrayLike,
    strength: ArrayLike,
    *,
    weights: ArrayLike | None = None,
) -> BatchFit:
    """Fit the noise law with a batch effect to all strengths at once, by least squares.

    For a given alpha the law is the noise law in the effective depth, whose optimum is global;
    alpha is searched over six decades and the best are polished together with the other two
    parameters. Nothing is random.

    Parameters
    ----------
    depth, information, weights
        The points of all strengths, ``(n,)`` each: depth in UMIs per cell or another coordinate,
        information in bits, weights as in `fit_noise_law`.
    strength
        Strength of the batch shift of each point, ``(n,)``, e.g. that of
        `cellaxes.noise.batch_shift`; two or more different ones.

    Raises
    ------
    InputError
        If lengths differ, a value cannot be used, there are fewer than two strengths or fewer
        than five points.

    References
    ----------
    Gowri et al., arXiv 2503.02726, batch effects as a ceiling of the signal-to-noise ratio.

    Examples
    --------
    >>> u, s = np.meshgrid([10, 100, 1000, 10_000], [0.0, 0.5, 1.0])
    >>> fit = fit_batch_law(u, BatchLaw(300, 2.0, alpha=0.01)(u, s), s)
    >>> round(fit.law.alpha, 5), round(fit.law.u_bar), round(fit.law.I_max, 3)
    (0.01, 300, 2.0)
    """
    problem = make_problem(depth, information, weights)
    s = np.asarray(strength, dtype=np.float64).ravel()
    if len(s) != len(problem.u):
        raise InputError(f"strength has {len(s)} entries for {len(problem.u)} points.")
    if not (np.isfinite(s).all() and s.min() >= 0):
        raise InputError("strength must hold finite numbers >= 0.")
    if len(np.unique(s)) < 2 or len(s) < 5:
        raise InputError(
            f"a batch law needs two strengths and five points, but has {len(np.unique(s))} and "
            f"{len(s)}: measure the same cells without a shift too."
        )
    unit = 1 / float(np.median(problem.u) * np.median(s[s > 0]) ** 2)
    tried = sorted((_at(problem, s, alpha) for alpha in GRID * unit), key=lambda found: found[0])
    least, best = min((_polish(problem, s, theta) for _, theta in tried[:3]), key=lambda f: f[0])
    law = BatchLaw(float(np.exp(best[0])), float(best[1]), float(np.exp(best[2])))
    low, high = _interval(problem, s, best, least)
    strengths = tuple(float(value) for value in np.unique(s[s > 0]))
    alphas = tuple(_alone(problem, s, law, value) for value in strengths)
    mean = np.average(problem.y, weights=problem.w)
    scatter = float((problem.w * (problem.y - mean) ** 2).sum())
    reason = _doubt(low, high, strengths, alphas)
    return BatchFit(
        law=law,
        alpha_low=low,
        alpha_high=high,
        strengths=strengths,
        alphas=alphas,
        r_squared=1 - least / scatter if scatter > 0 else float("nan"),
        residual_sd=float(np.sqrt(least / max(len(s) - 3, 1))),
        n=len(s),
        identified=not reason,
        reason=reason,
    )


def effective(u: Array, s: Array, alpha: float | Array) -> Array:
    """Return the effective depth ``u / (1 + alpha u s^2)``."""
    found: Array = u / (1 + alpha * u * s**2)
    return found


def _at(problem: Problem, s: Array, alpha: float) -> tuple[float, Array]:
    """Return the least sum of squares with alpha given, and (ln u_bar, I_max, ln alpha)."""
    seen = Problem(effective(problem.u, s, alpha), problem.y, problem.w)
    log_u_bar, I_max = optimum(seen)
    least = float(seen.sse(np.array(log_u_bar), np.array(I_max)))
    return least, np.array([log_u_bar, I_max, np.log(alpha)])


def _polish(problem: Problem, s: Array, start: Array) -> tuple[float, Array]:
    root = np.sqrt(problem.w)

    def residual(theta: Array) -> Array:
        u = effective(problem.u, s, np.exp(theta[2]))
        values: Array = root * (evaluate(u, theta[0], theta[1]) - problem.y)
        return values

    low = np.array([problem.log_u_bar_range[0] - 20, 0.0, start[2] - 20])
    high = np.array([problem.log_u_bar_range[1], problem.I_max_range[1], start[2] + 20])
    inside = np.clip(start, low + 1e-9, high - 1e-9)
    found = least_squares(
        residual, inside, bounds=(low, high), x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14
    )
    return 2 * float(found.cost), found.x


def _interval(problem: Problem, s: Array, best: Array, least: float) -> tuple[float, float]:
    """Return where the profile of alpha leaves its 95 % threshold."""
    freedom = max(len(s) - 3, 1)
    floor = 1e-18 * float((problem.w * problem.y**2).sum()) + 1e-300
    edge = max(least, floor) * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom)
    ends = []
    for side in (-1, 1):
        inner, outer = 0.0, 1e-3
        while outer < 12 and _at(problem, s, np.exp(best[2] + side * outer))[0] < edge:
            inner, outer = outer, 2 * outer
        for _ in range(12 if outer < 12 else 0):
            middle = (inner + outer) / 2
            below = _at(problem, s, np.exp(best[2] + side * middle))[0] < edge
            inner, outer = (middle, outer) if below else (inner, middle)
        at_end = float(np.exp(best[2] + side * outer))
        ends.append(at_end if outer < 12 else 0.0 if side < 0 else float("inf"))
    return ends[0], ends[1]


def _alone(problem: Problem, s: Array, law: BatchLaw, strength: float) -> float:
    """Return the alpha that fits one strength best, the law without batch effect held."""
    here = s == strength
    grid = law.alpha * np.geomspace(1e-4, 1e4, 4001)
    u = effective(problem.u[here], s[here], grid[:, None])
    fitted = evaluate(u, np.log(law.u_bar), law.I_max)
    return float(grid[(problem.w[here] * (fitted - problem.y[here]) ** 2).sum(axis=1).argmin()])


def _doubt(low: float, high: float, strengths: tuple[float, ...], alphas: tuple[float, ...]) -> str:
    if low == 0 or np.isinf(high):
        return "the data do not close the interval of alpha: add depths or strengths"
    if max(alphas) > DRIFT * min(alphas):
        return (
            f"alpha is no constant ({alphas[0]:.2g} at strength {strengths[0]:g}, {alphas[-1]:.2g} "
            f"at {strengths[-1]:g}): the cost does not grow with the square of the strength"
        )
    return ""
