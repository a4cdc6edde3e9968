"""Empirical Bayes: residual variances of genes squeezed towards a common value."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import digamma, polygamma

from cellaxes._core.errors import InputError
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._robust_prior import robust_prior


@dataclass(frozen=True, eq=False)
class Squeezed:
    """Residual variances squeezed towards a prior.

    Attributes
    ----------
    variance
        ``(n_genes,)``, posterior: ``(d0 s0^2 + d s^2) / (d0 + d)``.
    prior_variance
        s0^2.
    prior_df
        ``(n_genes,)``, d0; one value unless robust.
    df
        d, of each residual variance.
    """

    variance: Array
    prior_variance: float
    prior_df: Array
    df: float

    @property
    def total_df(self) -> Array:
        """Degrees of freedom of a moderated t, ``(n_genes,)``: at most those of all genes."""
        return np.minimum(self.prior_df + self.df, self.df * len(self.variance))

    def to_frame(self) -> pd.DataFrame:
        """Return one row per gene."""
        return pd.DataFrame({"variance": self.variance, "prior_df": self.prior_df})

    def __repr__(self) -> str:
        low, high = self.prior_df.min(), self.prior_df.max()
        spread = f"{high:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
        return (
            f"Squeezed({len(self.variance)} genes, d0 {spread}, s0² {self.prior_variance:.4g}, "
            f"d {self.df:g})"
        )


def squeeze_variances(variance: ArrayLike, df: float, *, robust: bool = False) -> Squeezed:
    """Squeeze residual variances towards their common prior.

    ``s^2 ~ s0^2 F(d, d0)``. The prior is fitted to the moments of ``log s^2``: with
    ``e = log s^2 - digamma(d/2) + log(d/2)``, ``trigamma(d0/2) = var(e) - trigamma(d/2)`` and
    ``s0^2 = exp(mean(e) + digamma(d0/2) - log(d0/2))``; where the variance is no larger than
    sampling makes it, d0 is infinite and s0^2 the mean. Robust: the moments are winsorised
    (`robust_prior`), and genes far out keep a smaller d0 of their own.

    Parameters
    ----------
    variance
        ``(n_genes,)``, >= 0, at least three.
    df
        Residual degrees of freedom d.
    robust
        Whether hypervariable genes are kept from shaping the prior.

    Raises
    ------
    InputError
        If fewer than three variances are given, one is negative or not finite, all are zero,
        or ``df`` is not positive.

    References
    ----------
    Smyth, Statistical Applications in Genetics and Molecular Biology 3, 3 (2004); Phipson, Lee,
    Majewski, Alexander & Smyth, Annals of Applied Statistics 10, 946 (2016).

    Examples
    --------
    >>> squeeze_variances([0.5, 1.0, 1.5, 8.0], 4)
    Squeezed(4 genes, d0 3.574, s0² 1.512, d 4)
    """
    x = np.asarray(variance, dtype=np.float64).ravel()
    if len(x) < 3 or not (np.isfinite(x).all() and x.min() >= 0):
        raise InputError("empirical Bayes needs three or more finite variances >= 0.")
    if not df > 0:
        raise InputError(
            f"the variances have {df} degrees of freedom: the design needs replicates."
        )
    if not x.max() > 0:
        raise InputError("all residual variances are zero: the samples are copies of each other.")
    center = np.median(x) if np.median(x) > 0 else x[x > 0].min()
    s02, d0 = _moments(np.maximum(x, 1e-5 * center), df)
    prior_df = np.full(len(x), d0)
    if robust:
        s02, prior_df = robust_prior(x, df, d0)
    with np.errstate(invalid="ignore"):
        posterior = (prior_df * s02 + df * x) / (prior_df + df)
    posterior[np.isinf(prior_df)] = s02
    return Squeezed(posterior, s02, prior_df, float(df))


def _moments(x: Array, df: float) -> tuple[float, float]:
    """Return s0^2 and d0 by the moments of log variances."""
    e = np.log(x) - digamma(df / 2) + np.log(df / 2)
    excess = float(e.var(ddof=1) - polygamma(1, df / 2))
    if excess <= 0:
        return float(x.mean()), float("inf")
    d0 = 2 * trigamma_inverse(excess)
    return float(np.exp(e.mean() + digamma(d0 / 2) - np.log(d0 / 2))), d0


def trigamma_inverse(value: float) -> float:
    """Return y > 0 with ``trigamma(y) = value``, by Newton on ``1/trigamma``, which is convex."""
    if value > 1e7:
        return float(1 / np.sqrt(value))
    if value < 1e-7:
        return 1 / value
    y = 0.5 + 1 / value
    for _ in range(50):
        tri = float(polygamma(1, y))
        step = tri * (1 - tri / value) / float(polygamma(2, y))
        y += step
        if abs(step) < 1e-13 * y:
            break
    return y
