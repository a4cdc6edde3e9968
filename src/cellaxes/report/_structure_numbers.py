"""Every number on the page of structure, from the evaluation and the tree."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.hierarchy import Evaluation, metrics
from cellaxes.report._structure_types import UNTOUCHED

MEANS = (
    "balanced_accuracy",
    "macro_f1",
    "h_f",
    "error_distance",
    "subtype_accuracy",
    "loo_accuracy",
    "silhouette",
    "unseen",
)
"""Columns that are averaged over splits."""
GROUPS = 25
"""Groups in a confusion table; smaller ones are taken together."""
OTHERS = "all others"
VIEWED = 5_000
"""Cells in a view, at most."""


def accuracy(evaluation: Evaluation) -> pd.DataFrame:
    """Return accuracy with its interval, and means over splits, per embedding, level and prefix.

    ``own`` marks the prefix that stands for the level.
    """
    key = ["embedding", "level", "prefix"]
    means = evaluation.table.groupby(key, sort=False)[list(MEANS)].mean().reset_index()
    table = evaluation.summary().merge(means, on=key, validate="1:1")
    place = {level: at for at, level in enumerate(evaluation.coded.levels)}
    dims = {name: sorted(set(rows["prefix"])) for name, rows in table.groupby("embedding")}
    table["own"] = [
        len(dims[name]) == len(place) and dims[name][place[level]] == prefix
        for name, level, prefix in table[key].itertuples(index=False)
    ]
    return table


def differences(evaluation: Evaluation, baseline: str = UNTOUCHED) -> pd.DataFrame:
    """Return `Evaluation.against`, and what the interval says: above, below or open."""
    table = evaluation.against(baseline)
    above, below = table["low"] > 0, table["high"] < 0
    table["verdict"] = np.select([above, below], ["above", "below"], "open")
    return table


def first_prefix(evaluation: Evaluation) -> pd.DataFrame:
    """Return accuracy of level 1 by the first prefix and by the whole, and their difference."""
    rows = []
    for name in evaluation.embeddings:
        mine = {key: calls for key, calls in evaluation.calls.items() if key[0] == name}
        first = min(m for _, _, m in mine)
        gaps, cells, right = [], [], []
        for (_, split, _), whole in mine.items():
            if whole.full and mine[name, split, first] is not whole:
                true = evaluation.coded.codes[whole.cells, 0]
                hits = [c.called[:, 0] == true for c in (mine[name, split, first], whole)]
                right.append(np.array(hits, dtype=np.float64))
                gaps.append(right[-1][0] - right[-1][1])
                cells.append(whole.cells)
        if not gaps:
            continue
        at = np.concatenate(cells)
        units = at if evaluation.units is None else evaluation.units[at]
        found = metrics.bootstrap_ratio(
            np.concatenate(gaps),
            np.unique(units, return_inverse=True)[1],
            random_state=evaluation.random_state,
        )
        short, full = np.concatenate(right, axis=1).mean(axis=1)
        rows.append((name, first, short, full, found.value, found.low, found.high))
    columns = ["embedding", "prefix", "accuracy", "full", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=columns)


def steerability(evaluation: Evaluation) -> pd.DataFrame:
    """Return S with its terms and that of truncated principal components, means over splits."""
    columns = ["coarse", "fine", "s", "null_coarse", "null_fine", "null_s"]
    return evaluation.steering.groupby("embedding", sort=False)[columns].mean().reset_index()


def confusion(evaluation: Evaluation, embedding: str, level: str) -> pd.DataFrame:
    """Return cells by true group and call; the largest groups first, small ones together."""
    table = evaluation.confusion(embedding, level)
    order = table.sum(axis=1).sort_values(ascending=False, kind="stable").index
    kept = list(order[:GROUPS])
    found = table.loc[kept, kept]
    if len(order) > GROUPS:
        rest = list(order[GROUPS:])
        found[OTHERS] = table.loc[kept, rest].sum(axis=1)
        last = table.loc[rest, kept].sum(axis=0)
        last[OTHERS] = table.loc[rest, rest].to_numpy().sum()
        found.loc[OTHERS] = last
    return found


def branches(levels: pd.DataFrame, at: int = 0) -> list[dict[str, Any]]:
    """Return the groups of a level with those below them; a level that only repeats is passed.

    Parameters
    ----------
    levels
        Of the cells, ``(n_cells, n_levels)``.
    at
        Level of the groups.
    """
    found = []
    sizes = levels.iloc[:, at].astype(str).value_counts()
    for name in sorted(sizes.index, key=lambda group: (-sizes[group], group)):
        mine = levels[levels.iloc[:, at].astype(str) == name]
        below = branches(mine, at + 1) if at + 1 < levels.shape[1] else []
        first = last = at + 1
        while len(below) == 1 and below[0]["name"] == name:
            last, below = below[0]["levels"][1], below[0]["below"]
        found.append(
            {
                "name": name,
                "levels": [first, last],
                "n_cells": len(mine),
                "n_types": int(mine.iloc[:, -1].nunique()),
                "below": below,
            }
        )
    return found


def viewed(n_cells: int) -> NDArray[np.int64]:
    """Return the cells that are drawn: all, or a sample that is always the same."""
    if n_cells <= VIEWED:
        return np.arange(n_cells)
    rng = stream(0, "structure", "view", n_cells)
    return np.sort(rng.choice(n_cells, VIEWED, replace=False))


def plane(z: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return two principal components, and the share of the variance that they hold."""
    centred = np.asarray(z, dtype=np.float64) - z.mean(axis=0, dtype=np.float64)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    xy = np.zeros((len(z), 2))
    xy[:, : min(2, len(s))] = (u * s)[:, :2]
    total = float((s**2).sum())
    return xy, float((s[:2] ** 2).sum()) / total if total else 0.0
