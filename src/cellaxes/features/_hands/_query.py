"""New cells on trained features: their activations, and which cells the features do not know."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import row_blocks
from cellaxes.features._model import SparseFeatures

PERCENTILE = 99.0
"""Of the reference, beyond which a cell is said to be unknown."""


@dataclass(frozen=True, eq=False)
class QueryMap:
    """New cells read by features that were trained on others.

    Attributes
    ----------
    activations
        CSR float32 ``(n_query, m)``.
    score
        Share of each cell's squared distance from the centre that the features leave
        unexplained, ``(n_query,)``; may exceed 1.
    threshold
        Score that 1 % of the reference cells exceed.
    """

    activations: sp.csr_matrix
    score: NDArray[np.float64]
    threshold: float

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """Which cells exceed the threshold, ``(n_query,)``."""
        return np.asarray(self.score > self.threshold)

    @property
    def share_unknown(self) -> float:
        """Share of the cells that exceed the threshold; .01 is to be expected."""
        return float(self.unknown.mean())

    def to_frame(self) -> pd.DataFrame:
        """Return one row per cell."""
        return pd.DataFrame({"score": self.score, "unknown": self.unknown})

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers."""
        return {
            "cells": len(self.score),
            "threshold": self.threshold,
            "median_score": float(np.median(self.score)),
            "share_unknown": self.share_unknown,
        }

    def __repr__(self) -> str:
        return (
            f"QueryMap({len(self.score):,} cells, {self.share_unknown:.1%} beyond the reference's "
            f"99th percentile of unexplained variance, {self.threshold:.3f})"
        )


def map_query(
    model: SparseFeatures, z_query: NDArray[np.floating], z_reference: NDArray[np.floating]
) -> QueryMap:
    """Read new cells with trained features, and tell those that the features do not explain.

    ``score = ||z - decode(encode(z))||^2 / ||z - centre||^2`` of each cell, in standardised units.

    Parameters
    ----------
    model
        Features, as trained.
    z_query, z_reference
        Embeddings by the same model, ``(n_query, d)`` and ``(n_reference, d)``: new cells, and
        cells like those trained on.

    Raises
    ------
    InputError
        If either has another width, holds NaN, or no cell.
    """
    if not len(z_query) or not len(z_reference):
        raise InputError(
            f"there are {len(z_query)} query and {len(z_reference)} reference cells: both need one."
        )
    activations = model.encode(z_query)
    threshold = np.percentile(_scores(model, z_reference, model.encode(z_reference)), PERCENTILE)
    return QueryMap(activations, _scores(model, z_query, activations), float(threshold))


def _scores(
    model: SparseFeatures, z: NDArray[np.floating], activations: sp.csr_matrix
) -> NDArray[np.float64]:
    """Return each cell's unexplained share, ``(n_cells,)``; 0 for a cell at the very centre."""
    score = np.empty(len(z))
    for start, stop in row_blocks(len(z)):
        x = model.standard.apply(z[start:stop])
        error = x - model.standard.apply(model.decode(activations[start:stop]))
        whole = np.square(x, dtype=np.float64).sum(axis=1)
        left = np.square(error, dtype=np.float64).sum(axis=1)
        score[start:stop] = np.divide(left, whole, out=np.zeros_like(left), where=whole > 0)
    return score
