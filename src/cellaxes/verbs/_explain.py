"""Explain: sparse features of an embedding, their meaning, and how far it can be trusted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from anndata.utils import make_index_unique
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import counts_name, counts_of, obs_column, obsm_matrix, read_h5ad
from cellaxes._core.errors import InputError, near
from cellaxes._core.files import out_dir
from cellaxes._core.matrix import (
    Counts,
    by_rows,
    check_counts,
    csr_rows,
    row_blocks,
    shape_of,
)
from cellaxes._core.version import __version__
from cellaxes.embed import Model
from cellaxes.embed import load as load_model
from cellaxes.features import (
    annotate,
    batch_eta_squared,
    choose_k,
    evaluate,
    fit_many,
    label_scores,
    metrics,
    preflight,
    stability,
)
from cellaxes.features import gene_sets as read_gene_sets
from cellaxes.report import ExplainReport
from cellaxes.verbs._depths import feature_depths

MAPS = ("X_umap", "X_tsne")
"""Where cells are drawn, if there: the first that is; else two principal components."""


def explain(
    data: anndata.AnnData | str | Path,
    rep: str,
    *,
    out: str | Path,
    labels: str | None = None,
    batch: str | None = None,
    groups: str | None = None,
    layer: str | None = None,
    gene_names: str | None = None,
    gene_sets: Sequence[str] = ("hallmark", "reactome", "go_bp"),
    arch: str = "auto",
    n_features: int | None = None,
    k: float | str | None = None,
    preset: str | None = None,
    model: Model | str | Path | None = None,
    n_seeds: int = 4,
    device: str = "cpu",
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> ExplainReport:
    """Train sparse features of an embedding, read what they mean, and write the page.

    Parameters
    ----------
    data
        AnnData with the embedding and UMI counts, or the path of its ``.h5ad`` file. An AnnData
        receives ``obsm["X_sae"]`` and the settings in ``uns``.
    rep
        Key of the embedding in ``obsm``.
    out
        Folder that receives the page, the tables and the features; earlier ones are replaced.
    labels, batch, groups
        Columns of ``obs``: cell type; batch; donor, of whom half are held out where labels judge.
    layer
        Where the counts are: a layer, ``"raw"`` for ``raw.X``, None for ``X``.
    gene_names
        Column of ``var`` with gene symbols, where ``var_names`` are something else.
    gene_sets
        Packaged sets by name, or ``.gmt`` files; empty for none.
    arch, n_features, preset, device
        As of ``cx.features.fit``.
    k
        Mean number of active features per cell, or ``"stability"``: chosen so that most features
        come back in every seed.
    model
        Model that made the embedding, or the folder where it was saved: with ``labels``, says how
        many UMIs per cell each feature needs.
    n_seeds
        Models trained; the first is explained, the others say which of its features are stable.
    random_state
        Seed of the first model; the others follow.
    name
        What the page calls the data.
    progress
        Whether bars are shown.

    Raises
    ------
    InputError
        If a key is missing, values are no counts, or as ``cx.features.fit``.
    """
    folder = out_dir(out)
    adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data)
    title = name or (str(Path(data).stem) if not isinstance(data, anndata.AnnData) else "cells")
    z = obsm_matrix(adata, rep).astype(np.float32)
    counts, genes = read_counts(adata, layer, gene_names)
    known = {column: obs_column(adata, column) for column in (labels, batch, groups) if column}
    label = None if labels is None else known[labels].astype(str).to_numpy()
    donor = None if groups is None else known[groups].astype(str).to_numpy()
    batches = None if batch is None else known[batch].astype(str).to_numpy()
    sets = read_gene_sets(list(gene_sets)) if gene_sets else None
    if sets is not None:
        sets.indicator(genes)  # refuses sets without genes of the data, before hours of training
    made = load_model(model) if isinstance(model, str | Path) else model
    _check_annotations(z, label, batches, donor=donor, random_state=random_state)
    looked = preflight(
        z,
        {column: known[column] for column in (labels, batch) if column},
        random_state=random_state,
    )
    if isinstance(k, str):
        k = _chosen(k, z, counts=counts, arch=arch, n_features=n_features, device=device,
                    random_state=random_state, progress=progress)  # fmt: skip
    sparse, *others = fit_many(
        z,
        seeds=range(random_state, random_state + n_seeds),
        ks=(k,),
        counts=counts,
        arch=arch,
        n_features=n_features,
        preset=preset,
        device=device,
        progress=progress,
    )
    activations = sparse.encode(z)
    held = stability(sparse, others, z) if others else None
    depths = None
    if made is not None and label is not None:
        depths = feature_depths(
            counts, label, made, features=sparse, embedding=z, random_state=random_state
        )
    drawn, drawn_name = _map(adata, rep, z)
    report = ExplainReport(
        name=title,
        rep=rep,
        model=sparse,
        activations=activations,
        annotation=annotate(
            activations,
            counts,
            genes,
            labels=label,
            batch=batches,
            groups=donor,
            gene_sets=sets,
            stability=None if held is None else held.mean,
            random_state=random_state,
        ),
        stability=held,
        card=evaluate(
            sparse, z, labels=label, groups=donor, others=others, random_state=random_state
        ),
        preflight=looked,
        cells=pd.DataFrame(known, index=adata.obs_names),
        label=labels,
        batch=batch,
        information=depths,
        coordinates=drawn,
        coordinates_name=drawn_name,
    )
    report.write(folder)
    if isinstance(data, anndata.AnnData):
        slot = keys.embedding("sae")
        data.obsm[slot] = activations
        data.uns[keys.params(slot)] = {
            "params": {"use_rep": rep, "random_state": random_state} | sparse.config.to_dict(),
            "version": __version__,
        }
    return report


def _check_annotations(
    z: NDArray[np.float32],
    label: NDArray[Any] | None,
    batches: NDArray[Any] | None,
    *,
    donor: NDArray[Any] | None,
    random_state: int,
) -> None:
    """Refuse annotations that nothing can be read from, before hours of training."""
    one = np.abs(z[:, :1])  # any activation will do
    held_out = metrics.hold_out(len(z), groups=donor, random_state=random_state)
    if batches is not None:
        batch_eta_squared(one, batches, labels=label)
    if label is not None:
        label_scores(one, label, groups=donor, random_state=random_state)
        metrics.concept_f1(one, label, held_out)


def read_counts(
    adata: anndata.AnnData, layer: str | None, gene_names: str | None
) -> tuple[Counts, NDArray[np.str_]]:
    """Return checked counts and the symbols of their genes, repeated ones told apart."""
    counts, index = counts_of(adata, layer)
    counts = by_rows(counts)
    raw = layer == "raw" and "raw" not in adata.layers
    for start, stop in row_blocks(shape_of(counts)[0]):
        check_counts(csr_rows(counts, start, stop), counts_name(layer), start)
    if gene_names is None:
        if not index.is_unique:
            raise InputError("genes repeat in var_names: call adata.var_names_make_unique() first.")
        return counts, np.asarray(index, dtype=str)
    var = adata.raw.var if raw else adata.var
    if gene_names not in var:
        raise InputError(f"var has no column {gene_names!r}: {near(gene_names, var.columns)}")
    symbols = make_index_unique(pd.Index(var[gene_names].astype(str)))
    return counts, np.asarray(symbols, dtype=str)


def _chosen(
    k: str,
    z: NDArray[np.float32],
    *,
    counts: Counts,
    arch: str,
    n_features: int | None,
    device: str,
    random_state: int,
    progress: bool,
) -> float:
    """Return the number of active features at which most come back."""
    if k != "stability":
        raise InputError(f"k must be a number or 'stability', but is {k!r}.")
    return choose_k(
        z,
        counts=counts,
        arch=arch,
        n_features=n_features,
        device=device,
        random_state=random_state,
        progress=progress,
    ).k


def _map(
    adata: anndata.AnnData, rep: str, z: NDArray[np.float32]
) -> tuple[NDArray[np.floating], str]:
    """Return where cells are drawn, and what that is."""
    for key in MAPS:
        if key in adata.obsm:
            return obsm_matrix(adata, key)[:, :2], key
    centred = z - z.mean(axis=0)
    axes = np.linalg.svd(centred[:: max(1, len(z) // 20_000)], full_matrices=False)[2][:2]
    return centred @ axes.T, f"two principal components of {rep}"
