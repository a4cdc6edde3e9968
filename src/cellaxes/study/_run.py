"""Carry out what is missing of a study, by one of several engines.

Engines only start work. The store of finished runs is the state: whatever stopped a study,
running it again, by the same engine or another, does what is missing.
"""

from pathlib import Path
from typing import Any, Literal, get_args

from cellaxes._core.errors import InputError
from cellaxes._core.folders import out_dir
from cellaxes._core.parts import sweep
from cellaxes.study import _dask, _local
from cellaxes.study._groups import missing as missing_runs
from cellaxes.study._open import opened, tidy
from cellaxes.study._prepare import Material
from cellaxes.study._slurm import Slurm, submit
from cellaxes.study._spec import StudySpec
from cellaxes.study._store import Store

Engine = Literal["local", "dask", "slurm"]
"""What starts the work: processes here, the workers of a Dask cluster, a SLURM job array."""


def run(
    spec: StudySpec,
    out: str | Path,
    *,
    material: Material | None = None,
    n_jobs: int | None = None,
    retry_failed: bool = False,
    progress: bool = True,
    engine: Engine = "local",
    scheduler_address: str | None = None,
    cluster: Any = None,
    slurm: Slurm | None = None,
) -> int:
    """Carry out what is missing of a study.

    Finished runs are never done again, whatever stopped the study before: running it again
    is how it is resumed, and the table comes out the same, to the last bit, by any engine.

    Parameters
    ----------
    spec
        The study.
    out
        Its folder; engines other than ``"local"`` need it, and the data, on a file system that
        the workers share.
    material
        As `prepare` returned it; read again from ``spec.path`` if left out.
    n_jobs
        Worker processes of the local engine, one thread each; default: the cores this process
        may use.
    retry_failed
        Carry out failed runs again.
    progress
        Show a bar on standard error.
    engine
        ``"local"``; ``"dask"``, which waits for the cluster's workers; ``"slurm"``, which
        submits a job array and returns at once (see `submit`).
    scheduler_address
        Of a running Dask scheduler, ``tcp://host:port``.
    cluster
        A Dask cluster or client instead of an address, as dask-jobqueue, dask-kubernetes or
        ``distributed.LocalCluster`` make them.
    slurm
        What to ask of SLURM.

    Returns
    -------
    The number of runs that failed in this call; 0 by ``"slurm"``, where the work is to come.

    Raises
    ------
    InputError
        If the data file has changed, the folder cannot be written, or the engine is not there.
    StoreError
        If the disk is full, a record cannot be written, a worker of the local engine was
        killed, or the Dask scheduler was lost.
    """
    if engine not in get_args(Engine):
        raise InputError(f"there is no engine {engine!r}: there are {', '.join(get_args(Engine))}.")
    if engine != "dask" and (scheduler_address is not None or cluster is not None):
        raise InputError(
            f"a Dask scheduler was named, but the engine is {engine!r}: choose engine 'dask'."
        )
    if engine != "slurm" and slurm is not None:
        raise InputError(f"SLURM settings were given, but the engine is {engine!r}.")
    if engine == "slurm":
        submit(spec, out, slurm=slurm, material=material, retry_failed=retry_failed)
        return 0
    store = Store(out_dir(out).resolve())
    sweep(store.root)
    store.write_spec(spec)
    with store.in_use() as alone:
        missing = missing_runs(spec, store, retry_failed=retry_failed)
        failures = 0
        if missing and engine == "dask":
            with _dask.connected(scheduler_address, cluster) as client:
                failures = _dask.carry_out(
                    missing, spec, store, client, retry_failed=retry_failed, progress=progress
                )
        elif missing or not store.has_facts():
            bench = opened(store, spec, material)
            failures = _local.carry_out(missing, bench, n_jobs, progress)
        tidy(store, spec, alone)
    return failures
