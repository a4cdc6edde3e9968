"""Labels of a feature, the threshold chosen on some cells and judged on others."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.features._meaning._inputs import (
    Activations,
    Array,
    as_activations,
    as_codes,
    check_feature,
    one_hot,
)

THRESHOLDS = (0.0, 0.15, 0.3, 0.5, 0.6, 0.8)
"""Shares of a feature's largest activation above which a cell counts as called."""
COLUMN_BLOCK = 32


@dataclass(frozen=True, eq=False, repr=False)
class LabelScores:
    """How well each feature calls each label.

    All arrays are ``(n_features, n_labels)``.

    Attributes
    ----------
    labels
        Names, ``(n_labels,)``.
    f1_validation
        F1 where the threshold was chosen: for choosing, not for reporting.
    f1, precision, recall, lift
        On the test cells at that threshold; lift is precision over the label's share of cells.
        NaN where the test cells lack the label.
    auroc
        On the test cells, without a threshold.
    threshold
        Share of the feature's largest activation among validation cells.
    held_out
        What the test cells are: ``"groups"`` never seen in choosing, or ``"cells"``.
    """

    labels: tuple[str, ...]
    f1_validation: NDArray[np.float32]
    f1: NDArray[np.float32]
    precision: NDArray[np.float32]
    recall: NDArray[np.float32]
    lift: NDArray[np.float32]
    auroc: NDArray[np.float32]
    threshold: NDArray[np.float32]
    held_out: str

    def best(self) -> pd.DataFrame:
        """Return one row per feature: the label of highest F1 on validation, judged on test."""
        at = self.f1_validation.argmax(axis=1)
        return self._rows(np.arange(len(at)), at).drop(columns="feature")

    def top(self, feature: int, n: int = 5) -> pd.DataFrame:
        """Return the `n` labels that ``feature`` calls best on validation cells, a row per label.

        Raises
        ------
        InputError
            If there is no such feature.
        """
        check_feature(feature, len(self.f1))
        order = np.argsort(-self.f1_validation[feature], kind="stable")[:n]
        return self._rows(np.full(len(order), feature), order).drop(columns="feature")

    def to_frame(self, n: int = 5) -> pd.DataFrame:
        """Return the best `n` labels of every feature, one row each."""
        n = min(n, len(self.labels))
        order = np.argsort(-self.f1_validation, axis=1, kind="stable")[:, :n]
        return self._rows(np.repeat(np.arange(len(order)), n), order.ravel())

    def _rows(self, features: NDArray[np.int64], labels: NDArray[np.int64]) -> pd.DataFrame:
        columns = ("f1", "auroc", "precision", "recall", "lift", "threshold", "f1_validation")
        table = {"feature": features, "label": np.array(self.labels)[labels]}
        return pd.DataFrame(
            table | {column: getattr(self, column)[features, labels] for column in columns}
        )

    def __repr__(self) -> str:
        called = int((self.best()["f1"] > 0.5).sum())
        return (
            f"LabelScores({len(self.f1)} features x {len(self.labels)} labels, {called} features "
            f"call a label at F1 > .5 on held-out {self.held_out})"
        )


