"""Context and compound effects, both shrunken: the best linear guess of a two-way layout."""

from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy.sparse as sp

from cellaxes.perturbation._baselines._groups import Array, Codes
from cellaxes.perturbation._baselines._task import Task

PENALTY = 3.0
"""Rows that a context or a compound needs to be believed by half."""
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
"""Among which leave-one-out chooses, for contexts and for compounds."""
CHOOSING = 500
"""Genes that a penalty is chosen on, evenly spaced, where there are more."""
BLOCK = 4_000_000
"""Values of a block of genes."""


@dataclass(frozen=True, eq=False)
class Effects:
    """Effects of the levels of two factors.

    Attributes
    ----------
    a, b
        ``(n_levels, n_genes)``; zero for a level without rows.
    spread
        ``x'(X'WX + Λ)⁻¹x`` of every pair of levels, ``(n_a, n_b, n_genes or 1)``.
    """

    a: Array
    b: Array
    spread: Array | None = None


def additive_ridge(task: Task) -> Array:
    """Return the additive effects at a fixed penalty."""
    return _predicted(task, (PENALTY, PENALTY))


def additive_ridge_loo(task: Task) -> Array:
    """Return the additive effects at the penalties that leave-one-out chooses."""
    return _predicted(task, loo_penalties(task))


def two_way_ridge(
    gaps: Array, counts: Array, levels: tuple[Codes, Codes], sizes: tuple[int, int], *,
    penalties: tuple[float, float], spread: bool = False,
) -> Effects:  # fmt: skip
    """Solve min Σ w (y − aᵢ − bⱼ)² + λₐ |a|² + λ_b |b|² for every gene.

    The second factor is eliminated in closed form, so that a gene costs a system of the size of
    the first, whatever is missing.

    Parameters
    ----------
    gaps
        y times w, ``(n_rows, n_genes)``, zero where missing.
    counts
        w, of the same shape, or ``(n_rows, 1)`` where nothing is missing.
    levels, sizes
        Level of each row and number of levels, of the factors a and b.
    penalties
        λₐ and λ_b.
    spread
        Whether to return the spreads.
    """
    n, (n_a, n_b) = len(gaps), sizes
    at = levels[0] * n_b + levels[1]
    cell = sp.csr_matrix((np.ones(n), (at, np.arange(n))), shape=(n_a * n_b, n))
    weight = np.asarray(cell @ counts).reshape(n_a, n_b, -1)
    total = np.asarray(cell @ gaps).reshape(n_a, n_b, -1)
    seen = weight.sum(axis=0) + penalties[1]  # (n_b, genes)
    half = weight / np.sqrt(seen)
    system = -np.einsum("asg,csg->gac", half, half, optimize=True)
    system[:, np.arange(n_a), np.arange(n_a)] += weight.sum(axis=1).T + penalties[0]
    of_b = total.sum(axis=0)
    share = weight / seen
    right = total.sum(axis=1) - np.einsum("asg,sg->ag", share, of_b)
    if len(system) == 1:
        a = np.linalg.solve(system[0], right)
    else:
        a = np.linalg.solve(system, right.T[:, :, None])[:, :, 0].T
    b = of_b / seen - np.einsum("asg,ag->sg", share, a)
    if not spread:
        return Effects(a, b)
    inverse = np.linalg.inv(system)
    cross = np.einsum("gac,csg->asg", inverse, share)
    own = 1 / seen + np.einsum("asg,asg->sg", share, cross)
    return Effects(a, b, np.einsum("gaa->ag", inverse)[:, None] - 2 * cross + own)


def loo_penalties(task: Task) -> tuple[float, float]:
    """Return the penalties of context and compound with the least leave-one-out error.

    Closed form, e/(1 − h), the gene mean held fixed. It speaks for gaps in the table, not for a
    new context.
    """
    n_genes = task.Y.shape[1]
    genes = np.unique(np.linspace(0, n_genes - 1, min(n_genes, CHOOSING)).astype(int))
    gaps, counts = _gaps(task, genes)
    c, s = task.context.train, task.compound.train
    weights = np.broadcast_to(counts, gaps.shape)
    y = np.divide(gaps, weights, out=np.zeros_like(gaps), where=weights > 0)
    errors = {}
    for pair in product(PENALTIES, PENALTIES):
        found = _solved(task, gaps, counts, pair, spread=True)
        assert found.spread is not None  # noqa: S101 - it was asked for
        left = 1 - counts * found.spread[c, s]
        errors[pair] = float((weights * ((y - found.a[c] - found.b[s]) / left) ** 2).sum())
    return min(errors, key=lambda pair: errors[pair])


def _predicted(task: Task, penalties: tuple[float, float]) -> Array:
    c, s = task.context, task.compound
    out = np.empty(task.shape)
    step = max(1, BLOCK // (len(c.names) * len(s.names)))
    for start in range(0, task.shape[1], step):
        genes = np.arange(start, min(start + step, task.shape[1]))
        found = _solved(task, *_gaps(task, genes), penalties)
        out[:, genes] = task.mean[genes] + found.a[c.wanted] + found.b[s.wanted]
    return out


def _gaps(task: Task, genes: Codes) -> tuple[Array, Array]:
    """Return weighted distances from the gene mean, and the weights."""
    counts = task.counts if task.counts.shape[1] == 1 else task.counts[:, genes]
    return task.weighted[:, genes] - counts * np.nan_to_num(task.mean[genes]), counts


def _solved(
    task: Task, gaps: Array, counts: Array, penalties: tuple[float, float], spread: bool = False
) -> Effects:
    """Solve with the smaller factor first; a is of contexts, b of compounds."""
    c, s = task.context, task.compound
    if len(c.names) <= len(s.names):
        return two_way_ridge(
            gaps, counts, (c.train, s.train), (len(c.names), len(s.names)),
            penalties=penalties, spread=spread,
        )  # fmt: skip
    found = two_way_ridge(
        gaps, counts, (s.train, c.train), (len(s.names), len(c.names)),
        penalties=(penalties[1], penalties[0]), spread=spread,
    )  # fmt: skip
    turned = None if found.spread is None else found.spread.swapaxes(0, 1)
    return Effects(found.b, found.a, turned)
