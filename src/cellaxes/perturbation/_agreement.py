"""Whether a profile is like the same compound's in the other contexts."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes.perturbation._counts import Array


def agreement(t: Array, context: NDArray[Any], compound: NDArray[Any]) -> Array:
    """Return how a row's own compound ranks among all, judged by the other contexts.

    The share of the other compounds whose mean profile in the other contexts has a smaller
    cosine with the row than that of its own compound: 1 is best, 0.5 is chance. NaN for a
    compound of one context, and where fewer than two compounds can be compared.

    Parameters
    ----------
    t
        ``(n_rows, n_genes)``; NaN counts as 0.
    context, compound
        ``(n_rows,)``.
    """
    rows = _unit(np.nan_to_num(t))
    names, of = np.unique(compound, return_inverse=True)
    total = np.zeros((len(names), t.shape[1]))
    np.add.at(total, of, rows)
    times = np.bincount(of, minlength=len(names))
    found = np.full(len(t), np.nan)
    for place in np.unique(context):
        here = np.flatnonzero(context == place)
        own = np.zeros_like(total)
        np.add.at(own, of[here], rows[here])
        elsewhere = times - np.bincount(of[here], minlength=len(names)) > 0
        likeness = rows[here] @ _unit(total - own).T
        if elsewhere.sum() < 2:
            continue
        for i, row in enumerate(here):
            others = elsewhere.copy()
            others[of[row]] = False
            if elsewhere[of[row]]:
                found[row] = (likeness[i, others] < likeness[i, of[row]]).mean()
    return found


def _unit(rows: Array) -> Array:
    """Return rows of length one; zeros stay."""
    unit: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    return unit
