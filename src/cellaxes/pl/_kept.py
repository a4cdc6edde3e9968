"""What is left of each signal when cells are shallower, and the depths that features need."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, PercentFormatter
from numpy.typing import NDArray

from cellaxes.pl._noise_curve import PALETTE


def kept(
    curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]],
    needs: pd.Series | None = None,
    *,
    share: float = 0.9,
    ax: Axes | None = None,
) -> Axes:
    """Draw the share of the information at full depth that is left at each depth.

    Parameters
    ----------
    curves
        By name of the signal, ``(n_levels,)`` each: depths, UMIs per cell, and the share left
        there.
    needs
        UMIs per cell that features need to keep ``share``, indexed by feature: ticks at the foot.
    share
        Drawn as a line across.
    ax
        Axes to draw on; a new figure if ``None``.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    for i, (name, (depth, left)) in enumerate(curves.items()):
        ax.plot(depth, left, color=PALETTE[i % len(PALETTE)], lw=1.8, label=name)
    ax.axhline(share, color="0.6", lw=0.8, ls=":")
    if needs is not None and len(needs):
        ax.plot(needs, np.full(len(needs), 0.015), "|", ms=9, color="0.25", label="features")
    ax.set_xscale("log")
    ax.set_ylim(0, 1.05)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.yaxis.set_major_formatter(PercentFormatter(1))
    ax.set_xlabel("UMIs per cell")
    ax.set_ylabel("information left")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False, loc="lower right")
    return ax
