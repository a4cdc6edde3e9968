"""What limits a signal (depth, cells or model), and where models cross."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from cellaxes._core.axis import DEPTH, Axis
from cellaxes.report._types import Curve
from cellaxes.report._words import bits, number
from cellaxes.scaling import crossing

FOLLOWS = 0.9
"""R² from which the slope of a law holds although its capacity is not identified."""
WORTH = 0.1
"""Bits that a doubling must add before depth or cells are called the limit."""


@dataclass(frozen=True)
class Limits:
    """What limits the best model of a signal at the deepest level and the most cells.

    Attributes
    ----------
    signal, model, n_train
        The signal, and the model that holds most about it at the largest number of cells.
    information
        What it holds, bits.
    by_depth
        Bits that doubling the depth would add, by its law: also where the capacity is not
        identified, as long as the law follows the points (R² of at least 0.9); else NaN.
    by_cells
        Bits that doubling the training cells would add, by the slope between its two largest
        numbers of cells; NaN where there is one only.
    by_model
        Bits of a discrete signal that are missing at any depth: its entropy minus the
        capacity; of a continuous signal infinite, since it has no ceiling.
    limit
        ``"depth"``, ``"cells"`` or ``"model"``: depth or cells if doubling them adds most, and
        at least 0.1 bit; else the model. Depth stands for the noise coordinate, whatever it is.
    axis
        How that coordinate is spoken of.
    """

    signal: str
    model: str
    n_train: int
    information: float
    by_depth: float
    by_cells: float
    by_model: float
    limit: str
    axis: Axis = DEPTH

    @property
    def sentence(self) -> str:
        """Say it, with the numbers behind it."""
        axis = self.axis
        named = {"depth": axis.limit_again, "cells": axis.rows}
        depth = (
            f"twice the {axis.name} would add {bits(self.by_depth)} bits"
            if np.isfinite(self.by_depth)
            else f"what more {axis.name} would add is not identified"
        )
        cells = (
            f"twice the training {axis.rows} {bits(self.by_cells)}"
            if np.isfinite(self.by_cells)
            else f"what more training {axis.rows} would add was not measured"
        )
        model = (
            f"{bits(self.by_model)} are missing at any {axis.level}"
            if np.isfinite(self.by_model)
            else "a continuous signal has no ceiling"
        )
        what = named.get(self.limit, self.limit)
        return (
            f"{self.signal} is limited by {what}: {self.model} holds most "
            f"({bits(self.information)} bits with {number(self.n_train)} {axis.rows}); {depth}, "
            f"{cells}; {model}."
        )


def limits(curves: Sequence[Curve], entropy: float) -> Limits | None:
    """Return what limits a signal; ``None`` without a curve along depth.

    Parameters
    ----------
    curves
        Of one signal.
    entropy
        Of the signal, bits.
    """
    along = [curve for curve in curves if curve.thin == "both" and not curve.given]
    if not along:
        return None
    most = max(curve.n_train for curve in along)
    best = max((c for c in along if c.n_train == most), key=lambda curve: curve.information)
    fit = best.fit if best.fit is not None and best.fit.identified else None
    by_depth = float("nan")
    if best.fit is not None and (best.fit.identified or best.fit.r_squared >= FOLLOWS):
        by_depth = float(best.fit.law.bits_per_doubling(best.depth))
    sizes = sorted((c for c in along if c.model == best.model), key=lambda curve: curve.n_train)
    by_cells = float("nan")
    if len(sizes) > 1:
        fewer, more = sizes[-2:]
        rise = more.information - fewer.information
        by_cells = rise / float(np.log2(more.n_train / fewer.n_train))
    capacity = max(fit.I_max, best.information) if fit else best.information
    gains = {"depth": by_depth, "cells": by_cells}
    known = {name: gain for name, gain in gains.items() if gain >= WORTH}
    return Limits(
        signal=best.signal,
        model=best.model,
        n_train=best.n_train,
        information=best.information,
        by_depth=by_depth,
        by_cells=by_cells,
        by_model=max(entropy - capacity, 0.0),
        limit=max(known, key=lambda name: known[name]) if known else "model",
        axis=best.axis,
    )


def crossings(curves: Sequence[Curve]) -> list[dict[str, Any]]:
    """Return where the laws of two models of one signal cross, for each number of cells.

    One row per pair: ``first, second, n_train, depth, low, high, reason``; the depth is in
    UMIs per cell with a 95 % interval, infinite where one is above the other throughout.
    """
    rows = []
    along = [curve for curve in curves if curve.thin == "both" and curve.fit is not None]
    for one, other in combinations(along, 2):
        if one.n_train != other.n_train or one.model == other.model:
            continue
        if one.fit is None or other.fit is None:
            continue
        found = crossing(one.fit, other.fit)
        names = {"first": one.model, "second": other.model, "n_train": one.n_train}
        reason = found.reason.replace("the first model", one.model)
        reason = one.axis.worded(reason.replace("the second model", other.model))
        rows.append(
            names | {"depth": found.depth, "low": found.low, "high": found.high, "reason": reason}
        )
    return rows
