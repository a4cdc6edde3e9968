"""The noise law: what an embedding knows as its cells are measured less well."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

MOST = 100
"""Bits that no measurement of cells holds."""
LOG_R = 150.0
"""Logarithm of the ratio of depth to sensitivity from which nothing is missing."""


@dataclass(frozen=True)
class NoiseLaw:
    """Measurement-noise scaling law.

    ``I(u) = I_max - k/2 log2[(1 + r) / (r + 4^(-I_max / k))]``, ``r = (u / u_bar)^gamma``

    With ``gamma = k = 1``, the default, it is exact for a Gaussian signal seen through a
    Gaussian channel whose signal-to-noise ratio grows as u (Gowri et al., arXiv 2503.02726,
    Eq. 1). `fit_forms` weighs the other forms.

    Parameters
    ----------
    u_bar
        Sensitivity, in the units of u (UMIs per cell): the depth at which about half a bit
        of the capacity is missing. High = noise-sensitive.
    I_max
        Capacity, bits: information at infinite depth.
    gamma
        Exponent with which the signal-to-noise ratio grows with u.
    k
        Number of equal channels the information is spread over.

    Examples
    --------
    >>> law = NoiseLaw(u_bar=1000, I_max=3.0)
    >>> round(law(1000), 3)
    2.511
    >>> round(law.inverse(2.5), 1)
    968.8
    """

    u_bar: float
    I_max: float
    gamma: float = 1.0
    k: float = 1.0

    def __post_init__(self) -> None:
        if not (self.u_bar > 0 and self.I_max >= 0):
            raise InputError(
                f"a noise law needs u_bar > 0 and I_max >= 0, not {self.u_bar} and {self.I_max}."
            )
        if self.I_max >= MOST:
            raise InputError(f"a capacity of {self.I_max:g} is no number of bits.")
        if not (self.gamma > 0 and self.k > 0):
            raise InputError(
                f"a noise law needs gamma > 0 and k > 0, not {self.gamma} and {self.k}."
            )

    def __call__(self, u: ArrayLike) -> Any:
        """Information at depth ``u``, bits; a float for a number, else the shape of u."""
        depth = np.asarray(u, dtype=np.float64)
        value = information(depth, np.log(self.u_bar), self.I_max, self.gamma, self.k)
        return float(value) if value.ndim == 0 else value

    @property
    def snr_per_unit(self) -> float:
        """B = 4^(I_max / k) / u_bar^gamma: signal-to-noise ratio at unit depth."""
        return float(4.0 ** (self.I_max / self.k) / self.u_bar**self.gamma)

    def inverse(self, bits: float) -> float:
        """Depth at which the information reaches ``bits``; infinite at or above I_max.

        ``u = u_bar [(4^(bits / k) - 1) / (4^(I_max / k) - 4^(bits / k))]^(1 / gamma)``, in the
        units of u_bar.

        Raises
        ------
        InputError
            If ``bits`` is negative or NaN.
        """
        if not bits >= 0:
            raise InputError(f"a target must be at least 0 bits, but is {bits}.")
        scale = 2 * np.log(2) / self.k
        missing = np.exp(scale * bits) * np.expm1(scale * (self.I_max - bits))
        if bits >= self.I_max or missing == 0:
            return float("inf")
        return float(self.u_bar * (np.expm1(scale * bits) / missing) ** (1 / self.gamma))

    def bits_per_doubling(self, u: ArrayLike) -> Any:
        """Bits gained by doubling ``u``, in its shape: I(2u) - I(u), at most gamma k / 2."""
        depth = np.asarray(u, dtype=np.float64)
        gain = self(2 * depth) - self(depth)
        return float(gain) if np.ndim(gain) == 0 else gain

    def slope(self, u: ArrayLike) -> Any:
        """Return the derivative of I by log2 u at depth ``u``, bits per doubling, in its shape."""
        depth = np.asarray(u, dtype=np.float64)
        seen = np.clip(depth, 1e-300, 1e300)
        by_log_u_bar = gradient(seen, np.log(self.u_bar), self.I_max, self.gamma, self.k)[0]
        value = -np.log(2) * by_log_u_bar
        return float(value) if value.ndim == 0 else value

    def collapse(self, u: ArrayLike) -> Any:
        """Coordinate on which all curves are one: ``I - I_max = -k/2 log2(1 + 1/z)``.

        ``z = (r + 4^(-I_max / k)) / (1 - 4^(-I_max / k))`` (Gowri et al., Fig. 2e). Since z
        is made of the fitted parameters, a collapse displays how well laws fit; it is no
        independent test of them. The result has no unit and the shape of the depth ``u``.
        """
        r = (np.asarray(u, dtype=np.float64) / self.u_bar) ** self.gamma
        left = 4.0 ** (-self.I_max / self.k)
        value = (r + left) / -np.expm1(-2 * np.log(2) * self.I_max / self.k)
        return float(value) if value.ndim == 0 else value


def information(
    u: NDArray[np.float64],
    log_u_bar: ArrayLike,
    I_max: ArrayLike,
    gamma: float = 1.0,
    k: float = 1.0,
) -> NDArray[np.float64]:
    """Evaluate the noise law on broadcast arrays, bits.

    Parameters
    ----------
    u
        Depths.
    log_u_bar
        Natural logarithm of the sensitivity.
    I_max
        Capacities, bits.
    gamma, k
        Exponent and number of channels.
    """
    log_r = np.log(np.maximum(u, 1e-300)) - log_u_bar
    r = np.exp(np.minimum(log_r if gamma == 1 else gamma * log_r, LOG_R))
    # log1p keeps the digits of small differences at both ends of the depth range.
    gain = np.exp2(2 / k * np.asarray(I_max, dtype=np.float64))
    bits: NDArray[np.float64] = 0.5 * k * (np.log1p(gain * r) - np.log1p(r)) / np.log(2)
    return bits


def gradient(
    u: NDArray[np.float64], log_u_bar: float, I_max: float, gamma: float = 1.0, k: float = 1.0
) -> tuple[NDArray[np.float64], ...]:
    """Return the derivatives of the law by log_u_bar, I_max, ln gamma and ln k, bits."""
    log_ratio = np.log(u) - log_u_bar
    r = np.exp(np.minimum(gamma * log_ratio, LOG_R))
    signal = np.exp2(2 / k * I_max) * r
    by_capacity = signal / (1 + signal)
    by_log_r = 0.5 * k / np.log(2) * (by_capacity - r / (1 + r))
    by_log_k = information(u, log_u_bar, I_max, gamma, k) - I_max * by_capacity
    return -gamma * by_log_r, by_capacity, gamma * log_ratio * by_log_r, by_log_k
