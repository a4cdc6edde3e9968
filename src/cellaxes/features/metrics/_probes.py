"""k-sparse probes: how many features it takes to tell a concept."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import (
    Array,
    Concepts,
    Matrix,
    check_cells,
    concepts,
    mask_of,
    matrix,
    mean_of,
    moments,
    sums_within,
)

RISE = 0.03
"""More features are worth it if they raise F1 by this much."""


@dataclass(frozen=True, eq=False)
class ProbeScores:
    """Held-out F1 of logistic regression on the top features of each concept.

    Attributes
    ----------
    names
        Of the concepts.
    k
        Numbers of features tried, rising.
    f1
        On the held-out cells, ``(n_concepts, len(k))``; NaN where a concept has no cells on one
        side of the split.
    features
        Most telling first, ``(n_concepts, max(k))``; -1 where there are fewer.
    """

    names: tuple[str, ...]
    k: tuple[int, ...]
    f1: Array
    features: NDArray[np.int64]

    @property
    def splitting(self) -> Array:
        """Smallest k after which F1 stops rising by 0.03, ``(n_concepts,)``: 1 is one feature."""
        rises = np.pad(np.diff(self.f1, axis=1) >= RISE, ((0, 0), (0, 1)))
        stop = rises.argmin(axis=1)
        return np.where(np.isfinite(self.f1[:, 0]), np.asarray(self.k, float)[stop], np.nan)

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers: means over concepts."""
        means = {f"probe_f1_k{k}": mean_of(self.f1[:, i]) for i, k in enumerate(self.k)}
        return {**means, "splitting": mean_of(self.splitting)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per concept."""
        table = pd.DataFrame({"concept": self.names})
        for i, k in enumerate(self.k):
            table[f"f1_k{k}"] = self.f1[:, i]
        table["splitting"] = self.splitting
        table["features"] = [tuple(int(j) for j in row if j >= 0) for row in self.features]
        return table

    def __repr__(self) -> str:
        told = ", ".join(f"k={k} {mean_of(self.f1[:, i]):.3f}" for i, k in enumerate(self.k))
        return f"ProbeScores({len(self.names)} concepts, held-out F1: {told})"


def sparse_probe(
    activations: Matrix, labels: Any, held_out: ArrayLike, *, k: Sequence[int] = (1, 2, 5)
) -> ProbeScores:
    """Tell each concept by its k most telling features, and judge that on cells held out.

    Features are ranked by ``|mean inside - mean outside| / sd``; logistic regression on the top
    k, standardised; its cut is the one of the best F1. All of this on the cells not held out.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.
    labels
        One label per cell, missing meaning none, or a 0/1 matrix ``(n_cells, n_concepts)``.
    held_out
        Mask ``(n_cells,)`` of the cells to report on, from `hold_out`.
    k
        Numbers of features, rising.

    Raises
    ------
    InputError
        If the cells differ, k cannot be used, or no concept has cells on both sides.

    References
    ----------
    Gurnee et al., arXiv 2305.01610, sparse probes; Karvonen et al., SAEBench, arXiv 2503.09532.

    Examples
    --------
    >>> x = np.repeat([[2.0, 0.0], [0.0, 1.0]], 10, axis=0)
    >>> sparse_probe(x, ["T cell"] * 10 + ["B cell"] * 10, np.arange(20) % 2 == 1, k=(1, 2))
    ProbeScores(2 concepts, held-out F1: k=1 1.000, k=2 1.000)
    """
    x, named = matrix(activations), concepts(labels)
    check_cells(x.shape[0], named.n_cells, "labels")
    out = mask_of(held_out, x.shape[0])
    if not len(k) or k[0] < 1 or any(b <= a for a, b in pairwise(k)):
        raise InputError(f"k must be rising numbers of features from 1 on, but is {tuple(k)}.")
    train, test = named.rows(~out), named.rows(out)
    known = (train.sizes > 0) & (train.sizes < train.n_cells) & (test.sizes > 0)
    if not known.any():
        raise InputError(
            "no concept has cells on both sides of the split: hold out other donors, or pass "
            "labels that donors share."
        )
    by_column = x.tocsc() if sp.issparse(x) else x
    ranked = _ranking(x[~out], train)[: max(k)]
    f1 = np.full((len(named.names), len(k)), np.nan)
    features = np.full((len(named.names), max(k)), -1, dtype=np.int64)
    for c in np.flatnonzero(known):
        features[c, : len(ranked)] = ranked[:, c]
        top = by_column[:, ranked[:, c]]
        top = np.asarray(top.toarray() if sp.issparse(top) else top, dtype=np.float64)
        inside = train.member[:, [c]].toarray().ravel() > 0
        truth = test.member[:, [c]].toarray().ravel() > 0
        for i, count in enumerate(k):
            weights, intercept = logistic(top[~out, :count], inside)
            cut = _best_cut(top[~out, :count] @ weights + intercept, inside)
            said = top[out, :count] @ weights + intercept > cut
            f1[c, i] = 2 * (said & truth).sum() / (said.sum() + truth.sum())
    return ProbeScores(named.names, tuple(int(count) for count in k), f1, features)


def logistic(x: Array, inside: NDArray[np.bool_]) -> tuple[Array, float]:
    """Fit a logistic regression; return weights of x as it stands, and the intercept.

    Columns are standardised for the penalty (L2, C = 1) to mean the same for all.
    """
    from sklearn.linear_model import LogisticRegression

    mean, sd = x.mean(axis=0), x.std(axis=0)
    sd[sd == 0] = 1.0
    model = LogisticRegression(max_iter=2000).fit((x - mean) / sd, inside)
    weights = np.asarray(model.coef_[0] / sd, dtype=np.float64)
    return weights, float(model.intercept_[0] - weights @ mean)


def _ranking(x: Matrix, named: Concepts) -> NDArray[np.int64]:
    """Return features by how far their mean moves inside each concept, ``(m, n_concepts)``."""
    mean, sd = moments(x)
    n, inside = x.shape[0], named.sizes
    sums = sums_within(x, named.member)
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.abs(sums / inside - (n * mean[:, None] - sums) / (n - inside))
        effect = np.where(sd[:, None] > 0, gap / sd[:, None], 0.0)
    return np.argsort(-np.nan_to_num(effect), axis=0, kind="stable")


def _best_cut(score: Array, inside: NDArray[np.bool_]) -> float:
    """Return the value above which saying yes gives the best F1."""
    order = np.argsort(-score, kind="stable")
    ranked = score[order]
    hits = np.cumsum(inside[order])
    f1 = 2 * hits / (np.arange(1, len(score) + 1) + inside.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal scores stay together
    last = int(f1.argmax())
    return float((ranked[last] + ranked[last + 1]) / 2) if last + 1 < len(ranked) else -np.inf