def label_scores(
    F: Activations,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    thresholds: tuple[float, ...] = THRESHOLDS,
    random_state: int = 0,
) -> LabelScores:
    """Score every feature as a caller of every label.

    The threshold of each pair, a share of the feature's largest activation, is the one of highest
    F1 on validation cells; what is reported comes from the test cells. With `groups` (donors),
    half of the groups validate and the others test; without, half of the cells of each label.

    Parameters
    ----------
    F
        Activations, sparse or dense ``(n_cells, n_features)``.
    labels
        One label per cell, ``(n_cells,)``; cells without one (None, NaN) are left out.
    groups
        Donor or sample of each cell, ``(n_cells,)``.
    thresholds
        Shares that are tried.
    random_state
        Seed of the split.

    Raises
    ------
    InputError
        If lengths differ, there are fewer than two labels or fewer than two groups.

    References
    ----------
    Simon and Zou, Nature Methods 2025 (InterPLM): F1 over thresholds, chosen on validation data.

    Examples
    --------
    >>> F = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]] * 5)
    >>> label_scores(F, ["b", "b", "t", "t"] * 5).best()[["label", "f1"]].values.tolist()
    [['b', 1.0], ['t', 1.0]]
    """
    F = as_activations(F)
    codes, names = as_codes(labels, F.shape[0], "labels")
    if len(names) < 2:
        raise InputError(f"labels has one value, {names[0]!r}: a caller needs two or more.")
    validation = _split(codes, groups, random_state)
    labelled = codes >= 0
    choose, test = np.flatnonzero(labelled & validation), np.flatnonzero(labelled & ~validation)
    largest = np.asarray(F[choose].max(axis=0).todense()).ravel()
    tried = [_calls(F[choose], one_hot(codes[choose], len(names)), largest * t) for t in thresholds]
    at = np.stack([_f1(*counts) for counts in tried]).argmax(axis=0)
    judged = [_calls(F[test], one_hot(codes[test], len(names)), largest * t) for t in thresholds]
    hits, called, size = (
        np.take_along_axis(np.stack(np.broadcast_arrays(*part)), at[None], axis=0)[0]
        for part in zip(*judged, strict=True)
    )
    f1_validation = np.stack([_f1(*counts) for counts in tried]).max(axis=0)
    precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
    there = size > 0
    recall = np.divide(hits, size, out=np.full_like(hits, np.nan), where=there)
    lift = np.divide(precision * len(test), size, out=np.full_like(hits, np.nan), where=there)
    auroc = _auroc(F[test], one_hot(codes[test], len(names)))
    return LabelScores(
        labels=tuple(names),
        f1_validation=f1_validation.astype(np.float32),
        f1=np.where(there, _f1(hits, called, size), np.nan).astype(np.float32),
        precision=np.where(there, precision, np.nan).astype(np.float32),
        recall=recall.astype(np.float32),
        lift=lift.astype(np.float32),
        auroc=auroc.astype(np.float32),
        threshold=np.asarray(thresholds, dtype=np.float32)[at],
        held_out="cells" if groups is None else "groups",
    )


def _split(
    codes: NDArray[np.int64], groups: ArrayLike | None, random_state: int
) -> NDArray[np.bool_]:
    """Return which cells validate: half of the groups by cells, or half of each label."""
    draw = stream(random_state, "validation of labels")
    validation = np.zeros(len(codes), dtype=bool)
    if groups is None:
        order = draw.permutation(len(codes))
        order = order[np.argsort(codes[order], kind="stable")]
        validation[order[::2]] = True
        return validation
    of, names = as_codes(groups, len(codes), "groups")
    if len(names) < 2:
        raise InputError(f"groups has one value, {names[0]!r}: leave groups out, or pass donors.")
    sizes = np.bincount(of[of >= 0], minlength=len(names))
    filled = [0, 0]
    for group in sorted(draw.permutation(len(names)), key=lambda g: -sizes[g]):
        side = int(filled[1] < filled[0])
        filled[side] += sizes[group]
        if side == 0:
            validation[of == group] = True
    return validation


def _calls(F: sp.csr_matrix, hot: sp.csr_matrix, level: Array) -> tuple[Array, Array, Array]:
    """Return cells called and right ``(m, L)``, called ``(m, 1)``, and of the label ``(1, L)``."""
    above = sp.csr_matrix(
        ((F.data > level[F.indices]) & (F.data > 0), F.indices, F.indptr), F.shape
    )
    above = above.astype(np.float64)
    called = np.asarray(above.sum(axis=0)).reshape(-1, 1)
    return np.asarray((above.T @ hot).todense()), called, np.asarray(hot.sum(axis=0)).reshape(1, -1)


def _f1(hits: Array, called: Array, size: Array) -> Array:
    found: Array = 2 * hits / np.maximum(called + size, 1)
    return found


def _auroc(F: sp.csr_matrix, hot: sp.csr_matrix) -> Array:
    """Return the area under the ROC curve of each pair, ties counted half; NaN without a label."""
    n = hot.shape[0]
    size = np.asarray(hot.sum(axis=0)).ravel()
    rank_sums = np.empty((F.shape[1], hot.shape[1]))
    columns = F.tocsc()
    for first in range(0, F.shape[1], COLUMN_BLOCK):
        dense = columns[:, first : first + COLUMN_BLOCK].toarray()
        rank_sums[first : first + COLUMN_BLOCK] = (hot.T @ rankdata(dense, axis=0)).T
    pairs = size * (n - size)
    above = rank_sums - size * (size + 1) / 2
    area: Array = np.divide(above, pairs, out=np.full_like(above, np.nan), where=pairs > 0)
    return area
