"""What an engine and the store cost beside the runs: runs stored per second, and reading them.

python benchmarks/engines.py [N_RUNS …]
"""

import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import cellaxes as cx
from cellaxes._core.workers import in_processes
from cellaxes.embed import Annotations
from cellaxes.study import _groups
from cellaxes.study._execute import Bench
from cellaxes.study._stages import Stages

MODELS, LEVELS = 10, 10
ESTIMATE = {
    "bits": 1.0,
    "low": 0.9,
    "high": 1.1,
    "null": 0.0,
    "null_high": 0.01,
    "n": 300,
    "estimator": "classifier",
    "reliable": True,
    "reason": "",
}


def a_study(n_runs: int) -> cx.study.StudySpec:
    """Return a study of about that many runs; its data are never read."""
    return cx.study.StudySpec(
        path="cells.h5ad",
        data="0" * 64,
        layer=None,
        signals=("label:cell_type",),
        models=tuple(cx.study.ModelSpec.parse(f"pca:n_components={n + 2}") for n in range(MODELS)),
        fractions=tuple(0.8**level for level in range(LEVELS)),
        sizes=(300,),
        n_test=300,
        seeds=tuple(range(n_runs // (MODELS * LEVELS))),
    )


def store_nothing(runs: list[cx.study.RunSpec], bench: Bench) -> int:
    """Stand in for `execute`: a run that takes no time, and its record."""
    from cellaxes._core.provenance import versions

    facts = {"umis_per_cell": 100.0, "umis_per_cell_train": 100.0, "n_empty": 0, "d": 2}
    for run in runs:
        record = {"status": "done", "facts": facts, "estimate": ESTIMATE}
        bench.store.write(run, record | {"seconds": 0.0, "versions": versions()})
    return 0


def warm_up(bench: Bench) -> None:
    """Make a process ready."""
    store_nothing([], bench)
    time.sleep(1)


def carry_out(spec: cx.study.StudySpec, folder: Path, jobs: int) -> float:
    """Carry out empty runs in the local engine's processes; return the seconds."""
    store = cx.study.Store(folder)
    store.write_spec(spec)
    bench = Bench(
        store, Stages(store.stages, "none"), {}, {}, Annotations(np.array([], dtype=str), {})
    )
    groups = _groups.by_fit(spec.runs())
    # Import cellaxes in every process first; each waits, so that none does it twice.
    list(in_processes(jobs, ((warm_up, (bench,)) for _ in range(2 * jobs)), kept=""))
    start = time.perf_counter()
    for _ in in_processes(jobs, ((store_nothing, (group, bench)) for group in groups), kept=""):
        pass
    return time.perf_counter() - start


def timed(function: object, *arguments: object) -> float:
    """Return the seconds of a call."""
    start = time.perf_counter()
    function(*arguments)  # type: ignore[operator]
    return time.perf_counter() - start


def reading(folder: Path) -> dict[str, float]:
    """Return the seconds of each reader of a study."""
    spec = cx.study.Store(folder).read_spec()
    store = cx.study.Store(folder)
    return {
        "status": timed(cx.study.status, folder),
        "collect": timed(cx.study.collect, folder),
        "missing": timed(_groups.missing, spec, store),
        "shard": timed(_groups.shard, spec.runs(), 0, 50),
    }


if __name__ == "__main__":
    for n in [int(word) for word in sys.argv[1:]] or [1000, 10_000]:
        with tempfile.TemporaryDirectory() as name:
            spec = a_study(n)
            seconds = carry_out(spec, Path(name), 2)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                read = fresh.submit(reading, Path(name)).result()
            print(
                f"{n:,} runs: {n / seconds:,.0f} stored per second on 2 cores; "
                + ", ".join(f"{what} {took:.2f} s" for what, took in read.items())
            )
