"""The command that orders an embedding from coarse to fine and measures what that is worth."""

from pathlib import Path
from typing import Annotated

import typer

from cellaxes.cli._options import Out, RandomState


def structure_cells(
    data: Annotated[Path, typer.Argument(help="An .h5ad file with an embedding.")],
    rep: Annotated[str, typer.Option("--rep", help="Key of the embedding in obsm.")],
    labels: Annotated[str, typer.Option("--labels", help="obs column: cell type.")],
    out: Out,
    ontology_id: Annotated[
        str | None, typer.Option("--ontology-id", help="obs column: ids of the labels.")
    ] = None,
    group: Annotated[
        str | None,
        typer.Option("--group", help="obs column: donor, technology or study, held out whole."),
    ] = None,
    levels: Annotated[int, typer.Option("--levels", help="Depth of the tree, 2 to 6.")] = 4,
    anchors: Annotated[
        str, typer.Option("--anchors", help="systems, cellxgene, or a table of your own.")
    ] = "systems",
    tree: Annotated[
        str,
        typer.Option("--tree", help="ontology, or data: from the embedding, for other labels."),
    ] = "ontology",
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Put labels of no term apart.")
    ] = False,
    unknown: Annotated[str, typer.Option("--unknown", help="Group of such labels.")] = "Other",
    method: Annotated[str, typer.Option("--method", help="The adapter.")] = "residual",
    baseline: Annotated[
        list[str] | None,
        typer.Option("--baseline", help="Adapter to evaluate beside; repeat, or none."),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Evaluate the published adapter too (slow).")
    ] = False,
    study: Annotated[
        Path | None,
        typer.Option("--study", help="Folder that measure wrote for hierarchy:LABELS."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Of splits and fits.")] = 3,
    cells: Annotated[
        int, typer.Option("--cells", min=20, help="Cells that are evaluated, at most.")
    ] = 10_000,
    write_cells: Annotated[
        bool, typer.Option("--write-cells", help="Write cells.h5ad with the new embedding.")
    ] = False,
    device: Annotated[str, typer.Option("--device", help="Of PyTorch: cpu, cuda.")] = "cpu",
    random_state: RandomState = 0,
) -> None:
    """Order an embedding from coarse to fine, and say on held-out donors what that is worth.

    Example: cellaxes structure cells.h5ad --rep X_scVI --labels cell_type --group donor_id --out s
    """
    from cellaxes.verbs import structure

    report = structure(
        data,
        rep,
        labels,
        out=out,
        ontology_id=ontology_id,
        group=group,
        levels=levels,
        anchors=anchors,
        tree=tree,
        allow_unknown=allow_unknown,
        unknown=unknown,
        method=method,
        baselines=[] if baseline == ["none"] else baseline,
        published=published,
        n_seeds=seeds,
        n_cells=cells,
        study=study,
        write_cells=write_cells,
        device=device,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(f"\n{out / 'report.html'}")
