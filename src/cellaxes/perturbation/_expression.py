"""Differential expression of compounds against controls, context by context."""

from collections.abc import Sequence

import anndata
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.adata import counts_name, counts_of
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.perturbation._bayes import squeeze_variances
from cellaxes.perturbation._contrast import Variance, correlation_for, estimate
from cellaxes.perturbation._counts import Array, dense_counts, library_sizes, unique_names
from cellaxes.perturbation._design import column_of, design_of
from cellaxes.perturbation._filter import expressed
from cellaxes.perturbation._least_squares import fit_linear
from cellaxes.perturbation._normalise import tmm
from cellaxes.perturbation._result import ContextFit, DifferentialExpression
from cellaxes.perturbation._samples import Pair, Samples, find_pairs, row_facts
from cellaxes.perturbation._tail import adjusted, t_log10_p
from cellaxes.perturbation._voom import weigh

ALL = "all"
"""Name of the context where there is none."""
JOIN = " | "
"""Between context and compound in the name of a group of a joint fit."""


def differential_expression(
    counts: Counts | pd.DataFrame | anndata.AnnData,
    obs: pd.DataFrame | None = None,
    *,
    compound: str = "compound",
    control: str = "control",
    context: str | None = None,
    covariates: Sequence[str] = (),
    contrasts: Sequence[tuple[str, str]] | None = None,
    genes: ArrayLike | None = None,
    layer: str | None = None,
    donor: str | None = None,
    joint: bool = False,
    filter_genes: bool = False,
    robust: bool = False,
    variance: Variance = "limma",
) -> DifferentialExpression:
    """Test every compound against the control of its context: TMM, voom, moderated t.

    In each context the model ``~ 0 + compound + covariates`` is fitted to the samples
    (pseudobulks) and ``compound - control`` tested in every gene.

    Parameters
    ----------
    counts
        Sums of raw counts ``(n_samples, n_genes)``: matrix, data frame, or an AnnData such as
        `pseudobulk` returns.
    obs
        One row per sample; of an AnnData its own.
    compound
        Column with the compound of each sample.
    control
        Its value for controls, e.g. ``"DMSO"``.
    context
        Column with the context, e.g. cell type; all samples are one context without it.
    covariates
        Columns to adjust for. What depends on columns before it is dropped and named.
    contrasts
        Pairs ``(a, b)`` of compounds to test as a - b, instead of each compound against
        ``control``.
    genes
        Names ``(n_genes,)``, where ``counts`` does not carry them.
    layer
        Of an AnnData: where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    donor
        Column whose distinct values are counted per row, for `quality`.
    joint
        Whether all contexts share one fit (trend, covariates, variances) with a group for each
        context and compound.
    filter_genes
        Whether genes that `filter_by_expression` does not keep are left out of a fit (NaN).
    robust
        Whether the prior of variances is robust.
    variance
        Of a contrast, see `moderated_t`: ``"limma"`` or ``"exact"``.

    Raises
    ------
    InputError
        If counts are negative, not whole or a library is empty; a column is missing; names
        occur twice; a context has no control, no replicates or no variance.

    References
    ----------
    Law et al., Genome Biology 15, R29 (2014); Smyth, SAGMB 3, 3 (2004).
    """
    where, given = "counts", genes
    if isinstance(counts, anndata.AnnData):
        obs = counts.obs if obs is None else obs
        where = counts_name(layer)
        counts, names = counts_of(counts, layer)
        given = names if given is None else given
    elif isinstance(counts, pd.DataFrame) and given is None:
        given = counts.columns
    if obs is None:
        raise InputError("obs is missing: pass the table of samples, one row each.")
    matrix = dense_counts(counts, where)
    if len(obs) != len(matrix):
        raise InputError(f"obs has {len(obs)} rows for {len(matrix)} samples.")
    named = unique_names(
        pd.Index(np.asarray(given) if given is not None else np.arange(matrix.shape[1])), "gene"
    )
    if len(named) != matrix.shape[1]:
        raise InputError(f"there are {len(named)} gene names for {matrix.shape[1]} genes.")
    samples = Samples(
        matrix,
        library_sizes(matrix, None, unique_names(obs.index, "sample"), where),
        obs.reset_index(drop=True),
        column_of(obs, compound).astype(str).to_numpy(),
        np.full(len(obs), ALL)
        if context is None
        else column_of(obs, context).astype(str).to_numpy(),
        None if donor is None else column_of(obs, donor).astype(str).to_numpy(),
    )
    pairs = find_pairs(samples, control, contrasts)
    settings = (covariates, filter_genes, robust, variance)
    if joint:
        blocks = [_fit(samples, ALL, np.arange(len(obs)), pairs, *settings)]
    else:
        blocks = [
            _fit(samples, name, np.flatnonzero(samples.context == name), own, *settings)
            for name in dict.fromkeys(pair[0] for pair in pairs)
            for own in [[pair for pair in pairs if pair[0] == name]]
        ]
    logFC, t, signed, adjusted_p, seen = (
        np.concatenate([block[1][i] for block in blocks]) for i in range(5)
    )
    return DifferentialExpression(
        rows=pd.DataFrame([row_facts(samples, *pair) for pair in pairs]),
        genes=named,
        logFC=logFC,
        t=t,
        signed_log10_p=signed,
        adjusted_p=adjusted_p,
        supported=seen.astype(bool),
        average=np.array([block[2] for block in blocks]),
        fits=tuple(block[0] for block in blocks),
    )


