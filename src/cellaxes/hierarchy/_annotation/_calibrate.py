"""How far a vote may be trusted, learnt from cells of the reference that are held out."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._annotation._evidence import (
    Evidence,
    Reference,
    Scales,
    held_out,
    scales_of,
)

KNOWN = 3
"""Cells of its group that other units must hold for a held-out cell to count as known."""
FAR = 0.99
"""Quantile of the distances of known cells beyond which a cell is like nothing known."""
FOUND = 0.98
"""Share of the cells of unknown groups that is enough to find: known cells are not given up for
more."""
COUNTED = 10
"""Called cells from which on a donor has a rate of its own."""
SPREAD = 1.28
"""Standard deviations between donors that are added: nine donors in ten, if rates are normal."""
STEPS = 200
"""Thresholds that are tried."""


@dataclass(frozen=True, eq=False)
class Logit:
    """A logistic regression: weights ``(3,)``, intercept, mean and scale of its inputs ``(3,)``."""

    weight: NDArray[np.float64]
    intercept: float
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    def score(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return log odds, ``(n,)``."""
        found: NDArray[np.float64] = (
            (features - self.mean) / self.scale
        ) @ self.weight + self.intercept
        return found


@dataclass(frozen=True, eq=False)
class Calibration:
    """What was learnt of a reference.

    Attributes
    ----------
    right
        Per level: odds that a call is right, from the evidence.
    novel
        Per level: odds that the cell's group is not in the reference; None where that cannot be
        learnt.
    limit
        Per level: log odds beyond which a cell counts as novel.
    far
        Per level: log distance beyond which a cell is like nothing known.
    scales
        Of the reference.
    threshold
        Confidence that a call needs; above 1 where no threshold keeps the promise.
    rate
        How often the called level was right among held-out cells at that threshold.
    """

    right: tuple[Logit, ...]
    novel: tuple[Logit | None, ...]
    limit: tuple[float, ...]
    far: tuple[float, ...]
    scales: Scales
    threshold: float
    rate: float

    def confidence(self, found: Evidence) -> NDArray[np.float64]:
        """Return how likely each level is right, falling with depth, ``(n_cells, n_levels)``."""
        odds = [logit.score(found.features(level)) for level, logit in enumerate(self.right)]
        p = 1.0 / (1.0 + np.exp(-np.column_stack(odds)))
        return np.asarray(np.minimum.accumulate(p, axis=1), dtype=np.float64)

    def familiar(self, found: Evidence) -> NDArray[np.bool_]:
        """Return whether a cell looks like a known group, down to each level."""
        like = found.distance <= np.asarray(self.far)
        for level, logit in enumerate(self.novel):
            if logit is not None:
                like[:, level] &= logit.score(found.features(level)) <= self.limit[level]
        return np.asarray(np.logical_and.accumulate(like, axis=1), dtype=np.bool_)


def calibrate(ref: Reference, confidence: float, novelty: float, by_donor: bool) -> Calibration:
    """Learn from held-out cells of a reference how far its vote may be trusted."""
    truth = ref.codes[ref.cells]
    scales = scales_of(ref, held_out(ref, None))
    known = held_out(ref, scales)
    hits = known.calls == truth
    right: list[Logit] = []
    novel: list[Logit | None] = []
    limit: list[float] = []
    far: list[float] = []
    for level in range(truth.shape[1]):
        of_known = known.features(level)
        right.append(_fit(of_known, hits[:, level], np.ones(len(truth))))
        there = _elsewhere(ref, level)
        there = there if there.any() else np.ones(len(truth), dtype=bool)
        far.append(_quantile(known.distance[there, level], FAR))
        strange = held_out(ref, scales, without=level)
        group = truth[:, level]
        able = strange.share[:, 0] > 0  # something else is left to vote
        if not able.any():
            novel.append(None)
            limit.append(np.inf)
            continue
        share = 1.0 / np.bincount(group[able])[group[able]]
        share /= share.sum()  # every unknown group counts the same
        of_strange = strange.features(level)[able]
        logit = _fit(
            np.concatenate([of_known[there], of_strange]),
            np.repeat([False, True], [there.sum(), able.sum()]),
            np.concatenate([np.full(there.sum(), 1.0 / there.sum()), share]) * len(truth),
        )
        novel.append(logit)
        allowed = _quantile(logit.score(of_known[there]), 1.0 - novelty)
        odds = logit.score(of_strange)
        order = np.argsort(-odds)
        enough = odds[order][np.searchsorted(np.cumsum(share[order]), FOUND)]
        limit.append(max(allowed, float(enough)))
    made = Calibration(
        tuple(right), tuple(novel), tuple(limit), tuple(far), scales, threshold=0.0, rate=0.0
    )
    units = ref.units[ref.cells] if by_donor else None
    threshold, rate = _threshold(
        made.confidence(known), made.familiar(known), hits, units, 1.0 - confidence
    )
    return Calibration(
        made.right, made.novel, made.limit, made.far, scales, threshold=threshold, rate=rate
    )


