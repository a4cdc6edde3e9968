"""Figures of predictors on the noise axis."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes

from cellaxes.pl import ErrorLine, NeedLine, needs_curves, needs_errors
from cellaxes.report._figures import inline_svg
from cellaxes.report._needs_types import MEASURED, NeedCurve, rows_along
from cellaxes.report._needs_words import spoken

AXES = {
    "cells": ("cells", "cells per well (median)"),
    "depth": ("umis", "UMIs per cell (median)"),
}
"""Column of the coordinate, and how it is called in figures."""


def curves_svg(curves: Sequence[NeedCurve], draws: pd.DataFrame, share: float, axis: str) -> str:
    """Draw what predictors tell along an axis, and what they need."""
    column, label = AXES[axis]
    seen, lines = rows_along(draws, axis), {}
    for curve in curves:
        if curve.axis == axis:
            own = seen[seen["predictor"] == curve.predictor]
            lines[spoken(curve.predictor)] = NeedLine(
                own[column].to_numpy(float), own["bits"].to_numpy(float), curve.fit, curve.need,
                curve.predictor == MEASURED,
            )  # fmt: skip

    def draw(ax: Axes) -> None:
        needs_curves(lines, share=share, axis_label=label, ax=ax)

    return inline_svg(draw)


def errors_svg(levels: pd.DataFrame, axis: str) -> str:
    """Draw how far predictions are off along an axis."""
    column, label = AXES[axis]
    seen, lines = rows_along(levels, axis), {}
    for name in dict.fromkeys(seen["predictor"]):
        own = seen[seen["predictor"] == name].sort_values(column)
        lines[spoken(name)] = ErrorLine(
            own[column].to_numpy(float), own["error"].to_numpy(float), name == MEASURED
        )
    zero, noise = (float(seen[name].iloc[0]) for name in ("error_of_zero", "noise_of_reference"))

    def draw(ax: Axes) -> None:
        needs_errors(lines, zero=zero, noise=noise, axis_label=label, ax=ax)

    return inline_svg(draw)
