"""Ours: the embedding itself, with what is learned beside it at a strength that is chosen."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._adapters import _choice
from cellaxes.hierarchy._adapters._choice import CANDIDATES, Fold
from cellaxes.hierarchy._adapters._dense import Arrays
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._parts import Strength, join, learn
from cellaxes.hierarchy._adapters._rotation import coarse_first
from cellaxes.hierarchy._adapters._unit import unit
from cellaxes.hierarchy._adapters._vote import blocks, vote

ROTATIONS = ("means", "discriminants")

Fitted = tuple[dict[str, NDArray[np.float32]], dict[str, Any]]


def fit_residual(task: Task) -> Fitted:
    """Choose the strength, learn from all cells, rotate so that the coarse comes first."""
    fold, aside = _choice.deal(task)
    folds = _choice.learn_folds(task, fold)
    levels, mean, error = (
        _choice.compare(_choice.verdicts(task, folds)) if folds else _nothing(task)
    )
    chosen = _choice.pick(levels, mean, error)
    strength = CANDIDATES[chosen]
    rotation = _pick_rotation(task, folds, strength)
    learned = {} if strength.untouched else learn(task)
    arrays = learned | {
        "rotation": coarse_first(
            join(task.x, learned, strength), task.codes, task.width, by=rotation
        )
    }
    params = {
        "linear": strength.linear,
        "network": strength.network,
        "rotation": rotation,
        "aside": aside,
        "folds": len(folds),
        "candidates": [
            {"linear": c.linear, "network": c.network, "gains": g, "gain": m, "error": e}
            for c, g, m, e in zip(CANDIDATES, levels, mean, error, strict=True)
        ],
    }
    return arrays, params


def apply_residual(
    x: NDArray[np.float32], arrays: Arrays, params: dict[str, Any]
) -> NDArray[np.float32]:
    """Return ``[x, a linear, b network] rotation``."""
    strength = Strength(params["linear"], params["network"])
    return join(x, arrays, strength) @ arrays["rotation"]


def _nothing(task: Task) -> tuple[list[list[float]], list[float], list[float]]:
    """Return the comparison where no fold can be learned from: nothing gains."""
    zeros = [0.0] * len(CANDIDATES)
    return [[0.0] * len(task.names) for _ in CANDIDATES], zeros, zeros


def _pick_rotation(task: Task, folds: Sequence[Fold], strength: Strength) -> str:
    """Return the rotation whose first prefix calls level 1 right more often; ties to the first."""
    right = [0.0 for _ in ROTATIONS]
    for fold in folds:
        some = task.take(fold.train)
        v = join(some.x, fold.arrays, strength)
        q = join(task.x[fold.test], fold.arrays, strength)
        codes, asked = task.codes[fold.train, :1], task.codes[fold.test, :1]
        for at, by in enumerate(ROTATIONS):
            columns = coarse_first(v, some.codes, task.dims[0], by=by)
            reference, queries = unit(v @ columns), unit(q @ columns)
            for part in blocks(len(queries), len(reference)):
                called = vote(queries[part] @ reference.T, codes)
                right[at] += float((called == asked[part]).sum())
    return ROTATIONS[int(np.argmax(right))]
