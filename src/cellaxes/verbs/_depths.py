"""Features on the noise axis: how deep to sequence so that a feature can be read."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, by_rows, csr_rows, row_sums, shape_of
from cellaxes.embed import Model
from cellaxes.features import SparseFeatures
from cellaxes.information import estimate
from cellaxes.noise import depth_ladder, thin
from cellaxes.scaling import fit_noise_law
from cellaxes.verbs._inputs import check_made

BINS = 3
"""Classes of positive activations, equally many cells in each at full depth; silence is another."""
SHARE = 0.9
"""Of the information at full depth that a feature must keep."""
LEAST = 0.02
"""Bits below which a feature says too little of the signal for a depth to mean anything."""


def feature_depths(
    counts: Counts,
    labels: Sequence[str] | NDArray[Any],
    model: Model,
    *,
    features: SparseFeatures,
    embedding: NDArray[np.floating] | None = None,
    n_levels: int = 6,
    min_depth: float = 10.0,
    n_seeds: int = 3,
    random_state: int = 0,
) -> pd.DataFrame:
    """Say for each feature how many UMIs per cell it needs.

    Cells are thinned molecule by molecule; the embedding's model and the features stay as they are.
    At each depth the information between a feature's activation, in classes, and the signal is
    counted, and the noise law is fitted. A feature needs the depth at which the law gives 90 % of
    the information at full depth.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``.
    labels
        The signal: a class of each cell, ``(n_cells,)``.
    model
        Fitted model that made the embedding.
    features
        Sparse features of that embedding.
    embedding
        The embedding they were read from, ``(n_cells, d)``: refused if the model gives another.
    n_levels, min_depth
        Depths, the lowest in UMIs per cell.
    n_seeds
        Thinnings.
    random_state
        First seed; the others follow.

    Returns
    -------
    One row per feature: ``bits`` at full depth; ``umis`` needed, UMIs per cell, the lowest depth
    where that still is enough, NaN where the feature holds less than 0.02 bits; ``r_squared`` of
    the law.

    Raises
    ------
    InputError
        If the model gives another embedding than ``embedding``, or labels have another length.
    """
    n_cells = shape_of(counts)[0]
    if len(labels) != n_cells:
        raise InputError(f"there are {len(labels)} labels for {n_cells} cells.")
    csr = csr_rows(by_rows(counts), 0, n_cells)
    whole = model.transform(csr)
    if embedding is not None:
        check_made(np.asarray(embedding), whole)
    depth = float(np.median(row_sums(csr)))
    full = features.encode(whole)
    edges = _edges(full)
    codes = np.unique(np.asarray(labels, dtype=str), return_inverse=True)[1]
    seen = [(depth, _bits(full, edges, codes))]
    for seed in range(random_state, random_state + n_seeds):
        for fraction in depth_ladder(depth, n_levels=n_levels, min_depth=min_depth)[1:]:
            thinned = thin(csr, fraction=fraction, random_state=seed).counts
            read = features.encode(model.transform(thinned))
            seen.append((float(np.median(row_sums(thinned))), _bits(read, edges, codes)))
    depths = np.array([u for u, _ in seen])
    bits = np.array([found for _, found in seen])
    rows = [_needed(depths, bits[:, i]) for i in range(features.n_features)]
    return pd.DataFrame(rows, index=pd.RangeIndex(features.n_features, name="feature"))


def _edges(f: sp.csr_matrix) -> list[NDArray[np.float64]]:
    """Return the bounds of the classes of each feature's positive activations."""
    by_column = f.tocsc()
    cuts = np.arange(1, BINS) / BINS
    return [
        np.quantile(values, cuts) if len(values) else np.zeros(BINS - 1)
        for values in np.split(by_column.data, by_column.indptr[1:-1])
    ]


def _bits(
    f: sp.csr_matrix, edges: list[NDArray[np.float64]], codes: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the information of each feature's activation class about the signal, ``(m,)``."""
    by_column = f.tocsc()
    found = np.zeros(f.shape[1])
    for i, bounds in enumerate(edges):
        part = slice(by_column.indptr[i], by_column.indptr[i + 1])
        classes = np.zeros(f.shape[0], dtype=np.int64)
        classes[by_column.indices[part]] = 1 + np.searchsorted(bounds, by_column.data[part])
        if classes.any():
            found[i] = estimate(classes, codes, "plugin", discrete=True, n_permutations=0).bits
    return found


def _needed(depth: NDArray[np.float64], bits: NDArray[np.float64]) -> dict[str, float]:
    """Return what one feature holds at full depth and the depth it needs."""
    top = float(bits[0])
    if top < LEAST:
        return {"bits": top, "umis": float("nan"), "r_squared": float("nan")}
    fit = fit_noise_law(depth, np.maximum(bits, 0.0))
    needed = fit.law.inverse(SHARE * min(top, float(fit.law(depth[0]))))
    return {
        "bits": top,
        "umis": float(np.clip(needed, depth.min(), depth.max())),
        "r_squared": float(fit.r_squared),
    }
