"""Univariate linear model of gene scores on gene-set membership, in closed form."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from cellaxes.features._meaning._gene_sets import GeneSets, Source, gene_sets
from cellaxes.features._meaning._genes import Markers
from cellaxes.features._meaning._inputs import Array


@dataclass(frozen=True, eq=False, repr=False)
class UlmScores:
    """Scores of a linear model for ranking terms, not for claiming them.

    Attributes
    ----------
    terms
        ``(n_sets,)``.
    t, p
        Statistic and two-sided p-value that takes genes for independent,
        ``(n_features, n_sets)``.
    """

    terms: NDArray[np.str_]
    t: Array
    p: Array

    def __repr__(self) -> str:
        return (
            f"UlmScores({self.t.shape[0]} features x {self.t.shape[1]} sets; p-values are "
            "anti-conservative: genes are not independent, use `enrich` for claims)"
        )


def ulm(
    markers: Markers,
    sets: Source | GeneSets,
    *,
    smallest: int = 10,
    largest: int = 500,
) -> UlmScores:
    """Return the t statistic of marker scores on membership of each set.

    With scores z of a feature over G genes (standardised) and the indicator a of a set of n
    genes, ``r = z'a / sqrt(G n (1 - n/G))`` and ``t = r sqrt((G - 2) / (1 - r^2))``: the slope of
    a regression of z on a, for all features and sets in one product.

    Its p-values are badly anti-conservative, because genes are correlated: on real cells 93 % of
    features are "annotated" after the cells have been permuted. Use it to rank; for claims use
    `enrich`.

    Parameters
    ----------
    markers
        What `markers` returned.
    sets
        What `gene_sets` takes.
    smallest, largest
        Bounds of the number of genes of a set that are in the data.

    Raises
    ------
    InputError
        If no set has enough genes of the data.
    """
    terms, members = gene_sets(sets).indicator(markers.genes, smallest=smallest, largest=largest)
    scores = markers.r.astype(np.float64)
    n_genes = scores.shape[1]
    scores -= scores.mean(axis=1, keepdims=True)
    sd = scores.std(axis=1, keepdims=True)
    np.divide(scores, sd, out=scores, where=sd > 0)
    size = np.asarray(members.sum(axis=0)).ravel()
    r = (members.T @ scores.T).T / np.sqrt(n_genes * size * (1 - size / n_genes))
    t = r * np.sqrt((n_genes - 2) / np.maximum(1 - r**2, 1e-300))
    return UlmScores(terms, t, 2 * student.sf(np.abs(t), n_genes - 2))
