"""The cell-number law: what more training cells bring."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar
from scipy.stats import f as fisher

from cellaxes._core.errors import InputError
from cellaxes.scaling._points import Written, checked, r_squared
from cellaxes.scaling._search import MAX_BITS

Array = NDArray[np.float64]

EXPONENTS = np.geomspace(1e-2, 10, 400)
"""Exponents searched; below the lowest the law is a logarithm and has no capacity."""
MIN_SIZES = 4
"""Different numbers of cells below which three parameters cannot be told."""
MAX_ROOM = 3.0
"""Bits between the largest measured information and a capacity that is still believed."""


@dataclass(frozen=True)
class CellLaw:
    """Cell-number scaling law.

    ``I(n) = I_inf - (n / n_0)^-s`` (Gowri et al., arXiv 2503.02726)

    Parameters
    ----------
    n_0
        Training cells at which one bit of the capacity is missing; 0 where none ever is.
    s
        Exponent with which the missing information falls.
    I_inf
        Capacity: information with endless cells, bits.

    Examples
    --------
    >>> law = CellLaw(n_0=100, s=0.5, I_inf=3.0)
    >>> law(100), law(10_000), round(law.inverse(2.9))
    (2.0, 2.9, 10000)
    """

    n_0: float
    s: float
    I_inf: float

    def __post_init__(self) -> None:
        if not (self.n_0 >= 0 and self.s > 0 and np.isfinite(self.I_inf)):
            raise InputError(f"a cell-number law needs n_0 >= 0 and s > 0, not {self}.")

    def __call__(self, n: ArrayLike) -> Any:
        """Information with ``n`` training cells, bits; a float for a number, else of n's shape."""
        missing = (self.n_0 / np.asarray(n, dtype=np.float64)) ** self.s
        value = self.I_inf - missing
        return float(value) if value.ndim == 0 else value

    def inverse(self, bits: float) -> float:
        """Training cells at which the information reaches ``bits``; infinite from I_inf on."""
        if bits >= self.I_inf:
            return float("inf")
        if self.n_0 == 0:
            return 0.0
        log_n = np.log(self.n_0) - np.log(self.I_inf - bits) / self.s
        return float(np.exp(log_n)) if log_n < 700 else float("inf")


