"""The commands that fit, use and feed a predictor of responses."""

from pathlib import Path
from typing import Annotated

import typer

from cellaxes._core.errors import InputError
from cellaxes.cli._options import Jobs, Out, RandomState, named

Model = Annotated[Path, typer.Argument(help="Folder of `predict fit`, or the model in it.")]


def predict_fit(
    out: Out,
    table: Annotated[
        Path | None,
        typer.Argument(help="Responses, as `predict evaluate` takes them."),
    ] = None,
    wide: Annotated[
        list[str] | None,
        typer.Option("--wide", help="LAYER=FILE, genes in columns, instead of TABLE; repeat."),
    ] = None,
    wanted: Annotated[
        Path | None,
        typer.Option(
            "--wanted",
            help="Pairs to predict: a table with context and compound, or the competition's id "
            "map. Folds are made in their shape, and they are predicted at once.",
        ),
    ] = None,
    like: Annotated[
        str,
        typer.Option(
            "--like",
            help="What will be asked, where no pairs are named: few-shot context, zero-shot "
            "context, leave compound, scaffold or random rows.",
        ),
    ] = "few-shot context",
    minutes: Annotated[
        float, typer.Option("--minutes", help="Models that would take longer are left out.")
    ] = 10.0,
    search: Annotated[
        float,
        typer.Option("--search", min=0, help="Minutes to search settings of networks before."),
    ] = 0.0,
    level: Annotated[float, typer.Option("--level", help="Of the intervals.")] = 0.9,
    compounds: Annotated[
        Path | None, typer.Option("--compounds", help="Table with SMILES and moa of compounds.")
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option("--without", help="Contexts that do not train, by commas.")
    ] = None,
    jobs: Jobs = None,
    random_state: RandomState = 0,
) -> None:
    """Fit models to responses, join them, and say what the result is worth.

    Example: cellaxes predict fit de_train.parquet --wanted id_map.csv --minutes 10 --out predictor
    """
    from cellaxes.verbs import fit_predictor

    if (table is None) == (not wide):
        raise InputError("name a TABLE, or wide files by --wide LAYER=FILE: one of the two.")
    report = fit_predictor(
        named(wide, "--wide") if table is None else table,
        like if wanted is None else wanted,
        out=out,
        compounds=compounds,
        leave_out=without or (),
        minutes=minutes,
        search=search,
        level=level,
        n_jobs=jobs,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(f"\n{out / 'report.html'}")


def predict_predict(
    model: Model,
    pairs: Annotated[Path, typer.Argument(help="Table with context and compound, or the id map.")],
    out: Out,
) -> None:
    """Predict pairs by a fitted predictor: responses, intervals, what each row is worth.

    Example: cellaxes predict predict predictor pairs.csv --out predicted
    """
    from cellaxes.verbs import predict_responses

    found = predict_responses(model, pairs, out=out)
    doubted = int((found.rows["doubt"] != "").sum())
    typer.echo(f"{found.n_rows} rows x {found.n_genes} genes; {doubted} rows are to be doubted.")
    for reason, n in found.rows["doubt"].value_counts().items():
        if reason:
            typer.echo(f"  {n} rows: {reason}")
    typer.echo(f"\n{out / 'predictions.parquet'}")


def predict_next(
    model: Model,
    out: Out,
    allowed: Annotated[
        Path | None, typer.Option("--allowed", help="Pairs that can be measured; else all.")
    ] = None,
    contexts: Annotated[
        list[str] | None, typer.Option("--contexts", help="In which one can measure, by commas.")
    ] = None,
    measured: Annotated[
        Path | None, typer.Option("--measured", help="Pairs to leave out: they were measured.")
    ] = None,
    wanted: Annotated[
        Path | None, typer.Option("--wanted", help="Pairs whose error matters; else the allowed.")
    ] = None,
    n: Annotated[int, typer.Option("-n", "--number", min=1, help="How many.")] = 20,
) -> None:
    """Say which pairs to measure next: those that take most of the error away.

    Example: cellaxes predict next predictor --measured train.csv --contexts "B cells" --out next
    """
    from cellaxes.verbs import next_measurements

    found = next_measurements(
        model, allowed, out=out, measured=measured, contexts=contexts or (), wanted=wanted, n=n
    )
    typer.echo(found)
    typer.echo(found.to_frame().to_string(index=False))
    typer.echo(f"\n{out / 'next.csv'}")
