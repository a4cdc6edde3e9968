"""What predictors need, in words, and why to doubt it."""

from collections.abc import Mapping, Sequence

from cellaxes.report._needs_types import MEASURED, NeedCurve, NeedsFacts
from cellaxes.report._words import number, percent, range_of, whole
from cellaxes.scaling import DepthAnswer

FEW = 20
"""Compounds below which an interval over compounds is too narrow."""
FAR = 1e9
"""Cells or UMIs that are no number any more."""
POOR = 0.9
"""R² on level means below which a law describes its curve poorly."""


def spoken(predictor: str) -> str:
    """Return a predictor's name for people."""
    return "measuring them" if predictor == MEASURED else predictor.replace("_", " ")


def conclusions(
    facts: NeedsFacts, best: Mapping[str, NeedCurve], measured: Mapping[str, NeedCurve]
) -> list[str]:
    """Return what was found, the answer first."""
    cells, depth = best["cells"], best["depth"]
    name = f"The best predictor ({spoken(cells.predictor)})"
    if not cells.full.low > 0:
        return [
            f"No number of cells can be named: with all cells at full depth even {name[0].lower()}"
            f"{name[1:]} tells {number(cells.full.bits)} bits per gene ({_ends(cells)}), which may "
            "be nothing.",
            *_measured(facts, measured["cells"]),
        ]
    told = [
        f"{name} needs {_cells(cells.need)} per well to keep {percent(facts.share)} of what it "
        f"tells with {whole(facts.cells)}."
        if cells.need.known
        else f"How many cells per well {name[0].lower()}{name[1:]} needs cannot be told: "
        f"{cells.need.reason}.",
        f"With all of them it tells {number(cells.full.bits)} bits per gene of a response that was "
        f"not measured ({_ends(cells)}); a correlation of {number(cells.full.correlation, 2)}.",
    ]
    if cells.endless.known and cells.endless.depth > facts.cells and cells.fit is not None:
        told.append(
            f"More cells than were measured would still help: by the law, {percent(facts.share)} "
            f"of what endless cells would let it tell ({number(cells.fit.I_max)} bits) takes "
            f"{_cells(cells.endless)} per well."
        )
    worth = cells.worth
    if worth is not None and worth.known:
        told.append(
            f"Its prediction from responses of {whole(facts.cells)} cells per well is worth a "
            f"measurement with {_cells(worth)} per well: with fewer, predict rather than measure."
        )
    elif worth is not None and worth.reason:
        told.append(f"Against a measurement: {worth.reason}.")
    told += _halving(cells, depth)
    if depth.need.known:
        told.append(
            f"Of the UMIs per cell ({whole(facts.umis)}) it needs {whole(depth.need.depth)} "
            f"({ends_of(depth.need)})."
        )
    return told + _measured(facts, measured["cells"])


def doubts(facts: NeedsFacts, curves: Sequence[NeedCurve]) -> list[str]:
    """Return why the numbers may mislead."""
    told = list(facts.doubts)
    n = curves[0].full.n_compounds
    if n < FEW:
        told.append(f"the intervals rest on {n} compounds: they are too narrow below {FEW}")
    if not curves[0].full.corrected:
        told.append(
            "the two halves of the cells do not agree beyond chance, so that the noise of the "
            "reference could not be taken out"
        )
    if facts.left_out:
        told.append(f"{facts.left_out} samples of fewer than four cells were left out")
    told += [
        f"the law describes {spoken(curve.predictor)} along {curve.axis} poorly "
        f"(R² {curve.fit.r_squared:.2f}): its need is rough"
        for curve in curves
        if curve.fit is not None and curve.need.known and curve.fit.r_squared < POOR
    ]
    told.append(
        "both halves of the cells come from the same wells: what a well or its controls do to all "
        "of their cells counts as response, which no number of cells takes away"
    )
    return told


def _halving(cells: NeedCurve, depth: NeedCurve) -> list[str]:
    a, b = cells.halving, depth.halving
    if not (cells.need.known and depth.need.known):
        return []
    told = f"Half the cells cost it {percent(a)} of its bits, half the UMIs per cell {percent(b)}"
    if max(a, b) > 1.5 * min(a, b) and max(a, b) > 0.02:
        dear, cheap = ("cells", "depth") if a > b else ("depth", "cells")
        return [f"{told}: where UMIs are what is paid for, save on {cheap} before {dear}."]
    return [f"{told}: what counts is about the number of UMIs, however they come about."]


def _measured(facts: NeedsFacts, curve: NeedCurve) -> list[str]:
    if curve.need.known and curve.full.low > 0:
        return [
            f"Measuring a response itself tells {number(curve.full.bits)} bits per gene with "
            f"{whole(facts.cells)} cells per well, and {percent(facts.share)} of that with "
            f"{_cells(curve.need)}."
        ]
    if not curve.full.low > 0:
        return ["Two halves of the cells do not agree beyond chance: no response was measured."]
    return []


def _cells(answer: DepthAnswer) -> str:
    return f"{whole(answer.depth)} cells ({ends_of(answer)})"


def ends_of(answer: DepthAnswer) -> str:
    """Return the interval of a number of cells or UMIs; an open end is said."""
    if answer.high > FAR:
        return f"above {whole(answer.low)}"
    return f"{whole(answer.low)} to {whole(answer.high)}"


def _ends(curve: NeedCurve) -> str:
    return range_of(curve.full.low, curve.full.high)
