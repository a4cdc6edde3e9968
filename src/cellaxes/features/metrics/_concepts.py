"""Concept F1: a feature that fires on the cells of a type, and on no others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import (
    BLOCK,
    Array,
    Concepts,
    Matrix,
    check_cells,
    concepts,
    mask_of,
    matrix,
    mean_of,
    peaks,
    sums_within,
)
from cellaxes.features.metrics._auroc import auroc_of

THRESHOLDS = (0.0, 0.15, 0.3, 0.5, 0.6, 0.8)
"""Shares of a feature's largest activation above which it is said to fire."""
FOUND = 0.5
"""A concept has a feature if its held-out F1 is larger."""


@dataclass(frozen=True, eq=False)
class ConceptScores:
    """The best feature of each concept, chosen on some cells and judged on others.

    All arrays ``(n_concepts,)``; NaN where a concept has no cells on one side of the split.

    Attributes
    ----------
    names
        Of the concepts.
    feature, threshold
        Chosen for the best F1; the feature fires above ``threshold`` times its largest activation.
    f1_chosen
        F1 on the cells that chose: too good.
    f1, precision, recall
        On the held-out cells.
    f1_always
        Held-out F1 of saying yes to every cell, the floor of a frequent concept.
    auroc_feature, auroc
        Chosen for the best area under the ROC curve, and its area on the held-out cells.
    n_chosen, n_held_out
        Cells of the concept on either side.
    """

    names: tuple[str, ...]
    feature: NDArray[np.int64]
    threshold: Array
    f1_chosen: Array
    f1: Array
    precision: Array
    recall: Array
    f1_always: Array
    auroc_feature: NDArray[np.int64]
    auroc: Array
    n_chosen: NDArray[np.int64]
    n_held_out: NDArray[np.int64]

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers: means over concepts with cells on both sides."""
        return {
            "concept_f1": mean_of(self.f1),
            "concept_auroc": mean_of(self.auroc),
            "concepts_found": int((self.f1 > FOUND).sum()),
            "concepts": int(np.isfinite(self.f1).sum()),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per concept."""
        return pd.DataFrame(
            {
                "concept": self.names,
                "feature": self.feature,
                "threshold": self.threshold,
                "f1": self.f1,
                "precision": self.precision,
                "recall": self.recall,
                "f1_chosen": self.f1_chosen,
                "f1_always": self.f1_always,
                "auroc": self.auroc,
                "auroc_feature": self.auroc_feature,
                "n_chosen": self.n_chosen,
                "n_held_out": self.n_held_out,
            }
        )

    def __repr__(self) -> str:
        n = self.to_dict()
        return (
            f"ConceptScores({n['concepts_found']} of {n['concepts']} concepts found, held-out "
            f"F1 {n['concept_f1']:.3f}, AUROC {n['concept_auroc']:.3f})"
        )


