"""The command that tells the whole story of an embedding."""

from typing import Annotated

import typer

from cellaxes.cli._options import Data, Jobs, Layer, Levels, Out, RandomState, Seeds


def profile(
    data: Data,
    labels: Annotated[str, typer.Option("--labels", help="obs column: cell type.")],
    out: Out,
    rep: Annotated[
        str | None,
        typer.Option("--rep", help="Key of the embedding in obsm; else --model makes it."),
    ] = None,
    batch: Annotated[
        str | None, typer.Option("--batch", help="obs column: what features should not know.")
    ] = None,
    donor: Annotated[
        str | None, typer.Option("--donor", help="obs column: donor, held out whole.")
    ] = None,
    ontology_id: Annotated[
        str | None, typer.Option("--ontology-id", help="obs column: ids of the labels.")
    ] = None,
    layer: Layer = None,
    gene_names: Annotated[
        str | None, typer.Option("--gene-names", help="Column of var with gene symbols.")
    ] = None,
    gene_sets: Annotated[
        list[str],
        typer.Option("--gene-sets", help="hallmark, reactome, go_bp, none, or a .gmt file."),
    ] = ["hallmark", "reactome", "go_bp"],  # noqa: B006
    model: Annotated[
        str, typer.Option("--model", help="Representation on the noise axis.")
    ] = "pca",
    tree: Annotated[
        str, typer.Option("--tree", help="ontology, or data: for labels that are no terms.")
    ] = "ontology",
    levels: Levels = 7,
    seeds: Seeds = 2,
    jobs: Jobs = None,
    random_state: RandomState = 0,
) -> None:
    """Tell on one page what an embedding knows, what its axes mean, and how deep to sequence.

    Example: cellaxes profile cells.h5ad --labels cell_type --donor donor_id --out profile
    """
    from cellaxes.verbs import profile as run_profile

    report = run_profile(
        data,
        labels,
        rep,
        out=out,
        batch=batch,
        donor=donor,
        ontology_id=ontology_id,
        layer=layer,
        gene_names=gene_names,
        gene_sets=[] if gene_sets == ["none"] else gene_sets,
        model=model,
        tree=tree,
        n_levels=levels,
        n_seeds=seeds,
        n_jobs=jobs,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(f"\n{out / 'report.html'}")
