"""The curves of a finished study, level by level of the cell types."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cellaxes._core.errors import InputError
from cellaxes._core.files import file_identity
from cellaxes.report import Curve, DepthCurve
from cellaxes.verbs._measure import summarise

GRID = 60
"""Points of a law that are drawn."""


@dataclass(frozen=True)
class Curves:
    """Curves by level, and what to doubt of them."""

    curves: tuple[DepthCurve, ...]
    doubts: tuple[str, ...]


def curves_of(study: str | Path, labels: str, levels: int, data: Path | None) -> Curves:
    """Return the curves of each level of ``obs[labels]`` that a study measured.

    Raises
    ------
    InputError
        If the folder holds no study, runs are missing, or no level of these labels was measured.
    """
    report = summarise(study)
    missing = int((report.runs["status"] == "missing").sum())
    if missing:
        raise InputError(
            f"the study in {study} is not finished ({missing} of {len(report.runs)} runs are "
            "missing): run the same cellaxes measure command again, which does what is missing."
        )
    found, depths = [], set()
    for curve in report.curves:
        at = _level(curve.signal, labels)
        if at is None or curve.thin != "both":
            continue
        depths.add(at[1])
        rows = report.points
        for column in ("signal", "model", "n_train", "thin"):
            rows = rows[rows[column] == getattr(curve, column)]
        entropy = report.facts.entropies.get(curve.signal, float("nan"))
        found.append(_drawn(curve, at[0], float(entropy), rows))
    if not found:
        signals = ", ".join(report.facts.entropies)
        raise InputError(
            f"the study in {study} measured {signals}, no level of obs[{labels!r}]: measure "
            f"--signal hierarchy:{labels}."
        )
    if depths != {levels}:
        raise InputError(
            f"the study in {study} cuts the tree into {max(depths)} levels, here there are "
            f"{levels}: measure --signal hierarchy:{labels},levels={levels}."
        )
    doubts = []
    if data is not None and file_identity(data) != report.facts.data:
        doubts.append(
            f"the curves are of the study in {study}, which measured another file than the one "
            "at hand"
        )
    if len(report.failures):
        doubts.append(f"{len(report.failures)} runs of the study failed and are not in its curves")
    return Curves(tuple(found), tuple(doubts))


def _level(signal: str, labels: str) -> tuple[int, int] | None:
    """Return the level that a signal stands for and of how many, if it is one of the labels."""
    said = re.fullmatch(rf"level:{re.escape(labels)}@(\d+)((?:,\w+=[^,]*)*)", signal)
    if said is None:
        return None
    depth = re.search(r",levels=(\d+)", said[2])
    return int(said[1]), int(depth[1]) if depth else 4


def _drawn(curve: Curve, level: int, entropy: float, rows: Any) -> DepthCurve:
    seen = rows[rows["depth"] > 0]
    law: tuple[tuple[float, float], ...] = ()
    known = curve.fit is not None and curve.fit.identified
    if curve.fit is not None and len(seen):
        grid = np.geomspace(seen["depth"].min(), seen["depth"].max(), GRID)
        law = tuple((float(u), float(v)) for u, v in zip(grid, curve.fit.law(grid), strict=True))
    return DepthCurve(
        level=f"level{level}",
        model=curve.model,
        n_train=curve.n_train,
        entropy=entropy,
        depth=curve.depth,
        information=curve.information,
        low=curve.low,
        high=curve.high,
        sensitivity=(curve.fit.u_bar, curve.fit.u_bar_low, curve.fit.u_bar_high)
        if curve.fit is not None and known
        else None,
        points=tuple(
            (float(u), float(v)) for u, v in zip(seen["depth"], seen["information"], strict=True)
        ),
        law=law,
    )
