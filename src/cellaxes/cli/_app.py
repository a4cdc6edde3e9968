"""The typer application: it parses, calls a room, prints; it computes nothing itself."""

import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from cellaxes._core.errors import CellaxesError
from cellaxes._core.version import __version__
from cellaxes.cli._explain import explain_app
from cellaxes.cli._options import (
    Data,
    EstimatorName,
    Jobs,
    Layer,
    Levels,
    MinDepth,
    Models,
    NoiseName,
    Out,
    Permutations,
    RandomState,
    RetryFailed,
    Seeds,
    Signals,
    Sizes,
    Strengths,
    TestFraction,
    Thin,
    show,
)
from cellaxes.cli._predict import predict_app
from cellaxes.cli._profile import profile
from cellaxes.cli._structure import structure_app
from cellaxes.cli._study import study_app
from cellaxes.cli._tables import fit, plan, zoo

app = typer.Typer(
    name="cellaxes",
    help="How much biology does a cell embedding hold, and what limits it?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(profile)
app.add_typer(study_app, name="study")
app.add_typer(explain_app, name="explain")
app.add_typer(structure_app, name="structure")
app.add_typer(predict_app, name="predict")


class _Stopped(BaseException):
    """Ctrl-C or SIGTERM; no KeyboardInterrupt, which typer would end without a word."""


def main() -> None:
    """Run the command line.

    A mistake in the input ends with one sentence and exit code 2; Ctrl-C and SIGTERM end with one
    sentence and the exit code of the signal, 130 and 143.
    """

    def stop(number: int, _frame: FrameType | None) -> None:
        raise _Stopped(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        app()
    except CellaxesError as error:
        print(f"cellaxes: {error}", file=sys.stderr)  # noqa: T201
        raise SystemExit(2) from None
    except _Stopped as stopped:
        number = stopped.args[0]
        word = "interrupted" if number == signal.SIGINT else "told to stop"
        print(  # noqa: T201
            f"\ncellaxes: {word}; what is finished is kept: run the same command again to go on.",
            file=sys.stderr,
        )
        raise SystemExit(128 + number) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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
    show(report, out)


@app.command()
def measure(
    data: Data,
    signal: Signals,
    out: Out,
    model: Models = None,
    layer: Layer = None,
    levels: Levels = 10,
    min_depth: MinDepth = 10.0,
    size: Sizes = None,
    test_fraction: TestFraction = 0.5,
    seeds: Seeds = 3,
    estimator: EstimatorName = "auto",
    permutations: Permutations = 5,
    thin: Thin = ["both"],  # noqa: B006
    noise: NoiseName = None,
    strength: Strengths = None,
    jobs: Jobs = None,
    random_state: RandomState = 0,
    retry_failed: RetryFailed = False,
) -> None:
    """Measure how much of a signal embeddings hold as noise grows, and fit the law.

    Example: cellaxes measure cells.h5ad --signal label:cell_type --out study
    """
    from cellaxes.verbs import measure as run_measure

    report = run_measure(
        data,
        signal,
        out=out,
        models=model or None,
        layer=layer,
        n_levels=levels,
        min_depth=min_depth,
        sizes=size,
        test_fraction=test_fraction,
        n_seeds=seeds,
        estimator=estimator,
        n_permutations=permutations,
        thin=thin,
        noise=noise,
        strengths=strength or None,
        n_jobs=jobs,
        random_state=random_state,
        retry_failed=retry_failed,
    )
    show(report, out)


for _command in (fit, plan, zoo):
    app.command()(_command)
