"""What the page of features draws, computed from all cells."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

BINS = 24
"""Bars of a histogram, besides that of the silent cells."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CATEGORIES = 40
"""Categories of a column that are drawn: the largest."""
NEIGHBOURS = 8
TOGETHER = 10
"""Cells that must activate two features before their co-activation is told."""
CHILD = 0.5
"""Share of a feature's cells that its parent must be active in, and twice its frequency."""

Array = NDArray[np.float64]
Pairs = list[list[tuple[int, float]]]


@dataclass(frozen=True, eq=False)
class Codes:
    """A column of cells as categories.

    Attributes
    ----------
    names
        Categories, in their order; the largest first where there are too many to draw all.
    codes
        Category of each cell, −1 where it is missing or not drawn, ``(n_cells,)``.
    n
        Cells of each category.
    n_left_out
        Categories that are not drawn.
    """

    names: list[str]
    codes: NDArray[np.int64]
    n: NDArray[np.int64]
    n_left_out: int


def codes_of(column: pd.Series, most: int | None = None) -> Codes:
    """Return a column as categories, in their order; the largest where there are more than most."""
    if not isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.kind not in "biufM":
        column = column.map(str, na_action="ignore")
    codes, values = pd.factorize(column, sort=True)
    n = np.bincount(codes[codes >= 0], minlength=len(values))
    kept = np.arange(len(n))
    if most is not None and len(n) > most:
        kept = np.argsort(-n, kind="stable")[:most]
    place = np.full(len(n) + 1, -1)
    place[kept] = np.arange(len(kept))
    return Codes(list(map(str, values[kept])), place[codes], n[kept], len(n) - len(kept))


def histograms(F: sp.csc_matrix) -> NDArray[np.int64]:
    """Return silent cells and counts of equal bins from 0 to the largest, ``(m, 1 + BINS)``."""
    n_cells, m = F.shape
    active = np.diff(F.indptr)
    feature = np.repeat(np.arange(m), active)
    share = F.data / np.maximum(largest(F), 1e-30)[feature]
    bins = np.minimum((share * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(feature * BINS + bins, minlength=m * BINS).reshape(m, BINS)
    return np.column_stack([n_cells - active, counts])


def largest(F: sp.csc_matrix) -> Array:
    """Return the largest activation of each feature, 0 for a silent one, ``(m,)``."""
    return np.asarray(F.max(axis=0).toarray(), dtype=np.float64).ravel()


def by_category(F: sp.csc_matrix, of: Codes) -> tuple[Array, Array]:
    """Return mean activation and share of active cells, ``(m, n_categories)`` each."""
    there = np.flatnonzero(of.codes >= 0)
    hot = sp.csr_matrix(
        (np.ones(len(there)), (there, of.codes[there])), shape=(F.shape[0], len(of.names))
    )
    n = np.maximum(of.n, 1)
    mean = np.asarray((F.T @ hot).todense()) / n
    share = np.asarray(((F > 0).astype(np.float64).T @ hot).todense()) / n
    return mean, share


def quantiles(values: Array, codes: NDArray[np.int64], n_categories: int) -> Array:
    """Return `QUANTILES` of the values of each category, linear between them.

    Parameters
    ----------
    values, codes
        Numbers and their categories, −1 for none, ``(n,)``.
    n_categories
        Of which some may be empty: their quantiles are 0.

    Returns
    -------
    ``(n_categories, len(QUANTILES))``.
    """
    kept = codes >= 0
    values, codes = values[kept], codes[kept]
    held = np.append(values[np.lexsort((values, codes))], 0.0)
    n = np.bincount(codes, minlength=n_categories)
    start, last = (np.cumsum(n) - n)[:, None], np.maximum(n - 1, 0)[:, None]
    at = last * np.array(QUANTILES)
    low = np.floor(at).astype(np.int64)
    first, second = held[start + low], held[start + np.minimum(low + 1, last)]
    return np.where(n[:, None] > 0, first + (at - low) * (second - first), 0.0)


def examples(values: Array, n: int = 5) -> list[NDArray[np.int64]]:
    """Return places of the highest, middle and lowest activations of a feature, no place twice."""
    order = np.argsort(-values, kind="stable")
    top, rest = order[:n], order[n:]
    low = rest[max(len(rest) - n, 0) :]
    rest = rest[: len(rest) - len(low)]
    middle = rest[max(len(rest) // 2 - n // 2, 0) :][:n]
    return [top, middle, low]


def feature_map(decoder: NDArray[np.float32]) -> tuple[Array, float]:
    """Return two principal components of unit directions ``(m, 2)`` and the share they hold."""
    unit = unit_rows(decoder)
    u, s, _ = np.linalg.svd(unit - unit.mean(axis=0), full_matrices=False)
    xy = np.zeros((len(unit), 2))
    k = min(2, len(s))
    xy[:, :k] = u[:, :k] * s[:k]
    flip = np.sign(xy[np.abs(xy).argmax(axis=0), [0, 1]])
    total = float((s**2).sum())
    return xy * np.where(flip == 0, 1, flip), float((s[:2] ** 2).sum() / total) if total else 0.0


def unit_rows(decoder: NDArray[np.float32]) -> Array:
    """Return rows of length one, ``(m, d)``."""
    rows = decoder.astype(np.float64)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Features near each feature; each entry is its number and how near.

    Attributes
    ----------
    direction
        Cosine of decoder directions.
    together
        Pointwise mutual information of being active, bits: ``log2 P(both) / (P(i) P(j))``.
    parents, children
        Of coarser and finer levels: share of the child's cells in which the parent is active.
    """

    direction: Pairs
    together: Pairs
    parents: Pairs
    children: Pairs


def neighbours(
    F: sp.csc_matrix, decoder: NDArray[np.float32], level: NDArray[np.int64], *, block: int = 512
) -> Neighbours:
    """Return the features nearest to each; blocks of features bound the memory."""
    n_cells, m = F.shape
    unit = unit_rows(decoder)
    on = (F > 0).astype(np.float64)
    active = np.asarray(on.sum(axis=0)).ravel()
    found = Neighbours([], [], [], [])
    for first in range(0, m, block):
        own = np.arange(first, min(first + block, m))
        cosine = unit[own] @ unit.T
        both = np.asarray((on[:, own].T @ on).todense())
        chance = np.maximum(np.outer(active[own], active) / n_cells, 1e-12)
        lift = both / chance
        pmi = np.where(both >= TOGETHER, np.log2(np.maximum(lift, 1e-12)), -np.inf)
        cosine[np.arange(len(own)), own] = pmi[np.arange(len(own)), own] = -np.inf
        nested = (both >= TOGETHER) & (lift >= 2)
        in_own = both / np.maximum(active[own], 1)[:, None]
        in_other = both / np.maximum(active, 1)
        coarser = level[own][:, None] > level
        finer = level[own][:, None] < level
        found.direction.extend(_nearest(cosine, 0))
        found.together.extend(_nearest(pmi, 0))
        found.parents.extend(_nearest(np.where(nested & coarser, in_own, -np.inf), CHILD))
        found.children.extend(_nearest(np.where(nested & finer, in_other, -np.inf), CHILD))
    return found


def _nearest(score: Array, least: float) -> Pairs:
    """Return the `NEIGHBOURS` highest scores above `least` of each row."""
    order = np.argsort(-score, axis=1, kind="stable")[:, :NEIGHBOURS]
    return [
        [(int(j), float(row[j])) for j in places if row[j] > least]
        for row, places in zip(score, order, strict=True)
    ]
