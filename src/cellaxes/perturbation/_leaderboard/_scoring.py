"""Scores of one prediction after another on the test rows of one split."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._leaderboard._entries import REPLICATE, Entries
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation.metrics._pairs import Mask
from cellaxes.perturbation.metrics._registry import METRICS
from cellaxes.perturbation.metrics._score import make_task, tally

CHOICE = (
    "mrrmse", "mrmae", "pearson", "pearson_centred", "cosine", "gene_pearson", "pds_cosine",
    "de_overlap", "de_direction", "norm_ratio",
)  # fmt: skip
"""Metrics unless others are asked for: each sees something that the others do not."""

ALL, TRUSTED = "all", "trusted"
"""Test rows: all of them, or those that are not suspect."""


def names_of_metrics(metrics: Sequence[str] | None) -> tuple[str, ...]:
    """Return the metrics that are asked for, the first of which must have a score per row."""
    if isinstance(metrics, str):
        raise InputError(f"metrics must be a list of names: pass [{metrics!r}].")
    asked = CHOICE if metrics is None else tuple(dict.fromkeys(metrics))
    if not asked or METRICS[asked[0]].rows is None:
        raise InputError("the first metric ranks, so it needs a score per row: begin with mrrmse.")
    for name in asked:
        METRICS[name]
    return asked


class Scorer:
    """Collects scores of predictions for the test rows of one split on one scale.

    Attributes
    ----------
    values
        Tables of ``model, kind, scale, rows, split, metric, value, n_rows``.
    by_row
        Tables of the rows: what they are of, and a column per metric that has row scores.
    """

    def __init__(
        self, entries: Entries, split: Split, number: int, scale: str, metrics: tuple[str, ...]
    ) -> None:
        self.metrics, self.scale, self.number = metrics, scale, number
        self.truth = entries.Y[split.test]
        self.scored: Mask = np.logical_or.reduce(~np.isnan(self.truth), axis=1)
        table = entries.rows[split.test]
        self.context = table["context"].astype(str).to_numpy()
        with_value = np.isfinite(entries.Y[split.train])
        sums = np.where(with_value, entries.Y[split.train], 0).sum(axis=0)
        self.train_mean = sums / np.maximum(with_value.sum(axis=0), 1)
        self.facts = table[[c for c in ("context", "compound", "moa") if c in table]].assign(
            row=np.flatnonzero(split.test), split=number, scale=scale
        )
        suspect = entries.suspect
        self.subsets = {ALL: self.scored}
        if suspect is not None:
            self.facts = self.facts.assign(suspect=suspect[split.test])
            trusted = self.scored & ~suspect[split.test]
            if trusted.any():
                self.subsets[TRUSTED] = trusted
        self.values: list[pd.DataFrame] = []
        self.by_row: list[pd.DataFrame] = []

    def add(self, model: str, kind: str, predicted: Array) -> None:
        """Score a prediction ``(n_test, n_genes)``; a replicate where it is known only."""
        for subset, rows in self.subsets.items():
            known: Mask = rows[:, None] & ~np.isnan(self.truth)
            if model == REPLICATE:
                known = known & ~np.isnan(predicted)
            if not known.any():
                continue
            task = make_task(
                self.truth, predicted, self.context, self.train_mean, known, None,
            )  # fmt: skip
            found, by_row = tally(task, self.metrics)
            table = found.rename_axis("metric").reset_index()
            self.values.append(
                table.assign(
                    model=model, kind=kind, scale=self.scale, rows=subset, split=self.number
                )
            )
            if subset == ALL:
                self.by_row.append(self.facts.assign(model=model, kind=kind, **by_row))
