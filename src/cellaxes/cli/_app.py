"""The typer application: it parses, calls a room, prints; it computes nothing itself."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from cellaxes._core.errors import CellaxesError, InputError
from cellaxes._core.version import __version__
from cellaxes.cli._options import Out, RandomState
from cellaxes.cli._tables import fit, plan, zoo

app = typer.Typer(
    name="cellaxes",
    help="How much biology does a cell embedding hold, and what limits it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
TYPED = "COMMANDLINE"
"""Where click says that an option came from, if a person typed it."""
study_app = typer.Typer(no_args_is_help=True, help="A grid of runs: start, resume, watch, read.")
app.add_typer(study_app, name="study")

Data = Annotated[Path, typer.Argument(help="An .h5ad file with UMI counts.")]
Folder = Annotated[Path, typer.Argument(help="Folder of a study.")]
Signals = Annotated[
    list[str],
    typer.Option(
        "--signal",
        help="label:OBS_KEY, protein:OBSM_KEY, measurement:OBSM_KEY, time:OBS_KEY, "
        "clone:OBS_KEY@TIME_KEY or space:OBSM_KEY@SECTION_KEY.",
    ),
]
Models = Annotated[
    list[str], typer.Option("--model", help="name, name:key=value,… or precomputed:OBSM_KEY.")
]
Layer = Annotated[
    str | None, typer.Option("--layer", help="Where the counts are: a layer, or raw for raw.X.")
]
Levels = Annotated[int, typer.Option("--levels", min=1, help="Number of depths.")]
MinDepth = Annotated[float, typer.Option("--min-depth", help="Lowest depth, UMIs per cell.")]
Sizes = Annotated[
    list[int] | None, typer.Option("--size", help="Training cells; repeat for several.")
]
TestFraction = Annotated[float, typer.Option("--test-fraction", help="Share of cells held out.")]
Seeds = Annotated[int, typer.Option("--seeds", min=1, help="Replicates.")]
EstimatorName = Annotated[str, typer.Option("--estimator", help="auto, or one by name.")]
Permutations = Annotated[int, typer.Option("--permutations", min=0, help="For the null.")]
Thin = Annotated[
    list[str],
    typer.Option(
        "--thin", help="Cells to thin: both (training and test), train or query; repeat to compare."
    ),
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Worker processes.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Do failed runs again.")]


def main() -> None:
    """Run the command line; a mistake in the input ends with one sentence and exit code 2."""
    try:
        app()
    except CellaxesError as error:
        print(f"cellaxes: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("cellaxes: interrupted; what is finished is kept.", file=sys.stderr)  # noqa: T201
        raise SystemExit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"cellaxes {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


def _show(report: Any, out: Path) -> None:
    """Print the main numbers, and where the page is."""
    from cellaxes.report import brief

    typer.echo(brief(report))
    typer.echo(f"\n{out / 'report.html'}")
    if len(report.failures):
        raise typer.Exit(1)


@app.command()
def demo(out: Out = Path("demo"), jobs: Jobs = None, random_state: RandomState = 0) -> None:
    """Measure the human pancreas that comes with the extra 'demo'.

    Example: cellaxes demo --out demo
    """
    from cellaxes.datasets import pancreas
    from cellaxes.verbs import measure as run_measure

    report = run_measure(
        pancreas(),
        ["label:cell_type", "label:donor_id"],
        out=out,
        n_jobs=jobs,
        random_state=random_state,
        name="human pancreas",
    )
    _show(report, out)


@app.command()
def measure(
    data: Data,
    signal: Signals,
    out: Out,
    model: Models = ["pca", "random_projection"],  # noqa: B006
    layer: Layer = None,
    levels: Levels = 10,
    min_depth: MinDepth = 10.0,
    size: Sizes = None,
    test_fraction: TestFraction = 0.5,
    seeds: Seeds = 3,
    estimator: EstimatorName = "auto",
    permutations: Permutations = 5,
    thin: Thin = ["both"],  # noqa: B006
    jobs: Jobs = None,
    random_state: RandomState = 0,
    retry_failed: RetryFailed = False,
) -> None:
    """Measure how much of a signal embeddings hold at falling depth, and fit the law.

    Example: cellaxes measure cells.h5ad --signal label:cell_type --out study
    """
    from cellaxes.verbs import measure as run_measure

    report = run_measure(
        data,
        signal,
        out=out,
        models=model,
        layer=layer,
        n_levels=levels,
        min_depth=min_depth,
        sizes=size,
        test_fraction=test_fraction,
        n_seeds=seeds,
        estimator=estimator,
        n_permutations=permutations,
        thin=thin,
        n_jobs=jobs,
        random_state=random_state,
        retry_failed=retry_failed,
    )
    _show(report, out)


for _command in (fit, plan, zoo):
    app.command()(_command)


@study_app.command("run")
def study_run(
    context: typer.Context,
    out: Out,
    data: Annotated[Path | None, typer.Argument(help="An .h5ad file; none resumes --out.")] = None,
    signal: Signals = [],  # noqa: B006
    model: Models = ["pca", "random_projection"],  # noqa: B006
    layer: Layer = None,
    levels: Levels = 10,
    min_depth: MinDepth = 10.0,
    size: Sizes = None,
    test_fraction: TestFraction = 0.5,
    seeds: Seeds = 3,
    estimator: EstimatorName = "auto",
    permutations: Permutations = 5,
    thin: Thin = ["both"],  # noqa: B006
    jobs: Jobs = None,
    random_state: RandomState = 0,
    retry_failed: RetryFailed = False,
) -> None:
    """Carry out what is missing of a study; without DATA, of the one that --out holds.

    Example: cellaxes study run cells.h5ad --signal label:cell_type --out study
    """
    from cellaxes import study

    if data is None:
        free = {"out", "data", "jobs", "retry_failed"}
        given = [
            name
            for name in context.params
            if name not in free and getattr(context.get_parameter_source(name), "name", "") == TYPED
        ]
        if given:
            raise InputError(
                f"--{given[0].replace('_', '-')} belongs to a new study: name its DATA, or leave "
                "the option out to resume the study in --out."
            )
        spec, material = study.Store(out).read_spec(), None
    else:
        spec, material = study.prepare(
            data,
            signal,
            models=model,
            layer=layer,
            n_levels=levels,
            min_depth=min_depth,
            sizes=size,
            test_fraction=test_fraction,
            n_seeds=seeds,
            estimator=estimator,
            n_permutations=permutations,
            thin=thin,
            random_state=random_state,
        )
    failed = study.run(spec, out, material=material, n_jobs=jobs, retry_failed=retry_failed)
    study_status(out)
    if failed:
        raise typer.Exit(1)


@study_app.command("status")
def study_status(out: Folder) -> None:
    """Say how many runs are done, failed and missing.

    Example: cellaxes study status study
    """
    from cellaxes.study import status

    typer.echo(", ".join(f"{name} {count}" for name, count in status(out).items()))


@study_app.command("collect")
def study_collect(folder: Folder) -> None:
    """Write the tables and the page of a study, from the runs that are finished.

    Example: cellaxes study collect study
    """
    from cellaxes.verbs import summarise

    report = summarise(folder)
    report.write(folder)
    _show(report, folder)
