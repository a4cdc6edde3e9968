"""Predictors against cells per well or depth: what they tell and need, and how far they are off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from numpy.typing import NDArray

from cellaxes.pl._noise_curve import PALETTE
from cellaxes.scaling import DepthAnswer, NoiseFit


@dataclass(frozen=True, eq=False)
class NeedLine:
    """One curve.

    Attributes
    ----------
    x, bits
        Every draw of every level: the coordinate, and bits per gene.
    fit
        Its law; None where there is none.
    need
        Where the share is reached; drawn where known.
    companion
        Whether it stands beside the predictors: hollow points and a thin line in grey.
    """

    x: NDArray[np.float64]
    bits: NDArray[np.float64]
    fit: NoiseFit | None
    need: DepthAnswer
    companion: bool = False


@dataclass(frozen=True, eq=False)
class ErrorLine:
    """Errors of one predictor.

    Attributes
    ----------
    x, error
        Coordinate of each level, and the error there, ``(n_levels,)``.
    companion
        As in `NeedLine`.
    """

    x: NDArray[np.float64]
    error: NDArray[np.float64]
    companion: bool = False


def needs_curves(
    lines: Mapping[str, NeedLine], *, share: float, axis_label: str, ax: Axes | None = None
) -> Axes:
    """Draw information per gene against the coordinate, with laws and needs.

    Parameters
    ----------
    lines
        By name.
    share
        Of the information at the full end, for the legend: a diamond and its interval.
    axis_label
        What the coordinate is.
    ax
        Axes to draw on; a new figure if ``None``.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    colors = iter(PALETTE)
    marked = False
    for name, line in lines.items():
        color = "0.45" if line.companion else next(colors)
        face = "none" if line.companion else color
        ax.scatter(line.x, line.bits, s=14, facecolors=face, edgecolors=color, lw=0.8, zorder=3)
        if line.fit is None:
            ax.plot([], [], color=color, label=name)
            continue
        grid = np.geomspace(line.x.min(), line.x.max(), 100)
        width = 1.0 if line.companion else 1.8
        ax.plot(grid, line.fit.law(grid), color=color, lw=width, label=name, zorder=2)
        if line.companion or not line.need.known:
            continue
        low, high = line.fit.band(grid)
        ax.fill_between(grid, low, high, color=color, alpha=0.15, lw=0)
        at = line.fit.law(line.need.depth)
        ends = np.clip([line.need.low, line.need.high], line.x.min(), line.x.max())
        ax.plot(ends, [at, at], color=color, lw=3, alpha=0.5, solid_capstyle="butt", zorder=3)
        ax.plot(line.need.depth, at, "D", ms=6.5, mfc="white", mec=color, mew=1.6, zorder=4)
        marked = True
    if marked:
        label = f"{share:.0%} of its full end"
        ax.plot([], [], "D", ms=6.5, mfc="white", mec="0.3", mew=1.6, label=label)
    ax.set_ylim(bottom=min(0.0, ax.get_ylim()[0]))
    ax.set_ylabel("information (bits per gene)")
    return _finished(ax, axis_label, "upper left")


def needs_errors(
    lines: Mapping[str, ErrorLine],
    *,
    zero: float,
    noise: float,
    axis_label: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw errors against the coordinate, with that of predicting zero and the reference's noise.

    Parameters
    ----------
    lines
        By name.
    zero
        Error of predicting no response at all.
    noise
        Noise of what errors are taken against, below which none can be.
    axis_label
        What the coordinate is.
    ax
        Axes to draw on; a new figure if ``None``.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    colors = iter(PALETTE)
    for name, line in lines.items():
        color = "0.45" if line.companion else next(colors)
        face, width = ("none", 1.0) if line.companion else (color, 1.8)
        ax.plot(line.x, line.error, "o-", color=color, mfc=face, ms=4, lw=width, label=name)
    ax.axhline(zero, color="0.3", lw=0.9, ls="--", label="no response at all")
    ax.axhline(noise, color="0.3", lw=0.9, ls=":", label="noise of the reference")
    ax.set_ylim(bottom=0)
    ax.set_ylabel("error (log2 fold change)")
    return _finished(ax, axis_label, "lower left")


def _finished(ax: Axes, axis_label: str, where: Literal["upper left", "lower left"]) -> Axes:
    """Give the axes their scale, ticks, label and legend."""
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(axis_label)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc=where, fontsize=9)
    return ax