def concept_f1(
    activations: Matrix,
    labels: Any,
    held_out: ArrayLike,
    *,
    thresholds: Sequence[float] = THRESHOLDS,
) -> ConceptScores:
    """Find the feature and threshold of each concept, and judge them on cells held out.

    Each feature is divided by its largest activation. Everything is chosen on the cells that
    are not held out: the peaks, and per concept the feature and the threshold of the best F1.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``; only values above zero fire, so that signed
        dimensions enter by their halves (`signed_halves`).
    labels
        One label per cell, missing meaning none, or a 0/1 matrix ``(n_cells, n_concepts)``.
    held_out
        Mask ``(n_cells,)`` of the cells to report on, from `hold_out`, by donor where there are.
    thresholds
        Shares of the peak to try, each in [0, 1).

    Raises
    ------
    InputError
        If the cells differ, a threshold cannot be used, or no concept has cells on both sides.

    References
    ----------
    Simon & Zou, InterPLM, Nature Methods 2025 (arXiv 2412.12101), concept F1 of a feature.

    Examples
    --------
    >>> x = np.repeat([[2.0, 0.0], [0.0, 1.0]], 10, axis=0)
    >>> concept_f1(x, ["T cell"] * 10 + ["B cell"] * 10, np.arange(20) % 2 == 1)
    ConceptScores(2 of 2 concepts found, held-out F1 1.000, AUROC 1.000)
    """
    x, named = matrix(activations), concepts(labels)
    check_cells(x.shape[0], named.n_cells, "labels")
    out = mask_of(held_out, x.shape[0])
    levels = np.asarray(thresholds, dtype=np.float64)
    if levels.ndim != 1 or not len(levels) or (levels < 0).any() or (levels >= 1).any():
        raise InputError(f"thresholds must lie in [0, 1), but are {thresholds!r}.")
    choosing, judging = named.rows(~out), named.rows(out)
    known = (choosing.sizes > 0) & (judging.sizes > 0)
    if not known.any():
        raise InputError(
            "no concept has cells on both sides of the split: hold out other donors, or pass "
            "labels that donors share."
        )
    chosen_x, judged_x = x[~out], x[out]
    scale = peaks(chosen_x)

    grid = f1_grid(chosen_x, choosing, scale, levels)
    flat = grid.reshape(-1, len(named.names))
    level, feature = np.unravel_index(flat.argmax(axis=0), grid.shape[:2])
    cut = levels[level] * scale[feature]
    hits, fires = _judge(judged_x, judging, feature, cut)
    sizes = judging.sizes
    ranker = auroc_of(chosen_x, choosing)
    ranker = np.where(np.isnan(ranker), -1.0, ranker).argmax(axis=0)
    area = auroc_of(judged_x[:, ranker], judging).diagonal()

    def where_known(values: Any) -> Array:
        return np.where(known, values, np.nan)

    return ConceptScores(
        names=named.names,
        feature=np.where(known, feature, -1),
        threshold=where_known(levels[level]),
        f1_chosen=where_known(flat.max(axis=0)),
        f1=where_known(2 * hits / np.maximum(fires + sizes, 1)),
        precision=where_known(hits / np.maximum(fires, 1)),
        recall=where_known(hits / np.maximum(sizes, 1)),
        f1_always=where_known(2 * sizes / (judging.n_cells + sizes)),
        auroc_feature=np.where(known, ranker, -1),
        auroc=where_known(area),
        n_chosen=choosing.sizes.astype(np.int64),
        n_held_out=sizes.astype(np.int64),
    )


def f1_grid(x: Matrix, named: Concepts, scale: Array, levels: Array) -> Array:
    """Return F1 of each level, feature and concept, ``(n_levels, n_features, n_concepts)``.

    A feature fires above its level times its scale; counts are products of sparse indicators.
    """
    found = np.zeros((len(levels), x.shape[1], len(named.names)))
    width = x.shape[1] if sp.issparse(x) else BLOCK
    for start in range(0, x.shape[1], width):
        part = sp.csr_matrix(x[:, start : start + width])
        top = scale[start : start + width][part.indices]
        for i, level in enumerate(levels):
            fires = sp.csr_matrix(
                ((part.data > level * top).astype(np.float32), part.indices, part.indptr),
                shape=part.shape,
            )
            fires.eliminate_zeros()
            hits = sums_within(fires, named.member)
            count = np.bincount(fires.indices, minlength=part.shape[1])[:, None] + named.sizes
            found[i, start : start + width] = 2 * hits / np.maximum(count, 1)
    return found


def _judge(
    x: Matrix, named: Concepts, feature: NDArray[np.intp], cut: Array
) -> tuple[Array, Array]:
    """Return hits and firing cells of one feature per concept, ``(n_concepts,)`` each."""
    hits, fires = np.zeros(len(feature)), np.zeros(len(feature))
    for start in range(0, len(feature), BLOCK):
        here = slice(start, start + BLOCK)
        part = x[:, feature[here]]
        above = (part.toarray() if sp.issparse(part) else part) > cut[here]
        fires[here] = above.sum(axis=0)
        hits[here] = np.asarray(named.member[:, here].multiply(above).sum(axis=0)).ravel()
    return hits, fires
