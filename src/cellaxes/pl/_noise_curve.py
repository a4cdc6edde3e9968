"""Information against depth: every replicate, the law, its band, the null."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from cellaxes._core.axis import DEPTH
from cellaxes.scaling import NoiseFit

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Colours that stay apart for colour-blind readers (Okabe and Ito)."""


def noise_curve(
    depth: ArrayLike,
    information: ArrayLike,
    *,
    fit: NoiseFit | None = None,
    null_high: float | None = None,
    ceiling: float | None = None,
    label: str | None = None,
    color: str = PALETTE[0],
    faint: bool = False,
    axis_label: str = DEPTH.label,
    ax: Axes | None = None,
) -> Axes:
    """Draw information against depth on a logarithmic axis.

    Parameters
    ----------
    depth
        Measured depth of each point, UMIs per cell, or another noise coordinate, ``(n,)``.
    information
        Information of each point, bits, ``(n,)``; every replicate is a point.
    fit
        The fitted law: drawn with its 95 % band and a mark at the sensitivity, dashed where
        it is not identified.
    null_high
        Largest estimate with permuted signal, bits: shaded from zero.
    ceiling
        Entropy of a discrete signal, bits: a dotted line.
    label
        Name of the curve.
    color
        Of points and law.
    faint
        Whether the curve stays in the background: hollow points, a thin law without its band.
    axis_label
        What the coordinate is.
    ax
        Axes to draw on; a new figure if ``None``.

    Returns
    -------
    The axes.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    u, bits = np.asarray(depth, dtype=np.float64), np.asarray(information, dtype=np.float64)
    if null_high is not None and null_high > 0:
        ax.axhspan(0, null_high, color="0.5", alpha=0.15, lw=0)
    if ceiling is not None and np.isfinite(ceiling):
        ax.axhline(ceiling, color="0.35", ls=":", lw=1)
        ax.annotate(
            "entropy of the signal",
            (0.01, ceiling),
            xycoords=("axes fraction", "data"),
            xytext=(2, -3),
            textcoords="offset points",
            va="top",
            fontsize=8,
            color="0.35",
        )
    if faint:
        ax.scatter(u, bits, s=12, facecolors="none", edgecolors=color, alpha=0.6, lw=0.8, zorder=3)
    else:
        ax.scatter(u, bits, s=14, color=color, alpha=0.75, lw=0, zorder=3)
    if fit is not None:
        grid = np.geomspace(u.min(), u.max(), 120)
        style = "-" if fit.identified else "--"
        width = 0.9 if faint else 1.8
        ax.plot(grid, fit.law(grid), color=color, ls=style, lw=width, label=label, zorder=2)
        if not faint:
            low, high = fit.band(grid)
            ax.fill_between(grid, low, high, color=color, alpha=0.15, lw=0)
        if fit.identified and not faint:
            at = fit.law(fit.u_bar)
            ax.plot([fit.u_bar], [at], marker="D", ms=6, mfc="white", mec=color, mew=1.5, zorder=4)
    elif label is not None:
        ax.scatter([], [], s=14, color=color, label=label)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(axis_label)
    ax.set_ylabel("information (bits)")
    ax.spines[["top", "right"]].set_visible(False)
    return ax
