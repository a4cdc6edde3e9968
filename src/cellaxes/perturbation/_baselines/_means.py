"""Averages: of nothing, of everything, of a context, of a compound, and their sum."""

import numpy as np

from cellaxes.perturbation._baselines._groups import Array, Groups
from cellaxes.perturbation._baselines._task import Task


def zero(task: Task) -> Array:
    """Return zeros."""
    return np.zeros(task.shape)


def gene_mean(task: Task) -> Array:
    """Return the mean of the training rows."""
    return np.tile(task.mean, (len(task.wanted), 1))


def context_mean(task: Task) -> Array:
    """Return the mean of the context."""
    return task.by_context.means[task.context.wanted]


def compound_mean(task: Task) -> Array:
    """Return the mean of the compound."""
    return task.by_compound.means[task.compound.wanted]


def context_mean_shrunk(task: Task) -> Array:
    """Return the mean of the context, shrunken to the gene mean."""
    return shrunk(task, task.by_context)[task.context.wanted]


def compound_mean_shrunk(task: Task) -> Array:
    """Return the mean of the compound, shrunken to the gene mean."""
    return shrunk(task, task.by_compound)[task.compound.wanted]


def additive(task: Task) -> Array:
    """Return what context and compound add to the gene mean."""
    return context_mean(task) + compound_mean(task) - task.mean


def shrunk(task: Task, groups: Groups) -> Array:
    """Return the means of groups, n/(n + κ) of the way from the gene mean to their own."""
    ratio = kappa(task, groups)
    share = groups.sizes / (groups.sizes + ratio) if np.isfinite(ratio) else 0 * groups.sizes
    return task.mean + share * (groups.means - task.mean)


def kappa(task: Task, groups: Groups) -> float:
    """Return the variance within groups over that between them, all genes together.

    Moments of the one-way layout with random effects, y = g + a + e with var a = τ² and
    var e = σ²/w: E[SSW] = σ² (n − k) and E[SSB] = σ² (k − 1) + τ² (W − Σ Wₖ²/W), each summed
    over genes. Infinite where groups differ by no more than chance.

    References
    ----------
    Searle, Casella & McCulloch, Variance Components (1992), chapter 3.
    """
    sizes = np.broadcast_to(groups.sizes, groups.means.shape)
    known = np.broadcast_to(task.counts > 0, task.Y.shape)
    between = float(np.nansum(sizes * (groups.means - task.mean) ** 2))
    total = float((np.broadcast_to(task.counts, task.Y.shape) * _gap(task) ** 2).sum())
    n_groups, n = (sizes > 0).sum(axis=0), known.sum(axis=0)
    free, apart = float((n - n_groups).sum()), float((n_groups - 1).clip(min=0).sum())
    if free <= 0:
        return 0.0
    within = max(total - between, 0.0) / free
    weight = sizes.sum(axis=0)
    spread = weight - np.divide((sizes**2).sum(axis=0), weight, where=weight > 0, out=0 * weight)
    excess, reach = between - within * apart, float(spread.sum())
    return within * reach / excess if excess > 0 and reach > 0 else float("inf")


def _gap(task: Task) -> Array:
    return np.nan_to_num(task.Y - task.mean)
