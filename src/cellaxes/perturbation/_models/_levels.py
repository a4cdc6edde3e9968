"""Contexts and compounds as levels of a kernel, those without rows included."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from cellaxes._core.random import stream
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._kernels import Array, Codes, Kernel, likeness

SHRUNKEN = 2.0
"""Average rows that a compound's strength is pulled towards 1 by."""


@dataclass(frozen=True, eq=False)
class Levels:
    """Levels of a table of rows.

    Attributes
    ----------
    contexts, compounds
        Names: first those of the rows, sorted, then others of which features are known.
    n_contexts, n_compounds
        How many of them have rows.
    context, compound
        Level of each row.
    alike
        Of compounds with one level more, for any other.
    """

    contexts: tuple[str, ...]
    compounds: tuple[str, ...]
    n_contexts: int
    n_compounds: int
    context: Codes
    compound: Codes
    alike: Array


def levels_of(data: TrainingData) -> Levels:
    """Return the levels of the training rows and of the tables of features."""
    contexts, n_contexts = _names(data.rows["context"], data.contexts)
    compounds, n_compounds = _names(data.rows["compound"], data.compounds)
    context, compound = _codes(data, "context", contexts), _codes(data, "compound", compounds)
    alike = np.eye(len(compounds) + 1)
    if data.compounds is not None and len(data.compounds.columns):
        at = pd.Index(compounds).get_indexer(data.compounds.index.astype(str))
        alike[np.ix_(at, at)] = likeness(data.compounds.to_numpy(np.float64))
    return Levels(contexts, compounds, n_contexts, n_compounds, context, compound, alike)


def first_kernel(
    Y: Array, levels: Levels, *, ranks: tuple[int, int], strength: float, random_state: int
) -> Kernel:
    """Return where learning begins; compounds lie at the leading components of their means.

    Parameters
    ----------
    Y
        Responses less their mean, ``(n_rows, n_genes)``, of a mean square of 1.
    levels
        Of the rows.
    ranks
        Of contexts and of compounds.
    strength
        Power of the compounds' strength.
    random_state
        Seed.
    """
    c, s = levels.n_contexts, levels.n_compounds
    member = np.zeros((s, len(Y)))
    member[levels.compound, np.arange(len(Y))] = 1
    counts = member.sum(axis=1)
    means = member @ Y / counts[:, None]
    square = (member @ (Y**2).mean(axis=1) + SHRUNKEN) / (counts + SHRUNKEN)
    a = (square / np.average(square, weights=counts)) ** (strength / 2)
    values, vectors = np.linalg.eigh(means @ means.T)
    last = slice(-1, -min(ranks[1], s) - 1, -1)
    positions = np.zeros((s, ranks[1]))
    scores = vectors[:, last] * np.sqrt(np.maximum(values[last], 0)) / a[:, None]
    positions[:, : scores.shape[1]] = scores
    positions *= 0.7 / max(np.sqrt((positions**2).sum(axis=1).mean()), 1e-12)
    loads = stream(random_state, "kernel_gp", c, ranks[0]).normal(size=(c, ranks[0])) * 0.1
    loads[:, :1] = 0.5
    return Kernel(
        noise=0.3, context=0.05, compound=0.05, own=0.2, chemistry=0.1, loads=loads,
        spread=np.full(c, 0.1), positions=positions, strength=a, alike=levels.alike[:s, :s],
    )  # fmt: skip


def with_unseen(kernel: Kernel, levels: Levels, data: TrainingData) -> Kernel:
    """Return the kernel with levels for what has no rows, and one more for any other name.

    A context without rows lies at the mean of the others, those of like expression counting
    more; a compound without rows is of average strength and lies in the middle.
    """
    n = len(levels.contexts) + 1 - levels.n_contexts
    shares = np.vstack([np.eye(levels.n_contexts), _shares(levels, data, n)])
    m = len(levels.compounds) + 1 - levels.n_compounds
    return replace(
        kernel,
        loads=shares @ kernel.loads,
        spread=shares @ kernel.spread,
        positions=np.pad(kernel.positions, ((0, m), (0, 0))),
        strength=np.pad(kernel.strength, (0, m), constant_values=1.0),
        alike=levels.alike,
    )


def _shares(levels: Levels, data: TrainingData, n: int) -> Array:
    """Return what each context with rows counts for each without, ``(n, n_contexts)``."""
    equal = np.full((n, levels.n_contexts), 1 / levels.n_contexts)
    table = data.contexts
    if table is None or not len(table.columns):
        return equal
    known = [name for name in levels.contexts[: levels.n_contexts] if name in table.index]
    new = levels.contexts[levels.n_contexts :]
    if not known or not new:
        return equal
    alike = likeness(table.loc[[*new, *known]].to_numpy(np.float64))[: len(new), len(new) :]
    at = [levels.contexts.index(name) for name in known]
    equal[: len(new)] = 0
    weight = np.maximum(alike, 1e-12)
    equal[: len(new), at] = weight / weight.sum(axis=1, keepdims=True)
    return equal


def _names(column: pd.Series, table: pd.DataFrame | None) -> tuple[tuple[str, ...], int]:
    held = sorted(set(column.astype(str)))
    more = [] if table is None else sorted(set(table.index.astype(str)) - set(held))
    return (*held, *more), len(held)


def _codes(data: TrainingData, column: str, held: tuple[str, ...]) -> Codes:
    level = {name: i for i, name in enumerate(held)}
    return np.array([level[name] for name in data.rows[column].astype(str)], dtype=np.intp)