def _fit(
    samples: Samples,
    context: str,
    at: NDArray[np.int64],
    pairs: list[Pair],
    covariates: Sequence[str],
    filter_genes: bool,
    robust: bool,
    variance: Variance,
) -> tuple[ContextFit, tuple[Array, ...], Array]:
    """Return the fit of one set of samples, the five matrices of its rows, the average."""
    counts, sizes = samples.counts[at], samples.sizes[at]
    group = [JOIN.join(g) for g in zip(samples.context[at], samples.compound[at], strict=True)]
    design = design_of(pd.Series(group), samples.obs.iloc[at], covariates)
    n_genes = counts.shape[1]
    kept = expressed(counts, design, sizes) if filter_genes else np.ones(n_genes, dtype=bool)
    try:
        fitted = weigh(counts[:, kept], design, sizes * tmm(counts[:, kept], sizes))
        fit = fit_linear(fitted.E, fitted.weights, design)
        squeezed = squeeze_variances(fit.variance, fit.df, robust=robust)
    except InputError as error:
        raise InputError(f"context {context!r}: {error}") from error
    scale, df = np.sqrt(squeezed.variance), squeezed.total_df
    correlation = correlation_for(fit, variance)
    seen = np.asarray(design.indicator @ counts) > 0
    found = tuple(np.full((len(pairs), n_genes), np.nan) for _ in range(5))
    for row, (place, a, b) in enumerate(pairs):
        i, j = (design.group_names.index(JOIN.join((place, name))) for name in (a, b))
        effect, sd = estimate(fit, {i: 1.0, j: -1.0}, correlation)
        t = effect / (sd * scale)
        log10_p = t_log10_p(t, df)
        values = (effect, t, -np.sign(t) * log10_p, adjusted(log10_p))
        for matrix, value in zip(found, values, strict=False):
            matrix[row, kept] = value
        found[4][row] = seen[i] | seen[j]
    average = np.full(n_genes, np.nan)
    average[kept] = fitted.E.mean(axis=0)
    prior = squeezed.prior_df
    facts = ContextFit(
        context,
        len(at),
        int(kept.sum()),
        fit.df,
        float(prior.min()),
        float(prior.max()),
        squeezed.prior_variance,
        design.dropped,
    )
    return facts, found, average
