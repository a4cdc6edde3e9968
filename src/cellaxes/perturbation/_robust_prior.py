"""The prior of residual variances when some genes are hypervariable."""

import numpy as np
from scipy.optimize import brentq
from scipy.stats import chi2, f, rankdata

from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._tail import f_log_tail

LOWER, UPPER = 0.05, 0.1
"""Shares of the log variances winsorised at the lower and the upper end."""
NODES, WEIGHTS = np.polynomial.legendre.leggauss(128)


def robust_prior(x: Array, df: float, plain_df: float) -> tuple[float, Array]:
    """Return s0^2 and the prior degrees of freedom of each gene, ``(n_genes,)``.

    The winsorised mean and variance of ``log s^2`` are matched to those of ``log F(d, d0)``;
    d0 is at least what plain moments give. The probability that a gene is no outlier is
    ``min(1, P(F > F_g) / empirical tail of F_g)``; its d0 is mixed with one so small that the
    largest F is a median, and never falls as the tail probability grows.

    Parameters
    ----------
    x
        ``(n_genes,)``, residual variances.
    df
        Their degrees of freedom.
    plain_df
        d0 of plain moments.

    References
    ----------
    Phipson et al., Annals of Applied Statistics 10, 946 (2016), sections 3 and 4.
    """
    center = np.median(x) if np.median(x) > 0 else x[x > 0].min()
    z = np.log(np.maximum(x, 1e-12 * center))
    winsorised = np.clip(z, *np.quantile(z, [LOWER, 1 - UPPER]))
    mean, variance = float(winsorised.mean()), float(winsorised.var(ddof=1))
    d0 = _match(variance, df, plain_df)
    s02 = float(np.exp(mean - _log_f_moments(df, d0)[0]))
    return s02, _per_gene(x / s02, df, d0)


def _match(variance: float, df: float, least: float) -> float:
    """Return the d0 whose winsorised variance is that of the data."""

    def gap(share: float) -> float:
        d0 = share / (1 - share) if share < 1 else np.inf
        return float(np.log(variance / _log_f_moments(df, d0)[1]))

    if variance <= 0 or gap(1.0) <= 0:
        return float("inf")
    low = least / (1 + least)
    if np.isinf(least) or gap(low) >= 0:
        return least
    share = float(brentq(gap, low, 1.0, xtol=1e-14, rtol=1e-14))
    return share / (1 - share)


def _log_f_moments(df: float, d0: float) -> tuple[float, float]:
    """Return mean and variance of the winsorised logarithm of F(d, d0), by quadrature."""
    if np.isinf(d0):
        ends = chi2.ppf([LOWER, 1 - UPPER], df) / df
    else:
        ends = f.ppf([LOWER, 1 - UPPER], df, d0)
    low, high = ends / (1 + ends)
    u = low + (high - low) * (NODES + 1) / 2
    x = u / (1 - u)
    density = chi2.pdf(x * df, df) * df if np.isinf(d0) else f.pdf(x, df, d0)
    mass = density / (1 - u) ** 2 * WEIGHTS * (high - low) / 2
    inside, outside = np.log(x), np.log(ends)
    tails = np.array([LOWER, UPPER])
    mean = mass @ inside + tails @ outside
    return float(mean), float(mass @ (inside - mean) ** 2 + tails @ (outside - mean) ** 2)


def _per_gene(F: Array, df: float, d0: float) -> Array:
    """Return d0 of each gene, smaller for those too variable to come from the prior."""
    n = len(F)
    log_tail = chi2.logsf(F * df, df) if np.isinf(d0) else f_log_tail(F, df, d0)
    empirical = (n - rankdata(F) + 0.5) / n
    regular = np.exp(np.minimum(log_tail - np.log(empirical), 0))
    if (regular == 1).all():
        return np.full(n, d0)
    order = np.argsort(log_tail, kind="stable")
    if np.isinf(d0):  # as many degrees of freedom as all genes have stand for infinity
        shrunk = np.where(regular < 1, regular * n * df, np.inf)
        shrunk[order] = np.maximum.accumulate(shrunk[order])
        return shrunk
    outlier = _outlier_df(float(F.max()), float(log_tail.min()), df, d0)
    sorted_df = (regular * d0 + (1 - regular) * outlier)[order]
    running = np.cumsum(sorted_df) / np.arange(1, n + 1)
    least = int(running.argmin())
    sorted_df[: least + 1] = running[least]
    shrunk = np.empty(n)
    shrunk[order] = np.maximum.accumulate(sorted_df)
    return shrunk


def _outlier_df(largest: float, log_tail: float, df: float, d0: float) -> float:
    """Return the prior df under which the largest F would be near its median."""
    if np.isinf(log_tail):
        return 0.0
    outlier = np.log(0.5) / log_tail * d0
    again = float(f_log_tail(np.array([largest]), df, outlier)[0])
    return float(np.log(0.5) / again * outlier)
