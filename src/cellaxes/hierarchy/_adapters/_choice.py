"""How much of what was learned is kept: decided on groups, or cells, it was not learned from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from cellaxes._core.random import stream
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._parts import Strength, learn, parts
from cellaxes.hierarchy._adapters._train import STEPS
from cellaxes.hierarchy._adapters._vote import blocks, vote

CANDIDATES = (
    Strength(),
    *(Strength(a) for a in (0.25, 0.5, 1.0, 2.0)),
    *(Strength(0.0, b) for b in (0.25, 0.5, 1.0, 2.0)),
    *(Strength(a, a) for a in (0.25, 0.5, 1.0, 2.0)),
    *(Strength(a, 2 * a) for a in (0.5, 1.0, 2.0)),
)
FOLDS = 5
CELLS = 10_000
"""Cells that the choice looks at, at most."""
FEWEST = 20
"""Cells learned from in a fold, at least."""
CONFIDENCE = 0.95
"""One-sided, that the gain is above zero, before the embedding is touched."""


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


def looked_at(task: Task) -> Task:
    """Return the task, or of more than 10,000 cells so many at random."""
    if len(task) <= CELLS:
        return task
    rng = stream(task.random_state, "hierarchy", "adapter", "looked at")
    return task.take(np.sort(rng.choice(len(task), CELLS, replace=False)))


def deal(task: Task) -> tuple[NDArray[np.int64], str]:
    """Return the fold of each cell, and what folds are made of.

    Whole groups go to the fold with the fewest cells, large groups first; without groups, or with
    a single one, cells are dealt class by class.
    """
    fold = np.zeros(len(task), dtype=np.int64)
    if task.groups is not None and len(np.unique(task.groups)) > 1:
        present, counts = np.unique(task.groups, return_counts=True)
        load = np.zeros(min(FOLDS, len(present)))
        for at in np.argsort(-counts, kind="stable"):
            lightest = int(load.argmin())
            load[lightest] += counts[at]
            fold[task.groups == present[at]] = lightest
        return fold, "groups"
    rng = stream(task.random_state, "hierarchy", "adapter", "folds")
    mixed = rng.permutation(len(task))
    order = mixed[np.argsort(task.leaf[mixed], kind="stable")]
    fold[order] = np.arange(len(order)) % FOLDS
    return fold, "cells"


def learn_folds(task: Task, fold: NDArray[np.int64]) -> list[Fold]:
    """Learn from all but one fold, for each fold that leaves two classes to learn from.

    Networks take no more steps than they do by default: folds have few cells.
    """
    steps = min(task.steps or STEPS, STEPS)
    found = []
    for one in range(int(fold.max()) + 1):
        train, test = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        if len(train) < FEWEST or len(np.unique(task.leaf[train])) < 2:
            continue
        found.append(Fold(train, test, learn(replace(task.take(train), steps=steps))))
    return found


def verdicts(
    task: Task, folds: Sequence[Fold], candidates: Sequence[Strength] = CANDIDATES
) -> NDArray[np.float64]:
    """Return whether each candidate calls each cell right at each level.

    By the vote of the five nearest cells that were learned from. Cells whose
    group at the level is not among the reference are NaN.

    Returns
    -------
    ``(n_candidates, n_cells, n_levels)``.
    """
    right = np.full((len(candidates), *task.codes.shape), np.nan)
    for fold in folds:
        reference = parts(task.rows(fold.train), fold.arrays)
        codes = task.codes[fold.train]
        asked = task.codes[fold.test]
        known = np.stack([np.isin(a, c) for a, c in zip(asked.T, codes.T, strict=True)], axis=1)
        queries = parts(task.rows(fold.test), fold.arrays)
        for some in blocks(len(fold.test), len(fold.train)):
            alike = [q[some] @ r.T for q, r in zip(queries, reference, strict=True)]
            for c, one in enumerate(candidates):
                mixed = alike[0] + one.linear**2 * alike[1] + one.network**2 * alike[2]
                correct = (vote(mixed, codes) == asked[some]).astype(np.float64)
                right[c, fold.test[some]] = np.where(known[some], correct, np.nan)
    return right


@dataclass(frozen=True, eq=False)
class Comparison:
    """Gains of the candidates over the first, the untouched embedding.

    Attributes
    ----------
    levels
        Gain in accuracy at each level, ``(n_candidates, n_levels)``.
    mean
        Average over the levels of a cell, then over cells, ``(n_candidates,)``.
    error
        Its standard error, ``(n_candidates,)``.
    errors_needed
        By how many the mean must exceed zero.
    """

    levels: NDArray[np.float64]
    mean: NDArray[np.float64]
    error: NDArray[np.float64]
    errors_needed: float

    @property
    def chosen(self) -> int:
        """The largest mean gain that may be taken, or 0.

        One may be taken where no level loses, and the gain is above zero with 95 % confidence.
        """
        safe = (self.levels >= 0).all(axis=1) & (self.mean > self.errors_needed * self.error)
        return int(np.argmax(np.where(safe, self.mean, 0.0)))


def compare(right: NDArray[np.float64], task: Task) -> Comparison:
    """Compare verdicts, paired by cell.

    Cells of one type and group are called right or wrong together, so the error counts them as one
    (a cluster), and Student's t has one degree of freedom less than there are groups. Without
    groups the cells at hand stand for the new ones: each counts, and the quantile is the normal's.
    """
    seen = ~np.isnan(right[0])
    some = seen.any(axis=1)
    none = np.zeros(len(right))
    if not some.any():
        return Comparison(np.zeros((len(right), right.shape[2])), none, none, 0.0)
    gain = right - right[0]
    levels = [
        one[:, s].mean(axis=1) if s.any() else none
        for one, s in zip(np.moveaxis(gain, 2, 0), seen.T, strict=True)
    ]
    cells = np.nanmean(gain[:, some], axis=2)
    mean = cells.mean(axis=1)
    error = cells.std(axis=1) / np.sqrt(cells.shape[1])
    groups = None if task.groups is None else task.groups[some]
    if groups is None or len(np.unique(groups)) < 2:
        needed = float(norm.ppf(CONFIDENCE))
    else:
        pairs = np.stack([groups, task.leaf[some]], axis=1)
        cluster = np.unique(pairs, axis=0, return_inverse=True)[1].ravel()
        sums = [np.bincount(cluster, row) for row in cells - mean[:, None]]
        error = np.maximum(error, np.linalg.norm(sums, axis=1) / cells.shape[1])
        needed = float(student.ppf(CONFIDENCE, len(np.unique(groups)) - 1))
    return Comparison(np.stack(levels, axis=1), mean, error, needed)
