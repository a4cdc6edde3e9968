"""Compare embeddings on cells that were held out, level by level and prefix by prefix."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.hierarchy import metrics
from cellaxes.hierarchy._evaluation._entries import Entry, read_entries
from cellaxes.hierarchy._evaluation._measure import Truth, call_cells, read_truth, score
from cellaxes.hierarchy._evaluation._result import Calls, Evaluation
from cellaxes.hierarchy._evaluation._splits import Split, split_by
from cellaxes.hierarchy._levels import read_groups, read_levels
from cellaxes.hierarchy._neighbours._vectors import Matrix, whole
from cellaxes.hierarchy._result import Tree


def evaluate(
    embeddings: Mapping[str, Entry],
    levels: Any,
    *,
    splits: Sequence[Split] | None = None,
    groups: Any = None,
    dims: Sequence[int] | None = None,
    tree: Tree | None = None,
    Z: ArrayLike | None = None,
    k: int = 5,
    max_reference: int | None = None,
    device: str = "cpu",
    random_state: int = 0,
) -> Evaluation:
    """Measure how well each embedding, and each prefix of it, keeps each level of cell types.

    The headline is the accuracy of the vote of the k nearest training cells (cosine) for test
    cells that no adapter saw. Beside it stands leave-one-out among the test cells, which many
    published tables report: it has fewer reference cells, of the same donors as the query, and its
    order of methods need not be that of the headline.

    Parameters
    ----------
    embeddings
        By name: an array ``(n_cells, d)``, or a function that is given the mask of the training
        cells and returns a fitted adapter (``transform`` and ``dims``). The first is what the
        others are to be held against.
    levels
        Labels from coarse to fine, as `Tree.expand` gives them, ``(n_cells, n_levels)``.
    splits
        Training and test cells. Unless told, each of ``groups`` is left out in turn, or without
        groups random halves of cells, three times.
    groups
        Donor of each cell, ``(n_cells,)``. Intervals are over groups, without them over cells.
    dims
        Lengths of the prefixes of arrays; adapters have their own.
    tree
        Ontology of the labels of the last level: steps of errors, and calls of subtypes.
    Z
        What adapters transform, ``(n_cells, d)``; the first array unless told. Its truncated
        principal components are the null of steerability.
    k
        Neighbours that vote.
    max_reference
        Training cells that are searched, at most: a sample of larger training sets. None: all (more
        than 200,000 with faiss).
    device
        Where distances are computed.
    random_state
        Seed of halves, samples and intervals.

    Returns
    -------
    Evaluation

    Raises
    ------
    InputError
        If an embedding has rows that are zero or not finite or is of other cells, a label is
        missing or not in the tree, a split does not fit, or k is larger than a training set.
    """
    n = _n_cells(embeddings, Z, levels)
    coded = read_levels(levels, n)
    entries = read_entries(embeddings, Z, dims, n)
    units = None if groups is None else read_groups(groups, n)[0]
    if splits is None:
        splits = split_by(groups, n, random_state=random_state)
    k = whole(k, "k")
    most = None if max_reference is None else whole(max_reference, "max_reference", k)
    for split in splits:
        if len(split.train) != n:
            raise InputError(
                f"the split {split.name!r} is of {len(split.train)} cells, the levels of {n}."
            )
        if k > split.train.sum():
            raise InputError(
                f"k is {k}, but {split.name!r} trains on {split.train.sum()} cells: lower k."
            )
    if not splits:
        raise InputError("splits is empty: pass at least one, or None.")
    truth = read_truth(
        coded, tree, k=k, max_reference=most, device=device, random_state=random_state
    )
    rows: list[dict[str, Any]] = []
    steering: list[dict[str, Any]] = []
    calls: dict[tuple[str, str, int], Calls] = {}
    for split in splits:
        for name in entries.names:
            prefixes = entries.of(name, split)
            widths = tuple(prefixes)
            for m, z in prefixes.items():
                found, more = _one(truth, z, split)
                calls[name, split.name, m] = Calls(
                    np.flatnonzero(split.test), found, m == widths[-1]
                )
                rows += [{"embedding": name, "split": split.name, **row} for row in more]
            if len(widths) > 1:
                steering.append(
                    _steer(coded.levels, rows, name, split, widths)
                    | _null(truth, entries.truncated(split, widths), split)
                )
    return Evaluation(
        table=pd.DataFrame(rows),
        steering=pd.DataFrame(steering),
        calls=calls,
        coded=coded,
        units=units,
        random_state=random_state,
    )


def _one(truth: Truth, z: Matrix, split: Split) -> tuple[Any, list[dict[str, Any]]]:
    """Return the calls of the test cells on a prefix, and one row per level."""
    called = call_cells(truth, z, split, leave_one_out=False)
    alone = call_cells(truth, z, split, leave_one_out=True) if split.test.sum() > 1 else None
    true, learnt = truth.coded.codes[split.test], truth.coded.codes[split.train]
    rows = []
    for at, level in enumerate(truth.coded.levels):
        rows.append(
            {
                "level": level,
                "prefix": z.shape[1],
                "n_train": int(split.train.sum()),
                "n_test": int(split.test.sum()),
                "unseen": float((~np.isin(true[:, at], learnt[:, at])).mean()),
                **score(truth, at, true[:, at], called[:, at]),
                "loo_accuracy": np.nan
                if alone is None
                else metrics.accuracy(true[:, at], alone[:, at]),
                "silhouette": metrics.silhouette(
                    z[split.test], true[:, at], random_state=truth.random_state
                ),
            }
        )
    return called, rows


def _steer(
    levels: tuple[str, ...],
    rows: list[dict[str, Any]],
    name: str,
    split: Split,
    dims: Sequence[int],
) -> dict[str, Any]:
    """Return steerability from the rows of an embedding and a split."""
    own = {
        (row["level"], row["prefix"]): row["accuracy"]
        for row in rows
        if row["embedding"] == name and row["split"] == split.name
    }
    coarse, fine = (
        (own[level, dims[0]], own[level, dims[-1]]) for level in (levels[0], levels[-1])
    )
    found = metrics.steerability(coarse, fine)
    return {
        "embedding": name,
        "split": split.name,
        "prefix": dims[0],
        "coarse": found.coarse,
        "fine": found.fine,
        "s": found.s,
    }


def _null(truth: Truth, prefixes: dict[int, Matrix], split: Split) -> dict[str, Any]:
    """Return steerability of principal components that are cut short."""
    true = truth.coded.codes[split.test]
    right = [
        (call_cells(truth, z, split, leave_one_out=False) == true).mean(axis=0)
        for z in (prefixes[min(prefixes)], prefixes[max(prefixes)])
    ]
    found = metrics.steerability(
        (float(right[0][0]), float(right[1][0])), (float(right[0][-1]), float(right[1][-1]))
    )
    return {"null_coarse": found.coarse, "null_fine": found.fine, "null_s": found.s}


def _n_cells(embeddings: Any, Z: Any, levels: Any) -> int:
    """Return how many cells there are."""
    arrays = [Z, *(e for e in embeddings.values() if not callable(e))] if embeddings else [Z]
    shapes = [np.shape(a) for a in arrays if a is not None]
    return int(shapes[0][0]) if shapes and shapes[0] else len(levels)
