"""The measuring report: what was found, in frozen form, and its page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.report._figures import curves_svg, looks, losses_svg, thinned
from cellaxes.report._limits import Limits, crossings, limits
from cellaxes.report._page import page
from cellaxes.report._types import CoordinateFit, Curve, DataFacts
from cellaxes.report._words import SHARES, SNR, loss_sentence, sentence
from cellaxes.scaling import NoiseFit

SCHEMA = "cellaxes.measure/1"
NAMES = ["signal", "model", "n_train"]
_APART = ("fit", "axis", "others")
"""Fields of a curve that are written in another form than they have."""


@dataclass(frozen=True, eq=False)
class MeasureReport:
    """What a measurement found.

    Attributes
    ----------
    facts
        Data and protocol.
    curves
        One per signal, model, number of training cells and way of thinning.
    runs, points, levels, shares
        Tables of `cellaxes.study.collect`, `cellaxes.study.curves`, `cellaxes.study.levels`
        and `cellaxes.study.shares`: one row per run, point, level and pair of ways.
    """

    facts: DataFacts
    curves: tuple[Curve, ...]
    runs: pd.DataFrame
    points: pd.DataFrame
    levels: pd.DataFrame
    shares: pd.DataFrame

    @property
    def failures(self) -> pd.DataFrame:
        """Runs that failed, with their errors, one row each."""
        return self.runs[self.runs["status"] == "failed"]

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        return {
            "schema": SCHEMA,
            "data": asdict(self.facts),
            "curves": [
                {key: value for key, value in asdict(curve).items() if key not in _APART}
                | {"fit": curve.fit.to_dict() if curve.fit else None}
                | {"others": [_of_coordinate(other) for other in curve.others]}
                | {"summary": sentence(curve, self.facts.entropies.get(curve.signal))}
                for curve in self.curves
            ],
            "limits": [_plain(asdict(found)) for found in self.limits()],
            "crossings": [
                {"signal": signal} | row
                for signal in self.facts.entropies
                for row in crossings([c for c in self.curves if c.signal == signal])
            ],
            "noise_shares": {"definitions": SHARES, "rows": self.shares.to_dict("records")},
            "n_failed": len(self.failures),
            "versions": versions(),
            "machine": machine(),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per curve: information at full depth and the law's parameters.

        Where the law was fitted on several noise coordinates, a row for each: ``coordinate`` says
        which, and the sensitivity is in its unit.
        """
        rows = []
        for curve in self.curves:
            fields = asdict(curve).items()
            row = {key: value for key, value in fields if key not in (*_APART, "doubts")}
            for coordinate, fit in _coordinates(curve):
                law = fit.to_frame().iloc[0].to_dict() if fit else {}
                rows.append(
                    row | {"coordinate": coordinate} | law | {"doubts": "; ".join(curve.doubts)}
                )
        return pd.DataFrame(rows)

    def write(self, out: str | Path) -> Path:
        """Write ``report.html``, ``results.json``, ``runs.csv``, ``levels.csv``, ``fits.csv``.

        They stand in the folder ``out``; all appear, or none. ``shares.csv`` is written where
        training cells or queries were thinned alone.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder, instead_of=["shares.csv"]) as new:
            self.runs.to_csv(new / "runs.csv", index=False)
            self.levels.to_csv(new / "levels.csv", index=False)
            self.to_frame().to_csv(new / "fits.csv", index=False)
            if len(self.shares):
                self.shares.to_csv(new / "shares.csv", index=False)
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        signals = []
        for signal in self.facts.entropies:
            curves = [curve for curve in self.drawn() if curve.signal == signal]
            drawn = looks(curves)
            said = [sentence(c, self.facts.entropies[signal]) for c in curves]
            signals.append(
                {
                    "name": signal,
                    "entropy": self.facts.entropies[signal],
                    "curves": curves,
                    "limits": limits(curves, self.facts.entropies[signal]),
                    "crossings": crossings(curves),
                    "looks": drawn,
                    "summaries": [s for s, look in zip(said, drawn, strict=True) if not look.faint],
                    "smaller": [s for s, look in zip(said, drawn, strict=True) if look.faint],
                    "svg": curves_svg(self.points, curves, self.facts.entropies[signal]),
                    "split": [c for c in self.curves if c.signal == signal and c not in curves],
                    "losses": self._losses(signal),
                    "pairs": self._pairs(signal),
                    "levels": self.levels[self.levels["signal"] == signal].to_dict("records"),
                }
            )
        return page(
            "measure.html.j2",
            facts=self.facts,
            signals=signals,
            definitions=SHARES,
            thinned=thinned(self.facts.axis),
            axis=self.facts.axis,
            snr=SNR.get(self.facts.axis.rows, ""),
            coordinates=_coordinates,
            failures=self.failures.to_dict("records"),
            n_runs=len(self.runs),
            machine=machine(),
        )

    def limits(self) -> list[Limits]:
        """Return what limits each signal that was measured along depth."""
        found = [
            limits([curve for curve in self.curves if curve.signal == signal], entropy)
            for signal, entropy in self.facts.entropies.items()
        ]
        return [one for one in found if one is not None]

    def drawn(self) -> list[Curve]:
        """Return the curves of the main figures; what is split by `shares` has its own."""
        split = {tuple(row) for row in self.shares[NAMES].to_numpy()}
        return [
            curve
            for curve in self.curves
            if curve.thin == "both" or (curve.signal, curve.model, curve.n_train) not in split
        ]

    def _pairs(self, signal: str) -> str:
        """Say how many pairs the estimates of a signal are from, and what pairs they are."""
        n = self.points.loc[self.points["signal"] == signal, "n"]
        if not len(n):
            return ""
        low, high = int(n.min()), int(n.max())
        note = self.facts.notes.get(signal, "")
        return (f"{low:,}" if low == high else f"{low:,} to {high:,}") + (note and f" ({note})")

    def _losses(self, signal: str) -> list[dict[str, Any]]:
        """Return what the page says about whose loss it is, per model and size."""
        shares = self.shares[self.shares["signal"] == signal]
        return [
            {
                "model": model,
                "n_train": n_train,
                "rows": rows.to_dict("records"),
                "summary": loss_sentence(telling(rows), self.facts.axis),
                "svg": losses_svg(
                    self.points,
                    self.levels,
                    (signal, model, n_train),
                    axis=self.facts.axis,
                ),
            }
            for (model, n_train), rows in shares.groupby(["model", "n_train"], sort=False)
        ]


def _plain(found: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in found.items() if key != "axis"}


def _coordinates(curve: Curve) -> list[tuple[str, NoiseFit | None]]:
    """Return the law of a curve on each coordinate, as people call it; its own first."""
    others = [("measured SNR" if o.coordinate == "snr" else o.unit, o.fit) for o in curve.others]
    return [(curve.axis.unit, curve.fit), *others]


def _of_coordinate(other: CoordinateFit) -> dict[str, Any]:
    return {"coordinate": other.coordinate, "unit": other.unit, "fit": other.fit.to_dict()}


def telling(rows: pd.DataFrame) -> dict[str, Any]:
    """Return the depth at which nearest to half of the information is lost."""
    row = (rows["both"] - rows["full"] / 2).abs().argmin()
    return {str(name): value for name, value in rows.iloc[row].to_dict().items()}
