"""What gene sets say of features, and how much of it chance would say too."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes.features._meaning._inputs import Array, check_feature

ALPHA = 0.05
"""Level of both false discovery rates."""
UNRELATED = 0.1
"""Jaccard index below which two sets are about different things."""


@dataclass(frozen=True, eq=False, repr=False)
class Enrichment:
    """Gene sets over-represented among the top genes of each feature.

    Attributes
    ----------
    genes, terms
        Genes ``(n_genes,)`` that were ranked (without housekeeping and those of next to no cell),
        and sets ``(n_sets,)`` that were tested.
    members
        Genes of each set, CSR of zeros and ones ``(n_genes, n_sets)``.
    top
        Top genes of each feature, CSR of zeros and ones ``(n_features, n_genes)``.
    hits
        Top genes that are in the set, ``(n_features, n_sets)``.
    p
        Hypergeometric p-values, ``(n_features, n_sets)``.
    q
        The same after Benjamini and Hochberg, within each feature, ``(n_features, n_sets)``.
    q_permuted
        Expected number of features whose best p-value is as small when cells are permuted, over
        the number whose best p-value is, ``(n_features, n_sets)``; at least one permuted feature is
        always assumed.
    r_chance
        Highest correlation with a gene that the feature had on permuted cells,
        ``(n_features,)``; with 20 permutations a gene above it has p < .05 after all genes.
    chance
        Share of features that are annotated on permuted cells, by the rule of `annotated`: each
        permutation is held against the others. NaN with one permutation.
    chance_by_p
        The same by the p-values alone (``q < .05``), which know nothing of how genes hang together.
    """

    genes: NDArray[np.str_]
    terms: NDArray[np.str_]
    members: sp.csr_matrix
    top: sp.csr_matrix
    hits: NDArray[np.int16]
    p: Array
    q: NDArray[np.float32]
    q_permuted: NDArray[np.float32]
    r_chance: Array
    chance: float
    chance_by_p: float

    @property
    def annotated(self) -> NDArray[np.bool_]:
        """Which features have a best term that passes both rates, ``(n_features,)``."""
        best = self._best()
        return (_at(self.q, best) < ALPHA) & (_at(self.q_permuted, best) < ALPHA)

    @property
    def n_distinct(self) -> int:
        """Number of different best terms among annotated features."""
        return len(np.unique(self._best()[self.annotated]))

    def specificity(self) -> Array:
        """Return how far the best term stands above all unrelated ones, ``(n_features,)``.

        ``-log10 p`` of the best term minus that of the best among the terms that share less than
        a tenth of their genes with it (Jaccard index below .1).
        """
        best = self._best()
        unique, at = np.unique(best, return_inverse=True)
        size = np.asarray(self.members.sum(axis=0)).ravel()
        shared = np.asarray((self.members[:, unique].T @ self.members).todense())
        unrelated = shared < UNRELATED * (size[unique, None] + size - shared)
        other = np.where(unrelated[at], self.p, 1.0).min(axis=1)
        found: Array = np.log10(np.maximum(other, 1e-300) / np.maximum(_at(self.p, best), 1e-300))
        return found

    def best(self) -> pd.DataFrame:
        """Return one row per feature: its best term, passed or not."""
        best = self._best()
        return pd.DataFrame(
            {
                "term": self.terms[best],
                "hits": _at(self.hits, best),
                "p": _at(self.p, best),
                "q": _at(self.q, best),
                "q_permuted": _at(self.q_permuted, best),
                "specificity": self.specificity(),
                "annotated": self.annotated,
            }
        )

    def top_terms(self, feature: int, n: int = 10) -> pd.DataFrame:
        """Return the best `n` terms of ``feature``, a row per term, with genes that speak for it.

        Raises
        ------
        InputError
            If there is no such feature.
        """
        check_feature(feature, len(self.p))
        order = np.argsort(self.p[feature], kind="stable")[:n]
        order = order[self.hits[feature, order] > 0]
        own = self.top[feature].indices
        shared = self.members[own].tocsc()[:, order]
        return pd.DataFrame(
            {
                "term": self.terms[order],
                "hits": self.hits[feature, order],
                "size": np.asarray(self.members[:, order].sum(axis=0)).ravel().astype(int),
                "p": self.p[feature, order],
                "q": self.q[feature, order],
                "q_permuted": self.q_permuted[feature, order],
                "genes": [
                    "/".join(sorted(self.genes[own[shared[:, i].indices]]))
                    for i in range(len(order))
                ],
            }
        )

    def to_frame(self, n: int = 5) -> pd.DataFrame:
        """Return the best `n` terms of every feature, one row each."""
        tables = [self.top_terms(feature, n) for feature in range(len(self.p))]
        joined = pd.concat(tables, keys=range(len(tables)), names=["feature", "rank"])
        return joined.reset_index()

    def _best(self) -> NDArray[np.int64]:
        best: NDArray[np.int64] = self.p.argmin(axis=1)
        return best

    def __repr__(self) -> str:
        return (
            f"Enrichment({self.annotated.sum()} of {len(self.p)} features annotated by "
            f"{self.n_distinct} different terms of {len(self.terms)}; "
            f"of permuted ones {self.chance:.1%}, {self.chance_by_p:.1%} by p-values alone)"
        )


def _at(values: NDArray[Any], columns: NDArray[np.int64]) -> NDArray[Any]:
    return values[np.arange(len(values)), columns]
