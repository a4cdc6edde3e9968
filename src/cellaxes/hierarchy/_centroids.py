"""A tree from the data, for labels that are no terms of an ontology."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import cut_tree, linkage

from cellaxes._core.adata import finite_matrix
from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._graph import ROOT
from cellaxes.hierarchy._labels import read_labels
from cellaxes.hierarchy._result import Tree

METRICS = ("euclidean", "cosine")


def tree_from_embedding(
    Z: ArrayLike, labels: Iterable[Any], levels: int = 4, *, metric: str = "euclidean"
) -> Tree:
    """Order cell types from coarse to fine by the distances of their centroids.

    Centroids are merged by average linkage. Level l of L has ``n_types^(l/L)`` groups (rounded, two
    at least), so that every level adds about as many bits; the last level is the label. Groups are
    numbered, ``1.2`` within ``1``, those of more types first.

    Parameters
    ----------
    Z
        Embedding, ``(n_cells, d)``.
    labels
        Type of each cell, ``(n_cells,)``.
    levels
        Depth of the tree, 2 to 6.
    metric
        ``"euclidean"`` or ``"cosine"``.

    Returns
    -------
    Tree
        Its graph is the tree itself; distances are steps in it.

    Raises
    ------
    InputError
        If lengths differ, Z is not finite, a label is missing, there are fewer than three types,
        levels is not 2 to 6, or a centroid is zero under ``"cosine"``.

    Examples
    --------
    >>> Z = [[0, 0], [0, 1], [9, 0], [9, 1], [9, 2]]
    >>> tree_from_embedding(Z, list("abcde"), levels=2).levels["level1"].tolist()
    ['2', '2', '1', '1', '1']
    """
    if isinstance(levels, bool) or levels not in range(2, 7):
        raise InputError(f"levels must be a whole number from 2 to 6, not {levels}.")
    if metric not in METRICS:
        raise InputError(f"there is no metric {metric!r}: {near(metric, METRICS)}")
    cells = [str(label) if label == label and label is not None else label for label in labels]
    given = read_labels(cells, None)
    values = finite_matrix(Z, "Z")
    if len(values) != len(cells):
        raise InputError(f"Z has {len(values)} rows for {len(cells)} labels: give one to each.")
    types = sorted(given.names)
    if len(types) < 3:
        raise InputError(f"a tree needs three types at least, but there are {len(types)}.")
    centroids = pd.DataFrame(values).groupby(np.array(cells, dtype=object)).mean().loc[types]
    if metric == "cosine" and (np.abs(centroids).sum(axis=1) == 0).any():
        raise InputError("a centroid is zero, which has no direction: use metric='euclidean'.")
    merged = linkage(centroids.to_numpy(), "average", metric)
    sizes = [max(2, round(len(types) ** (level / levels))) for level in range(1, levels)]
    groups = _numbered(cut_tree(merged, sizes))
    return _grown(dict(zip(types, groups, strict=True)), given.names, given.counts, metric)


def _numbered(cuts: NDArray[np.int64]) -> list[list[str]]:
    """Return the names of the groups of each type: numbers within the group above."""
    names = [[""] for _ in cuts]
    for column in cuts.T:
        members: dict[tuple[str, int], list[int]] = {}
        for row, cluster in enumerate(column):
            members.setdefault((names[row][-1], int(cluster)), []).append(row)
        taken: dict[str, int] = {}
        for (above, _), rows in sorted(members.items(), key=lambda m: (-len(m[1]), m[1][0])):
            taken[above] = taken.get(above, 0) + 1
            for row in rows:
                names[row].append(f"{above}.{taken[above]}".lstrip("."))
    return [row[1:] for row in names]


def _grown(
    groups: dict[str, list[str]], labels: tuple[str, ...], counts: tuple[int, ...], metric: str
) -> Tree:
    """Return the tree whose graph is its own levels."""
    graph: dict[str, tuple[str, ...]] = {ROOT: ()}
    for label in labels:
        above = ROOT
        for name in groups[label]:
            graph[f"group:{name}"] = (above,)
            above = f"group:{name}"
        graph[f"label:{label}"] = (above,)
    index = pd.Index(labels, name="label", dtype=object)
    depth = len(groups[labels[0]]) + 1
    return Tree(
        levels=pd.DataFrame(
            [[*groups[label], label] for label in labels],
            index,
            [f"level{k}" for k in range(1, depth + 1)],
            dtype=object,
        ),
        report=pd.DataFrame(
            {
                "ontology_id": "",
                "term": "",
                "match": "data",
                "count": counts,
                "path": [" < ".join([label, *groups[label][::-1]]) for label in labels],
                "reason": f"average linkage of centroids, {metric}",
                "alternatives": "",
            },
            index,
        ),
        graph=graph,
        names={node: node.partition(":")[2] or node for node in graph},
        nodes={label: f"label:{label}" for label in labels},
        method="data-driven",
    )
