"""One embedding, one split: calls of the test cells, and every number of them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.hierarchy import metrics
from cellaxes.hierarchy._evaluation._splits import Split
from cellaxes.hierarchy._levels import CodedLevels
from cellaxes.hierarchy._neighbours._search import neighbours
from cellaxes.hierarchy._neighbours._vectors import Matrix
from cellaxes.hierarchy._neighbours._vote import majority
from cellaxes.hierarchy._result import Tree


@dataclass(frozen=True, eq=False)
class Truth:
    """What is known of the cells.

    Attributes
    ----------
    coded
        Their levels.
    sets
        Per level: the groups of each of its labels, ``(n_labels, n_groups)``.
    distances, ancestors
        Of the labels of the last level, in the ontology; None without a tree.
    k
        Neighbours that vote.
    max_reference
        Training cells that are searched, at most; None: all.
    device
        Where distances are computed.
    random_state
        Seed of the samples.
    """

    coded: CodedLevels
    sets: tuple[NDArray[np.bool_], ...]
    distances: NDArray[np.int64] | None
    ancestors: NDArray[np.bool_] | None
    k: int
    max_reference: int | None
    device: str
    random_state: int


def read_truth(
    coded: CodedLevels,
    tree: Tree | None,
    *,
    k: int,
    max_reference: int | None,
    device: str,
    random_state: int,
) -> Truth:
    """Return what is known of the cells, the ontology's part in the order of their labels."""
    frame = pd.DataFrame(coded.codes, columns=coded.levels).astype(str)
    sets = []
    for level in coded.levels:
        paths = frame.loc[:, :level].drop_duplicates(level)  # of two ways up, the first
        order = paths[level].astype(int).sort_values().index
        sets.append(metrics.ancestor_sets(paths.loc[order]))
    distances = ancestors = None
    if tree is not None:
        tree.expand(coded.names[-1])
        place = [tree.labels.index(name) for name in coded.names[-1]]
        distances = tree.distance_matrix()[np.ix_(place, place)]
        ancestors = tree.ancestor_matrix()[np.ix_(place, place)]
    return Truth(coded, tuple(sets), distances, ancestors, k, max_reference, device, random_state)


def call_cells(truth: Truth, z: Matrix, split: Split, leave_one_out: bool) -> NDArray[np.int64]:
    """Return the labels that the k nearest cells have most, ``(n_test, n_levels)``.

    Neighbours are training cells, or other test cells (leave-one-out). Every level votes on its
    own; of labels with equally many votes the first counts.
    """
    test = np.flatnonzero(split.test)
    train = test if leave_one_out else np.flatnonzero(split.train)
    most = truth.max_reference
    if not leave_one_out and most is not None and len(train) > most:
        rng = stream(truth.random_state, "evaluate", split.name, len(train))
        train = np.sort(rng.choice(train, most, replace=False))
    rows = np.arange(len(test))
    found = neighbours(
        z[test],
        z[train],
        min(truth.k, len(train) - int(leave_one_out)),
        exclude=[(rows, rows)] if leave_one_out else (),
        device=truth.device,
    )
    codes = truth.coded.codes[train][found.index]
    counted = found.index >= 0
    levels = range(codes.shape[2])
    return np.column_stack([majority(codes[:, :, level], counted)[0] for level in levels])


def score(
    truth: Truth, level: int, true: NDArray[np.int64], called: NDArray[np.int64]
) -> dict[str, float]:
    """Return the numbers of one level: codes of the truth and of the calls, ``(n_cells,)``."""
    nested = metrics.hierarchical_f(true, called, truth.sets[level])
    last = level == len(truth.sets) - 1
    in_ontology = last and truth.distances is not None and truth.ancestors is not None
    return {
        "accuracy": metrics.accuracy(true, called),
        "balanced_accuracy": metrics.balanced_accuracy(true, called),
        "macro_f1": metrics.macro_f1(true, called),
        "h_precision": nested.precision,
        "h_recall": nested.recall,
        "h_f": nested.f,
        "error_distance": metrics.error_distance(true, called, truth.distances)
        if in_ontology and truth.distances is not None
        else np.nan,
        "subtype_accuracy": metrics.subtype_accuracy(true, called, truth.ancestors)
        if in_ontology and truth.ancestors is not None
        else np.nan,
    }
