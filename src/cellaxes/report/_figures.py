"""Figures of the page as inline SVG."""

import io
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellaxes._core.axis import DEPTH, Axis
from cellaxes.pl import PALETTE, noise_curve
from cellaxes.report._types import Curve


def thinned(axis: Axis) -> dict[str, str]:
    """Return which rows are noisy, in the words of the page."""
    return {
        "both": f"all {axis.rows}",
        "train": f"training {axis.rows} alone",
        "query": "queries alone",
    }


@dataclass(frozen=True)
class Look:
    """How a curve is drawn: each model has a colour, its smaller training sets are faint."""

    color: str
    faint: bool


def looks(curves: Sequence[Curve]) -> list[Look]:
    """Return how each curve is drawn."""
    models = list(dict.fromkeys((curve.title, curve.thin) for curve in curves))
    largest = {
        model: max(c.n_train for c in curves if (c.title, c.thin) == model) for model in models
    }
    return [
        Look(
            PALETTE[models.index((curve.title, curve.thin)) % len(PALETTE)],
            curve.n_train < largest[curve.title, curve.thin],
        )
        for curve in curves
    ]


def curves_svg(points: pd.DataFrame, curves: Sequence[Curve], entropy: float) -> str:
    """Draw the curves of one signal with their laws.

    Parameters
    ----------
    points
        Of `cellaxes.study.curves`.
    curves
        What to draw.
    entropy
        Of the signal, bits.
    """
    top = max((curve.high for curve in curves), default=1.0)
    null = max((curve.null_high for curve in curves), default=0.0)

    def draw(ax: Axes) -> None:
        for index, (curve, look) in enumerate(zip(curves, looks(curves), strict=True)):
            seen = _of(points, (curve.signal, curve.model, curve.n_train, curve.thin))
            noise_curve(
                seen["depth"],
                seen["information"],
                fit=curve.fit,
                null_high=null if index == 0 else None,
                ceiling=entropy if index == 0 and entropy < 2 * top else None,
                color=look.color,
                faint=look.faint,
                axis_label=curve.axis.label,
                ax=ax,
            )

    return inline_svg(draw)


def losses_svg(
    points: pd.DataFrame,
    levels: pd.DataFrame,
    names: tuple[Hashable, ...],
    *,
    axis: Axis = DEPTH,
) -> str:
    """Draw the ways of thinning side by side: replicates, and lines through their means.

    Parameters
    ----------
    points, levels
        Of `cellaxes.study.curves` and `cellaxes.study.levels`.
    names
        Signal, model and number of training cells.
    axis
        How the coordinate is spoken of.
    """

    def draw(ax: Axes) -> None:
        for (thin, label), color in zip(thinned(axis).items(), PALETTE, strict=False):
            seen, means = _of(points, (*names, thin)), _of(levels, (*names, thin))
            if len(seen):
                noise_curve(
                    seen["depth"],
                    seen["information"],
                    color=color,
                    axis_label=axis.label,
                    ax=ax,
                )
                ax.plot(means["depth"], means["information"], color=color, label=label)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.legend(title=axis.done, frameon=False)

    return inline_svg(draw)


def _of(table: pd.DataFrame, names: tuple[Hashable, ...]) -> pd.DataFrame:
    """Return the rows of one curve, named by signal, model, training cells and thinning."""
    mine = pd.Series(True, index=table.index)
    for column, name in zip(("signal", "model", "n_train", "thin"), names, strict=True):
        mine &= table[column] == name
    return table[mine]


def inline_svg(draw: Callable[[Axes], None]) -> str:
    """Draw on axes of the page's size and return them as inline SVG."""
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "cellaxes", "font.size": 11}):
        figure = Figure(figsize=(4.8, 3.6), layout="constrained")
        draw(figure.subplots())
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return stream.getvalue()[stream.getvalue().index("<svg") :]
