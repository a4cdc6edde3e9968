"""How much of what was learned is kept: decided on groups, or cells, it was not learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._parts import Strength, learn, parts
from cellaxes.hierarchy._adapters._vote import blocks, vote

CANDIDATES = (
    Strength(),
    Strength(0.25),
    Strength(0.5),
    Strength(1.0),
    Strength(2.0),
    Strength(0.25, 0.25),
    Strength(0.5, 0.5),
    Strength(1.0, 1.0),
    Strength(2.0, 2.0),
    Strength(1.0, 2.0),
    Strength(2.0, 4.0),
)
FOLDS = 5
CELLS = 20_000
"""Cells that the choice looks at, at most."""
FEWEST = 20
"""Cells learned from in a fold, at least."""
ERRORS = 2.0
"""Standard errors by which the gain must exceed zero, before the embedding is touched."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Cells kept aside, and what was learned from the others.

    Attributes
    ----------
    train, test
        Rows.
    arrays
        Of the learned parts.
    """

    train: NDArray[np.int64]
    test: NDArray[np.int64]
    arrays: dict[str, NDArray[np.float32]]


def deal(task: Task) -> tuple[NDArray[np.int64], str]:
    """Return the fold of each cell, -1 for those not looked at, and what folds are made of.

    Whole groups go to the fold with the fewest cells, large groups first; without groups, or with
    a single one, cells are dealt class by class.
    """
    n_cells = len(task.x)
    rng = stream(task.random_state, "hierarchy", "adapter", "folds")
    fold = np.full(n_cells, -1, dtype=np.int64)
    looked = rng.permutation(n_cells)[:CELLS]
    if task.groups is not None and len(np.unique(task.groups[looked])) > 1:
        present, counts = np.unique(task.groups[looked], return_counts=True)
        load = np.zeros(min(FOLDS, len(present)))
        for at in np.argsort(-counts, kind="stable"):
            lightest = int(load.argmin())
            load[lightest] += counts[at]
            fold[looked[task.groups[looked] == present[at]]] = lightest
        return fold, "groups"
    order = looked[np.argsort(task.leaf[looked], kind="stable")]
    fold[order] = np.arange(len(order)) % FOLDS
    return fold, "cells"


def learn_folds(task: Task, fold: NDArray[np.int64]) -> list[Fold]:
    """Learn from all but one fold, for each fold that leaves two classes to learn from."""
    found = []
    for one in range(int(fold.max()) + 1):
        train, test = np.flatnonzero((fold >= 0) & (fold != one)), np.flatnonzero(fold == one)
        if len(train) < FEWEST or len(np.unique(task.leaf[train])) < 2:
            continue
        found.append(Fold(train, test, learn(task.take(train))))
    return found


def verdicts(
    task: Task, folds: Sequence[Fold], candidates: Sequence[Strength] = CANDIDATES
) -> NDArray[np.float64]:
    """Return whether each candidate calls each cell right at each level.

    By the vote of the five nearest cells that were learned from. Cells not looked at, and those
    whose group at the level is not among the reference, are NaN.

    Returns
    -------
    ``(n_candidates, n_cells, n_levels)``.
    """
    right = np.full((len(candidates), *task.codes.shape), np.nan)
    for fold in folds:
        reference = parts(task.x[fold.train], fold.arrays)
        codes = task.codes[fold.train]
        asked = task.codes[fold.test]
        known = np.stack([np.isin(a, c) for a, c in zip(asked.T, codes.T, strict=True)], axis=1)
        queries = parts(task.x[fold.test], fold.arrays)
        for some in blocks(len(fold.test), len(fold.train)):
            alike = [q[some] @ r.T for q, r in zip(queries, reference, strict=True)]
            for c, one in enumerate(candidates):
                mixed = alike[0] + one.linear**2 * alike[1] + one.network**2 * alike[2]
                correct = (vote(mixed, codes) == asked[some]).astype(np.float64)
                right[c, fold.test[some]] = np.where(known[some], correct, np.nan)
    return right


def compare(right: NDArray[np.float64]) -> tuple[list[list[float]], list[float], list[float]]:
    """Return gains over the first candidate: at each level, on average, and its standard error.

    Paired by cell; the average is over the levels of a cell, then over cells.
    """
    gain = right - right[0]
    seen = ~np.isnan(right[0])
    levels = [
        [float(g[s].mean()) if s.any() else 0.0 for g, s in zip(one.T, seen.T, strict=True)]
        for one in gain
    ]
    some = seen.any(axis=1)
    cells = np.nanmean(gain[:, some], axis=2)
    error = cells.std(axis=1) / np.sqrt(max(1, int(some.sum())))
    mean = cells.mean(axis=1) if some.any() else np.zeros(len(right))
    return levels, mean.tolist(), error.tolist()


def pick(levels: Sequence[Sequence[float]], mean: Sequence[float], error: Sequence[float]) -> int:
    """Return the candidate of the largest mean gain that may be taken, or 0, the untouched one.

    One may be taken where no level loses, and the mean gain exceeds `ERRORS` standard errors.
    """
    worth = [
        m if min(row) >= 0 and m > ERRORS * e else 0.0
        for row, m, e in zip(levels, mean, error, strict=True)
    ]
    return int(np.argmax(worth))