def reached(
    confidence: NDArray[np.float64], familiar: NDArray[np.bool_], threshold: float
) -> NDArray[np.int64]:
    """Return the deepest level that passes, from 1; 0 where none does, ``(n_cells,)``."""
    return np.asarray(((confidence >= threshold) & familiar).sum(axis=1), dtype=np.int64)


def _threshold(
    confidence: NDArray[np.float64],
    familiar: NDArray[np.bool_],
    hits: NDArray[np.bool_],
    units: NDArray[np.int64] | None,
    allowed: float,
) -> tuple[float, float]:
    """Return the lowest threshold at which called levels are wrong in at most that share.

    The share is ``(wrong + 1) / (called + 1)`` of all held-out cells (split conformal risk control;
    Angelopoulos et al., ICLR 2024) and, over donors, the mean of their shares plus 1.28 standard
    deviations, so that it holds for most donors and not on average alone.
    """
    n = len(hits)
    for threshold in np.linspace(0.0, 1.0, STEPS, endpoint=False):
        level = reached(confidence, familiar, threshold)
        called = level > 0
        wrong = called & ~hits[np.arange(n), np.maximum(level, 1) - 1]
        risk = (wrong.sum() + 1) / (called.sum() + 1)
        if units is not None:
            size = np.bincount(units, weights=called)
            share = np.bincount(units, weights=wrong)[size >= COUNTED] / size[size >= COUNTED]
            if len(share) > 1:
                risk = max(risk, share.mean() + SPREAD * share.std(ddof=1))
        if risk <= allowed:
            return float(threshold), float(1.0 - wrong.sum() / called.sum())
    return np.inf, float("nan")


def _elsewhere(ref: Reference, level: int) -> NDArray[np.bool_]:
    """Return which held-out cells have cells of their group in other units."""
    group = ref.codes[:, level]
    n_groups = int(group.max()) + 1
    pair = ref.units * n_groups + group
    _, of_pair, size = np.unique(pair, return_inverse=True, return_counts=True)
    others = np.bincount(group)[group] - size[of_pair]
    found: NDArray[np.bool_] = others[ref.cells] >= KNOWN
    return found


def _fit(
    features: NDArray[np.float64], outcome: NDArray[np.bool_], weight: NDArray[np.float64]
) -> Logit:
    """Fit a logistic regression; where one outcome is all there is, its share less one cell."""
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale < 1e-9] = 1.0
    if outcome.all() or not outcome.any():
        share = (outcome.sum() + 1.0) / (len(outcome) + 2.0)
        return Logit(np.zeros(features.shape[1]), float(np.log(share / (1 - share))), mean, scale)
    from sklearn.linear_model import LogisticRegression

    found = LogisticRegression(max_iter=1000).fit(
        (features - mean) / scale, outcome, sample_weight=weight
    )
    return Logit(found.coef_[0].astype(np.float64), float(found.intercept_[0]), mean, scale)


def _quantile(values: NDArray[np.float64], share: float) -> float:
    """Return the conformal quantile: at most ``1 - share`` of new values lie beyond it."""
    rank = int(np.ceil(share * (len(values) + 1)))
    return float(np.sort(values)[min(rank, len(values)) - 1])
