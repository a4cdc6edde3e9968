"""A fitted ensemble on one page: what it is worth, where to doubt it, what to measure next."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cellaxes._core.files import plain, pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.perturbation import Ensemble
from cellaxes.pl import gains
from cellaxes.report._figures import inline_svg
from cellaxes.report._page import page
from cellaxes.report._words import number, percent, percent_range

SCHEMA = "cellaxes.predict-fit/1"
SHOWN = 20
"""Pairs to measure next that the page shows."""


@dataclass(frozen=True, eq=False)
class PredictorReport:
    """What a fitted ensemble is worth.

    Attributes
    ----------
    name
        What the page calls the data.
    ensemble
        Fitted.
    n_rows
        Training rows.
    next
        Pairs to measure, one row each: ``context``, ``compound``, ``reduction``; empty where none
        can be told.
    why_not
        Why none can be told, or empty.
    seconds
        That fitting took, seconds.
    """

    name: str
    ensemble: Ensemble
    n_rows: int
    next: pd.DataFrame
    why_not: str
    seconds: float

    @property
    def models(self) -> pd.DataFrame:
        """One row per model, baseline and of the ensemble, the least error first."""
        told = self.ensemble.judgement.models
        weights = pd.Series(self.ensemble.weights.weights, dtype=float)
        return told.assign(weight=weights.reindex(told.index)).sort_values("error", kind="stable")

    @property
    def contexts(self) -> pd.DataFrame:
        """One row per context that was asked out of fold."""
        return self.ensemble.judgement.contexts.drop(index="")

    @property
    def conclusions(self) -> list[str]:
        """What was found, in words."""
        judged = self.ensemble.judgement
        whole = judged.contexts.loc[[""]].to_dict("records")[0]
        found = [
            f"Out of fold the ensemble's error is {number(whole['error'])} (root mean square, in "
            f"t), {percent(whole['gain'])} below that of the best baseline, {_of(judged.baseline)} "
            f"({percent_range(whole['low'], whole['high'])} over compounds)."
            if whole["better"]
            else f"Out of fold the ensemble is not known to be better than "
            f"{_of(judged.baseline)}: use that, or measure more."
        ]
        poor = [str(name) for name, row in self.contexts.iterrows() if not row["better"]]
        if poor and whole["better"]:
            found.append(
                f"In {', '.join(poor)} it is not known to be better; its predictions there are "
                "marked."
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        fields: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                "name": self.name,
                "n_rows": self.n_rows,
                "n_genes": len(self.ensemble.genes),
                "conclusions": self.conclusions,
                "notes": list(self.ensemble.notes),
                "baseline": self.ensemble.judgement.baseline,
                "models": self.models.rename_axis("name").reset_index().to_dict("records"),
                "contexts": self.contexts.rename_axis("context").reset_index().to_dict("records"),
                "slopes": self.ensemble.slopes,
                "level": self.ensemble.intervals.level,
                "next": self.next.to_dict("records"),
                "why_not": self.why_not,
                "seconds": self.seconds,
                "versions": versions(),
                "machine": machine(),
            }
        )
        return fields

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        spoken = self.models.rename(index=lambda name: str(name).replace("_", " "))
        return page(
            "predict_fit.html.j2",
            report=self,
            n_genes=len(self.ensemble.genes),
            models=spoken.rename_axis("name").reset_index().to_dict("records"),
            contexts=self.contexts.rename_axis("name").reset_index().to_dict("records"),
            figure=_drawn(spoken),
            by_context=_drawn(self.contexts),
            next=self.next.head(SHOWN).to_dict("records"),
            level=self.ensemble.intervals.level,
        )

    def write(self, out: str | Path) -> Path:
        """Write the page, ``results.json``, ``models.csv``, ``contexts.csv``, ``next.csv``, model.

        All appear in ``out``, or none; the ensemble is the folder ``model``.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder) as new:
            self.ensemble.save(new / "model")
            self.models.rename_axis("name").to_csv(new / "models.csv")
            self.contexts.rename_axis("context").to_csv(new / "contexts.csv")
            self.next.to_csv(new / "next.csv", index=False)
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def __repr__(self) -> str:
        return "\n".join([repr(self.ensemble), *self.conclusions])


def _drawn(table: pd.DataFrame) -> str:
    def draw(ax: Axes) -> None:
        gains(table, ax=ax)

    return inline_svg(draw)


def _of(baseline: str) -> str:
    return f"the {baseline.replace('_', ' ')}"
