"""Genes of a feature: correlation of its activation with log expression."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.features._meaning._correlate import correlations
from cellaxes.features._meaning._expression import Expression, Values, expression
from cellaxes.features._meaning._inputs import Activations, as_activations, check_feature, moments


@dataclass(frozen=True, eq=False)
class Markers:
    """Genes that go with each feature.

    Attributes
    ----------
    genes
        Names, ``(n_genes,)``.
    r
        Correlation of activation and log expression, float32 ``(n_features, n_genes)``; 0 where
        either is constant.
    ranked
        Genes found in 10 cells or 1 % of them, whichever is less, ``(n_genes,)``: others are
        left out of rankings, because a few cells correlate with anything.
    n_cells
        Cells that were read.
    lfc
        Effect of each feature on each gene through a decoder, natural log fold change,
        ``(n_features, n_genes)``, where a decoder was at hand.
    """

    genes: NDArray[np.str_]
    r: NDArray[np.float32]
    ranked: NDArray[np.bool_]
    n_cells: int
    lfc: NDArray[np.float32] | None = None

    def top(self, feature: int, n: int = 20, *, negative: bool = False) -> pd.DataFrame:
        """Return the genes that go with a feature most, or that it excludes most.

        Parameters
        ----------
        feature
            Number of the feature.
        n
            Genes; fewer where fewer have a correlation of that sign.
        negative
            Take the most negative correlations.

        Returns
        -------
        pandas.DataFrame
            A row per gene: ``gene``, ``r`` and, where a decoder was at hand, ``lfc``; strongest
            first.

        Raises
        ------
        InputError
            If there is no such feature.
        """
        check_feature(feature, len(self.r))
        row = np.where(self.ranked, -self.r[feature] if negative else self.r[feature], 0)
        order = np.argsort(-row, kind="stable")[:n]
        order = order[row[order] > 0]
        table = pd.DataFrame({"gene": self.genes[order], "r": self.r[feature, order]})
        return table if self.lfc is None else table.assign(lfc=self.lfc[feature, order])

    def moved(self, feature: int, n: int = 10) -> pd.DataFrame:
        """Return the genes that a feature moves most through the decoder: up, then down.

        Parameters
        ----------
        feature
            Number of the feature.
        n
            Genes of either sign, of those that are ranked.

        Returns
        -------
        pandas.DataFrame
            A row per gene, ``gene`` and ``lfc``, natural log fold change, highest first.

        Raises
        ------
        InputError
            If there is no such feature, or no decoder was at hand.
        """
        check_feature(feature, len(self.r))
        if self.lfc is None:
            raise InputError("no decoder was at hand: pass lfc= to markers or annotate.")
        row = np.where(self.ranked, self.lfc[feature], 0)
        order = np.argsort(-row, kind="stable")
        ends = np.concatenate([order[:n], order[max(n, len(order) - n) :]])
        kept = ends[row[ends] != 0]
        return pd.DataFrame({"gene": self.genes[kept], "lfc": row[kept]})

    def to_frame(self, n: int = 20) -> pd.DataFrame:
        """Return the top `n` genes of every feature: ``feature``, ``rank``, ``gene``, ``r``."""
        tables = [self.top(feature, n) for feature in range(len(self.r))]
        joined = pd.concat(tables, keys=range(len(tables)), names=["feature", "rank"])
        return joined.reset_index()

    def __repr__(self) -> str:
        effects = "" if self.lfc is None else ", with effects through a decoder"
        return (
            f"Markers({len(self.r)} features x {len(self.genes)} genes, "
            f"{self.n_cells} cells{effects})"
        )


def markers(
    F: Activations,
    X: Counts,
    genes: Sequence[str] | ArrayLike,
    *,
    values: Values = "counts",
    lfc: ArrayLike | None = None,
) -> Markers:
    """Return the correlation of each feature's activation with each gene's log expression.

    ``r[j, g] = cov(F_j, E_g) / (sd(F_j) sd(E_g))`` with ``E = log1p(1e6 x / sum(x))``. One
    sparse product; expression is read in blocks and never made dense.

    No p-values: a feature was made from the expression it is compared with, and cells are no
    independent samples. `enrich` measures by permuted cells what chance gives.

    Parameters
    ----------
    F
        Activations, sparse or dense ``(n_cells, n_features)``.
    X
        Counts of the same cells ``(n_cells, n_genes)``, any container.
    genes
        Names, ``(n_genes,)``.
    values
        ``"counts"``, or ``"log"`` where `X` holds log expression already.
    lfc
        Effect of each feature on each gene through a decoder, natural log fold change,
        ``(n_features, n_genes)``.

    Raises
    ------
    InputError
        If shapes do not fit, names repeat, a value is no count or not finite.

    Examples
    --------
    >>> X = np.array([[9, 0, 1], [8, 0, 2], [0, 9, 1], [0, 8, 2]])
    >>> found = markers(np.array([[1.0], [1.0], [0.0], [0.0]]), X, ["A", "B", "C"])
    >>> found.top(0)["gene"].tolist(), found.top(0, 1, negative=True)["gene"].tolist()
    (['A'], ['B'])
    """
    return read_markers(F, expression(X, genes, values=values), lfc=lfc)


def read_markers(F: Activations, cells: Expression, *, lfc: ArrayLike | None = None) -> Markers:
    """Return the markers of features in expression that has been read already."""
    F = as_activations(F, cells.shape[0])
    r = np.empty((F.shape[1], cells.shape[1]), dtype=np.float32)
    for part, values in correlations(F, cells):
        r[part] = values
    effects = None if lfc is None else np.asarray(lfc, dtype=np.float32)
    if effects is not None and effects.shape != r.shape:
        raise InputError(
            f"lfc has shape {effects.shape}, but there are {r.shape[0]} features and "
            f"{r.shape[1]} genes: pass a matrix of shape {r.shape}."
        )
    return Markers(cells.genes, r, cells.ranked, cells.shape[0], effects)


def unique_contribution(
    F: Activations, markers: Markers, *, ridge: float = 0.01
) -> NDArray[np.float32]:
    """Return what each feature adds to each gene beyond all other features.

    Coefficients of a ridge regression of standardised log expression on all standardised
    features at once: ``(C + ridge I)^-1 r`` with C the correlation of the features. Needs no
    further pass over the expression.

    Parameters
    ----------
    F
        The activations that `markers` was made from.
    markers
        What `markers` returned.
    ridge
        Added to the unit diagonal of C.

    Returns
    -------
    numpy.ndarray
        ``(n_features, n_genes)``, standard deviations of expression per standard deviation of
        activation; 0 for a constant feature.

    Raises
    ------
    InputError
        If `F` is not what `markers` was made from, or `ridge` is not positive.
    """
    if ridge <= 0:
        raise InputError(f"ridge must be positive, but is {ridge}.")
    F = as_activations(F, markers.n_cells)
    if F.shape[1] != len(markers.r):
        raise InputError(f"there are {F.shape[1]} features, but markers of {len(markers.r)}.")
    mean, sd = moments(F)
    alive = sd > 0
    C = np.asarray((F.T @ F).todense()) / F.shape[0] - np.outer(mean, mean)
    C = C[np.ix_(alive, alive)] / np.outer(sd[alive], sd[alive])
    found = np.zeros_like(markers.r)
    found[alive] = np.linalg.solve(C + ridge * np.eye(len(C)), markers.r[alive])
    return found
