"""Monosemanticity: how alike cells of a feature are in an independent embedding."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import (
    Array,
    Matrix,
    check_cells,
    dense,
    dense_blocks,
    matrix,
    mean_of,
)
from cellaxes.features.metrics._matching import unit_rows


@dataclass(frozen=True, eq=False)
class Monosemanticity:
    """How alike the cells are on which each feature fires.

    Attributes
    ----------
    score
        Mean cosine of two cells, weighted by their activations, ``(n_features,)``; NaN where
        fewer than two cells stand above the feature's smallest activation.
    baseline
        Mean cosine of any two cells: what a feature that knows nothing has.
    """

    score: Array
    baseline: float

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers."""
        return {
            "monosemanticity": mean_of(self.score),
            "monosemanticity_baseline": self.baseline,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature."""
        return pd.DataFrame({"feature": np.arange(len(self.score)), "monosemanticity": self.score})

    def __repr__(self) -> str:
        return (
            f"Monosemanticity(mean {mean_of(self.score):.3f} of {len(self.score)} features, "
            f"any two cells {self.baseline:.3f})"
        )


def monosemanticity(activations: Matrix, independent: ArrayLike) -> Monosemanticity:
    """Return how alike the cells are on which each feature fires.

    ``MS = sum_{i<j} f_i f_j s_ij / sum_{i<j} f_i f_j`` over pairs of cells, f scaled to [0, 1]
    by its extremes and s the cosine in an independent embedding; computed without pairs, as
    ``(|sum_i f_i u_i|^2 - sum_i f_i^2 |u_i|^2) / ((sum_i f_i)^2 - sum_i f_i^2)`` with unit u.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.
    independent
        Embedding that the features were not made from, ``(n_cells, d)``, centred: e.g.
        principal components of genes kept aside. A cell at the origin is like no other.

    Raises
    ------
    InputError
        If the cells differ, or are fewer than two.

    References
    ----------
    Pach et al., arXiv 2504.02821, monosemanticity score; MonoLoss, arXiv 2602.12403, states a
    linear-time identity.

    Examples
    --------
    >>> x = np.array([[1.0, 1], [1, 0], [0, 1], [0, 0]])
    >>> monosemanticity(x, [[1.0, 0], [2, 0], [0, 1], [0, 3]]).score
    array([1., 0.])
    """
    x = matrix(activations)
    unit = unit_rows(dense(independent, "the independent embedding"))
    n = x.shape[0]
    check_cells(n, len(unit), "the independent embedding")
    if n < 2:
        raise InputError("monosemanticity is about pairs of cells, but there is one cell.")
    weight = (unit**2).sum(axis=1)  # 1, and 0 for a cell at the origin
    score = np.full(x.shape[1], np.nan)
    for start, block in dense_blocks(x):
        low, span = block.min(axis=0), np.ptp(block, axis=0)
        f = (block - low) / np.where(span > 0, span, 1.0)
        pairs = f.sum(axis=0) ** 2 - (f**2).sum(axis=0)
        alike = ((f.T @ unit) ** 2).sum(axis=1) - weight @ f**2
        some = pairs > 1e-9
        score[start : start + block.shape[1]][some] = alike[some] / pairs[some]
    everyone = (unit.sum(axis=0) ** 2).sum() - weight.sum()
    return Monosemanticity(score=score, baseline=float(everyone / (n * (n - 1))))
