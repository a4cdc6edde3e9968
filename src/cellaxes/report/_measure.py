"""The measuring report: what was found, in frozen form, and its page."""

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from matplotlib import rc_context
from matplotlib.figure import Figure

from cellaxes._core.files import out_dir, pretty_json, write_atomic
from cellaxes._core.provenance import machine, versions
from cellaxes.pl import PALETTE, noise_curve
from cellaxes.report._types import Curve, DataFacts
from cellaxes.report._words import number, range_of, sentence

SCHEMA = "cellaxes.measure/1"


@dataclass(frozen=True, eq=False)
class MeasureReport:
    """What a measurement found.

    Attributes
    ----------
    facts
        Data and protocol.
    curves
        One per signal, model and number of training cells.
    runs, levels
        Tables of `cellaxes.study.collect` and `cellaxes.study.levels`.
    """

    facts: DataFacts
    curves: tuple[Curve, ...]
    runs: pd.DataFrame
    levels: pd.DataFrame

    @property
    def failures(self) -> pd.DataFrame:
        """Runs that failed, with their errors."""
        return self.runs[self.runs["status"] == "failed"]

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        return {
            "schema": SCHEMA,
            "data": asdict(self.facts),
            "curves": [
                {key: value for key, value in asdict(curve).items() if key != "fit"}
                | {"fit": curve.fit.to_dict() if curve.fit else None}
                | {"summary": sentence(curve, self.facts.entropies.get(curve.signal))}
                for curve in self.curves
            ],
            "n_failed": len(self.failures),
            "versions": versions(),
            "machine": machine(),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per curve: information at full depth and the law's parameters."""
        rows = []
        for curve in self.curves:
            row = {
                key: value for key, value in asdict(curve).items() if key not in ("fit", "doubts")
            }
            law = curve.fit.to_frame().iloc[0].to_dict() if curve.fit else {}
            rows.append(row | law | {"doubts": "; ".join(curve.doubts)})
        return pd.DataFrame(rows)

    def write(self, out: str | Path) -> Path:
        """Write ``report.html``, ``results.json``, ``runs.csv``, ``levels.csv``, ``fits.csv``.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        write_atomic(folder / "runs.csv", self.runs.to_csv(index=False))
        write_atomic(folder / "levels.csv", self.levels.to_csv(index=False))
        write_atomic(folder / "fits.csv", self.to_frame().to_csv(index=False))
        write_atomic(folder / "results.json", pretty_json(self.to_dict()))
        write_atomic(folder / "report.html", self.to_html())
        return folder / "report.html"

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        environment = Environment(
            loader=PackageLoader("cellaxes.report"), autoescape=True, undefined=StrictUndefined
        )
        environment.filters |= {"number": number, "range_of": range_of}
        signals = []
        for signal in self.facts.entropies:
            curves = [curve for curve in self.curves if curve.signal == signal]
            signals.append(
                {
                    "name": signal,
                    "entropy": self.facts.entropies[signal],
                    "curves": curves,
                    "summaries": [sentence(c, self.facts.entropies[signal]) for c in curves],
                    "svg": self._figure(signal, curves),
                    "levels": self.levels[self.levels["signal"] == signal].to_dict("records"),
                }
            )
        return environment.get_template("measure.html.j2").render(
            facts=self.facts,
            signals=signals,
            colors=PALETTE,
            failures=self.failures.to_dict("records"),
            n_runs=len(self.runs),
            versions=versions(),
            machine=machine(),
        )

    def _figure(self, signal: str, curves: list[Curve]) -> str:
        """Draw all curves of a signal as inline SVG."""
        entropy = self.facts.entropies[signal]
        with rc_context({"svg.fonttype": "none", "svg.hashsalt": "cellaxes", "font.size": 11}):
            figure = Figure(figsize=(4.8, 3.6), layout="constrained")
            ax = figure.subplots()
            top = max((curve.high for curve in curves), default=1.0)
            for index, curve in enumerate(curves):
                points = self.runs[
                    (self.runs["signal"] == signal)
                    & (self.runs["model"] == curve.model)
                    & (self.runs["n_train"] == curve.n_train)
                    & (self.runs["status"] == "done")
                ]
                noise_curve(
                    points["umis_per_cell"],
                    points["information"],
                    fit=curve.fit,
                    null_high=curve.null_high,
                    ceiling=entropy if index == 0 and entropy < 2 * top else None,
                    color=PALETTE[index % len(PALETTE)],
                    ax=ax,
                )
            stream = io.StringIO()
            figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
        return stream.getvalue()[stream.getvalue().index("<svg") :]


def brief(report: MeasureReport) -> str:
    """Return the main numbers as a short table in text, and one sentence per curve."""
    rows = [
        (
            "signal",
            "model",
            "cells",
            "bits",
            "of",
            "capacity, bits",
            "sensitivity, UMIs per cell",
            "R²",
        )
    ]
    for curve in report.curves:
        fit = curve.fit
        entropy = report.facts.entropies[curve.signal]
        known = fit is not None and fit.identified
        rows.append(
            (
                curve.signal,
                curve.model,
                str(curve.n_train),
                f"{curve.information:.2f}",
                number(entropy),
                f"{fit.I_max:.2f} ({range_of(fit.I_max_low, fit.I_max_high)})"
                if fit is not None and known
                else "not identified",
                f"{number(fit.u_bar)} ({range_of(fit.u_bar_low, fit.u_bar_high)})"
                if fit is not None and known
                else "not identified",
                f"{fit.r_squared:.3f}" if fit is not None else "–",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    said = [sentence(curve, report.facts.entropies[curve.signal]) for curve in report.curves]
    failed = [
        f"{count} of {len(report.runs)} runs failed: {error}"
        for error, count in report.failures["error"].value_counts().items()
    ]
    return "\n".join([*lines, "", *said, *failed])
