"""Technical variation in a feature: batch within type, depth, mitochondria, cell cycle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.features._meaning._cycle import cell_states
from cellaxes.features._meaning._expression import Expression, Values, expression
from cellaxes.features._meaning._inputs import (
    Activations,
    Array,
    as_activations,
    as_codes,
    moments,
    one_hot,
)

LEAK = 0.1
"""Share of variance within types beyond which a feature is said to leak the batch."""
FEWEST_CELLS = 10
"""Cells of a type in a batch below which the type is not seen in that batch."""


@dataclass(frozen=True, eq=False, repr=False)
class Leakage:
    """Technical variation of each feature.

    Attributes
    ----------
    table
        One row per feature: ``batch_eta2`` as measured, ``batch_excess`` beyond chance, ``leaks``
        where the excess is above .1 (absent without a batch), and ``r_…``, the correlation with
        each state of the cells.
    chance
        ``batch_eta2`` to expect of a feature that does not know the batch; NaN without a batch.
    n_types
        Types seen in two batches or more, from which it is computed.
    """

    table: pd.DataFrame
    chance: float
    n_types: int

    def to_frame(self) -> pd.DataFrame:
        """Return the table, a row per feature."""
        return self.table.copy()

    def __repr__(self) -> str:
        if "leaks" not in self.table:
            return f"Leakage({len(self.table)} features, no batch given)"
        return (
            f"Leakage({int(self.table['leaks'].sum())} of {len(self.table)} features leak the "
            f"batch, over {self.n_types} types; chance {self.chance:.3f})"
        )


def batch_eta_squared(
    F: Activations, batch: ArrayLike, *, labels: ArrayLike | None = None
) -> tuple[Array, float, int]:
    """Return the share of each feature's variance within types that lies between batches.

    ``eta2 = sum_t sum_b n_tb (mu_tb - mu_t)^2 / sum_t SS_t`` over the types t seen in two batches
    or more with at least ten cells each, and over their cells in such batches: elsewhere batch and
    biology cannot be told apart.

    Parameters
    ----------
    F
        Activations, sparse or dense ``(n_cells, n_features)``.
    batch
        Batch of each cell, ``(n_cells,)``.
    labels
        Type of each cell, ``(n_cells,)``. Without, all cells are of one type, and a difference
        in composition counts as batch.

    Returns
    -------
    eta2, chance, n_types
        ``(n_features,)``, 0 where a feature does not vary; its expectation for a feature that
        does not know the batch; and the number of types used.

    Raises
    ------
    InputError
        If lengths differ, or no type is seen in two batches.
    """
    F = as_activations(F)
    n_cells = F.shape[0]
    batches, batch_names = as_codes(batch, n_cells, "batch")
    types = np.zeros(n_cells, dtype=np.int64)
    n_types = 1
    if labels is not None:
        types, names = as_codes(labels, n_cells, "labels")
        n_types = len(names)
    pair = np.where((types >= 0) & (batches >= 0), types * len(batch_names) + batches, -1)
    n_pairs = n_types * len(batch_names)
    seen = np.bincount(pair[pair >= 0], minlength=n_pairs) >= FEWEST_CELLS
    shared = seen.reshape(n_types, -1).sum(axis=1) >= 2
    used = seen & np.repeat(shared, len(batch_names))
    pair = np.where((pair >= 0) & used[pair], pair, -1)
    if not shared.any():
        raise InputError(
            f"no type has {FEWEST_CELLS} cells in two batches ({len(batch_names)} batches, "
            f"{n_types} types): batch and biology cannot be told apart; pass coarser labels or "
            "another batch."
        )
    of_pair = one_hot(pair, n_pairs)
    fold = sp.csr_matrix(np.repeat(np.eye(n_types), len(batch_names), axis=1))
    n_tb = np.asarray(of_pair.sum(axis=0)).ravel()
    sums = np.asarray((of_pair.T @ F).todense())
    squares = np.asarray(of_pair.sum(axis=1)).ravel() @ F.multiply(F)
    n_t, sums_t = fold @ n_tb, fold @ sums
    within = _square_over(sums_t, n_t)
    between = np.maximum(_square_over(sums, n_tb) - within, 0)
    total = np.asarray(squares).ravel() - within
    eta2 = np.divide(between, total, out=np.zeros_like(total), where=total > 1e-12 * within)
    n_used, t_used = n_t.sum(), int(shared.sum())
    return np.clip(eta2, 0, 1), float((used.sum() - t_used) / (n_used - t_used)), t_used


def leakage(
    F: Activations,
    X: Counts,
    genes: Sequence[str] | ArrayLike,
    *,
    batch: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    states: Mapping[str, ArrayLike] | None = None,
    values: Values = "counts",
) -> Leakage:
    """Measure how much of each feature is technical.

    The batch by `batch_eta_squared`; depth (log UMIs), mitochondrial expression and the phases of
    the cell cycle by correlation.

    Parameters
    ----------
    F, X, genes, values
        As in `markers`: activations ``(n_cells, n_features)``, counts ``(n_cells, n_genes)`` and
        names ``(n_genes,)``.
    batch, labels
        Batch and type, ``(n_cells,)``, as in `batch_eta_squared`.
    states
        More numbers of each cell by name, ``(n_cells,)`` each, e.g. a doublet score.

    Raises
    ------
    InputError
        If shapes do not fit, a state is no number, or no type is seen in two batches.

    References
    ----------
    Tirosh et al., Science 2016, for the genes of the cell cycle.
    """
    cells = expression(X, genes, values=values)
    return read_leakage(F, cells, batch=batch, labels=labels, states=states)


def read_leakage(
    F: Activations,
    cells: Expression,
    *,
    batch: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    states: Mapping[str, ArrayLike] | None = None,
) -> Leakage:
    """Do what `leakage` does with expression that has been read already."""
    F = as_activations(F, cells.shape[0])
    table = pd.DataFrame(index=pd.RangeIndex(F.shape[1], name="feature"))
    chance, n_types = float("nan"), 0
    if batch is not None:
        eta2, chance, n_types = batch_eta_squared(F, batch, labels=labels)
        excess = (eta2 - chance) / (1 - chance)
        table = table.assign(batch_eta2=eta2, batch_excess=excess, leaks=excess > LEAK)
    known = cell_states(cells)
    for name, numbers in (states or {}).items():
        known[name] = _numbers(numbers, name, len(known))
    r = _correlation(F, known.to_numpy(dtype=np.float64))
    return Leakage(
        table.assign(**{f"r_{name}": r[:, i] for i, name in enumerate(known)}), chance, n_types
    )


def _square_over(sums: Array, n: Array) -> Array:
    """Return ``sum_i sums_i^2 / n_i`` of each column, empty rows left out."""
    there = n > 0
    found: Array = (sums[there] ** 2 / n[there, None]).sum(axis=0)
    return found


def _numbers(numbers: ArrayLike, name: str, n_cells: int) -> NDArray[np.float64]:
    try:
        found = np.asarray(numbers, dtype=np.float64).ravel()
    except (TypeError, ValueError) as error:
        raise InputError(
            f"state {name!r} is no series of numbers: pass labels as batch."
        ) from error
    if len(found) != n_cells:
        raise InputError(f"state {name!r} has {len(found)} entries for {n_cells} cells.")
    return found


def _correlation(F: sp.csr_matrix, states: Array) -> Array:
    """Return ``(n_features, n_states)``; NaN for what does not vary or is not finite."""
    mean, sd = moments(F)
    centred = states - states.mean(axis=0)
    spread = centred.std(axis=0)
    scale = np.outer(sd, spread) * F.shape[0]
    shared = F.T @ centred - np.outer(mean, centred.sum(axis=0))
    r: Array = np.divide(shared, scale, out=np.full_like(scale, np.nan), where=scale > 0)
    return r
