"""Gene sets of features, held against the same features on permuted cells."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes._core.random import stream
from cellaxes.features._meaning._correlate import correlations
from cellaxes.features._meaning._enrichment import ALPHA, Enrichment
from cellaxes.features._meaning._expression import Expression, Values, expression
from cellaxes.features._meaning._gene_sets import GeneSets, Source, gene_sets
from cellaxes.features._meaning._inputs import Activations, Array, as_activations
from cellaxes.features._meaning._mask import housekeeping
from cellaxes.features._meaning._ora import (
    benjamini_hochberg,
    over_representation,
    significant_rows,
    top_genes,
)


def enrich(
    F: Activations,
    X: Counts,
    genes: Sequence[str] | ArrayLike,
    *,
    sets: Source | GeneSets | Sequence[str] = "hallmark",
    values: Values = "counts",
    n_top: int = 100,
    smallest: int = 10,
    largest: int = 500,
    mask: ArrayLike | None = None,
    n_permutations: int = 20,
    random_state: int = 0,
) -> Enrichment:
    """Test gene sets among the top marker genes of each feature, calibrated on permuted cells.

    Over-representation (hypergeometric) among the `n_top` genes of highest positive correlation;
    the background is all genes of the data that are neither masked nor found in next to no cell
    (`Markers.ranked`). Then the activations are given
    to the cells in another order, `n_permutations` times, and everything is computed anew.

    A share of annotated features is no evidence of quality: a random dictionary reaches 98 % on
    real cells. Read `Enrichment.n_distinct` and the specificity beside it.

    Parameters
    ----------
    F, X, genes, values
        As in `markers`: activations ``(n_cells, n_features)``, counts ``(n_cells, n_genes)`` and
        names ``(n_genes,)``.
    sets
        What `gene_sets` takes.
    n_top
        Genes of a feature; less than half of all.
    smallest, largest
        Bounds of the number of genes of a set that are in the background.
    mask
        Genes to leave out, bool ``(n_genes,)``; those of `housekeeping` unless given.
    n_permutations
        Times that the cells are permuted.
    random_state
        Seed of the permutations.

    Raises
    ------
    InputError
        If shapes do not fit, no set has enough genes of the data, or `n_top` is too large.
    """
    return enrich_read(
        F,
        expression(X, genes, values=values),
        sets=sets,
        n_top=n_top,
        sizes=(smallest, largest),
        mask=mask,
        n_permutations=n_permutations,
        random_state=random_state,
    )


def enrich_read(
    F: Activations,
    cells: Expression,
    *,
    sets: Source | GeneSets | Sequence[str],
    n_top: int = 100,
    sizes: tuple[int, int] = (10, 500),
    mask: ArrayLike | None = None,
    n_permutations: int = 20,
    random_state: int = 0,
) -> Enrichment:
    """Do what `enrich` does with expression that has been read already."""
    F = as_activations(F, cells.shape[0])
    left_out = housekeeping(cells.genes) if mask is None else np.asarray(mask, dtype=bool)
    if left_out.shape != cells.genes.shape:
        raise InputError(f"mask has shape {left_out.shape} for {len(cells.genes)} genes.")
    kept = np.flatnonzero(cells.ranked & ~left_out)
    if not 0 < n_top < len(kept) / 2:
        raise InputError(
            f"n_top is {n_top}, but {len(kept)} genes are ranked: take fewer than half of them."
        )
    if n_permutations < 1:
        raise InputError(f"n_permutations must be 1 or more, but is {n_permutations}.")
    names = cells.genes[kept]
    terms, members = gene_sets(sets).indicator(names, smallest=sizes[0], largest=sizes[1])
    top, _ = _top(F, cells, kept, n_top)
    hits, p = over_representation(top, members)
    lowest = np.empty((n_permutations, F.shape[1]))
    by_p = np.empty(lowest.shape, dtype=np.bool_)
    highest = np.zeros(F.shape[1])
    for i in range(n_permutations):
        order = stream(random_state, "permuted cells", i).permutation(F.shape[0])
        by_chance, r = _top(F[order], cells, kept, n_top)
        p_chance = over_representation(by_chance, members)[1]
        lowest[i] = p_chance.min(axis=1)
        by_p[i] = significant_rows(p_chance, ALPHA)
        highest = np.maximum(highest, r)
    return Enrichment(
        genes=names,
        terms=terms,
        members=members,
        top=top,
        hits=hits,
        p=p,
        q=benjamini_hochberg(p).astype(np.float32),
        q_permuted=_q_permuted(p, lowest).astype(np.float32),
        r_chance=highest,
        chance=_chance(lowest, by_p),
        chance_by_p=float(by_p.mean()),
    )


def _top(
    F: sp.csr_matrix, cells: Expression, kept: NDArray[np.int64], n: int
) -> tuple[sp.csr_matrix, Array]:
    """Return the top genes of each feature and its highest correlation."""
    tops, highest = [], []
    for _, r in correlations(F, cells):
        ranked = r[:, kept]
        tops.append(top_genes(ranked, n))
        highest.append(ranked.max(axis=1))
    return sp.vstack(tops, format="csr"), np.concatenate(highest)


def _chance(lowest: Array, by_p: NDArray[np.bool_]) -> float:
    """Return the share of permuted features that pass both rates, the others being the chance."""
    if len(lowest) < 2:
        return float("nan")
    passed = [
        by_p[i] & (_q_permuted(lowest[i][:, None], np.delete(lowest, i, axis=0))[:, 0] < ALPHA)
        for i in range(len(lowest))
    ]
    return float(np.mean(passed))


def _q_permuted(p: Array, lowest: Array) -> Array:
    """Return the false discovery rate of features at each p-value, from permuted cells."""
    chance = np.sort(lowest.ravel())
    best = np.sort(p.min(axis=1))

    def rate(at: Array) -> Array:
        expected = (np.searchsorted(chance, at, side="right") + 1) / len(lowest)
        found: Array = expected / np.maximum(np.searchsorted(best, at, side="right"), 1)
        return found

    from_here = np.minimum.accumulate(np.append(rate(best), 1.0)[::-1])[::-1]
    later = from_here[np.searchsorted(best, p, side="left")]
    return np.minimum(rate(p), later)
