"""One page that tells the story of an embedding: how much, what, in which order, how deep."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cellaxes._core.artefact import Artefact
from cellaxes._core.files import plain, pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.pl import kept
from cellaxes.report._explain import ExplainReport
from cellaxes.report._figures import inline_svg
from cellaxes.report._limits import limits
from cellaxes.report._measure import MeasureReport
from cellaxes.report._page import page
from cellaxes.report._structure import StructureReport
from cellaxes.report._structure_words import conclusions, joined
from cellaxes.report._types import Curve
from cellaxes.report._words import POOR, whole

SCHEMA = "cellaxes.profile/1"
SHARE = 0.9
"""Of the information at full depth that counts as kept."""
SHOWN, GENES = 10, 4
GRID = 60


@dataclass(frozen=True, eq=False)
class ProfileReport:
    """What an embedding knows, what its axes mean, how it is ordered, and how deep to sequence.

    Every number is one of the three reports that it is made of.

    Attributes
    ----------
    name, rep
        What the page calls the data, and the embedding.
    model
        Name of the model on the noise axis; it made the embedding where none was given.
    measured, explained, structured
        The reports.
    maker
        The fitted model, where it made the embedding.
    """

    name: str
    rep: str
    model: str
    measured: MeasureReport
    explained: ExplainReport
    structured: StructureReport
    maker: Artefact | None = None

    @cached_property
    def signals(self) -> pd.DataFrame:
        """One row per signal on the noise axis, the coarsest first.

        ``information`` with its interval and ``entropy``, bits; ``umis``, the UMIs per cell at
        which 90 % of it are left by the law, NaN where the law is not identified or there is
        nothing to lose; ``r_squared``; ``given``, bits of the embedding that was handed in.
        """
        given = {c.signal: c.information for c in self.measured.curves if c.given}
        return pd.DataFrame(
            [
                {
                    "signal": curve.signal,
                    "information": curve.information,
                    "low": curve.low,
                    "high": curve.high,
                    "entropy": self.measured.facts.entropies[curve.signal],
                    "umis": _needed(curve),
                    "r_squared": curve.fit.r_squared if curve.fit else float("nan"),
                    "given": given.get(curve.signal, float("nan")),
                }
                for curve in self._along()
            ]
        )

    @cached_property
    def features(self) -> pd.DataFrame:
        """The features, one row each, stable ones first, then by the seed that finds them worst."""
        table = self.explained.to_frame()
        order = [key for key in ("stable", "seeds_worst", "frequency") if key in table]
        return table.sort_values(order, ascending=False, kind="stable")

    @property
    def story(self) -> list[str]:
        """What was found, in a few sentences."""
        said = []
        for signal, entropy in self.measured.facts.entropies.items():
            found = limits([c for c in self.measured.curves if c.signal == signal], entropy)
            if found is not None:
                told = replace(found, signal=spoken(signal)).sentence
                said.append(told[0].upper() + told[1:])
        needs = [
            f"{spoken(row['signal'])} from {whole(row['umis'])}"
            for row in self.signals.to_dict("records")
            if np.isfinite(row["umis"])
        ]
        if needs:
            said.append(
                f"Nine tenths of what {self.model} holds at full depth are there: {joined(needs)} "
                "UMIs per cell."
            )
        stable = self.features["stable"].sum() if "stable" in self.features else 0
        said.append(f"{stable} of {len(self.features)} features come back with every seed.")
        return [*said, *self._deep(), *conclusions(self.structured)]

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        found: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                "name": self.name,
                "rep": self.rep,
                "model": self.model,
                "story": self.story,
                "signals": self.signals.to_dict("records"),
                "features": self.features.head(SHOWN).reset_index().to_dict("records"),
                "levels": self._levels().to_dict("records"),
                "versions": versions(),
                "machine": machine(),
            }
        )
        return found

    def to_html(self) -> str:
        """Return the page: self-contained, offline; it links the pages of its parts."""
        shown, top = self.features.head(SHOWN), self.explained.annotation.markers.top
        return page(
            "profile.html.j2",
            report=self,
            signals=[
                row | {"signal": spoken(row["signal"])} for row in self.signals.to_dict("records")
            ],
            own=bool(self.signals["given"].notna().any()),
            features=[
                row | {"number": int(i), "genes": ", ".join(top(int(i), GENES)["gene"])}
                for i, row in zip(shown.index, shown.to_dict("records"), strict=True)
            ],
            levels=self._levels().to_dict("records"),
            figure=inline_svg(self._draw),
            deep="umis" in self.features,
            leaky="leaks" in self.features,
            poor=POOR,
        )

    def write(self, out: str | Path) -> Path:
        """Write the page, ``results.json``, ``signals.csv``, ``features.csv`` and ``levels.csv``.

        They stand in the folder ``out``, with ``model``, read by `cellaxes.embed.load`, where the
        embedding was made for the page.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder, instead_of=["model"]) as new:
            self.signals.to_csv(new / "signals.csv", index=False)
            self.features.to_csv(new / "features.csv")
            self._levels().to_csv(new / "levels.csv", index=False)
            if self.maker is not None:
                self.maker.save(new / "model")
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def __repr__(self) -> str:
        return "\n".join([f"Profile of {self.rep} in {self.name}", *self.story])

    def _along(self) -> list[Curve]:
        """Return the curves along depth with the most training cells."""
        along = [c for c in self.measured.curves if not c.given and c.thin == "both"]
        most = max(curve.n_train for curve in along)
        return [curve for curve in along if curve.n_train == most]

    def _deep(self) -> list[str]:
        """Say which of the features shown needs the least depth, and which the most."""
        if "umis" not in self.features:
            return []
        known = self.features.head(SHOWN).dropna(subset=["umis"]).sort_values("umis", kind="stable")
        told = [
            f"feature {i} ({name}) needs {whole(umis)}"
            for i, name, umis in zip(known.index, known["name"], known["umis"], strict=True)
        ]
        ends = dict.fromkeys([*told[:1], *told[-1:]])
        which = f"Of the {min(SHOWN, len(self.features))} that come back best"
        return [f"{which}, {joined(list(ends))} UMIs per cell."] if ends else []

    def _levels(self) -> pd.DataFrame:
        """Return accuracy by level: of the adapter, and what it gains over the embedding."""
        chosen = self.structured.facts.method
        gains = self.structured.differences
        gains = gains[gains["embedding"] == chosen].set_index("level")
        own = self.structured.accuracy
        rows = own[own["embedding"] == chosen]
        rows = rows.loc[rows.groupby("level", sort=False)["prefix"].idxmax()]
        return rows[["level", "prefix", "accuracy", "low", "high"]].assign(
            gain=gains["difference"].reindex(rows["level"]).to_numpy(),
            gain_low=gains["low"].reindex(rows["level"]).to_numpy(),
            gain_high=gains["high"].reindex(rows["level"]).to_numpy(),
        )

    def _draw(self, ax: Axes) -> None:
        curves = {}
        for curve in self._along():
            if curve.fit is None or curve.information <= 0:
                continue
            depth = np.geomspace(self.measured.facts.depths[0], curve.depth, GRID)
            top = float(curve.fit.law(curve.depth))
            curves[spoken(curve.signal)] = (depth, np.asarray(curve.fit.law(depth)) / top)
        needs = self.features["umis"].dropna() if "umis" in self.features else None
        kept(curves, needs, share=SHARE, ax=ax)


def spoken(signal: str) -> str:
    """Write a signal for people.

    Examples
    --------
    >>> spoken("level:cell_type@2"), spoken("label:cell_type")
    ('level 2', 'cell_type')
    """
    kind, _, key = signal.partition(":")
    return f"level {key.rpartition('@')[2]}" if kind == "level" else key


def _needed(curve: Curve) -> float:
    """Return the depth at which the law has nine tenths of what it has at the deepest level."""
    if curve.fit is None or not curve.fit.identified or curve.low <= 0:
        return float("nan")
    whole = float(curve.fit.law(curve.depth))
    return float(min(curve.fit.law.inverse(SHARE * whole), curve.depth))
