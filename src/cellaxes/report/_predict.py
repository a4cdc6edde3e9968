"""Predictions beside every baseline on one page, and the numbers behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes.perturbation import Leaderboard
from cellaxes.report import _predict_numbers as numbers
from cellaxes.report._predict_doubts import doubts
from cellaxes.report._predict_page import render
from cellaxes.report._predict_results import results
from cellaxes.report._predict_types import PredictFacts, SuspectRows
from cellaxes.report._predict_words import conclusions

SOMETIMES = ("by_moa.csv", "calibration.csv")
"""Files that are written where there is something to say."""


@dataclass(frozen=True, eq=False)
class PredictReport:
    """What predictions of responses are worth beside the baselines.

    Attributes
    ----------
    facts
        Data and protocol.
    board
        Scores of everything.
    rows
        One row per response, numbered from 0: ``context``, ``compound`` and what else tells rows
        apart, ``weight``, ``suspect``.
    doubted
        Reasons and warnings of each row.
    """

    facts: PredictFacts
    board: Leaderboard
    rows: pd.DataFrame
    doubted: SuspectRows

    def __post_init__(self) -> None:
        n = {
            "rows": len(self.rows),
            "reasons": len(self.doubted.reasons),
            "warnings": len(self.doubted.warnings),
            "the split": len(self.board.splits[0].train),
        }
        if len(set(n.values())) > 1:
            told = ", ".join(f"{name} {size}" for name, size in n.items())
            raise InputError(f"there are not as many of each ({told}): pass what belongs together.")

    @cached_property
    def shown(self) -> list[str]:
        """The models whose scores of rows are shown: the best baseline, and those given.

        Where none was given, the second and third baseline.
        """
        ranked = self.board.ranked()
        given = [str(name) for name in ranked.index[ranked["kind"] == "model"]]
        others = ranked.index[ranked["kind"].isin(numbers.BASES)].drop(self.board.best)
        return [self.board.best, *(given or [str(name) for name in others[:2]])]

    @cached_property
    def by_context(self) -> pd.DataFrame:
        """Mean scores, one row per context, model, scale and metric."""
        return numbers.by_group(self.board, "context")

    @cached_property
    def by_moa(self) -> pd.DataFrame:
        """Mean scores by mechanism of action; a row of several counts in each."""
        return numbers.by_group(self.board, "moa")

    @cached_property
    def calibration(self) -> pd.DataFrame:
        """How often intervals hold the truth, a row per model; empty where none has any."""
        return numbers.calibration(self.board)

    def to_frame(self) -> pd.DataFrame:
        """Return one line per row: what it is, its role in each split, doubts, and scores.

        Scores (``SCALE:METRIC:MODEL``) are of the models in `shown`, means over the splits that
        test the row.
        """
        table = self.rows.drop(columns=["suspect", "weight"], errors="ignore").copy()
        for number, split in enumerate(self.board.splits):
            table[f"split{number}"] = split.roles
        table["suspect"] = self.rows["suspect"].to_numpy()
        table["reasons"] = [";".join(codes) for codes in self.doubted.reasons]
        table["warnings"] = [";".join(codes) for codes in self.doubted.warnings]
        table["weight"] = self.rows["weight"].to_numpy()
        metrics = numbers.row_metrics(self.board)
        held = self.board.row_scores
        found = held[held["model"].isin(self.shown)].groupby(["row", "scale", "model"])[metrics]
        for (scale, model), scores in found.mean().groupby(["scale", "model"], sort=False):
            named = [f"{scale}:{metric}:{model}" for metric in metrics]
            table = table.join(scores.droplevel(["scale", "model"]).set_axis(named, axis=1))
        return table

    @property
    def suspects(self) -> pd.DataFrame:
        """The suspect rows, one row each, ``why`` in words, and scores; tested ones first."""
        flags = self.rows["suspect"].to_numpy(dtype=bool)
        at = np.flatnonzero(flags)
        table = self.to_frame().iloc[at]
        tested = np.any([split.test for split in self.board.splits], axis=0)
        metric = self.board.metrics[0]
        found = table[["context", "compound"]].assign(
            row=at,
            why=[numbers.reasons_of(self.doubted.reasons[i]) for i in at],
            also=[numbers.reasons_of(self.doubted.warnings[i]) for i in at],
            tested=tested[at],
        )
        for name in self.shown:
            found[name] = table[f"raw:{metric}:{name}"]
        return found.sort_values("tested", ascending=False, kind="stable", ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        return results(self)

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        return render(self)

    def write(self, out: str | Path) -> Path:
        """Write the page and its numbers into the folder ``out``.

        ``report.html``; ``results.json``; ``leaderboard.csv``; ``rows.csv`` (of every row: its
        role in each split, doubts, scores of the best baseline and of models); ``by_context.csv``;
        where there is something to say, ``by_moa.csv`` and ``calibration.csv``. All of them
        appear, or none; what an earlier report left there is replaced.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder, instead_of=SOMETIMES) as part:
            (part / "report.html").write_text(self.to_html(), encoding="utf-8")
            (part / "results.json").write_text(pretty_json(self.to_dict()), encoding="utf-8")
            for name, table in self._tables():
                table.to_csv(part / name, index=False)
        return folder / "report.html"

    def _tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the tables of the folder by name."""
        yield "leaderboard.csv", self.board.to_frame()
        yield "rows.csv", self.to_frame().rename_axis("row").reset_index()
        yield "by_context.csv", self.by_context
        if len(self.by_moa):
            yield "by_moa.csv", self.by_moa
        if len(self.calibration):
            yield "calibration.csv", self.calibration

    def __repr__(self) -> str:
        facts = self.facts
        lines = [
            f"PredictReport({facts.n_rows:,} rows x {facts.n_genes:,} genes of {facts.name}, "
            f"{facts.layer})",
            repr(self.board),
            *conclusions(self),
            *(f"Doubt: {said}" for said in doubts(self)),
        ]
        return "\n".join(lines)
