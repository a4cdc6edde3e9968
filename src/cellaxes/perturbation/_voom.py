"""Counts as log2 counts per million with the precision of each (voom)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.perturbation._counts import Array, dense_counts, library_sizes
from cellaxes.perturbation._design import Design, as_design
from cellaxes.perturbation._lowess import lowess


@dataclass(frozen=True, eq=False)
class Voom:
    """Log counts per million and their precision weights.

    Attributes
    ----------
    E
        ``(n_samples, n_genes)``, ``log2((count + 0.5) / (L + 1) * 10^6)``.
    weights
        ``(n_samples, n_genes)``, one over the variance that the trend predicts.
    library_size
        ``(n_samples,)``, effective: size times normalisation factor.
    design
        Design of the samples.
    trend_x, trend_y
        The curve of the square root of the residual sd over the mean log2 count, ``(n,)``.
    """

    E: Array
    weights: Array
    library_size: Array
    design: Design
    trend_x: Array
    trend_y: Array

    def to_frame(self) -> pd.DataFrame:
        """Return the trend: one row per expressed gene, in the order of its mean."""
        return pd.DataFrame({"mean_log2_count": self.trend_x, "sqrt_sd": self.trend_y})

    def __repr__(self) -> str:
        n, n_genes = self.E.shape
        return f"Voom({n} samples x {n_genes} genes, {self.design.rank} coefficients)"


def voom(
    counts: Counts | pd.DataFrame,
    design: Design | ArrayLike | pd.DataFrame,
    *,
    library_size: ArrayLike | None = None,
    norm_factors: ArrayLike | None = None,
    span: float = 0.5,
) -> Voom:
    """Return log2 counts per million and the precision of each.

    With ``L`` the effective library size, ``E = log2((c + 0.5)/(L + 1) 10^6)`` is fitted by
    least squares; the square root of the residual sd of the genes against their mean log2
    count gives a curve (lowess); the weight of an observation is ``curve(fitted log2
    count)^-4``, constant beyond the ends of the curve.

    Parameters
    ----------
    counts
        ``(n_samples, n_genes)``, whole numbers.
    design
        `Design`, or a model matrix ``(n_samples, p)``, of which dependent columns are dropped.
    library_size
        ``(n_samples,)``; the sums of counts unless given (give them if genes were filtered).
    norm_factors
        ``(n_samples,)``, e.g. of `norm_factors`; 1 unless given.
    span
        Share of the genes in each window of the curve.

    Raises
    ------
    InputError
        If the counts are no counts, a library is empty, nothing is left for the residual
        variance, or fewer than two genes have counts.

    References
    ----------
    Law, Chen, Shi & Smyth, Genome Biology 15, R29 (2014).
    """
    matrix = dense_counts(counts)
    made = as_design(design)
    if made.n != len(matrix):
        raise InputError(f"the design has {made.n} rows for {len(matrix)} samples.")
    sizes = library_sizes(matrix, library_size)
    if norm_factors is not None:
        factors = np.asarray(norm_factors, dtype=np.float64).ravel()
        if len(factors) != len(sizes) or not (np.isfinite(factors) & (factors > 0)).all():
            raise InputError(f"norm_factors must be {len(sizes)} finite numbers > 0.")
        sizes = sizes * factors
    return weigh(matrix, made, sizes, span)


def weigh(counts: Array, design: Design, sizes: Array, span: float = 0.5) -> Voom:
    """Return what `voom` returns, of checked counts and effective library sizes."""
    n = len(counts)
    if n <= design.rank:
        raise InputError(
            f"{n} samples and {design.rank} coefficients leave no residual degree of freedom: "
            "the design needs replicates or fewer covariates."
        )
    log_size = np.log2(sizes + 1)
    offset = (log_size - np.log2(1e6))[:, None]
    E = np.log2(counts + 0.5) - offset
    basis, _ = np.linalg.qr(design.matrix)
    fitted = basis @ (basis.T @ E)
    sd = np.sqrt(((E - fitted) ** 2).sum(axis=0) / (n - design.rank))
    seen = counts.any(axis=0)
    if seen.sum() < 2:
        raise InputError("fewer than two genes have counts: there is no trend to learn.")
    mean = E.mean(axis=0) + log_size.mean() - np.log2(1e6)
    x, y = lowess(mean[seen], np.sqrt(sd[seen]), span)
    if not sd.max() > 1e-10:  # of log2 counts per million: rounding
        raise InputError(
            "no gene varies beyond the design: the samples are copies of each other; "
            "pass the counts of real replicates."
        )
    curve = np.interp(fitted + offset, x, np.maximum(y, 1e-3 * y.max()))
    return Voom(E, 1 / curve**4, sizes, design, x, y)
