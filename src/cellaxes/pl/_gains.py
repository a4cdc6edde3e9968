"""How much better than a baseline: one line per model or context, with its interval."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cellaxes.pl._noise_curve import PALETTE

KINDS = ("ensemble", "model", "baseline")


def gains(table: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw gains over a baseline with their intervals; the line at 0 is the baseline.

    Parameters
    ----------
    table
        One row per model or context, named in the index: ``gain``, ``low``, ``high`` as shares of
        the baseline's error; where there, ``kind`` tells the colour. A missing interval is a dot.
    ax
        Axes to draw on; a new figure if ``None``.

    Returns
    -------
    The axes; the first row is at the top.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    height = np.arange(len(table))[::-1]
    kinds = table["kind"] if "kind" in table else pd.Series("ensemble", index=table.index)
    for y, (_, row), kind in zip(height, table.iterrows(), kinds, strict=True):
        color = PALETTE[KINDS.index(kind)] if kind in KINDS else PALETTE[0]
        if np.isfinite(row["low"]):
            ax.plot([row["low"], row["high"]], [y, y], color=color, lw=2, alpha=0.6)
        ax.plot([row["gain"]], [y], "o", color=color, ms=6)
    ax.axvline(0, color="0.4", lw=1)
    ax.set_yticks(height, list(map(str, table.index)))
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.set_xlabel("gain over the best baseline")
    ax.spines[["top", "right", "left"]].set_visible(False)
    return ax
