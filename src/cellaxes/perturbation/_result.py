"""What differential expression says: one row per context and compound, one column per gene."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._design import Dropped


@dataclass(frozen=True)
class ContextFit:
    """One fitted model: what went in, what was left out, how variances were squeezed.

    Attributes
    ----------
    context
        Context, or ``"all"``.
    n_samples, n_genes
        Samples and genes that were fitted.
    df
        Residual degrees of freedom.
    prior_df_low, prior_df_high
        Smallest and largest prior degrees of freedom of a gene; equal unless robust.
    prior_variance
        s0^2.
    dropped
        Columns of covariates that were left out, and why.
    """

    context: str
    n_samples: int
    n_genes: int
    df: int
    prior_df_low: float
    prior_df_high: float
    prior_variance: float
    dropped: tuple[Dropped, ...]


@dataclass(frozen=True, eq=False)
class DifferentialExpression:
    """Moderated t tests of each compound against its control, in each context.

    Genes left out of a fit (``filter_genes``) are NaN.

    Attributes
    ----------
    rows
        One row per (context, compound): ``context``, ``compound``, ``control``, ``n_samples``,
        ``n_controls``, ``library_size`` (median, counts), ``library_ratio`` (over the median
        control), and where known ``n_donors``, ``n_cells`` (all samples together) and
        ``median_cells`` (of one sample).
    genes
        Names.
    logFC
        ``(n_rows, n_genes)``, log2 fold change.
    t
        Moderated t, ``(n_rows, n_genes)``.
    signed_log10_p
        ``-sign(t) log10 p``, ``(n_rows, n_genes)``, however large.
    adjusted_p
        Benjamini and Hochberg, over the genes of a row, ``(n_rows, n_genes)``.
    supported
        Whether the gene has a count in either arm, ``(n_rows, n_genes)``. Where it has none, t says
        nothing of the gene, whatever its size: it is kept, and marked here.
    average
        ``(n_fits, n_genes)``, mean log2 CPM of each fit.
    fits
        One per fitted model.
    """

    rows: pd.DataFrame
    genes: pd.Index
    logFC: Array  # noqa: N815 - the field's name
    t: Array
    signed_log10_p: Array
    adjusted_p: Array
    supported: NDArray[np.bool_]
    average: Array
    fits: tuple[ContextFit, ...]

    @property
    def p(self) -> Array:
        """Two-sided p-values ``(n_rows, n_genes)``; 0 below 1e-308."""
        values: Array = 10 ** -np.abs(self.signed_log10_p)
        return values

    @property
    def dropped(self) -> dict[str, tuple[Dropped, ...]]:
        """Columns of covariates left out of the fit of each context."""
        return {fit.context: fit.dropped for fit in self.fits if fit.dropped}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per context, compound and gene."""
        n, n_genes = self.t.shape
        at = np.repeat(np.arange(n), n_genes)
        return pd.DataFrame(
            {
                "context": self.rows["context"].to_numpy()[at],
                "compound": self.rows["compound"].to_numpy()[at],
                "gene": np.tile(self.genes.to_numpy(), n),
                "logFC": self.logFC.ravel(),
                "t": self.t.ravel(),
                "p": self.p.ravel(),
                "adjusted_p": self.adjusted_p.ravel(),
                "signed_log10_p": self.signed_log10_p.ravel(),
                "supported": self.supported.ravel(),
            }
        )

    def __repr__(self) -> str:
        n, n_genes = self.t.shape
        left = sorted({d.column for fit in self.fits for d in fit.dropped})
        note = f"; dropped {', '.join(left)}" if left else ""
        return (
            f"DifferentialExpression({n} rows x {n_genes} genes, "
            f"{self.rows['context'].nunique()} contexts, {self.rows['compound'].nunique()} "
            f"compounds{note})"
        )
