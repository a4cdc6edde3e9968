"""Explain: sparse features of an embedding, their meaning, and how far it can be trusted."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import obs_column, obsm_matrix, read_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import array_identity, identity
from cellaxes._core.folders import receiving
from cellaxes._core.matrix import Counts
from cellaxes._core.version import __version__
from cellaxes.embed import SCVI, Model
from cellaxes.embed import load as load_model
from cellaxes.features import (
    Decoder,
    LinearDecoder,
    SCVIDecoder,
    annotate,
    choose_k,
    effects,
    evaluate,
    fit_many,
    forget_checkpoint,
    preflight,
    stability,
)
from cellaxes.features import gene_sets as read_gene_sets
from cellaxes.report import ExplainReport
from cellaxes.verbs._depths import feature_depths
from cellaxes.verbs._inputs import check_annotations, check_made, read_counts

DECODED = 64
"""Cells on which the effect of a feature on genes is averaged."""
TRAINING = ".training"
"""Checkpoints inside the folder, until the result is complete."""
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
    parents: str | None = None,
    layer: str | None = None,
    gene_names: str | None = None,
    gene_sets: Sequence[str] = ("hallmark", "reactome", "go_bp"),
    arch: str = "auto",
    n_features: int | None = None,
    k: float | str | None = None,
    preset: str | None = None,
    model: Model | str | Path | None = None,
    peers: bool = False,
    n_seeds: int = 4,
    device: str = "cpu",
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> ExplainReport:
    """Train sparse features of an embedding, read what they mean, and write the page.

    Interrupted or killed while it trains, the same call goes on from the last minute.

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
    parents
        Column of ``obs``: coarser label (lineage of the cell type), along which absorption is
        measured.
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
        Model that made the embedding, or the folder where it was saved. An scVI decodes features
        to genes, else a linear map does; with ``labels``, says how many UMIs per cell each
        feature needs.
    peers
        Whether the run card shows independent components and varimax as well.
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
    with receiving(out) as folder:
        adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data)
        title = name or (str(Path(data).stem) if not isinstance(data, anndata.AnnData) else "cells")
        z = obsm_matrix(adata, rep).astype(np.float32)
        counts, genes = read_counts(adata, layer, gene_names)
        known = {
            column: obs_column(adata, column)
            for column in (labels, batch, groups, parents)
            if column
        }
        label = None if labels is None else known[labels].astype(str).to_numpy()
        donor = None if groups is None else known[groups].astype(str).to_numpy()
        batches = None if batch is None else known[batch].astype(str).to_numpy()
        sets = read_gene_sets(list(gene_sets)) if gene_sets else None
        if sets is not None:
            sets.indicator(genes)  # refuses sets without genes of the data before it trains
        made = load_model(model) if isinstance(model, str | Path) else model
        if made is not None:
            check_made(z, made.transform(counts))
        coarse = None if parents is None else known[parents].astype(str).to_numpy()
        check_annotations(z, label, batches, donor=donor, parents=coarse, random_state=random_state)
        looked = preflight(
            z,
            {column: known[column] for column in (labels, batch) if column},
            random_state=random_state,
        )
        wishes = (layer, arch, n_features, k, preset, n_seeds, device, random_state, __version__)
        training = folder / TRAINING / identity([array_identity([z]), *wishes])[:16]
        if isinstance(k, str):
            k = _chosen(k, z, counts=counts, arch=arch, n_features=n_features, device=device,
                        checkpoint=training / "of_k", random_state=random_state,
                        progress=progress)  # fmt: skip
        sparse, *others = fit_many(
            z,
            seeds=range(random_state, random_state + n_seeds),
            ks=(k,),
            counts=counts,
            arch=arch,
            n_features=n_features,
            preset=preset,
            device=device,
            checkpoint=training / "of_features",
            progress=progress,
        )
        activations = sparse.encode(z)
        held = stability(sparse, others, z) if others else None
        depths = None
        if made is not None and label is not None:
            depths = feature_depths(
                counts, label, made, features=sparse, embedding=z, random_state=random_state
            )
        decoder, decoder_name = _decoder(made, z, counts, genes)
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
                stability=None if held is None else held.worst,
                lfc=effects(sparse, decoder, z, n_cells=DECODED, random_state=random_state),
                random_state=random_state,
            ),
            stability=held,
            card=evaluate(
                sparse,
                z,
                labels=label,
                groups=donor,
                parents=coarse,
                counts=counts,
                decoder=decoder,
                others=others,
                peers=peers,
                random_state=random_state,
            ),
            decoder=decoder_name,
            preflight=looked,
            cells=pd.DataFrame(known, index=adata.obs_names),
            label=labels,
            batch=batch,
            information=depths,
            coordinates=drawn,
            coordinates_name=drawn_name,
        )
        report.write(folder)
        _forget(folder / TRAINING)
        if isinstance(data, anndata.AnnData):
            slot = keys.embedding("sae")
            data.obsm[slot] = activations
            data.uns[keys.params(slot)] = {
                "params": {"use_rep": rep, "random_state": random_state} | sparse.config.to_dict(),
                "version": __version__,
            }
        return report


def _forget(training: Path) -> None:
    """Remove all checkpoints but those at which another process trains."""
    for kept in training.glob("*/of_*"):
        forget_checkpoint(kept)
    for folder in (*training.glob("*"), training):
        with suppress(OSError):  # somebody trains there
            folder.rmdir()


def _chosen(
    k: str,
    z: NDArray[np.float32],
    *,
    counts: Counts,
    arch: str,
    n_features: int | None,
    device: str,
    checkpoint: Path,
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
        checkpoint=checkpoint,
        random_state=random_state,
        progress=progress,
    ).k


def _decoder(
    made: Model | None, z: NDArray[np.float32], counts: Counts, genes: NDArray[np.str_]
) -> tuple[Decoder, str]:
    """Return what turns the embedding into genes, and what that is."""
    if isinstance(made, SCVI):
        return SCVIDecoder(made, genes), "scVI's own decoder"
    return LinearDecoder.fit(z, counts, genes), "a linear map to log expression"


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
