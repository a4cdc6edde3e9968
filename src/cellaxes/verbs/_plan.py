"""Plan: what a pilot says about spending a budget on cells and depth."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes._core.tables import read_table, thinned_alike
from cellaxes.report import PlannedModel, PlanReport
from cellaxes.scaling import (
    Costs,
    NoiseFit,
    Plan,
    crossing,
    curves_of,
    depth_for,
    fit_noise_law,
)
from cellaxes.scaling import plan as plan_one

TARGETS = ("bits", "share_of_bits", "share_of_states")
_ANSWER = ("n_cells", "depth", "low", "high", "known", "reason")


def plan(
    table: pd.DataFrame | str | Path,
    costs: Costs,
    budget: float,
    *,
    depth: str = "umis_per_cell",
    n_cells: str = "n_train",
    information: str = "information",
    by: Sequence[str] = (),
    level: str | None = None,
    targets: Sequence[tuple[str, float]] = (),
    max_cells: float | None = None,
    max_depth: float | None = None,
    out: str | Path | None = None,
    name: str | None = None,
    random_state: int = 0,
) -> PlanReport:
    """Plan cells and depth for every model of a pilot, and find depths for targets.

    Parameters
    ----------
    table
        The pilot, one row per measurement: a table, or the path of its ``.csv`` or
        ``.parquet`` (``runs.csv`` of a study with several ``--size``, of which runs with
        training or test cells thinned alone are left out).
    costs, budget
        In any one currency.
    depth, n_cells, information
        Columns with UMIs per cell, training cells and bits.
    by
        Columns whose values together name a model; the depths at which two models cross are
        found for those that differ in the last of them alone.
    level
        Column that says which points are replicates of one depth, e.g. ``fraction``.
    targets
        ``("bits", 2.0)``, ``("share_of_bits", 0.9)`` or ``("share_of_states", 0.9)``, as in
        `cellaxes.scaling.depth_for`; at the largest number of training cells.
    max_cells, max_depth
        What there is to be had.
    out
        Folder for the page, ``results.json`` and the tables; ``None`` writes nothing.
    name
        What the page calls the pilot; default: the name of the file, or of its folder where
        the file is ``runs.csv`` of a study.
    random_state
        Seed.

    Raises
    ------
    InputError
        If the table or a column is missing, a target is none, or no model of the pilot can
        be planned with.
    """
    for kind, _ in targets:
        if kind not in TARGETS:
            raise InputError(f"{kind!r} is no target: take one of {', '.join(TARGETS)}.")
    if not (np.isfinite(budget) and budget > 0):
        raise InputError(f"the budget must be a positive number, not {budget}.")
    points = thinned_alike(read_table(Path(table)) if isinstance(table, str | Path) else table)
    title = name or (_called(Path(table)) if isinstance(table, str | Path) else "Pilot")
    models, fits = [], []
    numbers = [depth, n_cells, information]
    for of, complete, missing in curves_of(points, numbers, by=by, level=level):
        known = complete[complete[depth] > 0]
        missing += len(complete) - len(known)
        label = ", ".join(str(value) for value in of.values())
        found: Plan | None = None
        reason = ""
        try:
            found = plan_one(
                known[depth],
                known[n_cells],
                known[information],
                costs=costs,
                budget=budget,
                max_cells=max_cells,
                max_depth=max_depth,
                level=known[level] if level else None,
                random_state=random_state,
            )
        except InputError as error:
            reason = str(error)
        models.append(PlannedModel(label, found, reason, len(known), missing))
        largest = known[known[n_cells] == known[n_cells].max()]
        fits.append((of, label, largest[n_cells].max(), _fit(largest, depth, information, level)))
    if not any(model.plan for model in models):
        sizes = points[n_cells].nunique()
        raise InputError(
            f"no model of the pilot can be planned with: {models[0].reason}"
            + (" `cellaxes measure --size 90 --size 180 --size 350` does." if sizes < 3 else "")
        )
    report = PlanReport(
        name=title,
        costs=costs,
        budget=float(budget),
        models=tuple(models),
        targets=_targets(fits, targets),
        crossings=_crossings(fits, by),
    )
    if out is not None:
        report.write(out)
    return report


_Fits = list[tuple[dict[str, Any], str, float, NoiseFit | None]]


def _called(table: Path) -> str:
    """Return the name of a pilot: that of its study where the file is called as in every study."""
    return table.resolve().parent.name if table.stem == "runs" else table.stem


def _fit(points: pd.DataFrame, depth: str, information: str, level: str | None) -> NoiseFit | None:
    try:
        return fit_noise_law(
            points[depth], points[information], level=points[level] if level else None
        )
    except InputError:
        return None


def _targets(fits: _Fits, targets: Sequence[tuple[str, float]]) -> pd.DataFrame:
    rows = []
    for kind, value in targets:
        for _, label, cells, fit in fits:
            if fit is not None:
                answer = asdict(depth_for(fit, **{kind: value}))
                row = {"model": label, "target": f"{kind} {value:g}", "n_cells": cells}
                rows.append(row | answer)
    return pd.DataFrame(rows, columns=["model", "target", *_ANSWER])


def _crossings(fits: _Fits, by: Sequence[str]) -> pd.DataFrame:
    rows = []
    for (of, label, cells, fit), (others, other_label, other_cells, other) in combinations(fits, 2):
        alike = all(of[key] == others[key] for key in list(by)[:-1])
        if alike and cells == other_cells and fit is not None and other is not None:
            answer = asdict(crossing(fit, other))
            rows.append({"first": label, "second": other_label, "n_cells": cells} | answer)
    return pd.DataFrame(rows, columns=["first", "second", *_ANSWER])
