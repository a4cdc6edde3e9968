"""Weighted least squares of many genes at once, the groups eliminated in closed form."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._design import Design

GENE_BLOCK = 512
"""Genes solved together; bounds the memory."""


@dataclass(frozen=True, eq=False)
class LinearFit:
    """Weighted least squares of each gene on one design.

    Attributes
    ----------
    design
        The design.
    group_coefficients
        ``(n_groups, n_genes)``, the value of each group at covariates of zero.
    covariate_coefficients
        ``(q, n_genes)``.
    group_variance
        ``(n_groups, n_genes)``, of the group coefficients, in units of the residual variance.
    group_means
        ``(n_genes, n_groups, q)``, the weighted mean of the covariates in each group.
    covariance
        ``(n_genes, q, q)``, of the covariate coefficients, in units of the residual variance.
    variance
        ``(n_genes,)``, residual variance.
    df
        Residual degrees of freedom, ``n - rank``.
    """

    design: Design
    group_coefficients: Array
    covariate_coefficients: Array
    group_variance: Array
    group_means: Array
    covariance: Array
    variance: Array
    df: int


def fit_linear(y: Array, weights: Array, design: Design) -> LinearFit:
    """Fit each gene by weighted least squares.

    With Z the covariates, W the weights of one gene, ``s_k`` the sum of weights in group k,
    ``A_k`` the weighted mean of Z there and ``ybar_k`` that of y:
    ``S = Z'WZ - sum_k s_k A_k A_k'``, ``gamma = S^-1 (Z'Wy - sum_k s_k A_k ybar_k)``,
    ``beta_k = ybar_k - A_k gamma``. The cost is ``n q^2`` per gene, however many groups there are.

    Parameters
    ----------
    y, weights
        ``(n, n_genes)``; weights > 0.
    design
        Design of n samples.

    Raises
    ------
    InputError
        If no degree of freedom is left for the residual variance.
    """
    n, n_genes = y.shape
    df = n - design.rank
    if df <= 0:
        raise InputError(
            f"{n} samples and {design.rank} coefficients leave no residual degree of freedom: "
            "the design needs replicates or fewer covariates."
        )
    parts = [
        _solve(y[:, block], weights[:, block], design)
        for start in range(0, n_genes, GENE_BLOCK)
        for block in [slice(start, start + GENE_BLOCK)]
    ]
    b, g, u, means, covariance, rss = zip(*parts, strict=True)
    return LinearFit(
        design=design,
        group_coefficients=np.concatenate(b, axis=1),
        covariate_coefficients=np.concatenate(g, axis=1),
        group_variance=np.concatenate(u, axis=1),
        group_means=np.concatenate(means),
        covariance=np.concatenate(covariance),
        variance=np.concatenate(rss) / df,
        df=df,
    )


def _solve(y: Array, w: Array, design: Design) -> tuple[Array, ...]:
    z = design.covariates
    scale = np.sqrt((z**2).mean(axis=0)) if z.size else np.ones(z.shape[1])
    z = z / scale
    center = z.mean(axis=0) if design.group_names else np.zeros(z.shape[1])  # against cancellation
    z = z - center
    n_groups, q, n_genes = len(design.group_names), z.shape[1], y.shape[1]
    member = design.indicator
    weighted = w * y
    s = np.asarray(member @ w)
    y_mean = np.asarray(member @ weighted) / s
    sums = np.empty((n_genes, n_groups, q))
    for a in range(q):
        sums[:, :, a] = (_scaled(member, z[:, a]) @ w).T
    means = sums / s.T[:, :, None]
    pairs = (z[:, :, None] * z[:, None, :]).reshape(len(z), q * q)
    inner = (w.T @ pairs).reshape(n_genes, q, q) - sums.transpose(0, 2, 1) @ means
    right = weighted.T @ z - (sums * y_mean.T[:, :, None]).sum(axis=1)
    covariance = np.linalg.inv((inner + inner.transpose(0, 2, 1)) / 2)
    gamma = (covariance @ right[:, :, None])[:, :, 0]
    beta = y_mean - (means @ gamma[:, :, None])[:, :, 0].T
    fitted = np.asarray(member.T @ beta) + z @ gamma.T
    rss = (w * (y - fitted) ** 2).sum(axis=0)
    means += center
    beta = beta - center @ gamma.T
    spread = 1 / s + ((means @ covariance) * means).sum(axis=2).T
    return beta, (gamma / scale).T, spread, means * scale, covariance / np.outer(scale, scale), rss


def _scaled(member: sp.csr_matrix, values: Array) -> Any:
    """Return the membership with each sample's entry multiplied by its value."""
    scaled = member.copy()
    scaled.data = member.data * values[member.indices]
    return scaled


def unscaled_covariance(fit: LinearFit, i: int, j: int) -> Array:
    """Return the covariance of two coefficients per residual variance, ``(n_genes,)``."""
    n_groups = len(fit.design.group_names)
    i, j = min(i, j), max(i, j)
    if i >= n_groups:
        return fit.covariance[:, i - n_groups, j - n_groups]
    if i == j:
        own: Array = fit.group_variance[i]
        return own
    from_i = (fit.covariance @ fit.group_means[:, i, :, None])[:, :, 0]
    if j >= n_groups:
        return -from_i[:, j - n_groups]
    found: Array = (from_i * fit.group_means[:, j]).sum(axis=1)
    return found


def unweighted_correlation(design: Design) -> Array:
    """Return the correlation of the coefficients were all weights equal, ``(rank, rank)``."""
    triangle = np.linalg.qr(design.matrix, mode="r")
    inverse = np.linalg.inv(triangle)
    covariance = inverse @ inverse.T
    sd: NDArray[np.float64] = np.sqrt(np.diag(covariance))
    correlation: Array = covariance / np.outer(sd, sd)
    return correlation
