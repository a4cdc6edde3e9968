"""Poisson draws for every pixel of an image: the inner loop of photon noise.

A Poisson variate is the sum of independent ones whose means add up to its own. The mean of a
pixel is written in three digits to the base 64 and a rest; each digit draws from a table made
once (alias method: Walker 1977, Vose 1991), and the rest thins a draw of the smallest unit. So
no pixel needs a logarithm, and probabilities are exact to 2^-48.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import gammaln

from cellaxes.noise._kernel import GAMMA, mix

LARGEST = 1e5
"""Mean up to which the tables fit into a cache."""

_BASE = 64
_VALUE = 16
"""Low bits of an entry: what is drawn where the first value is not; the others say when."""

Table = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Entries ``(n_means, 2^m)``, and the first value of each row, ``(n_means,)``."""


def photon_tables(largest: float) -> tuple[Table, Table, Table, Table]:
    """Return the tables of each place, the highest first, and of the smallest unit."""
    unit = largest / _BASE**3
    digits = np.arange(_BASE, dtype=np.float64)
    high, middle, low = (_table(digits * unit * _BASE**place) for place in (2, 1, 0))
    return high, middle, low, _table(np.array([unit]))


def _table(means: NDArray[np.float64]) -> Table:
    reach = np.ceil(10 * np.sqrt(means) + 24)
    start = np.maximum(np.floor(means - reach), 0).astype(np.int64)
    width = int((np.ceil(means + reach) - start).max()) + 1
    size = 1 << int(np.ceil(np.log2(width)))
    k = start[:, None] + np.arange(size)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_p = k * np.log(means)[:, None] - means[:, None] - gammaln(k + 1.0)
    p = np.where(means[:, None] > 0, np.exp(log_p), k == 0)
    p *= size / p.sum(axis=1, keepdims=True)
    keep, other = np.ones_like(p), np.tile(np.arange(size, dtype=np.uint64), (len(p), 1))
    for row in range(len(p)):
        _alias(p[row], keep[row], other[row])
    share = 64 - _VALUE
    whole = np.minimum(keep * 2.0**share, 2.0**share - 1).astype(np.uint64)
    return (whole << np.uint64(_VALUE)) | other, start


@njit(cache=True, nogil=True)
def _alias(p: NDArray[np.float64], keep: NDArray[np.float64], other: NDArray[np.uint64]) -> None:
    """Share out probabilities (times their number) so that each entry holds two values."""
    small, large = np.empty(p.size, np.int64), np.empty(p.size, np.int64)
    n_small = n_large = 0
    for i in range(p.size):
        if p[i] < 1.0:
            small[n_small] = i
            n_small += 1
        else:
            large[n_large] = i
            n_large += 1
    while n_small and n_large:
        i, j = small[n_small - 1], large[n_large - 1]
        n_small -= 1
        keep[i], other[i] = p[i], j
        p[j] -= 1.0 - p[i]
        if p[j] < 1.0:
            n_large -= 1
            small[n_small] = j
            n_small += 1


@njit(cache=True, nogil=True)
def _draw(bits: np.uint64, m: np.uint64, entries: NDArray[np.uint64]) -> int:
    """Return what 64 random bits choose: the upper m an entry, the lower which of its values."""
    place = bits >> (np.uint64(64) - m)
    entry = entries[place]
    stays = (bits << np.uint64(_VALUE)) < (entry & ~np.uint64(2**_VALUE - 1))
    return int(place if stays else entry & np.uint64(2**_VALUE - 1))


@njit(cache=True, nogil=True)
def photons_of(
    clean: NDArray[Any],
    scale: tuple[float, float, float],
    tables: tuple[Table, Table, Table, Table],
    seed: np.uint64,
    out: NDArray[np.float32],
) -> None:
    """Write the intensity of the photons that are counted, each pixel from its own numbers.

    ``scale`` is the intensity of black, photons per intensity, and the photons of a white pixel,
    for which the tables were made.
    """
    low, per_intensity, white = scale
    (high, high_0), (middle, middle_0), (lower, lower_0), (rest, _) = tables
    m0 = np.uint64(int(np.round(np.log2(high.shape[1]))))
    m1 = np.uint64(int(np.round(np.log2(middle.shape[1]))))
    m2 = np.uint64(int(np.round(np.log2(lower.shape[1]))))
    m3 = np.uint64(int(np.round(np.log2(rest.shape[1]))))
    units = per_intensity * (262144.0 / white)
    back = 1.0 / per_intensity
    for i in range(clean.size):
        mean = (float(clean[i]) - low) * units
        whole = min(int(mean), 262143)
        a, b, c = np.uint64(whole >> 12), np.uint64((whole >> 6) & 63), np.uint64(whole & 63)
        bits = mix(seed + np.uint64(i + 1) * GAMMA)
        count = high_0[a] + _draw(bits, m0, high[a])
        bits = mix(bits + GAMMA)
        count += middle_0[b] + _draw(bits, m1, middle[b])
        bits = mix(bits + GAMMA)
        count += lower_0[c] + _draw(bits, m2, lower[c])
        bits = mix(bits + GAMMA)
        for _ in range(_draw(bits, m3, rest[np.uint64(0)])):
            bits = mix(bits + GAMMA)
            count += int(np.int64(bits >> np.uint64(11)) < (mean - whole) * 9007199254740992.0)
        out[i] = np.float32(low + count * back)
