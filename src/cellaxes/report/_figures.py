"""Figures of the page as inline SVG."""

import io
from collections.abc import Callable, Hashable, Sequence

import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cellaxes.pl import PALETTE, noise_curve
from cellaxes.report._types import Curve

THINNED = {"both": "all cells", "train": "training cells alone", "query": "queries alone"}
"""Which cells are thinned, in the words of the page."""


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

    def draw(ax: Axes) -> None:
        for index, curve in enumerate(curves):
            seen = _of(points, (curve.signal, curve.model, curve.n_train, curve.thin))
            noise_curve(
                seen["depth"],
                seen["information"],
                fit=curve.fit,
                null_high=curve.null_high,
                ceiling=entropy if index == 0 and entropy < 2 * top else None,
                color=PALETTE[index % len(PALETTE)],
                ax=ax,
            )

    return inline_svg(draw)


def losses_svg(points: pd.DataFrame, levels: pd.DataFrame, names: tuple[Hashable, ...]) -> str:
    """Draw the ways of thinning side by side: replicates, and lines through their means.

    Parameters
    ----------
    points, levels
        Of `cellaxes.study.curves` and `cellaxes.study.levels`.
    names
        Signal, model and number of training cells.
    """

    def draw(ax: Axes) -> None:
        for (thin, label), color in zip(THINNED.items(), PALETTE, strict=False):
            seen, means = _of(points, (*names, thin)), _of(levels, (*names, thin))
            if len(seen):
                noise_curve(seen["depth"], seen["information"], color=color, ax=ax)
                ax.plot(means["depth"], means["information"], color=color, label=label)
        ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
        ax.legend(title="thinned", frameon=False)

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
