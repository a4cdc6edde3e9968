"""The planning report: cells and depth for a budget, model by model, and its page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from cellaxes._core.files import plain, pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.pl import PALETTE, budget_line
from cellaxes.report._figures import inline_svg
from cellaxes.report._page import page
from cellaxes.report._words import bits, number, whole
from cellaxes.scaling import Costs, Plan

SCHEMA = "cellaxes.plan/1"


@dataclass(frozen=True, eq=False)
class PlannedModel:
    """What a pilot of one model says.

    Attributes
    ----------
    name
        The values that name the model in the table, or empty.
    plan
        How to spend the budget; ``None`` where the pilot allows none.
    reason
        Why there is none, or empty.
    n_points, n_missing
        Points of the pilot, and rows left out for want of a number or of any depth.
    """

    name: str
    plan: Plan | None
    reason: str
    n_points: int
    n_missing: int

    @property
    def known(self) -> bool:
        """Whether the pilot tells."""
        return self.plan is not None and self.plan.known

    @property
    def sentence(self) -> str:
        """The plan in words."""
        found = self.plan
        if found is None:
            return f"There is no plan: {self.reason}"
        said = (
            f"{whole(found.n_cells)} cells at {number(found.depth)} UMIs per cell are expected to "
            f"hold {bits(found.information)} bits ({bits(found.information_low)} to "
            f"{bits(found.information_high)}). The optimum lies between "
            f"{whole(found.n_cells_low)} and {whole(found.n_cells_high)} cells in 90 of 100 laws "
            "that agree with the pilot. Twice the cells "
            f"would add {bits(found.gains['cells'][0])}, twice the depth "
            f"{bits(found.gains['depth'][0])}, twice the budget {bits(found.gains['budget'][0])} "
            "bits."
        )
        if found.reason:
            said += f" But {found.reason}."
        if found.next is not None:
            would = "would settle it" if found.next.settles else "would tell most"
            said += (
                f" The cheapest further measurement that {would}: {whole(found.next.n_cells)} "
                f"cells at {number(found.next.depth)} UMIs per cell, for {number(found.next.cost)}."
            )
        return said


@dataclass(frozen=True, eq=False)
class PlanReport:
    """What a pilot says about spending a budget.

    Attributes
    ----------
    name
        What the page calls the pilot.
    costs, budget
        In any one currency.
    models
        One per model.
    targets
        One row per model and target: ``model, target, n_cells, depth, low, high, known,
        reason``.
    crossings
        One row per pair of models: ``first, second, n_cells, depth, low, high, known,
        reason``.
    """

    name: str
    costs: Costs
    budget: float
    models: tuple[PlannedModel, ...]
    targets: pd.DataFrame
    crossings: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        fields: dict[str, Any] = plain(
            {
                "schema": SCHEMA,
                "name": self.name,
                "costs": asdict(self.costs),
                "budget": self.budget,
                "models": [
                    {"name": model.name, "reason": model.reason, "n_points": model.n_points}
                    | {"n_missing": model.n_missing}
                    | {"plan": model.plan.to_dict() if model.plan else None}
                    | {"summary": model.sentence}
                    for model in self.models
                ],
                "targets": self.targets.to_dict("records"),
                "crossings": self.crossings.to_dict("records"),
                "versions": versions(),
                "machine": machine(),
            }
        )
        return fields

    def to_frame(self) -> pd.DataFrame:
        """Return one row per model: the plan's numbers."""
        rows = []
        for model in self.models:
            row: dict[str, Any] = {"model": model.name}
            if model.plan is not None:
                fields = asdict(model.plan)
                gains = {
                    f"gain_{what}{end}": value
                    for what, gain in fields.pop("gains").items()
                    for end, value in zip(("", "_low", "_high"), gain, strict=True)
                }
                further = fields.pop("next") or {}
                fields.pop("choices")
                row |= fields | gains | {f"next_{key}": value for key, value in further.items()}
            else:
                row |= {"known": False, "reason": model.reason}
            rows.append(row)
        return pd.DataFrame(rows)

    def write(self, out: str | Path) -> Path:
        """Write ``report.html``, ``results.json``, ``plan.csv`` and ``line.csv``.

        They stand in the folder ``out``; all appear, or none. ``targets.csv`` and ``crossings.csv``
        are written where there are any.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        lines = [
            model.plan.to_frame().assign(model=model.name) for model in self.models if model.plan
        ]
        tables = {
            "line.csv": pd.concat(lines) if lines else pd.DataFrame(),
            "targets.csv": self.targets,
            "crossings.csv": self.crossings,
        }
        with folder_filled(folder, instead_of=tables) as new:
            self.to_frame().to_csv(new / "plan.csv", index=False)
            for name, table in tables.items():
                if len(table):
                    table.to_csv(new / name, index=False)
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        return page(
            "plan.html.j2",
            report=self,
            costs=_costs(self.costs),
            summaries=[model.sentence for model in self.models],
            figures=[
                _figure(model.plan, index) if model.plan else ""
                for index, model in enumerate(self.models)
            ],
            targets=self.targets.to_dict("records"),
            crossings=self.crossings.to_dict("records"),
        )


def _costs(costs: Costs) -> list[tuple[str, float]]:
    """Return the costs that count, in words."""
    given = {name: value for name, value in asdict(costs).items() if value}
    if not costs.per_library:
        given.pop("cells_per_library")
    if not costs.per_read:
        given.pop("reads_per_umi")
    return [(name.replace("_", " ").replace("umi", "UMI"), value) for name, value in given.items()]


def _figure(plan: Plan, index: int) -> str:
    def draw(ax: Axes) -> None:
        budget_line(plan, color=PALETTE[index % len(PALETTE)], ax=ax)

    return inline_svg(draw)
