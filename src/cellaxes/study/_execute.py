"""Carrying out the runs that share one embedding."""

import time
import traceback
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cellaxes._core.errors import InputError
from cellaxes._core.provenance import versions
from cellaxes._core.random import stream
from cellaxes.embed import make
from cellaxes.information import estimate
from cellaxes.signal import Signal
from cellaxes.study._spec import RunSpec
from cellaxes.study._stages import Stages, median_depth
from cellaxes.study._store import Store


@dataclass(frozen=True, eq=False)
class Bench:
    """What a worker needs besides the runs: where to read, where to write."""

    store: Store
    stages: Stages
    signals: dict[str, Signal]
    embeddings: dict[str, NDArray[np.float64]]


def split(
    n_cells: int, n_train: int, n_test: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the training and test cells of a replicate, disjoint by check.

    Test cells depend on the seed alone; smaller training sets are part of larger ones.
    """
    order = stream(seed, "split").permutation(n_cells)
    test, train = np.sort(order[:n_test]), np.sort(order[n_test : n_test + n_train])
    if len(train) < n_train or np.intersect1d(train, test).size:
        raise InputError(
            f"{n_cells} cells cannot be split into {n_train} training and {n_test} test cells."
        )
    return train, test


def execute(runs: list[RunSpec], bench: Bench) -> int:
    """Carry out runs that share one embedding, and store a record of each.

    A run that fails is stored as a failure; a record that cannot be written stops the study.
    Numbers do not depend on the number of workers: each runs on one thread.

    Returns
    -------
    The number of failures.
    """
    start = time.perf_counter()
    with threadpool_limits(1):
        try:
            embedded = _embed(runs[0], bench)
        except OSError:  # the folder, not the run: stages or records cannot be read or written
            raise
        except Exception as error:
            for run in runs:
                bench.store.write(run, _failure(error, start))
            return len(runs)
        failures = 0
        for run in runs:
            try:
                record = _measure(run, bench, *embedded) | _made(start)
            except Exception as error:
                record = _failure(error, start)
                failures += 1
            bench.store.write(run, record)
    return failures


def _embed(
    run: RunSpec, bench: Bench
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[str, Any]]:
    counts = bench.stages.level(run.seed, run.chain)
    train, test = split(counts.shape[0], run.n_train, run.n_test, run.seed)
    train_counts, test_counts = counts[train], counts[test]
    model = make(run.model.name, **run.model.params)
    given = bench.embeddings.get(str(run.model))
    if given is not None:
        embedding = model.transform(given[test])
    else:
        embedding = model.fit(train_counts, random_state=run.seed).transform(test_counts)
    facts = {
        "umis_per_cell": median_depth(test_counts),
        "umis_per_cell_train": median_depth(train_counts),
        "n_empty": int((test_counts.getnnz(axis=1) == 0).sum()),
        "d": int(embedding.shape[1]),
    }
    return embedding, test, facts


def _measure(
    run: RunSpec,
    bench: Bench,
    embedding: NDArray[np.float32],
    test: NDArray[np.int64],
    facts: dict[str, Any],
) -> dict[str, Any]:
    found = estimate(
        embedding,
        bench.signals[run.signal].values[test],
        run.estimator,
        discrete=bench.signals[run.signal].kind == "discrete",
        n_permutations=run.n_permutations,
        random_state=run.seed,
    )
    return {"status": "done", "facts": facts, "estimate": found.to_dict()}


def _made(start: float) -> dict[str, Any]:
    return {"seconds": round(time.perf_counter() - start, 3), "versions": versions()}


def _failure(error: Exception, start: float) -> dict[str, Any]:
    return {
        "status": "failed",
        "error": f"{type(error).__name__}: {error}",
        "traceback": "".join(traceback.format_exception(error)),
    } | _made(start)
