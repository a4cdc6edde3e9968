"""The Dask engine: the workers of a cluster carry out what is missing and write the records.

Dask schedules, notices workers that die and starts their work again. What the work made is in
the store, on the shared folder; the client sees names of runs, never data.
"""

import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from cellaxes._core.errors import CellaxesError, InputError, StoreError
from cellaxes._core.provenance import versions
from cellaxes.study._execute import Bench, execute
from cellaxes.study._groups import Chain, by_fit, chains, longest, not_done
from cellaxes.study._open import opened
from cellaxes.study._spec import RunSpec, StudySpec
from cellaxes.study._store import Store

KEPT = "what is finished is kept: run the same command again to go on."
CONNECT = 20.0
"""Seconds that a scheduler may take to answer at first."""
LOST = 20.0
"""Seconds without a connection after which the scheduler counts as lost."""
PATIENCE = 600.0
"""Seconds that a study waits where the cluster has no worker at all."""

_one_at_a_time = threading.Lock()
"""Fits draw on libraries with a state of their process: a worker with threads takes turns."""


@dataclass(frozen=True)
class _Here:
    """Which study a task belongs to, for a worker that has nothing but the shared folder."""

    store: Store
    spec: StudySpec
    retry_failed: bool


@contextmanager
def connected(scheduler_address: str | None, cluster: Any) -> Iterator[Any]:
    """Give a client of the cluster; one that was handed in is left open."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError(
            "engine 'dask' needs Dask's scheduler: install the extra, cellaxes[dask]."
        ) from error
    if (scheduler_address is None) == (cluster is None):
        raise InputError(
            "engine 'dask' needs a scheduler_address (tcp://host:port) or a cluster, one of them."
        )
    if isinstance(cluster, Client):
        yield cluster
        return
    where = scheduler_address if cluster is None else cluster
    try:
        client = Client(where, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"no Dask scheduler answers at {where}: start one with `dask scheduler`, or mend the "
            "address."
        ) from error
    with client:
        yield client


def carry_out(
    missing: list[RunSpec],
    spec: StudySpec,
    store: Store,
    client: Any,
    *,
    retry_failed: bool,
    progress: bool,
) -> int:
    """Carry out runs on a cluster; return how many failed.

    A group of runs whose workers die again and again, or that breaks in another way, is
    recorded as failed with the reason.
    """
    if any(threads > 1 for threads in client.nthreads().values()):
        warnings.warn(
            "a Dask worker with several threads carries out one run at a time: start workers with "
            "--nthreads 1, and more of them.",
            stacklevel=3,
        )
    here = _Here(store, spec, retry_failed)
    # Signals and embeddings live on the cluster, and are read again if their worker dies.
    bench = client.submit(_open, here, pure=False)
    for future in _as_they_end(client, [bench]):
        _check_bench(future)
    stages = {key: client.submit(_make, bench, key, pure=False) for key in longest(chains(missing))}
    groups = {
        client.submit(_work, group, bench, here, _under(group, stages), pure=False): group
        for group in sorted(by_fit(missing), key=len, reverse=True)
    }
    try:
        with tqdm(total=len(missing), desc="runs", unit="run", disable=not progress) as bar:
            for future in _as_they_end(client, list(groups)):
                group = groups.pop(future)
                if future.status == "error":
                    _record_broken(group, here, future.exception())
                bar.update(len(group))
    finally:
        if groups and client.status == "running":
            client.cancel(list(groups))
    return sum((store.read(run.id) or {}).get("status") == "failed" for run in missing)


def _under(group: list[RunSpec], stages: dict[Chain, Any]) -> list[Any]:
    """Return the stages that hold the levels a group reads: it waits for them."""
    return [
        made
        for (seed, chain), made in stages.items()
        if any(run.seed == seed and chain[: len(run.chain)] == run.chain for run in group)
    ]


def _open(here: _Here) -> Bench:
    return opened(here.store, here.spec)


def _make(bench: Bench, key: Chain) -> None:
    bench.stages.make(*key)


def _work(group: list[RunSpec], bench: Bench, here: _Here, stages: list[None]) -> None:
    """Carry out what no other worker finished before it died."""
    with _one_at_a_time, here.store.in_use():
        left = not_done(group, here.store, retry_failed=here.retry_failed)
        if left:
            execute(left, bench)


def _as_they_end(client: Any, futures: list[Any]) -> Iterator[Any]:
    """Yield futures when they end; raise if the scheduler is lost or no worker comes."""
    from distributed import as_completed

    ended, left = as_completed(futures, loop=client.loop), len(futures)
    heard = worked = time.monotonic()
    while left:
        batch = ended.next_batch(block=False)
        for future in batch:
            if future.status in ("cancelled", "lost"):
                raise StoreError(f"the Dask scheduler was lost; {KEPT}")
            yield future
        left -= len(batch)
        now = time.monotonic()
        if batch or client.status == "running":
            heard = now
        if now - heard > LOST or client.status == "closed":
            raise StoreError(f"the Dask scheduler was lost; {KEPT}")
        if batch:
            worked = now
        elif now - worked > 5:
            worked = _wait_for_workers(client, worked)
        if not batch:
            time.sleep(0.02)


def _wait_for_workers(client: Any, since: float) -> float:
    """Return when the cluster last had a worker; raise if that is too long ago."""
    now = time.monotonic()
    if client.status == "running" and client.nthreads():
        return now
    if now - since > PATIENCE:
        raise StoreError(f"the Dask cluster had no worker for {PATIENCE / 60:.0f} minutes; {KEPT}")
    return since


def _check_bench(future: Any) -> None:
    error = future.exception() if future.status == "error" else None
    if isinstance(error, CellaxesError):
        raise error
    if error is not None:
        raise StoreError(
            f"the Dask workers cannot read the study ({_sentence(error)}): they need the same "
            "cellaxes and the same folders as this process."
        ) from error


def _record_broken(group: list[RunSpec], here: _Here, error: BaseException) -> None:
    """Record runs that took their worker down, or whose worker could not start them."""
    if isinstance(error, CellaxesError):  # the folder, not the run
        raise error
    for run in not_done(group, here.store, retry_failed=here.retry_failed):
        record = {
            "status": "failed",
            "error": _sentence(error),
            "traceback": "".join(traceback.format_exception(error)),
            "seconds": 0.0,
            "versions": versions(),
        }
        here.store.write(run, record)


def _sentence(error: BaseException) -> str:
    name = type(error).__name__
    if name == "KilledWorker":
        return f"{name}: every worker that tried died, most often for want of memory"
    return f"{name}: {error}"
