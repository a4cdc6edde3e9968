"""Options that commands share."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cellaxes._core.errors import InputError

Out = Annotated[Path, typer.Option("--out", help="Folder that receives the page and the tables.")]
RandomState = Annotated[int, typer.Option("--random-state", min=0, help="Seed.")]
Table = Annotated[Path, typer.Argument(help="A tidy .csv, .tsv or .parquet table.")]
By = Annotated[str, typer.Option("--by", help="Columns that name a curve or model, by commas.")]
Level = Annotated[
    str | None, typer.Option("--level", help="Column that marks replicates of one depth.")
]
Data = Annotated[
    Path,
    typer.Argument(
        help="An .h5ad file with UMI counts; or images (.npz, a folder) or sequences (FASTA)."
    ),
]
Folder = Annotated[Path, typer.Argument(help="Folder of a study.")]
Signals = Annotated[
    list[str],
    typer.Option(
        "--signal",
        help="label:OBS_KEY, protein:OBSM_KEY, measurement:OBSM_KEY, time:OBS_KEY, "
        "clone:OBS_KEY@TIME_KEY, space:OBSM_KEY@SECTION_KEY, or hierarchy:OBS_KEY for a curve per "
        "level of cell identity.",
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="name, name:key=value,… or precomputed:OBSM_KEY; "
        "repeat for several. Default: pca and "
        "random_projection for counts.",
    ),
]
Layer = Annotated[
    str | None,
    typer.Option("--layer", "--counts", help="Where the counts are: a layer, or raw for raw.X."),
]
Levels = Annotated[int, typer.Option("--levels", min=1, help="Number of depths or noise levels.")]
MinDepth = Annotated[
    float, typer.Option("--min-depth", help="Lowest depth of counts, UMIs per cell.")
]
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
NoiseName = Annotated[
    str | None,
    typer.Option(
        "--noise",
        help="Of counts thinning; of images gaussian, pooling or photons; of sequences "
        "substitution, blosum62, masking or truncation. Default: the first of these.",
    ),
]
Strengths = Annotated[
    list[float] | None,
    typer.Option(
        "--strength", help="A level of the noise of images or sequences; repeat for several."
    ),
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Worker processes.")]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Do failed runs again.")]


def show(report: Any, out: Path) -> None:
    """Print the main numbers, and where the page is."""
    from cellaxes.report import brief

    typer.echo(brief(report))
    typer.echo(f"\n{out / 'report.html'}")
    if len(report.failures):
        raise typer.Exit(1)


def named(words: list[str] | None, option: str) -> dict[str, Path]:
    """Return the files of ``NAME=FILE``."""
    found: dict[str, Path] = {}
    for word in words or []:
        name, _, path = word.partition("=")
        if not name or not path:
            raise InputError(f"{option} takes NAME=FILE, not {word!r}.")
        if name in found:
            raise InputError(f"{option} names {name!r} twice.")
        found[name] = Path(path)
    return found
