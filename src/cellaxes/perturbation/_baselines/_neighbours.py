"""Profiles borrowed from what is alike: compounds by their responses, contexts, mechanisms."""

from collections.abc import Callable

import numpy as np

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array, Codes, average
from cellaxes.perturbation._baselines._likeness import Measured, measured, shared_cosine
from cellaxes.perturbation._baselines._task import Task
from cellaxes.perturbation._splits._rows import terms

K = 5
"""Neighbours that are averaged."""

Likeness = Callable[[int, Codes], Array]


def knn_response(task: Task) -> Array:
    """Return the mean, in the wanted context, of the compounds that do alike in the others."""
    held = measured(task)

    def of(c: int, wanted: Codes) -> Array:
        others = np.delete(np.arange(len(task.context.names)), c)
        alike = shared_cosine(held, others)
        np.fill_diagonal(alike, 0)
        return alike[wanted]

    return borrowed(task, held, of)


def borrowed(task: Task, held: Measured, alike: Likeness) -> Array:
    """Return means of the `K` most alike compounds that the wanted context knows.

    Parameters
    ----------
    alike
        Of a context and compounds ``(n,)``: likeness to every compound, ``(n, n_compounds)``;
        only what is above zero counts.
    """
    out = np.full(task.shape, np.nan)
    for c in np.unique(task.context.wanted):
        there = np.flatnonzero(held.there[c])
        rows = np.flatnonzero(task.context.wanted == c)
        if not len(there):
            continue
        likeness = alike(c, task.compound.wanted[rows])[:, there]
        profiles = held.profiles[held.at[c, there]]
        for row, near in zip(rows, likeness, strict=True):
            best = np.argsort(-near, kind="stable")[:K]
            out[row] = average(profiles[best], near[best].clip(min=0))
    return out


def nearest_context(task: Task) -> Array:
    """Return the compound's profile in the most alike context that knows it.

    Alike by the cosine of the profiles of all shared compounds; where none is shared, by the
    correlation of untreated expression, if that is known.
    """
    held = measured(task)
    alike = context_likeness(held, task)
    out = np.full(task.shape, np.nan)
    for row, (c, s) in enumerate(zip(task.context.wanted, task.compound.wanted, strict=True)):
        able = held.there[:, s] & np.isfinite(alike[c])
        able[c] = False
        if able.any():
            nearest = int(np.argmax(np.where(able, alike[c], -np.inf)))
            out[row] = held.profiles[held.at[nearest, s]]
    return out


def context_likeness(held: Measured, task: Task) -> Array:
    """Return how alike contexts are, ``(n_contexts, n_contexts)``, NaN where not known."""
    n = len(task.context.names)
    found = _by_expression(task)
    profiles = np.nan_to_num(held.profiles)
    for i in range(n):
        for j in range(i):
            both = np.flatnonzero(held.there[i] & held.there[j])
            a, b = profiles[held.at[i, both]], profiles[held.at[j, both]]
            size = np.linalg.norm(a) * np.linalg.norm(b)
            if size > 0:
                found[i, j] = found[j, i] = np.einsum("ij,ij->", a, b) / size
    return found


def _by_expression(task: Task) -> Array:
    n = len(task.context.names)
    found = np.full((n, n), np.nan)
    if task.expression is None:
        return found
    table = task.expression
    if table.index.has_duplicates:
        raise InputError("expression names a context twice: pass one row per context.")
    values = table.set_axis(table.index.astype(str)).reindex(task.context.names).to_numpy(float)
    known = np.flatnonzero(np.isfinite(values).all(axis=1) & (np.ptp(values, axis=1) > 0))
    if len(known) > 1:
        found[np.ix_(known, known)] = np.corrcoef(values[known])
    return found


def moa_mean(task: Task) -> Array:
    """Return the mean of the rows that share a mechanism: of the context, else of all contexts."""
    for table, which in ((task.train, "training rows"), (task.wanted, "wanted rows")):
        if "moa" not in table:
            raise InputError(f"moa_mean needs a column 'moa', but the {which} have none.")
    train, wanted = terms(task.train, "moa"), terms(task.wanted, "moa")
    names = sorted(set().union(*train, *wanted))
    has = np.array([[name in row for name in names] for row in train]).reshape(len(train), -1)
    out = np.full(task.shape, np.nan)
    cache: dict[tuple[int, frozenset[str]], Array] = {}
    for row, (c, of) in enumerate(zip(task.context.wanted, wanted, strict=True)):
        if not of:
            continue
        if (c, of) not in cache:
            sharing = has[:, [names.index(name) for name in sorted(of)]].any(axis=1)
            here = sharing & (task.context.train == c)
            near, far = (average(task.Y[m], task.weights[m]) for m in (here, sharing))
            cache[c, of] = np.where(np.isnan(near), far, near)
        out[row] = cache[c, of]
    return out
