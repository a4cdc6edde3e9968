"""Ours: the embedding itself, with what is learned beside it at a strength that is chosen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._adapters._choice import (
    CANDIDATES,
    compare,
    deal,
    learn_folds,
    looked_at,
    verdicts,
)
from cellaxes.hierarchy._adapters._dense import Arrays
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._parts import Strength, join, learn
from cellaxes.hierarchy._adapters._rotation import coarse_first

Fitted = tuple[dict[str, NDArray[np.float32]], dict[str, Any]]


def fit_residual(task: Task) -> Fitted:
    """Choose the strength, learn from all cells, rotate so that the coarse comes first."""
    seen = looked_at(task)
    fold, aside = deal(seen)
    folds = learn_folds(seen, fold)
    found = compare(verdicts(seen, folds), seen)
    strength = CANDIDATES[found.chosen]
    known = task.sample
    learned = {} if strength.untouched else learn(task)
    rotation = coarse_first(join(known.x, learned, strength), known.codes, task.width)
    params = {
        "linear": strength.linear,
        "network": strength.network,
        "aside": aside,
        "folds": len(folds),
        "candidates": [
            {
                "linear": one.linear,
                "network": one.network,
                "gains": found.levels[at].tolist(),
                "gain": float(found.mean[at]),
                "error": float(found.error[at]),
                "needed": float(found.errors_needed * found.error[at]),
            }
            for at, one in enumerate(CANDIDATES)
        ],
    }
    return learned | {"rotation": rotation}, params


def apply_residual(
    x: NDArray[np.float32], arrays: Arrays, params: dict[str, Any]
) -> NDArray[np.float32]:
    """Return ``[x, a linear, b network] rotation``."""
    strength = Strength(params["linear"], params["network"])
    return join(x, arrays, strength) @ arrays["rotation"]
