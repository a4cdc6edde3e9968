"""Predictors on the noise axis on one page: how many cells per well, and how deep."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellaxes._core.files import plain, pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.report._needs_figures import AXES, curves_svg, errors_svg
from cellaxes.report._needs_types import MEASURED, NeedCurve, NeedsFacts
from cellaxes.report._needs_words import conclusions, doubts, ends_of, spoken
from cellaxes.report._page import page

SCHEMA = "cellaxes.predict-needs/1"


@dataclass(frozen=True, eq=False)
class NeedsReport:
    """What predictors of responses need.

    Attributes
    ----------
    facts
        Screen and protocol.
    curves
        One for each predictor and the measurement, along cells and along depth.
    levels
        One row per level and predictor: coordinates, bits with interval, correlation, errors.
    draws
        One row per draw of a level.
    """

    facts: NeedsFacts
    curves: tuple[NeedCurve, ...]
    levels: pd.DataFrame
    draws: pd.DataFrame

    @property
    def best(self) -> str:
        """The predictor that tells most with all cells at full depth."""
        asked = [curve for curve in self.curves if curve.predictor != MEASURED]
        return max(asked, key=lambda curve: curve.full.bits).predictor

    def curve(self, predictor: str, axis: str = "cells") -> NeedCurve:
        """Return the curve of ``predictor``, or of ``"measurement"``, along ``axis``."""
        return next(c for c in self.curves if (c.predictor, c.axis) == (predictor, axis))

    @property
    def conclusions(self) -> list[str]:
        """What was found, in words."""
        return conclusions(self.facts, self._by_axis(self.best), self._by_axis(MEASURED))

    @property
    def doubts(self) -> list[str]:
        """Why to doubt it."""
        return doubts(self.facts, self.curves)

    def _by_axis(self, predictor: str) -> dict[str, NeedCurve]:
        return {c.axis: c for c in self.curves if c.predictor == predictor}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per predictor and axis: what it tells, needs, and is worth."""
        rows = []
        for curve in self.curves:
            row: dict[str, Any] = {"axis": curve.axis, "predictor": curve.predictor}
            row |= {"bits": curve.full.bits, "low": curve.full.low, "high": curve.full.high}
            for what in ("need", "endless", "worth"):
                answer = getattr(curve, what)
                told = {} if answer is None else answer.to_dict()
                keys = {"depth": what, "low": f"{what}_low", "high": f"{what}_high"}
                row |= {to: float(told.get(key, "nan")) for key, to in keys.items()}
                row[f"{what}_known"] = bool(told.get("known", False))
            fit = curve.fit
            row |= {
                "halving": curve.halving,
                "r_squared": float("nan") if fit is None else fit.r_squared,
                "reason": curve.need.reason,
            }
            rows.append(row)
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        fields: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                **asdict(self.facts),
                "conclusions": self.conclusions,
                "doubts": self.doubts,
                "best": self.best,
                "curves": [curve.to_dict() for curve in self.curves],
                "levels": self.levels.to_dict("records"),
                "versions": versions(),
                "machine": machine(),
            }
        )
        return fields

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        return page(
            "needs.html.j2",
            report=self,
            facts=self.facts,
            curves={
                axis: [(spoken(c.predictor), c) for c in self.curves if c.axis == axis]
                for axis in AXES
            },
            levels={
                axis: [
                    row | {"name": spoken(row["predictor"])}
                    for row in self.levels[self.levels["axis"] == axis].to_dict("records")
                ]
                for axis in AXES
            },
            ranges=ends_of,
            noise=float(self.levels["noise_of_reference"].iloc[0]),
            figures={
                axis: curves_svg(self.curves, self.draws, self.facts.share, axis) for axis in AXES
            },
            errors={axis: errors_svg(self.levels, axis) for axis in AXES},
        )

    def write(self, out: str | Path) -> Path:
        """Write the page, ``results.json``, ``needs.csv``, ``levels.csv`` and ``draws.csv``.

        They stand in the folder ``out``; all appear, or none.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder) as new:
            self.to_frame().to_csv(new / "needs.csv", index=False)
            self.levels.to_csv(new / "levels.csv", index=False)
            self.draws.to_csv(new / "draws.csv", index=False)
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def __repr__(self) -> str:
        return "\n".join(self.conclusions)
