"""What a budget buys: information for every way to spend it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from cellaxes.pl._noise_curve import PALETTE
from cellaxes.scaling import Plan


def budget_line(
    plan: Plan, *, label: str | None = None, color: str = PALETTE[0], ax: Axes | None = None
) -> Axes:
    """Draw expected information against depth along a budget line.

    Parameters
    ----------
    plan
        Of `cellaxes.scaling.plan`: its line with the 90 % interval, a mark at the plan, and a
        bar at the foot over the region that holds the optimum.
    label
        Name of the line.
    color
        Of everything.
    ax
        Axes to draw on; a new figure if ``None``.

    Returns
    -------
    The axes; the axis above says how many cells the rest of the budget buys.
    """
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    line = plan.to_frame()
    ax.fill_between(line["depth"], line["low"], line["high"], color=color, alpha=0.15, lw=0)
    ax.plot(line["depth"], line["information"], color=color, lw=1.8, label=label)
    ax.plot([plan.depth], [plan.information], "o", ms=7, mfc="white", mec=color, mew=2, zorder=4)
    foot = max(float(line["low"].min()), 0.0)
    ax.plot([plan.depth_low, plan.depth_high], [foot, foot], color=color, lw=4, alpha=0.6)
    ax.set_xscale("log")
    wide = line["depth"].max() > 50 * line["depth"].min()
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("UMIs per cell")
    ax.set_ylabel("expected information (bits)")
    ax.spines[["top", "right"]].set_visible(False)
    above = ax.secondary_xaxis("top")
    depths = np.geomspace(line["depth"].min(), line["depth"].max(), 6)[1:-1]
    order = np.argsort(line["depth"].to_numpy())
    cells = np.interp(depths, line["depth"].to_numpy()[order], line["n_cells"].to_numpy()[order])
    above.set_xticks(depths, [f"{float(f'{n:.2g}'):,.0f}" for n in cells])
    above.xaxis.set_minor_formatter(NullFormatter())
    above.set_xlabel("cells that the rest of the budget buys")
    above.tick_params(length=3)
    return ax
