"""The commands of a study: plan it, run it on one machine or many, watch it, read it."""

from pathlib import Path
from typing import Annotated, Any

import typer

from cellaxes._core.errors import InputError
from cellaxes.cli._engine_options import (
    Account,
    Address,
    AtOnce,
    EngineName,
    Memory,
    NewData,
    Partition,
    Sbatch,
    Shard,
    Tasks,
    Walltime,
)
from cellaxes.cli._options import (
    EstimatorName,
    Folder,
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

study_app = typer.Typer(no_args_is_help=True, help="A grid of runs: start, resume, watch, read.")

TYPED = "COMMANDLINE"
"""Where click says that an option came from, if a person typed it."""
STOPPED = 75
"""Exit code of a worker that was told to stop (EX_TEMPFAIL): run it again."""
_WORK = {"out", "data", "jobs", "retry_failed", "engine", "scheduler_address"}
_WORK |= {"max_walltime", "tasks", "at_once", "partition", "account", "memory", "sbatch"}
"""Options that say how to work; the others say what the study is."""


def _study(context: typer.Context, data: Path | None, out: Path) -> tuple[Any, Any]:
    """Return the study that the options describe, or without data the one in the folder."""
    from cellaxes import study

    wishes = {name: value for name, value in context.params.items() if name not in _WORK}
    if data is None:
        for name in wishes:
            if getattr(context.get_parameter_source(name), "name", "") == TYPED:
                raise InputError(
                    f"--{name.replace('_', '-')} belongs to a new study: name its DATA, or leave "
                    "the option out to resume the study in --out."
                )
        return study.Store(out).read_spec(), None
    return study.prepare(
        data,
        wishes["signal"],
        models=wishes["model"] or None,
        layer=wishes["layer"],
        n_levels=wishes["levels"],
        min_depth=wishes["min_depth"],
        sizes=wishes["size"],
        test_fraction=wishes["test_fraction"],
        n_seeds=wishes["seeds"],
        estimator=wishes["estimator"],
        n_permutations=wishes["permutations"],
        thin=wishes["thin"],
        noise=wishes["noise"],
        strengths=wishes["strength"] or None,
        random_state=wishes["random_state"],
    )


@study_app.command("run")
def study_run(
    context: typer.Context,
    out: Out,
    data: NewData = None,
    signal: Signals = [],  # noqa: B006
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
    engine: EngineName = "local",
    scheduler_address: Address = None,
    max_walltime: Walltime = None,
    tasks: Tasks = 20,
    at_once: AtOnce = None,
    partition: Partition = None,
    account: Account = None,
    memory: Memory = None,
    sbatch: Sbatch = [],  # noqa: B006
) -> None:
    """Carry out what is missing of a study; without DATA, of the one that --out holds.

    Example: cellaxes study run cells.h5ad --signal label:cell_type --out study
    """
    from cellaxes import study

    if engine == "slurm":
        asked = study.Slurm(
            max_walltime=max_walltime or "04:00:00",
            tasks=tasks,
            at_once=at_once,
            partition=partition,
            account=account,
            memory=memory,
            extra=tuple(sbatch),
        )
        spec, material = _study(context, data, out)
        typer.echo(
            study.submit(spec, out, slurm=asked, material=material, retry_failed=retry_failed)
        )
        return
    for name in ("max_walltime", "tasks", "at_once", "partition", "account", "memory", "sbatch"):
        if getattr(context.get_parameter_source(name), "name", "") == TYPED:
            raise InputError(f"--{name.replace('_', '-')} belongs to --engine slurm.")
    spec, material = _study(context, data, out)
    failed = study.run(
        spec,
        out,
        material=material,
        n_jobs=jobs,
        retry_failed=retry_failed,
        engine=engine,  # type: ignore[arg-type]  # refused by name if there is none
        scheduler_address=scheduler_address,
    )
    study_status(out)
    if failed:
        raise typer.Exit(1)


@study_app.command("plan")
def study_plan(
    context: typer.Context,
    out: Out,
    data: NewData = None,
    signal: Signals = [],  # noqa: B006
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
    random_state: RandomState = 0,
) -> None:
    """Say how many runs a study has and what they will take; a few are timed, and kept.

    Example: cellaxes study plan cells.h5ad --signal label:cell_type --out study
    """
    from cellaxes import study

    spec, material = _study(context, data, out)
    typer.echo(study.plan(spec, out, material=material))


@study_app.command("work")
def study_work(
    folder: Folder,
    shard: Shard = 0,
    of: Annotated[int, typer.Option("--of", min=1, help="How many shares there are.")] = 1,
    only: Annotated[
        Path | None, typer.Option("--only", help="File with the runs to share out, by name.")
    ] = None,
    max_walltime: Walltime = None,
    retry_failed: RetryFailed = False,
) -> None:
    """Carry out one share of a study, on one core; what SLURM and Kubernetes start.

    Exit code 0: done. 1: runs failed. 75: stopped before the end, start it again.

    Example: cellaxes study work study --shard 0 --of 4
    """
    from cellaxes import study

    if only is not None and not only.is_file():
        raise InputError(f"{only} is no file: name one with a run on each line.")
    made = study.work(
        folder,
        shard=shard,
        of=of,
        only=only.read_text().split() if only is not None else None,
        seconds=study.walltime_seconds(max_walltime) if max_walltime is not None else None,
        retry_failed=retry_failed,
    )
    typer.echo(f"shard {shard} of {of}: done {made.done}, failed {made.failed}, left {made.left}")
    if made.left:
        raise typer.Exit(STOPPED)
    if made.failed:
        raise typer.Exit(1)


@study_app.command("status")
def study_status(out: Folder) -> None:
    """Say how many runs are done, failed and missing, and why runs failed.

    Example: cellaxes study status study
    """
    from cellaxes.study import status

    typer.echo(status(out))


@study_app.command("collect")
def study_collect(folder: Folder) -> None:
    """Write the tables and the page of a study, from the runs that are finished.

    Example: cellaxes study collect study
    """
    from cellaxes.verbs import summarise

    report = summarise(folder)
    report.write(folder)
    show(report, folder)
