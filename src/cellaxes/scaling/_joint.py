"""The joint law: information from depth and number of training cells together."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.scaling._points import Written, checked, group_of, r_squared

Array = NDArray[np.float64]

N_STARTS = 30
MIN_R_SQUARED = 0.5
MAX_ROOM = 3.0
"""Bits between the largest measured information and a capacity that is still believed."""
MIN_POINTS = 12
"""Points below which six parameters are not asked for."""


@dataclass(frozen=True)
class JointLaw:
    """Information from depth u and training cells n, as noises that add.

    ``I(u, n) = k/2 log2[1 + (4^(I_max / k) - 1) / (1 + (u_bar / u)^gamma + (n_bar / n)^s)]``

    A channel whose noise has three parts: what no measurement removes, what deeper
    sequencing removes, and what more training cells remove. With k = 1, gamma = 1 and
    endless cells it is `NoiseLaw`.

    Parameters
    ----------
    u_bar
        Depth at which measurement noise is as large as what no measurement removes, UMIs per
        cell.
    n_bar
        Training cells at which training noise is.
    I_max
        Information at endless depth and cells, bits.
    gamma, s
        Exponents with which the noises fall.
    k
        Number of equal channels.

    Examples
    --------
    >>> law = JointLaw(u_bar=1000, n_bar=50, I_max=3.0)
    >>> round(law(1000, 10**9), 3), round(law(1000, 1000), 3)
    (2.511, 2.494)
    """

    u_bar: float
    n_bar: float
    I_max: float
    gamma: float = 1.0
    s: float = 1.0
    k: float = 1.0

    def __post_init__(self) -> None:
        if min(self.u_bar, self.n_bar, self.gamma, self.s, self.k) <= 0 or self.I_max < 0:
            raise InputError(f"a joint law needs positive parameters, not {self}.")

    def __call__(self, u: ArrayLike, n: ArrayLike) -> Any:
        """Information at depth ``u`` with ``n`` training cells, bits; shapes are broadcast."""
        theta = np.array(
            [
                2 * np.log(2) * self.I_max / self.k,
                self.gamma * np.log(self.u_bar),
                self.s * np.log(self.n_bar),
                np.log(self.gamma),
                np.log(self.s),
                np.log(self.k),
            ]
        )
        value = joint_bits(theta, np.log(np.asarray(u, float)), np.log(np.asarray(n, float)))
        return float(value) if np.ndim(value) == 0 else value


def _channel(theta: Array, log_u: Array, log_n: Array) -> tuple[Array, Array, Array, Array]:
    """Return the logarithm of the signal-to-noise ratio, both noises, and what is left of 1."""
    reach, depth, cells, log_gamma, log_s, _ = theta
    by_depth = np.exp(np.clip(depth - np.exp(log_gamma) * log_u, -600, 600))
    by_cells = np.exp(np.clip(cells - np.exp(log_s) * log_n, -600, 600))
    left = -np.expm1(-np.maximum(reach, 1e-12))
    # log(expm1(reach)) without overflow
    return reach + np.log(left) - np.log(1 + by_depth + by_cells), by_depth, by_cells, left


def joint_bits(theta: Array, log_u: Array, log_n: Array) -> Array:
    """Evaluate the joint law, bits.

    theta: 2 ln2 I_max / k, gamma ln u_bar, s ln n_bar, ln gamma, ln s, ln k; along its first
    axis, the others broadcast with the points.
    """
    bits: Array = np.exp(theta[5]) * np.logaddexp(0, _channel(theta, log_u, log_n)[0])
    bits /= 2 * np.log(2)
    return bits


def _slopes(theta: Array, log_u: Array, log_n: Array) -> Array:
    """Return the derivatives of the joint law by theta, bits, ``(6, ...)``."""
    gamma, s, k = np.exp(theta[3:])
    ratio, by_depth, by_cells, left = _channel(theta, log_u, log_n)
    slope = k / (2 * np.log(2)) / (1 + np.exp(np.clip(-ratio, -600, 600)))
    by_depth, by_cells = (part / (1 + by_depth + by_cells) for part in (by_depth, by_cells))
    return np.array(
        [
            slope / left,
            -slope * by_depth,
            -slope * by_cells,
            slope * by_depth * gamma * log_u,
            slope * by_cells * s * log_n,
            joint_bits(theta, log_u, log_n),
        ]
    )


@dataclass(frozen=True)
class JointFit(Written):
    """The joint law fitted to a grid of depths and training cells.

    Attributes
    ----------
    law
        The fitted law: ``fit.law(u, n)`` in bits.
    r_squared
        Share of the variance of the grid cells' means that the law explains.
    residual_sd
        Standard deviation of the points around the law, bits.
    n
        Points.
    identified
        Whether depth and number of cells reach far enough to tell the capacity.
    reason
        Why not, or empty.
    """

    law: JointLaw
    r_squared: float
    residual_sd: float
    n: int
    identified: bool
    reason: str

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Self:
        """Return the fit whose ``fields`` `to_dict` wrote."""
        return cls(**(fields | {"law": JointLaw(**fields["law"])}))


def fit_joint_law(
    depth: ArrayLike,
    n_cells: ArrayLike,
    information: ArrayLike,
    *,
    level: ArrayLike | None = None,
) -> JointFit:
    """Fit the joint law by least squares, from many deterministic starts.

    Parameters
    ----------
    depth
        Measured depth of each point, UMIs per cell, positive, ``(n,)``.
    n_cells
        Training cells of each point, positive, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; replicates are separate points.
    level
        Which points are replicates of one depth, ``(n,)``; ``None``: those of equal depth.

    Raises
    ------
    InputError
        If there are fewer than 12 points, fewer than three depths or numbers of cells, or a
        value is NaN, not positive, or no bits.

    Examples
    --------
    >>> u, n = np.meshgrid([10, 100, 1000, 10_000], [100, 1000, 10_000])
    >>> fit = fit_joint_law(u, n, JointLaw(500, 200, 2.5)(u, n))
    >>> round(fit.r_squared, 4), round(fit.law(3000, 5000), 2)
    (1.0, 2.37)
    """
    y, u, n = checked(information, depth=depth, n_cells=n_cells)
    if len(y) < MIN_POINTS:
        raise InputError(f"a joint law needs at least {MIN_POINTS} points, not {len(y)}.")
    group = group_of(level, u)
    for name, values in (("depth", group), ("n_cells", n)):
        if len(np.unique(values)) < 3:
            raise InputError(
                f"a joint law needs at least three different values of {name}: measure more."
            )
    log_u, log_n = np.log(u), np.log(n)
    low = np.array([1e-6, log_u.min() - 30, log_n.min() - 30, np.log(0.2), -4.0, -3.0])
    high = np.array([90.0, log_u.max() + 40, log_n.max() + 40, np.log(3.0), 1.5, 3.0])
    rng = stream(0, "joint law")
    best: tuple[float, Array] = (np.inf, low)
    top = max(float(y.max()), 0.1)
    for _ in range(N_STARTS):
        k = rng.uniform(-0.5, 1.0)
        reach = 2 * np.log(2) * top * rng.uniform(0.9, 2.0) / np.exp(k)
        start = [
            reach,
            rng.uniform(np.median(log_u), log_u.max()),
            rng.uniform(log_n.min() - 3, np.median(log_n)) * 0.5,
            0.0,
            rng.uniform(-2, 0),
            k,
        ]
        found = least_squares(
            lambda theta: joint_bits(theta, log_u, log_n) - y,
            np.clip(start, low + 1e-6, high - 1e-6),
            jac=lambda theta: _slopes(theta, log_u, log_n).T,
            bounds=(low, high),
            x_scale=[1.0, 1.0, 1.0, 0.3, 0.5, 0.3],
            max_nfev=400,
        )
        if found.cost < best[0] * (1 - 1e-9):
            best = (float(found.cost), found.x)
    theta = best[1]
    gamma, s, k = np.exp(theta[3:])
    law = JointLaw(
        u_bar=float(np.exp(theta[1] / gamma)),
        n_bar=float(np.exp(np.clip(theta[2] / s, -600, 600))),
        I_max=float(theta[0] * k / (2 * np.log(2))),
        gamma=float(gamma),
        s=float(s),
        k=float(k),
    )
    residual = y - law(u, n)
    reasons = []
    explained = r_squared(y, law(u, n), group.astype(np.float64), n)
    if not explained > MIN_R_SQUARED:
        reasons.append("information varies with neither depth nor cells as the law says")
    if law.I_max > y.max() + MAX_ROOM:
        reasons.append(
            f"the capacity ({law.I_max:.2f} bits) lies far above what was measured "
            f"({y.max():.2f} bits)"
        )
    names = ("I_max", "u_bar", "n_bar", "gamma", "s", "k")
    edge = np.minimum(theta - low, high - theta) < 1e-3 * (high - low)
    if edge.any():
        at = ", ".join(name for name, on in zip(names, edge, strict=True) if on)
        reasons.append(f"the data do not bound {at}")
    if law.u_bar > u.max():
        reasons.append(
            f"depths end at {u.max():.4g}, below u_bar ({law.u_bar:.4g}): measure deeper"
        )
    if law.n_bar > n.max():
        reasons.append(
            f"training cells end at {n.max():.4g}, below n_bar ({law.n_bar:.4g}): train on more"
        )
    return JointFit(
        law=law,
        r_squared=explained,
        residual_sd=float(np.sqrt((residual**2).sum() / max(len(y) - 6, 1))),
        n=len(y),
        identified=not reasons,
        reason="; ".join(reasons),
    )
