"""Contrasts of coefficients: effect, standard error and moderated t of every gene."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._bayes import squeeze_variances
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._least_squares import (
    LinearFit,
    fit_linear,
    unscaled_covariance,
    unweighted_correlation,
)
from cellaxes.perturbation._tail import adjusted, t_log10_p
from cellaxes.perturbation._voom import Voom

Variance = Literal["limma", "exact"]
"""How the variance of a contrast is had: see `moderated_t`."""


def moderated_t(
    fitted: Voom,
    contrast: Mapping[str, float],
    *,
    robust: bool = False,
    variance: Variance = "limma",
) -> pd.DataFrame:
    """Test one contrast of coefficients in every gene, with moderated t statistics.

    ``t = effect / (sd s~)`` with the squeezed variance ``s~^2`` (`squeeze_variances`) and
    ``d0 + d`` degrees of freedom. The sd of the contrast per residual sd is either exact, from
    each gene's own weights, or has each coefficient's own variance but the correlation of the
    design without weights, as limma has it; without covariates the two agree.

    Parameters
    ----------
    fitted
        What `voom` returned.
    contrast
        Weight of each coefficient by its name, e.g. ``{"treated": 1, "untreated": -1}``.
    robust
        Whether the prior is robust against hypervariable genes.
    variance
        ``"limma"`` or ``"exact"``.

    Returns
    -------
    One row per gene: ``logFC`` (log2), ``average`` (mean log2 CPM), ``t``, ``df``, ``log10_p``,
    ``p`` (0 below 1e-308), ``adjusted_p``, ``signed_log10_p``.

    Raises
    ------
    InputError
        If a coefficient is unknown or was dropped, or the data leave no residual variance.
    """
    names = fitted.design.names
    for name in contrast:
        if name not in names:
            gone = [d.reason for d in fitted.design.dropped if d.column == name]
            why = f"it was dropped, being {gone[0]}." if gone else near(name, names)
            raise InputError(f"the design has no coefficient {name!r}: {why}")
    if not any(contrast.values()):
        raise InputError("the contrast is zero everywhere: give weights, e.g. {'a': 1, 'b': -1}.")
    fit = fit_linear(fitted.E, fitted.weights, fitted.design)
    squeezed = squeeze_variances(fit.variance, fit.df, robust=robust)
    weights = {names.index(name): weight for name, weight in contrast.items() if weight}
    effect, sd = estimate(fit, weights, correlation_for(fit, variance))
    t = effect / (sd * np.sqrt(squeezed.variance))
    log10_p = t_log10_p(t, squeezed.total_df)
    return pd.DataFrame(
        {
            "logFC": effect,
            "average": fitted.E.mean(axis=0),
            "t": t,
            "df": squeezed.total_df,
            "log10_p": log10_p,
            "p": 10**log10_p,
            "adjusted_p": adjusted(log10_p),
            "signed_log10_p": -np.sign(t) * log10_p,
        }
    )


def correlation_for(fit: LinearFit, variance: Variance) -> Array | None:
    """Return the correlation that `estimate` is to use; None for the exact one."""
    if variance not in ("limma", "exact"):
        raise InputError(f"variance must be 'limma' or 'exact', not {variance!r}.")
    return unweighted_correlation(fit.design) if variance == "limma" else None


def estimate(
    fit: LinearFit, weights: Mapping[int, float], correlation: Array | None
) -> tuple[Array, Array]:
    """Return effect and sd per residual sd of a contrast, each ``(n_genes,)``.

    Parameters
    ----------
    fit
        The fit.
    weights
        Weight of each coefficient by its index; only those that are not zero.
    correlation
        ``(rank, rank)``, of the coefficients, the same for all genes; None for each gene's own.
    """
    n_groups = len(fit.design.group_names)
    effect = np.zeros(len(fit.variance))
    square = np.zeros(len(fit.variance))
    own = {i: unscaled_covariance(fit, i, i) for i in weights}
    for i, a in weights.items():
        effect += a * (
            fit.group_coefficients[i] if i < n_groups else fit.covariate_coefficients[i - n_groups]
        )
        square += a**2 * own[i]
        for j, b in weights.items():
            if j <= i:
                continue
            if correlation is None:
                square += 2 * a * b * unscaled_covariance(fit, i, j)
            else:
                square += 2 * a * b * correlation[i, j] * np.sqrt(own[i] * own[j])
    return effect, np.sqrt(square)
