"""The commands that explain an embedding and steer its features."""

from pathlib import Path
from typing import Annotated

import typer

from cellaxes._core.errors import InputError
from cellaxes.cli._groups import READ, DataFirst
from cellaxes.cli._options import Data, Layer, Out, RandomState

explain_app = typer.Typer(
    cls=DataFirst,
    no_args_is_help=True,
    help="What the axes of an embedding mean: explain cells.h5ad --rep X_scVI --out DIR. "
    "Its options: explain cells --help.",
)

Rep = Annotated[str, typer.Option("--rep", help="Key of the embedding in obsm.")]
GeneNames = Annotated[
    str | None, typer.Option("--gene-names", help="Column of var with gene symbols.")
]


@explain_app.command(READ)
def explain(
    data: Data,
    rep: Rep,
    out: Out,
    labels: Annotated[str | None, typer.Option("--labels", help="obs column: cell type.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="obs column: batch.")] = None,
    groups: Annotated[
        str | None, typer.Option("--groups", help="obs column: donor, held out whole.")
    ] = None,
    parents: Annotated[
        str | None, typer.Option("--parents", help="obs column: coarser label, for absorption.")
    ] = None,
    layer: Layer = None,
    gene_names: GeneNames = None,
    gene_sets: Annotated[
        list[str],
        typer.Option("--gene-sets", help="hallmark, reactome, go_bp, none, or a .gmt file."),
    ] = ["hallmark", "reactome", "go_bp"],  # noqa: B006
    arch: Annotated[str, typer.Option("--arch", help="auto, or an architecture by name.")] = "auto",
    n_features: Annotated[int | None, typer.Option("--features", min=1, help="Width.")] = None,
    k: Annotated[
        str | None, typer.Option("--k", help="Active features per cell, or stability.")
    ] = None,
    preset: Annotated[str | None, typer.Option("--preset", help="sparsesc.")] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Saved model of the embedding: UMIs each feature needs."),
    ] = None,
    peers: Annotated[
        bool, typer.Option("--peers", help="Judge independent components and varimax as well.")
    ] = False,
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="Models trained.")] = 4,
    device: Annotated[str, typer.Option("--device", help="Of PyTorch: cpu, cuda.")] = "cpu",
    random_state: RandomState = 0,
) -> None:
    """Train sparse features of an embedding, and read their genes, labels and leaks.

    Example: cellaxes explain cells.h5ad --rep X_scVI --labels cell_type --out explained
    """
    from cellaxes.verbs import explain as run_explain

    report = run_explain(
        data,
        rep,
        out=out,
        labels=labels,
        batch=batch,
        groups=groups,
        parents=parents,
        layer=layer,
        gene_names=gene_names,
        gene_sets=[] if gene_sets == ["none"] else gene_sets,
        arch=arch,
        n_features=n_features,
        k=_number(k) if k not in (None, "stability") else k,
        preset=preset,
        model=model,
        peers=peers,
        n_seeds=seeds,
        device=device,
        random_state=random_state,
    )
    typer.echo(report)
    typer.echo(report.preflight)
    typer.echo(report.card)
    typer.echo(report.annotation)
    typer.echo(f"\n{out / 'report.html'}")


@explain_app.command("steer")
def explain_steer(
    data: Data,
    rep: Rep,
    features: Annotated[Path, typer.Option("--from", help="Folder that explain wrote.")],
    edit: Annotated[
        list[str],
        typer.Option(
            "--edit",
            help="FEATURE:ablate, :set=VALUE, :scale=FACTOR, :percentile=P or :clamp=LOW,HIGH; "
            "repeat for several.",
        ),
    ],
    out: Out,
    cells: Annotated[
        str | None, typer.Option("--cells", help="OBS_KEY=VALUE: change these cells alone.")
    ] = None,
    layer: Layer = None,
    gene_names: GeneNames = None,
    random_state: RandomState = 0,
) -> None:
    """Change features of cells, and say what their genes would do.

    Example: cellaxes explain steer cells.h5ad --rep X_pca --from explained --edit 3:ablate --out s
    """
    from cellaxes.verbs import steer

    chosen = None
    if cells is not None:
        key, equals, value = cells.partition("=")
        if not equals:
            raise InputError(f"--cells must be OBS_KEY=VALUE, not {cells!r}.")
        chosen = (key, value)
    found = steer(
        data,
        rep,
        dict(_edit(words) for words in edit),
        features=features / "features",
        out=out,
        cells=chosen,
        layer=layer,
        gene_names=gene_names,
        random_state=random_state,
    )
    typer.echo(found)
    typer.echo(found.to_frame().head(10).to_string(index=False))


def _edit(words: str) -> tuple[int, tuple[str | float, ...]]:
    """Read ``12:percentile=95`` as feature 12 and its edit."""
    feature, colon, change = words.partition(":")
    if not colon or not feature.isdecimal():
        raise InputError(f"--edit must be as in 12:ablate or 12:percentile=95, not {words!r}.")
    name, _, values = change.partition("=")
    return int(feature), (name, *(_number(value) for value in values.split(",") if value))


def _number(text: str | None) -> float:
    """Read a number that was typed."""
    try:
        return float(text or "")
    except ValueError:
        raise InputError(f"{text!r} is no number.") from None
