"""The SLURM engine: one job array, each task at work on its own static shard.

Nothing polls the scheduler or its accounting: the store says what is done.
"""

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cellaxes._core.errors import InputError
from cellaxes._core.files import storing, write_atomic
from cellaxes._core.folders import out_dir
from cellaxes._core.parts import sweep
from cellaxes.study._groups import by_fit, missing
from cellaxes.study._open import opened
from cellaxes.study._prepare import Material
from cellaxes.study._spec import StudySpec
from cellaxes.study._store import Store

_WALLTIME = re.compile(r"(?:(\d+)-)?(\d+):([0-5]\d):([0-5]\d)")
_MAX_ARRAY = 1001
"""SLURM's own default of MaxArraySize: the first index that is too large."""
_WARNED = 60
"""Seconds before the end of the walltime at which SLURM sends SIGTERM."""


def walltime_seconds(text: str) -> float:
    """Return the seconds of a walltime, a ``text`` as Slurm has it.

    Raises
    ------
    InputError
        If it is none.

    Examples
    --------
    >>> walltime_seconds("04:00:00"), walltime_seconds("1-00:30:00")
    (14400.0, 88200.0)
    """
    found = _WALLTIME.fullmatch(text)
    parts = [int(part or 0) for part in found.groups()] if found else [0]
    if not any(parts):
        raise InputError(
            f"the walltime {text!r} cannot be read: write hours:minutes:seconds, as in 04:00:00, "
            "with days in front if need be, as in 2-00:00:00."
        )
    days, hours, minutes, seconds = parts
    return float(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


@dataclass(frozen=True)
class Slurm:
    """What to ask of SLURM.

    Attributes
    ----------
    max_walltime
        Time of each task, ``[days-]hours:minutes:seconds``; it stops cleanly before the end.
    tasks
        Tasks of the array, one core each; never more than there are models to fit, or than the
        cluster's ``MaxArraySize`` allows.
    at_once
        Tasks that may run at the same time.
    partition, account
        Names, as your cluster has them.
    memory
        Of each task, as in ``"8G"``.
    extra
        Further options of sbatch, one line each, as in ``"--gres=gpu:1"``.
    """

    max_walltime: str = "04:00:00"
    tasks: int = 20
    at_once: int | None = None
    partition: str | None = None
    account: str | None = None
    memory: str | None = None
    extra: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        walltime_seconds(self.max_walltime)
        if self.tasks < 1 or (self.at_once is not None and self.at_once < 1):
            raise InputError("SLURM needs at least one task, and one at once.")
        for word in (self.partition, self.account, self.memory):
            if word is not None and not re.fullmatch(r"[\w.,:+-]+", word):
                raise InputError(f"{word!r} cannot be a partition, account or memory of SLURM.")
        for line in self.extra:
            if not line.startswith("-") or "\n" in line:
                raise InputError(f"{line!r} is no option of sbatch: write one as in --gres=gpu:1.")


@dataclass(frozen=True)
class Submission:
    """What was submitted.

    Attributes
    ----------
    job
        Number of the job array; empty if nothing was missing.
    script
        The script that sbatch was given, if there is one.
    tasks, runs
        Tasks of the array, and the runs that they share out.
    """

    job: str
    script: Path | None
    tasks: int
    runs: int

    def __str__(self) -> str:
        if not self.job:
            return "nothing is missing: no job was submitted"
        return f"job {self.job}: {self.tasks} tasks share {self.runs} runs ({self.script})"


def submit(
    spec: StudySpec,
    out: str | Path,
    *,
    slurm: Slurm | None = None,
    material: Material | None = None,
    retry_failed: bool = False,
) -> Submission:
    """Submit one job array that carries out what is missing of a study, and return.

    The runs that are missing now are shared out among the tasks for good: a task that SLURM
    requeues does what is missing of its share. When the array has ended, whatever happened to
    it, submitting again does the rest.

    Parameters
    ----------
    spec
        The study.
    out
        Its folder, on a file system that the nodes share, as are the data and this Python.
    slurm
        What to ask of SLURM.
    material
        As `prepare` returned it: the tasks then find the counts on the shared folder.
    retry_failed
        Carry out failed runs again.

    Returns
    -------
    `Submission`; the script, the names of the shared-out runs and one log per task stand in
    ``out/slurm/NNN``.

    Raises
    ------
    InputError
        If SLURM is not here, or does not take the job.
    """
    slurm = Slurm() if slurm is None else slurm
    sbatch = shutil.which("sbatch")
    if sbatch is None:
        raise InputError(
            "engine 'slurm' needs the command sbatch, which is not on this machine: run this on a "
            "login node of a SLURM cluster, or choose engine 'local' or 'dask'."
        )
    store = Store(out_dir(out).resolve())
    sweep(store.root)
    store.write_spec(spec)
    if material is not None:
        opened(store, spec, material)
    runs = missing(spec, store, retry_failed=retry_failed)
    if not runs:
        return Submission("", None, 0, 0)
    tasks = min(slurm.tasks, len(by_fit(runs)), _max_array_size())
    folder = _new_folder(store.root / "slurm")
    write_atomic(folder / "runs.txt", "".join(f"{run.id}\n" for run in runs))
    script = folder / "array.sh"
    write_atomic(script, render(store.root, folder, tasks, slurm, retry_failed=retry_failed))
    return Submission(_sbatch(sbatch, script), script, tasks, len(runs))


def render(root: Path, folder: Path, tasks: int, slurm: Slurm, *, retry_failed: bool) -> str:
    """Return the script of a job array.

    The batch shell becomes the worker (``exec``), so that the SIGTERM that SLURM sends to it
    before the limit arrives where it is understood.
    """
    limit = f"%{slurm.at_once}" if slurm.at_once else ""
    log = str(folder / "task-").replace("%", "%%") + "%a.log"
    options = [
        f"--job-name=cellaxes-{re.sub(r'[^A-Za-z0-9_.-]', '_', root.name)}",
        f"--array=0-{tasks - 1}{limit}",
        f"--time={slurm.max_walltime}",
        f"--signal=B:TERM@{_WARNED}",
        "--requeue",
        "--open-mode=append",
        "--nodes=1",
        "--ntasks=1",
        "--cpus-per-task=1",
        f'--output="{log}"',
        *(f"--partition={name}" for name in (slurm.partition,) if name),
        *(f"--account={name}" for name in (slurm.account,) if name),
        *(f"--mem={size}" for size in (slurm.memory,) if size),
        *slurm.extra,
    ]
    command = [
        *(sys.executable, "-m", "cellaxes", "study", "work", str(root)),
        *("--of", str(tasks), "--only", str(folder / "runs.txt")),
        *("--max-walltime", slurm.max_walltime),
        *(["--retry-failed"] if retry_failed else []),
    ]
    return "\n".join(
        [
            "#!/bin/bash",
            *(f"#SBATCH {option}" for option in options),
            "# Numbers do not depend on the machine's cores: one thread in every library.",
            "export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1",
            f'exec {shlex.join(command)} --shard "$SLURM_ARRAY_TASK_ID"',
            "",
        ]
    )


def _new_folder(root: Path) -> Path:
    """Make the next folder ``root/NNN``, also where somebody else makes one at the moment."""
    with storing(root):
        root.mkdir(exist_ok=True)
        number = len(list(root.iterdir()))
        while True:
            number += 1
            folder = root / f"{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder


def _max_array_size() -> int:
    """Return how many tasks an array may have here."""
    scontrol = shutil.which("scontrol")
    if scontrol is None:
        return _MAX_ARRAY
    command = [scontrol, "show", "config"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    found = re.search(r"MaxArraySize\s*=\s*(\d+)", shown.stdout)
    return max(1, int(found.group(1)) if found else _MAX_ARRAY)


def _sbatch(sbatch: str, script: Path) -> str:
    """Submit a script and return the number of its job."""
    command = [sbatch, "--parsable", str(script)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if made.returncode:
        said = " ".join(made.stderr.split()) or f"exit code {made.returncode}"
        raise InputError(f"SLURM did not take {script}: {said.rstrip('.')}.")
    return made.stdout.strip().partition(";")[0]
