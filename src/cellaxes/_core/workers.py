"""Worker processes of this machine, one thread each."""

from collections.abc import Iterable, Iterator
from typing import Any

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from cellaxes._core.errors import StoreError


def in_processes(
    n_jobs: int, tasks: Iterable[tuple[Any, tuple[Any, ...]]], *, kept: str
) -> Iterator[Any]:
    """Yield the results of ``function(*arguments)`` as they come from worker processes.

    With one job the work is done here, in order.

    Parameters
    ----------
    n_jobs
        Processes.
    tasks
        Function and arguments of each.
    kept
        What a killed worker leaves and how to go on, for the error.

    Raises
    ------
    StoreError
        If a worker was killed.
    """
    with parallel_config(backend="loky", inner_max_num_threads=1):
        pool = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
        try:
            yield from pool(delayed(function)(*arguments) for function, arguments in tasks)
        except TerminatedWorkerError as error:
            raise StoreError(
                f"a worker process was killed, most often for want of memory; {kept}"
            ) from error
