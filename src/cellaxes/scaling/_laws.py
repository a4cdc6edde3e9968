"""The noise law: what an embedding knows as its cells are measured less well."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError


@dataclass(frozen=True)
class NoiseLaw:
    """Measurement-noise scaling law.

    ``I(u) = I_max - 1/2 log2[(1 + u/u_bar) / (u/u_bar + 2^(-2 I_max))]``

    Exact for a Gaussian signal seen through a Gaussian channel whose signal-to-noise ratio
    grows as u (Gowri et al., arXiv 2503.02726, Eq. 1).

    Parameters
    ----------
    u_bar
        Sensitivity, in the units of u (UMIs per cell): the depth at which about half a bit
        of the capacity is missing. High = noise-sensitive.
    I_max
        Capacity, bits: information at infinite depth.

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

    def __post_init__(self) -> None:
        if not (self.u_bar > 0 and self.I_max >= 0):
            raise InputError(
                f"a noise law needs u_bar > 0 and I_max >= 0, not {self.u_bar} and {self.I_max}."
            )

    def __call__(self, u: ArrayLike) -> Any:
        """Information at depth u, bits; a float for a number, else an array."""
        value = information(np.asarray(u, dtype=np.float64), np.log(self.u_bar), self.I_max)
        return float(value) if value.ndim == 0 else value

    @property
    def snr_per_unit(self) -> float:
        """B = 2^(2 I_max) / u_bar: signal-to-noise ratio per unit of depth."""
        return float(4.0**self.I_max / self.u_bar)

    def inverse(self, bits: float) -> float:
        """Depth at which the information reaches ``bits``; infinite at or above I_max.

        ``u = u_bar (2^(2 bits) - 1) / (2^(2 I_max) - 2^(2 bits))``
        """
        if bits < 0:
            raise InputError(f"a target must be at least 0 bits, but is {bits}.")
        if bits >= self.I_max:
            return float("inf")
        return float(self.u_bar * (4.0**bits - 1) / (4.0**self.I_max - 4.0**bits))

    def bits_per_doubling(self, u: ArrayLike) -> Any:
        """Bits gained by doubling the depth from u: I(2u) - I(u), at most 1/2."""
        depth = np.asarray(u, dtype=np.float64)
        gain = self(2 * depth) - self(depth)
        return float(gain) if np.ndim(gain) == 0 else gain


def information(
    u: NDArray[np.float64], log_u_bar: ArrayLike, I_max: ArrayLike
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
    """
    r = np.exp(np.log(np.maximum(u, 1e-300)) - log_u_bar)
    # log1p keeps the digits of small differences at both ends of the depth range.
    gain = np.exp2(2 * np.asarray(I_max, dtype=np.float64))
    bits: NDArray[np.float64] = 0.5 * (np.log1p(gain * r) - np.log1p(r)) / np.log(2)
    return bits


def gradient(
    u: NDArray[np.float64], log_u_bar: float, I_max: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the derivatives of the law by ``log_u_bar`` and by ``I_max``, bits."""
    r = np.exp(np.log(u) - log_u_bar)
    signal = 4.0**I_max * r
    by_capacity = signal / (1 + signal)
    by_log_u_bar = -0.5 / np.log(2) * (by_capacity - r / (1 + r))
    return by_log_u_bar, by_capacity
