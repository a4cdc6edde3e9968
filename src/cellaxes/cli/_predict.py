"""The commands that predict what compounds do to cells, and judge predictions."""

from pathlib import Path
from typing import Annotated

import typer

from cellaxes._core.errors import InputError
from cellaxes.cli._options import Out, RandomState, named
from cellaxes.cli._predict_fit import predict_fit, predict_next, predict_predict
from cellaxes.cli._predict_needs import predict_needs

predict_app = typer.Typer(
    no_args_is_help=True,
    help="Predict what compounds do to cells, and say what a prediction is worth.",
)


predict_app.command("fit")(predict_fit)
predict_app.command("predict")(predict_predict)
predict_app.command("next")(predict_next)
predict_app.command("needs")(predict_needs)


@predict_app.command("evaluate")
def predict_evaluate(
    out: Out,
    table: Annotated[
        Path | None,
        typer.Argument(
            help="Responses: our .h5ad, that of Open Problems 3, the competition's .parquet, or a "
            "long .csv, .tsv or .parquet file."
        ),
    ] = None,
    wide: Annotated[
        list[str] | None,
        typer.Option("--wide", help="LAYER=FILE, genes in columns, instead of TABLE; repeat."),
    ] = None,
    split: Annotated[
        str,
        typer.Option(
            "--split",
            help="random, few-shot, zero-shot, leave-compound, scaffold, moa, joint, donor or "
            "plate.",
        ),
    ] = "few-shot",
    contexts: Annotated[
        list[str] | None,
        typer.Option("--contexts", help="To hold out, by commas; few-shot, zero-shot, joint."),
    ] = None,
    bridge: Annotated[
        int | None, typer.Option("--bridge", help="Compounds of them that train; few-shot.")
    ] = None,
    bridge_file: Annotated[
        Path | None,
        typer.Option("--bridge-file", help="Their names, one a line, or a table; few-shot."),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            "--held-out", help="Share of the rows, or names, by commas; all but few- and zero-shot."
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="compound, scaffold or moa; joint.")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option("--seeds", min=1, help="Draws of the split: 3, or 1 with predictions."),
    ] = None,
    layer: Annotated[
        str, typer.Option("--layer", help="signed_log10_p, t or logFC.")
    ] = "signed_log10_p",
    prediction: Annotated[
        list[str] | None,
        typer.Option("--prediction", help="NAME=FILE, of the same rows and genes; repeat."),
    ] = None,
    sd: Annotated[
        list[str] | None,
        typer.Option("--sd", help="NAME=FILE with standard deviations of a prediction; repeat."),
    ] = None,
    models_folder: Annotated[
        Path | None,
        typer.Option(
            "--models-folder", help="Folder of predictions, NAME.parquet and NAME.sd.parquet."
        ),
    ] = None,
    replicate: Annotated[
        Path | None, typer.Option("--replicate", help="A second table of the rows: the ceiling.")
    ] = None,
    compounds: Annotated[
        Path | None, typer.Option("--compounds", help="Table with SMILES and moa of compounds.")
    ] = None,
    without: Annotated[
        list[str] | None,
        typer.Option("--without", help="Contexts that neither train nor test, by commas."),
    ] = None,
    clip: Annotated[
        float, typer.Option("--clip", min=0, help="Second scale: where values end; 0 for none.")
    ] = 4.0,
    metric: Annotated[
        list[str] | None, typer.Option("--metric", help="Repeat; the first one ranks.")
    ] = None,
    weighted: Annotated[
        bool, typer.Option("--weighted", help="Train baselines with the weights of quality.")
    ] = False,
    random_state: RandomState = 0,
) -> None:
    """Score predictions of responses beside every baseline, on a split that states what it leaks.

    Example: cellaxes predict evaluate de_train.parquet --split few-shot --contexts "NK cells"
    --prediction mlp=mlp.parquet --out predict
    """
    from cellaxes.verbs import evaluate_predictions

    if (table is None) == (not wide):
        raise InputError("name a TABLE, or wide files by --wide LAYER=FILE: one of the two.")
    if bridge is not None and bridge_file is not None:
        raise InputError("--bridge draws compounds and --bridge-file names them: choose one.")
    ready = named(prediction, "--prediction")
    if ready and models_folder is not None:
        raise InputError("name predictions by --prediction or by --models-folder: choose one.")
    report = evaluate_predictions(
        named(wide, "--wide") if table is None else table,
        split,
        contexts,
        out=out,
        bridge=bridge_file if bridge is None else bridge,
        held_out=_share(held_out),
        by=by,
        n_seeds=seeds,
        layer=layer,
        predictions=models_folder or ready,
        sds=named(sd, "--sd"),
        replicates=replicate,
        compounds=compounds,
        leave_out=without or (),
        clip=clip or None,
        metrics=metric,
        weighted=weighted,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(f"\n{out / 'report.html'}")


def _share(words: list[str] | None) -> float | list[str] | None:
    """Return a share where one number was given, else names."""
    if words is not None and len(words) == 1:
        try:
            return float(words[0])
        except ValueError:
            return words
    return words
