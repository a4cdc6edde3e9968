"""Responses of a context regressed on what its compounds do in the other contexts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellaxes.perturbation._baselines._groups import Array, Codes, average
from cellaxes.perturbation._baselines._likeness import (
    Measured,
    known_in,
    measured,
    rich_contexts,
    shared_kernel,
)
from cellaxes.perturbation._baselines._task import Task

COMPONENTS = (1, 2, 4, 8, 16, 32)
ALPHAS = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Penalties; the components of a compound have a mean square of 1 together."""
CHOOSING = 500
"""Genes that both are chosen on, evenly spaced, where there are more."""
FEWEST = 3
"""Compounds of a context below which nothing can be learned of it."""
FOLDS = 3
"""Parts of the bridge, each of which is predicted from the others."""


def ridge_recommender(task: Task) -> Array:
    """Return, per wanted context, a ridge of its profiles on the components of its compounds."""
    held, out = measured(task), np.full(task.shape, np.nan)
    for c in np.unique(task.context.wanted):
        rich = rich_contexts(held, c)
        known = known_in(held, rich)
        bridge = np.flatnonzero(held.there[c] & known)
        if len(bridge) < FEWEST:
            continue
        n_components, alpha = _chosen(held, c, rich, bridge)
        z = components(shared_kernel(held, rich), known)[:, :n_components]
        y, weight = _profiles(held, c, bridge, np.arange(task.shape[1]))
        rows = np.flatnonzero((task.context.wanted == c) & known[task.compound.wanted])
        (out[rows],) = ridge(z[bridge], y, z[task.compound.wanted[rows]], weight, [alpha])
        never = np.isnan(held.profiles[held.at[c, bridge]]).all(axis=0)
        out[np.ix_(rows, never)] = np.nan
    return out


def components(kernel: Array, known: NDArray[np.bool_]) -> Array:
    """Return the principal components of compounds, largest first, zero for unknown ones.

    ``(n_compounds, n_components)``, scaled so that known compounds have a mean square of 1.
    """
    at = np.flatnonzero(known)
    values, vectors = np.linalg.eigh(kernel[np.ix_(at, at)])
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > 1e-9 * max(values[0], 0.0)
    found = np.zeros((len(kernel), int(kept.sum())))
    found[at] = vectors[:, kept] * np.sqrt(values[kept])
    size = np.sqrt((found[at] ** 2).sum(axis=1).mean())
    return found / size if size > 0 else found


def ridge(
    z: Array, y: Array, wanted: Array, weights: Array, alphas: Sequence[float]
) -> list[Array]:
    """Return predictions at each penalty, the intercept left free.

    Parameters
    ----------
    z, wanted
        Components of the compounds that are known and wanted.
    y
        Profiles of the known ones, ``(n_known, n_genes)``.
    weights
        ``(n_known,)``.
    alphas
        Penalties.
    """
    share = weights / weights.sum()
    centre, mean = share @ z, share @ y
    x, residual = z - centre, y - mean
    gram, cross = (x.T * weights) @ x, (x.T * weights) @ residual
    eye = np.eye(len(gram))
    return [mean + (wanted - centre) @ np.linalg.solve(gram + a * eye, cross) for a in alphas]


def _profiles(held: Measured, c: int, compounds: Codes, genes: Codes) -> tuple[Array, Array]:
    """Return profiles of a context, their mean where a value is missing, and their weights."""
    at = held.at[c, compounds]
    y, weight = held.profiles[np.ix_(at, genes)], held.weight[at]
    return np.where(np.isnan(y), np.nan_to_num(average(y, weight)), y), weight


def _chosen(held: Measured, c: int, rich: Codes, bridge: Codes) -> tuple[int, float]:
    """Return the components and the penalty with the least error on what stands for the test.

    Two stand-ins: each part of the bridge predicted from the others, and each rich context
    predicted from the same bridge as if it were the wanted one, left out of the components.
    """
    n_genes = held.profiles.shape[1]
    genes = np.unique(np.linspace(0, n_genes - 1, min(n_genes, CHOOSING)).astype(int))
    error = np.zeros((len(COMPONENTS), len(ALPHAS)))
    folds = np.arange(len(bridge)) % FOLDS
    for fold in range(FOLDS):
        error += _errors(held, c, rich, (bridge[folds != fold], bridge[folds == fold]), genes)
    for r in rich:
        others = rich[rich != r]
        able = held.there[r] & known_in(held, others)
        kept = bridge[able[bridge]]
        asked = np.setdiff1d(np.flatnonzero(able), bridge)
        if len(kept) >= FEWEST and len(asked):
            error += _errors(held, r, others, (kept, asked), genes)
    best = np.unravel_index(np.argmin(error), error.shape)
    return COMPONENTS[best[0]], ALPHAS[best[1]]


def _errors(
    held: Measured, c: int, others: Codes, parts: tuple[Codes, Codes], genes: Codes
) -> Array:
    """Return the summed root mean square errors of the second part, learned from the first."""
    kept, asked = parts
    error = np.zeros((len(COMPONENTS), len(ALPHAS)))
    if not len(kept) or not len(asked):
        return error
    z = components(shared_kernel(held, others), known_in(held, others))
    y, weight = _profiles(held, c, kept, genes)
    truth = held.profiles[np.ix_(held.at[c, asked], genes)]
    n = np.maximum((~np.isnan(truth)).sum(axis=1), 1)
    for i, k in enumerate(COMPONENTS):
        for j, guess in enumerate(ridge(z[kept, :k], y, z[asked, :k], weight, ALPHAS)):
            error[i, j] = np.sqrt(np.nansum((truth - guess) ** 2, axis=1) / n).sum()
    return error
