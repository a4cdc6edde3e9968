"""The mean of a compound, times how strongly a context responds."""

import numpy as np

from cellaxes.perturbation._baselines._groups import Array, Codes, ratio
from cellaxes.perturbation._baselines._task import Task


def compound_mean_x_context_slope(task: Task) -> Array:
    """Return the compound's mean over the other contexts, times the slope of the context.

    The slope goes through zero: of the context's training pairs on the means of their compounds
    in the other contexts. It is 1 where none of these compounds is known elsewhere. Means that
    hold the row itself would give a steeper slope that the wanted rows do not keep.
    """
    n_compounds = len(task.compound.names)
    context, compound = np.divmod(task.pair_codes, n_compounds)
    x = _elsewhere(task, compound, np.arange(len(compound)))
    sizes = np.broadcast_to(task.by_pair.sizes, x.shape)
    here = np.where(np.isnan(x), 0, task.by_pair.sums)
    x = np.nan_to_num(x)
    n = len(task.context.names)
    up = np.bincount(context, weights=np.einsum("ij,ij->i", here, x), minlength=n)
    down = np.bincount(context, weights=np.einsum("ij,ij,ij->i", sizes, x, x), minlength=n)
    slope = np.divide(up, down, out=np.ones(n), where=down > 0)
    c, s = task.context.wanted, task.compound.wanted
    at = np.searchsorted(task.pair_codes, c * n_compounds + s).clip(max=len(task.pair_codes) - 1)
    measured = task.pair_codes[at] == c * n_compounds + s
    return slope[c][:, None] * _elsewhere(task, s, np.where(measured, at, -1))


def _elsewhere(task: Task, compound: Codes, pair: Codes) -> Array:
    """Return the means of compounds without the rows of a pair (−1: with all of them)."""
    all_rows, own = task.by_compound, task.by_pair
    out = (pair >= 0)[:, None]
    sums = all_rows.sums[compound] - out * own.sums[pair]
    sizes = all_rows.sizes[compound] - out * own.sizes[pair]
    return ratio(sums, np.where(sizes > 1e-9, sizes, 0))
