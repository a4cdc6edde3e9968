"""The local engine: worker processes of this machine carry out what is missing."""

from collections.abc import Iterable, Iterator
from typing import Any

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError
from tqdm import tqdm

from cellaxes._core.errors import StoreError
from cellaxes.study._execute import Bench, execute
from cellaxes.study._groups import by_fit, chains, longest
from cellaxes.study._spec import RunSpec


def carry_out(missing: list[RunSpec], bench: Bench, n_jobs: int | None, progress: bool) -> int:
    """Carry out runs in processes of one thread each; return how many failed."""
    jobs = n_jobs or cpu_count()
    for _ in _in_processes(jobs, ((bench.stages.make, key) for key in longest(chains(missing)))):
        pass
    failures = 0
    with tqdm(total=len(missing), desc="runs", unit="run", disable=not progress) as bar:
        groups = sorted(by_fit(missing), key=len, reverse=True)
        tasks = ((_execute_counted, (group, bench)) for group in groups)
        for done, failed in _in_processes(jobs, tasks):
            failures += failed
            bar.update(done)
    return failures


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
