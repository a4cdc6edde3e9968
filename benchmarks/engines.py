"""What an engine and the store cost beside the runs: runs stored per second, and reading them.

    python benchmarks/engines.py [--quick] [N_RUNS …]

Beside it joblib, which writes the same records as bare files. --quick: 1,000 runs.
"""

import json
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed

import cellaxes as cx
from cellaxes._core.workers import in_processes
from cellaxes.embed import Annotations
from cellaxes.study import _groups
from cellaxes.study._execute import Bench
from cellaxes.study._stages import Stages
from records import quick, record, version_of

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


def write_bare(path: Path) -> None:
    """Write what a run's record holds."""
    path.write_text(json.dumps({"status": "done", "estimate": ESTIMATE, "seconds": 0.0}))


def by_joblib(folder: Path, n: int, jobs: int) -> float:
    """Write as many bare files in joblib's processes; return the seconds."""
    with Parallel(n_jobs=jobs) as workers:
        workers(delayed(time.sleep)(0.2) for _ in range(2 * jobs))
        start = time.perf_counter()
        workers(delayed(write_bare)(folder / f"{i}.json") for i in range(n))
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
    sizes = [1000] if quick() else [1000, 10_000]
    for n in [int(word) for word in sys.argv[1:]] or sizes:
        with tempfile.TemporaryDirectory() as name:
            spec = a_study(n)
            seconds = carry_out(spec, Path(name), 2)
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as fresh:
                read = fresh.submit(reading, Path(name)).result()
            bare = Path(name) / "bare"
            bare.mkdir()
            told = {"unit": "per s", "note": "wall time, two processes"}
            record(f"{n:,} empty runs stored", n / seconds, 200, "asked", better="reach", **told)
            record(f"{n:,} empty runs stored", n / seconds, n / by_joblib(bare, n, 2), "joblib",
                   version=version_of("joblib"), better="higher", unit="per s",
                   note="bare files: no names by content, nothing atomic")  # fmt: skip
            for what in ("status", "collect"):
                record(f"{what} of {n:,} runs", read[what], 5, "asked", unit="s", better="within",
                       note="asked of 10,000")  # fmt: skip
