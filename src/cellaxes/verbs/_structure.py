"""Structure: an embedding ordered from coarse to fine, and the proof that it is."""

from collections.abc import Sequence
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from tqdm import tqdm

from cellaxes._core.adata import read_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.folders import receiving
from cellaxes.hierarchy import AnchorTable, Tree, fit_adapter, load_adapter
from cellaxes.report import StructureFacts, StructureReport
from cellaxes.verbs._structure_compare import PARTS, compare
from cellaxes.verbs._structure_inputs import Cells, check_splits, grow, methods_of, read_cells_of
from cellaxes.verbs._structure_kept import command, keep
from cellaxes.verbs._structure_study import Curves, curves_of

ANCHORS = "systems"
"""Anchors unless told otherwise, and those of the levels that a study measures."""


def structure(
    data: anndata.AnnData | str | Path,
    rep: str,
    labels: str,
    *,
    out: str | Path,
    ontology_id: str | None = None,
    group: str | None = None,
    levels: int = 4,
    anchors: AnchorTable | pd.DataFrame | str | Path = ANCHORS,
    tree: str = "ontology",
    allow_unknown: bool = False,
    unknown: str = "Other",
    method: str = "residual",
    baselines: Sequence[str] | None = None,
    published: bool = False,
    n_seeds: int = 3,
    n_cells: int = 10_000,
    study: str | Path | None = None,
    write_cells: bool = False,
    device: str = "cpu",
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> StructureReport:
    """Order an embedding from coarse to fine along its cell types, and measure what that is worth.

    Adapters are fitted to the training cells of every split and asked about cells of groups that
    they never saw, the untouched embedding beside them; then the chosen one is fitted to all cells.

    Parameters
    ----------
    data
        AnnData with the embedding, or the path of its ``.h5ad`` file. An AnnData receives
        ``obsm["X_structure"]`` and ``uns["structure"]``.
    rep
        Key of the embedding in ``obsm``.
    labels
        Column of ``obs``: cell type.
    out
        Folder that receives the page, the tables, the adapter and the new embedding; earlier ones
        are replaced.
    ontology_id
        Column of ``obs`` with the ontology id of each cell's type.
    group
        Column of ``obs``: donor, technology or study, held out whole. Without, random halves of
        the cells, which is optimistic: cells of one donor stand on both sides.
    levels, anchors, allow_unknown, unknown
        As of `cellaxes.hierarchy.tree`: a name, a file or a table of one row per anchor.
    tree
        ``"ontology"``, or ``"data"``: by the distances of the types' centroids, for labels that
        are no terms. Adapters then learn from the tree of their training cells.
    method
        The adapter, one of `cellaxes.hierarchy.show_adapters`.
    baselines
        Adapters that are evaluated beside; None for all but the published one; empty for none.
    published
        Evaluate the published adapter (``"v5"``) too, which is slow.
    n_seeds
        Seeds of splits and fits.
    n_cells
        Cells that are evaluated, at most, drawn by chance; the adapter is fitted to all.
    study
        Folder of a finished `measure` of ``hierarchy:LABELS``, whose curves the page shows.
    write_cells
        Write ``cells.h5ad``, a copy of the data with the new embedding.
    device
        Of PyTorch.
    random_state
        First seed.
    name
        What the page calls the data.
    progress
        Show bars on standard error.

    Returns
    -------
    `StructureReport`; see its ``write`` for the files.

    Raises
    ------
    InputError
        If a key is missing, the embedding has rows that are zero or not finite, there is one class
        only, a label is not in the ontology, or the study is of something else.
    """
    if n_seeds < 1 or n_cells < 20:
        raise InputError(f"n_seeds must be 1 or more and n_cells 20, not {n_seeds} and {n_cells}.")
    chosen = None if baselines is None else tuple(baselines)
    methods = methods_of(method, chosen, published)
    in_memory = isinstance(data, anndata.AnnData)
    with receiving(out) as folder:
        adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data, not write_cells)
        if (folder / "adapter").exists():
            load_adapter(folder / "adapter")  # refuses to replace what is no adapter
        cells = read_cells_of(adata, rep, labels, ontology_id=ontology_id, group=group)

        def regrow(some: Cells) -> Tree:
            return grow(some, tree, levels)

        if tree == "data":
            grown = regrow(cells)
        else:
            said = {"anchors": anchors, "allow_unknown": allow_unknown, "unknown": unknown}
            grown = grow(cells, tree, levels, **said)
        terms = tree == "ontology" and "none" not in set(grown.report["match"])
        if study is not None and not terms:
            raise InputError(
                f"no study measures levels of obs[{labels!r}], whose labels are not all in the "
                "ontology: leave --study away."
            )
        some = cells.sample(n_cells, random_state)
        check_splits(some, PARTS, range(random_state, random_state + n_seeds))
        path = None if in_memory else Path(str(data))
        curves = Curves((), ()) if study is None else curves_of(study, labels, levels, path)
        table = grown.expand(cells.labels)
        with tqdm(desc="adapters", unit="fit", disable=not progress) as bar:
            evaluation = compare(
                some,
                grown,
                methods,
                regrow=regrow if tree == "data" else None,
                n_seeds=n_seeds,
                device=device,
                random_state=random_state,
                bar=bar,
            )
            bar.set_postfix_str("all cells")
            adapter = fit_adapter(
                cells.z,
                table,
                method=method,
                groups=cells.groups,
                tree=grown,
                device=device,
                random_state=random_state,
            )
            bar.update()
        counts = np.unique(cells.groups, return_counts=True) if cells.groups is not None else None
        facts = StructureFacts(
            name=name or ("cells" if path is None else path.stem),
            rep=rep,
            labels=labels,
            group=group,
            groups={} if counts is None else dict(zip(*(c.tolist() for c in counts), strict=True)),
            one_group=cells.one_group,
            method=method,
            tree=tree,
            seeds=tuple(range(random_state, random_state + n_seeds)),
            n_evaluated=len(some.z),
            measure=command(path, labels, levels, ontology_id=ontology_id, terms=terms),
            doubts=(*curves.doubts, *_other_anchors(grown, curves)),
        )
        report = StructureReport(
            facts=facts,
            tree=grown,
            levels=table.set_index(adata.obs_names),
            adapter=adapter,
            evaluation=evaluation,
            embedding=np.asarray(adapter.transform(cells.z), dtype=np.float32),
            first=np.asarray(adapter.transform(cells.z, truncate_dim=adapter.dims[0])),
            cell_groups=cells.groups,
            curves=curves.curves,
        )
        report.write(folder, cells=keep(adata, report) if write_cells else None)
    if in_memory:
        keep(adata, report)
    return report


def _other_anchors(tree: Tree, curves: Curves) -> list[str]:
    """Say where the curves are of levels with other anchors."""
    if not curves.curves or tree.anchors == ANCHORS:
        return []
    return [
        f"the curves are of levels with the anchors {ANCHORS!r}, here they are {tree.anchors!r}"
    ]