@dataclass(frozen=True)
class CellFit(Written):
    """The cell-number law fitted to one curve.

    Attributes
    ----------
    law
        The fitted law: ``fit.law(n)`` in bits.
    s_low, s_high
        95 % profile-likelihood interval of the exponent.
    I_inf_low, I_inf_high
        The same of the capacity, bits; infinite where the data do not close it.
    r_squared
        Share of the variance of the means per number of cells that the law explains.
    residual_sd
        Standard deviation of the points around the law, bits.
    n, n_sizes
        Points and different numbers of cells.
    identified
        Whether the capacity can be read from these data. A constant curve has the constant as
        its law.
    reason
        Why not, or empty.
    """

    law: CellLaw
    s_low: float
    s_high: float
    I_inf_low: float
    I_inf_high: float
    r_squared: float
    residual_sd: float
    n: int
    n_sizes: int
    identified: bool
    reason: str

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Return the fit whose ``fields`` `to_dict` wrote."""
        numbers = {
            key: float(fields[key])
            for key in ("s_low", "s_high", "I_inf_low", "I_inf_high", "r_squared", "residual_sd")
        }
        return cls(**(fields | numbers | {"law": CellLaw(**fields["law"])}))


def fit_cell_law(n_cells: ArrayLike, information: ArrayLike) -> CellFit:
    """Fit the cell-number law by least squares.

    For a given exponent the law is linear in the capacity and in ``n_0^s``, so that the
    optimum is found by a search over the exponent alone: the whole range is scanned and the
    best is polished. Nothing is random, no start can be missed.

    Parameters
    ----------
    n_cells
        Training cells of each point, positive, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; replicates are separate points.

    Raises
    ------
    InputError
        If there are fewer than four different numbers of cells, or a value is NaN, not
        positive, or no bits.

    Examples
    --------
    >>> n = [100, 300, 1000, 3000, 10_000, 30_000]
    >>> fit = fit_cell_law(n, CellLaw(50, 0.4, 2.0)(n))
    >>> round(fit.law.n_0), round(fit.law.s, 3), round(fit.law.I_inf, 3), fit.identified
    (50, 0.4, 2.0, True)
    """
    y, n = checked(information, n_cells=n_cells)
    n_sizes = len(np.unique(n))
    if n_sizes < MIN_SIZES:
        raise InputError(
            f"a cell-number law needs at least {MIN_SIZES} different numbers of cells, "
            f"not {n_sizes}: measure more."
        )
    unit = float(np.exp(np.log(n).mean()))
    x = n / unit
    log_s = np.log(EXPONENTS)
    sums = np.array([_given(s, x, y)[0] for s in EXPONENTS])
    at = int(sums.argmin())
    polished = minimize_scalar(
        lambda value: _given(float(np.exp(value)), x, y)[0],
        bounds=(log_s[max(at - 1, 0)], log_s[min(at + 1, len(log_s) - 1)]),
        method="bounded",
        options={"xatol": 1e-10},
    )
    s = float(np.exp(polished.x)) if polished.fun < sums[at] else float(EXPONENTS[at])
    least, I_inf, missing = _given(s, x, y)
    flat = _is_flat(y, least)
    if flat:
        s, I_inf, missing = 1.0, float(y.mean()), 0.0
    n_0 = float(np.exp(min(np.log(missing) / s + np.log(unit), 690.0))) if missing > 0 else 0.0
    law = CellLaw(n_0, s, I_inf)
    freedom = max(len(y) - 3, 1)
    floor = 1e-18 * float((y**2).sum()) + 1e-300
    edge = max(least, floor) * (1 + float(fisher.ppf(0.95, 1, freedom)) / freedom)
    inside = np.append(EXPONENTS[sums <= edge], s)
    I_low, I_high = _capacity_interval(x, y, I_inf, edge)
    fit = CellFit(
        law=law,
        s_low=float(inside.min()),
        s_high=float(inside.max()),
        I_inf_low=I_low,
        I_inf_high=I_high,
        r_squared=r_squared(y, law(n), n),
        residual_sd=float(np.sqrt(least / freedom)),
        n=len(y),
        n_sizes=n_sizes,
        identified=True,
        reason="",
    )
    reasons = []
    if flat:
        falls = np.corrcoef(np.log(n), y)[0, 1] < -0.5 if np.ptp(y) > 0 else False
        reasons.append(
            "information falls with more cells, which the law cannot describe"
            if falls
            else "the curve is constant within its scatter: more cells bring nothing"
        )
    elif fit.I_inf_high > y.max() + MAX_ROOM:
        reasons.append(
            f"the curve still rises at {n.max():.4g} cells and sets no upper limit to the "
            "capacity: train on more cells"
        )
    return replace(fit, identified=not reasons, reason="; ".join(reasons))


def _given(s: float, x: Array, y: Array) -> tuple[float, float, float]:
    """Return sum of squares, I_inf and ``n_0^s`` (>= 0) that are best for an exponent."""
    power = x**-s
    centred = power - power.mean()
    variance = float((centred**2).sum())
    missing = max(0.0, -float(centred @ y) / variance) if variance > 0 else 0.0
    I_inf = float(y.mean() + missing * power.mean())
    return float(((y - I_inf + missing * power) ** 2).sum()), I_inf, missing


def _capacity_interval(x: Array, y: Array, best: float, edge: float) -> tuple[float, float]:
    """Return where the profile of the capacity crosses ``edge``."""
    powers = x[None, :] ** -EXPONENTS[:, None]
    norms = (powers**2).sum(axis=1)

    def beyond(I_inf: float) -> bool:
        missing = np.maximum((powers @ (I_inf - y)) / norms, 0)
        sums = ((y - I_inf + missing[:, None] * powers) ** 2).sum(axis=1)
        return bool(sums.min() > edge)

    ends = []
    for direction in (-1, 1):
        step, inner = 1e-3, best
        while not beyond(best + direction * step):
            inner, step = best + direction * step, 2 * step
            if step > MAX_BITS:
                break
        if step > MAX_BITS:
            ends.append(direction * np.inf)
            continue
        outer = best + direction * step
        for _ in range(40):
            middle = (inner + outer) / 2
            inner, outer = (inner, middle) if beyond(middle) else (middle, outer)
        ends.append(outer)
    return float(ends[0]), float(ends[1])


def _is_flat(y: Array, least: float) -> bool:
    """Whether a constant is as good as the law within the scatter (F test, 5 %)."""
    freedom = max(len(y) - 3, 1)
    constant = float(((y - y.mean()) ** 2).sum())
    return constant <= max(least, 1e-18) * (1 + 2 * float(fisher.ppf(0.95, 2, freedom)) / freedom)
