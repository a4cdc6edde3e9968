"""Tail probabilities in log space, without a floor, and their correction for many tests."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

from cellaxes.perturbation._counts import Array

SMALL = 1e-280
"""Below this the continued fraction is evaluated in log space."""
NEAR = 1e-4
"""Squared t over its degrees of freedom below which p is so near to one that 1 - p tells more."""


def log_beta_tail(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Array:
    """Return ``ln I_x(a, b)``, the regularised incomplete beta function, however small.

    Where double precision would underflow, ``x^a (1-x)^b / (a B(a, b))`` times its continued
    fraction (DLMF 8.17.22), which converges fast for ``x < (a+1)/(a+b+2)``: always in the tail.
    """
    shape = np.broadcast_shapes(np.shape(a), np.shape(b), np.shape(x))
    a, b, x = (np.broadcast_to(np.asarray(v, dtype=np.float64), shape) for v in (a, b, x))
    value = np.asarray(betainc(a, b, x))
    with np.errstate(divide="ignore"):
        logs: Array = np.atleast_1d(np.log(value))
    tiny = np.atleast_1d((value < SMALL) & (x > 0))
    if tiny.any():
        a, b, x = (np.atleast_1d(v)[tiny] for v in (a, b, x))
        lead = a * np.log(x) + b * np.log1p(-x) - np.log(a) - betaln(a, b)
        logs[tiny] = lead + np.log(_fraction(a, b, x))
    found: Array = logs.reshape(shape)
    return found


def _fraction(a: Array, b: Array, x: Array) -> Array:
    """Return ``1/(1 + d_1/(1 + d_2/(1 + …)))`` by the modified method of Lentz."""
    c = np.ones_like(x)
    d = 1 / (1 - (a + b) * x / (a + 1))
    f = d.copy()
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / (1 + even * d), 1 + even / c
        f *= c * d
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / (1 + odd * d), 1 + odd / c
        f *= c * d
        if np.abs(c * d - 1).max() < 1e-15:
            break
    return f


def t_log10_p(t: Array, df: ArrayLike) -> Array:
    """Return log10 of the two-sided p-value of t statistics.

    Near zero, where p rounds to one, it follows from 1 - p.
    """
    t, df = np.broadcast_arrays(np.asarray(t, dtype=np.float64), np.asarray(df, dtype=np.float64))
    found = np.array(log_beta_tail(df / 2, 0.5, df / (df + t**2)))
    near = t**2 < NEAR * df
    y, freedom = t[near] ** 2, df[near]
    found[near] = np.log1p(-betainc(0.5, freedom / 2, y / (freedom + y)))
    return np.asarray(found / np.log(10))


def f_log_tail(F: Array, df1: float, df2: ArrayLike) -> Array:
    """Return ``ln P(F' > F)`` of the F distribution."""
    df2 = np.asarray(df2, dtype=np.float64)
    return log_beta_tail(df2 / 2, df1 / 2, df2 / (df2 + df1 * F))


def adjusted(log10_p: Array) -> Array:
    """Return p-values adjusted by Benjamini and Hochberg; NaN stays and is not counted.

    Parameters
    ----------
    log10_p
        ``(n,)``.
    """
    found = np.full(log10_p.shape, np.nan)
    at = np.flatnonzero(np.isfinite(log10_p) | (log10_p == -np.inf))
    order = at[np.argsort(log10_p[at], kind="stable")]
    n = len(order)
    scaled = log10_p[order] + np.log10(n / np.arange(1, n + 1))
    found[order] = 10 ** np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 0)
    return found
