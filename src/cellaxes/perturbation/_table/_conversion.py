"""Between t statistics and signed -log10 p, in log space both ways."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicHermiteSpline
from scipy.special import gammaln, log_ndtr

from cellaxes._core.errors import InputError
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._tail import t_log10_p

LN10 = float(np.log(10))
FLOOR = 323.3062153431158
"""-log10 of the smallest positive double, for p = 0 where no statistic says more."""
KNOTS = 4096
TOP = 340.0
"""asinh of the largest t; its square is still a number."""
BLOCK = 1 << 18
"""Values converted at a time."""


def signed_log10_p(t: ArrayLike, df: ArrayLike = np.inf) -> Array:
    """Return ``-sign(t) log10 p`` of t statistics, two-sided, in their shape.

    Parameters
    ----------
    t
        ``(n_rows, n_genes)`` or ``(n,)``; NaN stays.
    df
        Degrees of freedom, one for all or ``(n_rows,)``; infinity is the normal distribution.

    Raises
    ------
    InputError
        If ``df`` is not positive or has another length.

    Examples
    --------
    >>> signed_log10_p([-1.959964, 40.0, 0.0]).round(3).tolist()
    [-1.301, 349.136, 0.0]
    """
    values = np.asarray(t, dtype=np.float64)
    found = np.empty_like(values)
    for part, freedom in _by_df(values, df):
        flat = values[part].ravel()
        size = np.concatenate(
            [_log10_p(flat[i : i + BLOCK], freedom) for i in range(0, len(flat), BLOCK)]
        )
        found[part] = (-np.sign(flat) * size + 0.0).reshape(values[part].shape)
    return found


def t_statistic(signed: ArrayLike, df: ArrayLike = np.inf) -> Array:
    """Return the t statistics that have these ``-sign(t) log10 p``; inverse of `signed_log10_p`.

    The inverse is a cubic spline through 4,096 exact points with exact slopes: the error of t is
    below 1e-8 of ``max(|t|, 0.01)``. The shape is that of ``signed``. No t is larger than 1e147.

    Parameters
    ----------
    signed
        ``(n_rows, n_genes)`` or ``(n,)``; NaN stays.
    df
        Degrees of freedom, one for all or ``(n_rows,)``; infinity is the normal distribution.

    Raises
    ------
    InputError
        If ``df`` is not positive or has another length.

    Examples
    --------
    >>> t_statistic([-1.30103, 349.136]).round(3).tolist()
    [-1.96, 40.0]
    """
    values = np.asarray(signed, dtype=np.float64)
    found = np.empty_like(values)
    largest = float(np.nanmax(np.abs(values), initial=1.0))
    splines: dict[float, CubicHermiteSpline] = {}
    for part, freedom in _by_df(values, df):
        if freedom not in splines:
            splines[freedom] = _inverse(largest, freedom)
        spline = splines[freedom]
        size = np.sinh(spline(np.minimum(np.abs(values[part]), spline.x[-1])))
        found[part] = np.copysign(size, values[part])
    return found


def infer_df(t: ArrayLike, signed: ArrayLike, *, n_genes: int = 5) -> Array:
    """Return the degrees of freedom of each row that join its t and its signed -log10 p.

    Of each row the genes with the largest p-exponents up to 250 are asked, by bisection, and the
    median is taken. Infinity where a normal tail (or more than 1e5 degrees of freedom) fits, and
    where no gene tells.

    Parameters
    ----------
    t, signed
        ``(n_rows, n_genes)``.
    n_genes
        Genes asked of each row.
    """
    t, y = (np.abs(np.asarray(v, dtype=np.float64)) for v in (t, signed))
    telling = np.where((y <= 250) & (y > 0.5) & np.isfinite(t), y, -1.0)
    k = min(n_genes, telling.shape[1])
    at = np.argpartition(-telling, k - 1, axis=1)[:, :k]
    size, goal = (np.take_along_axis(v, at, axis=1) for v in (t, -y))
    low, high = np.full(size.shape, np.log(0.5)), np.full(size.shape, np.log(1e5))
    open_ended = t_log10_p(size, np.exp(high)) >= goal
    for _ in range(60):
        middle = (low + high) / 2
        heavier = t_log10_p(size, np.exp(middle)) > goal
        low, high = np.where(heavier, middle, low), np.where(heavier, high, middle)
    asked = np.take_along_axis(telling, at, axis=1) > 0
    found = np.where(asked, np.where(open_ended, np.inf, np.exp(low)), np.nan)
    none = ~asked.any(axis=1)
    found[none] = np.inf
    ordered, n = np.sort(found, axis=1), (~np.isnan(found)).sum(axis=1)
    median: Array = ordered[np.arange(len(found)), (n - 1) // 2]
    return median


def _by_df(values: Array, df: ArrayLike) -> list[tuple[slice | NDArray[np.intp], float]]:
    """Return rows that share their degrees of freedom, and these."""
    given = np.asarray(df, dtype=np.float64)
    if not (given > 0).all():
        raise InputError("df must be positive everywhere (infinity for a normal tail).")
    if given.ndim == 0:
        return [(slice(None), float(given))]
    if given.shape != values.shape[:1]:
        raise InputError(f"df has shape {given.shape} for {len(values)} rows: give one of each.")
    return [(np.flatnonzero(given == each), float(each)) for each in np.unique(given)]


def _log10_p(t: Array, df: float) -> Array:
    if np.isinf(df):
        normal: Array = (np.log(2) + log_ndtr(-np.abs(t))) / LN10
        return normal
    return t_log10_p(t, df)


def _inverse(largest: float, df: float) -> CubicHermiteSpline:
    """Return asinh(t) as a function of -log10 p, from 0 to ``largest``."""
    top = 1.0
    while top < TOP and -_log10_p(np.sinh(np.array([top])), df)[0] <= largest:
        top = min(top * 1.25, TOP)
    s = top * np.linspace(0, 1, KNOTS) ** 2  # the closer, the nearer to 0
    t = np.sinh(s)
    log10_p = _log10_p(t, df)
    if np.isinf(df):
        log_density = -(t**2) / 2 - np.log(2 * np.pi) / 2
    else:
        scale = gammaln((df + 1) / 2) - gammaln(df / 2) - np.log(df * np.pi) / 2
        log_density = scale - (df + 1) / 2 * np.log1p(t * (t / df))
    log_slope = log10_p * LN10 - np.log(2) - log_density - np.log(np.cosh(s))
    return CubicHermiteSpline(np.maximum(-log10_p, 0), s, LN10 * np.exp(log_slope))
