"""The local engine: what is missing is carried out by worker processes."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from cellaxes._core.errors import StoreError
from cellaxes._core.files import out_dir, sweep
from cellaxes.study._execute import Bench, execute, together
from cellaxes.study._prepare import Material, reload
from cellaxes.study._spec import RunSpec, StudySpec
from cellaxes.study._stages import Stages
from cellaxes.study._store import Store


def run(
    spec: StudySpec,
    out: str | Path,
    *,
    material: Material | None = None,
    n_jobs: int | None = None,
    retry_failed: bool = False,
    progress: bool = True,
) -> int:
    """Carry out what is missing of a study.

    Finished runs are never done again, whatever stopped the study before: running it again
    is how it is resumed, and the table comes out the same.

    Parameters
    ----------
    spec
        The study.
    out
        Its folder.
    material
        As `prepare` returned it; read again from ``spec.path`` if left out.
    n_jobs
        Worker processes, one thread each; default: the cores this process may use.
    retry_failed
        Carry out failed runs again.
    progress
        Show a bar on standard error.

    Returns
    -------
    The number of runs that failed in this call.

    Raises
    ------
    InputError
        If the data file has changed or the folder cannot be written.
    StoreError
        If the disk is full, a record cannot be written, or a worker was killed.
    """
    store = Store(out_dir(out))
    sweep(store.root)
    store.write_spec(spec)
    with store.in_use() as alone:
        missing = _missing(spec, store, retry_failed)
        if missing or not (store.root / "facts.json").exists():
            material = reload(spec) if material is None else material
            store.write_facts(material.facts)
            failures = _carry_out(missing, spec, store, material, n_jobs, progress)
        else:
            failures = 0
        if alone():
            Stages(store.stages, "").clear()
    return failures


def _carry_out(
    missing: list[RunSpec],
    spec: StudySpec,
    store: Store,
    material: Material,
    n_jobs: int | None,
    progress: bool,
) -> int:
    stages = Stages(store.stages, f"{spec.data}:{spec.layer}")
    stages.put_full(material.counts)
    bench = Bench(store, stages, material.signals, material.embeddings, material.annotations)
    jobs = n_jobs or cpu_count()
    chains = sorted({(task.seed, task.chain) for task in missing})
    longest = [
        key
        for key, more in zip(chains, [*chains[1:], None], strict=True)
        if more is None or not _starts(key, more)
    ]
    for _ in _in_processes(jobs, ((stages.make, key) for key in longest)):
        pass
    failures = 0
    with tqdm(total=len(missing), desc="runs", unit="run", disable=not progress) as bar:
        groups = sorted(together(missing, lambda task: task.fit), key=len, reverse=True)
        tasks = ((_execute_counted, (group, bench)) for group in groups)
        for done, failed in _in_processes(jobs, tasks):
            failures += failed
            bar.update(done)
    return failures


def _starts(short: tuple[int, tuple[float, ...]], long: tuple[int, tuple[float, ...]]) -> bool:
    """Whether the second chain of levels goes on where the first ends."""
    return short[0] == long[0] and long[1][: len(short[1])] == short[1]


def _missing(spec: StudySpec, store: Store, retry_failed: bool) -> list[RunSpec]:
    finished = store.finished()
    missing = []
    for task in spec.runs():
        record = store.read(task.id) if retry_failed and task.id in finished else None
        if task.id not in finished or (record is not None and record["status"] == "failed"):
            missing.append(task)
    return missing


def _execute_counted(group: list[RunSpec], bench: Bench) -> tuple[int, int]:
    return len(group), execute(group, bench)


def _in_processes(jobs: int, tasks: Iterable[tuple[Any, tuple[Any, ...]]]) -> Iterator[Any]:
    """Yield the results of ``function(*arguments)`` as they come from worker processes."""
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(n_jobs=jobs, return_as="generator_unordered")
        try:
            yield from pool(delayed(function)(*arguments) for function, arguments in tasks)
        except TerminatedWorkerError as error:
            raise StoreError(
                "a worker process was killed, most often for want of memory; what is finished is "
                "kept: run the same command again, with fewer jobs if it happens twice."
            ) from error
