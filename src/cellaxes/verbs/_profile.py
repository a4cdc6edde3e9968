"""Profile: one embedding measured, explained, ordered, and put on the noise axis."""

from collections.abc import Sequence
from pathlib import Path

import anndata

from cellaxes._core import keys
from cellaxes._core.adata import obs_column, obsm_matrix, read_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.folders import receiving
from cellaxes.embed import embed, make
from cellaxes.report import ProfileReport
from cellaxes.study import ModelSpec
from cellaxes.verbs._explain import explain
from cellaxes.verbs._measure import measure
from cellaxes.verbs._structure import structure

BESIDE = ("pca", "lda")
"""Adapters that the page of structure shows beside; all of them: `cellaxes structure`."""
SMALLER = 0.5
"""Share of the training cells of the smaller set, which tells what more cells would bring."""


def profile(
    data: anndata.AnnData | str | Path,
    labels: str,
    rep: str | None = None,
    *,
    out: str | Path,
    batch: str | None = None,
    donor: str | None = None,
    ontology_id: str | None = None,
    layer: str | None = None,
    gene_names: str | None = None,
    gene_sets: Sequence[str] = ("hallmark", "reactome", "go_bp"),
    model: str = "pca",
    tree: str = "ontology",
    n_levels: int = 7,
    n_seeds: int = 2,
    n_jobs: int | None = None,
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> ProfileReport:
    """Tell the whole story of an embedding on one page.

    `measure`, `explain` and `structure` are called with what is told here, in folders of their
    own below ``out``: each number of the page stands in one of theirs. Interrupted, the same call
    takes up the measurement where it stopped.

    Parameters
    ----------
    data
        AnnData with UMI counts, or the path of its ``.h5ad`` file. An AnnData receives what
        `explain` and `structure` add, and the embedding where none is named.
    labels
        Column of ``obs``: cell type.
    rep
        Key of the embedding in ``obsm``. Without, ``model`` makes it, and features are put on the
        noise axis too: those of an embedding that was made elsewhere cannot be read again from
        shallower counts.
    out
        Folder that receives the page and the folders ``measure``, ``explain``, ``structure``;
        and ``model``, where the embedding is made here.
    batch, donor
        Columns of ``obs``: what features should not know; what is held out whole.
    ontology_id
        Column of ``obs`` with the ontology id of each cell's type.
    layer, gene_names, gene_sets
        Where the counts are; column of ``var`` with gene symbols; packaged sets by name or
        ``.gmt`` files, empty for none.
    model
        The representation on the noise axis, ``name`` or ``name:key=value,…``.
    tree
        ``"ontology"``, or ``"data"`` for labels that are no terms.
    n_levels, n_seeds, n_jobs
        Depths, replicates and processes of the measurement.
    random_state
        Seed.
    name
        What the page calls the data.
    progress
        Show bars on standard error.

    Raises
    ------
    InputError
        If a key is missing, or as `measure`, `explain` and `structure`.
    """
    if tree not in ("ontology", "data"):
        raise InputError(f"tree must be 'ontology' or 'data', not {tree!r}.")
    adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data)
    for column in (labels, batch, donor):
        if column is not None:
            obs_column(adata, column)
    made = None
    if rep is None:
        spec = ModelSpec.parse(model)
        made = make(spec.name, **spec.params)
        embed(adata, made, layer=layer, random_state=random_state)
        key = keys.embedding(spec.name)
    else:
        key = rep
        obsm_matrix(adata, rep)
    title = name or ("cells" if isinstance(data, anndata.AnnData) else Path(data).stem)
    n_train = adata.n_obs - round(adata.n_obs / 2)
    with receiving(out) as folder:
        measured = measure(
            data,
            [f"hierarchy:{labels}" if tree == "ontology" else f"label:{labels}"],
            out=folder / "measure",
            models=[model] if rep is None else [model, f"precomputed:{rep}"],
            layer=layer,
            n_levels=n_levels,
            sizes=[round(SMALLER * n_train), n_train],
            n_seeds=n_seeds,
            n_permutations=2,
            n_jobs=n_jobs,
            random_state=random_state,
            name=title,
            progress=progress,
        )
        explained = explain(
            adata, key, out=folder / "explain", labels=labels, batch=batch, groups=donor,
            layer=layer, gene_names=gene_names, gene_sets=gene_sets, model=made,
            random_state=random_state, name=title, progress=progress,
        )  # fmt: skip
        structured = structure(
            adata, key, labels, out=folder / "structure", ontology_id=ontology_id, group=donor,
            tree=tree, baselines=BESIDE, study=folder / "measure" if tree == "ontology" else None,
            random_state=random_state, name=title, progress=progress,
        )  # fmt: skip
        maker = None if made is None else made.to_artefact()
        report = ProfileReport(title, key, model, measured, explained, structured, maker)
        report.write(folder)
    return report
