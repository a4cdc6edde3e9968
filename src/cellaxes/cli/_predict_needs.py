"""The command that puts predictors on the noise axis."""

from pathlib import Path
from typing import Annotated

import typer

from cellaxes.cli._options import Layer, Out, RandomState


def predict_needs(
    data: Annotated[Path, typer.Argument(help="An .h5ad file of single cells with raw counts.")],
    out: Out,
    compound: Annotated[
        str, typer.Option("--compound", help="Column of obs with the compound of each cell.")
    ] = "compound",
    control: Annotated[
        str, typer.Option("--control", help="Its value for untreated cells.")
    ] = "control",
    context: Annotated[
        str, typer.Option("--context", help="Column with the cell type, line or other context.")
    ] = "context",
    sample: Annotated[
        str,
        typer.Option(
            "--sample", help="Column with the well or donor: its cells are summed; the replicates."
        ),
    ] = "sample",
    covariate: Annotated[
        list[str] | None,
        typer.Option("--covariate", help="Column to adjust for, e.g. the donor; repeat."),
    ] = None,
    layer: Layer = None,
    split: Annotated[
        str,
        typer.Option(
            "--split", help="What is asked: as in `predict evaluate`, e.g. few-shot or random."
        ),
    ] = "few-shot",
    contexts: Annotated[
        list[str] | None,
        typer.Option("--contexts", help="To hold out, by commas; few-shot, zero-shot."),
    ] = None,
    bridge: Annotated[
        int | None, typer.Option("--bridge", help="Compounds of them that train; few-shot.")
    ] = None,
    held_out: Annotated[
        float | None, typer.Option("--held-out", help="Share of the rows; random, leave-compound.")
    ] = None,
    predictor: Annotated[
        list[str], typer.Option("--predictor", help="Baseline or model by name; repeat.")
    ] = ["compound_mean", "kernel_gp"],  # noqa: B006
    share: Annotated[
        float, typer.Option("--share", help="Of the information of all cells to be kept.")
    ] = 0.9,
    levels: Annotated[int, typer.Option("--levels", min=2, help="Numbers of cells per well.")] = 6,
    min_cells: Annotated[
        float, typer.Option("--min-cells", min=1, help="The lowest of them, a median.")
    ] = 2.0,
    depths: Annotated[int, typer.Option("--depths", min=1, help="Number of depths.")] = 5,
    min_depth: Annotated[
        float | None,
        typer.Option("--min-depth", help="Lowest depth, UMIs per cell; else 1/32 of the full."),
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Draws of cells.")] = 3,
    jobs: Annotated[int, typer.Option("--jobs", min=1, help="Worker processes.")] = 1,
    random_state: RandomState = 0,
) -> None:
    """Say how many cells per well, and how deep, predictors of responses need.

    Example: cellaxes predict needs screen.h5ad --compound sm_name --control DMSO
    --context cell_type --sample well --out needs
    """
    from cellaxes.verbs import predictor_needs

    report = predictor_needs(
        data,
        split,
        contexts or None,
        out=out,
        compound=compound,
        control=control,
        context=context,
        sample=sample,
        covariates=covariate or (),
        layer=layer,
        bridge=bridge,
        held_out=held_out,
        predictors=predictor,
        share=share,
        n_levels=levels,
        min_cells=min_cells,
        n_depths=depths,
        min_depth=min_depth,
        n_seeds=seeds,
        n_jobs=jobs,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(f"\n{out / 'report.html'}")
