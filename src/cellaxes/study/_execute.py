"""Carrying out the runs that share one fitted model."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from cellaxes._core.errors import InputError, StoreError
from cellaxes._core.matrix import row_sums
from cellaxes._core.provenance import versions
from cellaxes._core.random import stream
from cellaxes.embed import Annotations, Model, make
from cellaxes.information import average, estimate
from cellaxes.signal import Signal
from cellaxes.study._handout import read_embedding
from cellaxes.study._spec import RunSpec
from cellaxes.study._stages import Matrix, Stages
from cellaxes.study._store import Store


@dataclass(frozen=True, eq=False)
class Bench:
    """What a worker needs besides the runs: where to read, where to write."""

    store: Store
    stages: Stages
    signals: dict[str, Signal]
    embeddings: dict[str, NDArray[np.float64]]
    annotations: Annotations


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


def together(runs: list[RunSpec], key: Callable[[RunSpec], tuple[Any, ...]]) -> list[list[RunSpec]]:
    """Group the runs that have one key."""
    return [list(group) for _, group in groupby(sorted(runs, key=key), key=key)]


def execute(runs: list[RunSpec], bench: Bench) -> int:
    """Carry out runs that share one fitted model, and store a record of each.

    The model is fitted once and embeds the test cells at every depth that is asked for. A run
    that fails is stored as a failure; a record that cannot be written stops the study.
    Numbers do not depend on the number of workers: each runs on one thread.

    Returns
    -------
    The number of failures.
    """
    book = _Book(bench.store)
    with threadpool_limits(1):
        fitted = book.attempt(runs, _fit, bench)
        for group in together(runs, lambda run: run.embedding) if fitted else ():
            embedded = book.attempt(group, _embed, bench, *fitted)
            for run in group if embedded else ():
                record = book.attempt([run], _measure, bench, *embedded)
                if record:
                    book.write(run, record)
    return book.failures


class _Book:
    """Records of a group of runs; each holds the seconds since the one before."""

    def __init__(self, store: Store) -> None:
        self.store, self.failures, self.start = store, 0, time.perf_counter()

    def attempt(self, runs: list[RunSpec], step: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a step makes for the runs; if it fails, so do they, and it is ``None``."""
        try:
            return step(runs[0], *arguments)
        except StoreError:  # the folder, not the run: stages cannot be read or written
            raise
        except Exception as error:
            for run in runs:
                self.failures += 1
                self.write(
                    run,
                    {
                        "status": "failed",
                        "error": f"{type(error).__name__}: {error}",
                        "traceback": "".join(traceback.format_exception(error)),
                    },
                )
            return None

    def write(self, run: RunSpec, record: dict[str, Any]) -> None:
        now = time.perf_counter()
        made = {"seconds": round(now - self.start, 3), "versions": versions()}
        self.store.write(run, record | made)
        self.start = now


def _fit(run: RunSpec, bench: Bench) -> tuple[Model, dict[str, Any]]:
    """Return the model, fitted to the training cells, and how noisy they are."""
    counts = bench.stages.level(run.seed, run.train_chain)
    train, _ = split(counts.shape[0], run.n_train, run.n_test, run.seed)
    train_counts = counts[train]
    model = make(run.model.name, **run.model.params)
    asked = bench.annotations.asked_by(model, train)
    model.fit(train_counts, random_state=run.seed, **asked)
    told = _noise_of(bench.stages, train_counts, train)
    return model, {f"{name}_train": value for name, value in told.items()}


def _embed(
    run: RunSpec, bench: Bench, model: Model, of_training: dict[str, Any]
) -> tuple[NDArray[np.float32], NDArray[np.int64], dict[str, Any]]:
    """Return the embedded test cells, which they are, and the facts of their runs."""
    counts = bench.stages.level(run.seed, run.test_chain)
    _, test = split(counts.shape[0], run.n_train, run.n_test, run.seed)
    test_counts = counts[test]
    given = bench.embeddings.get(str(run.model))
    if "folder" in run.model.params:
        given = read_embedding(run.model.params["folder"], seed=run.seed, fraction=run.chain[-1])
    embedding = model.transform(test_counts if given is None else given[test])
    facts = _noise_of(bench.stages, test_counts, test) | of_training
    if bench.stages.noise.snr is None:
        facts["n_empty"] = int((test_counts.getnnz(axis=1) == 0).sum())
    return embedding, test, facts | {"d": int(embedding.shape[1])}


def _noise_of(stages: Stages, noisy: Matrix, rows: NDArray[np.int64]) -> dict[str, Any]:
    """Return the measured depth of counts, or the measured signal-to-noise ratio."""
    if stages.noise.snr is None:
        return {"umis_per_cell": float(np.median(row_sums(noisy)))}
    return {"snr": stages.noise.snr(stages.clean()[rows], noisy)}


def _measure(
    run: RunSpec,
    bench: Bench,
    embedding: NDArray[np.float32],
    test: NDArray[np.int64],
    facts: dict[str, Any],
) -> dict[str, Any]:
    signal = bench.signals[run.signal]
    draws = signal.paired(embedding, test, random_state=run.seed)
    found = average(
        [
            estimate(
                x,
                y,
                run.estimator,
                discrete=signal.kind == "discrete",
                n_permutations=-(-run.n_permutations // len(draws)),
                random_state=run.seed + index,
            )
            for index, (x, y) in enumerate(draws)
        ]
    )
    return {"status": "done", "facts": facts, "estimate": found.to_dict()}
