"""What a budget buys, within what a pilot speaks of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.scaling._costs import Costs

Array = NDArray[np.float64]

N_CHOICES = 240
FAR = 10.0
"""How far beyond and below the pilot, in cells or depth, the law is followed unless limits are
given."""
EDGE = 0.99
"""Share of that from which a plan is at the edge."""


@dataclass(frozen=True, eq=False)
class Reach:
    """What the pilot measured, and how far the law is followed beyond it.

    Attributes
    ----------
    u, n
        Depths and numbers of cells of the pilot, in order, each once.
    lowest
        Smallest (depth, cells) planned.
    limits
        What is to be had of (depth, cells), or infinite.
    """

    u: Array
    n: Array
    lowest: tuple[float, float]
    limits: tuple[float, float]

    def further(self, deepest: float, largest: float) -> "Reach":
        """Return the reach after a measurement to a depth with a number of cells."""
        u, n = np.unique(np.append(self.u, deepest)), np.unique(np.append(self.n, largest))
        return Reach(u, n, self.lowest, self.limits)

    @property
    def highest(self) -> tuple[float, float]:
        """Largest (depth, cells) planned: what is to be had, if known, else `FAR` times more."""
        ends = zip(self.limits, (self.u[-1], self.n[-1]), strict=True)
        deepest, most = (limit if np.isfinite(limit) else FAR * end for limit, end in ends)
        return float(deepest), float(most)


def reach_of(pilot: tuple[Array, Array], most: tuple[float | None, float | None]) -> Reach:
    """Return the reach of a pilot (depths, cells) under limits (max_cells, max_depth)."""
    u, n = (np.unique(values) for values in pilot)
    limits = []
    for name, limit, least in (
        ("max_depth", most[1], u[0] / FAR),
        ("max_cells", most[0], max(n[0] / FAR, 2.0)),
    ):
        value = np.inf if limit is None else float(limit)
        if not value >= least:
            raise InputError(
                f"{name} must be at least {least:.3g}, the least the pilot speaks of, not {limit}."
            )
        limits.append(value)
    return Reach(u, n, (u[0] / FAR, max(n[0] / FAR, 2.0)), (limits[0], limits[1]))


def budget_line(costs: Costs, budget: float, reach: Reach) -> tuple[Array, Array]:
    """Return numbers of cells and the depth that the budget buys for each."""
    (shallowest, fewest), (deepest, most) = reach.lowest, reach.highest
    if costs.depth(budget, fewest) < shallowest:
        raise InputError(
            f"a budget of {budget:g} does not buy {fewest:.0f} cells at {shallowest:.3g} UMIs per "
            f"cell, the least the pilot speaks of: raise it to "
            f"{costs.total(fewest, shallowest):.4g} or more."
        )
    # Full libraries are the places where one more cell costs most.
    full = costs.cells_per_library * np.arange(1, min(most / costs.cells_per_library, 1e4) + 1)
    grid = np.unique(np.append(np.round(np.geomspace(fewest, most, 4 * N_CHOICES)), full))
    grid = grid[(grid >= fewest) & (grid <= most)]
    affordable = grid[costs.depth(budget, grid) >= shallowest]
    grid = np.round(np.geomspace(fewest, affordable[-1], N_CHOICES))
    cells = np.unique(np.concatenate([grid, full[full <= affordable[-1]][-40:]]))
    line = costs.depth(budget, cells)
    # Of what is cut at the deepest that is planned for, more cells are better.
    kept = (np.append(line[1:] < deepest, True) | (line < deepest)) & (line >= shallowest)
    return cells[kept], np.minimum(line[kept], deepest)


def edges(reach: Reach, n_cells: float, depth: float) -> list[str]:
    """Say where a choice lies at the edge of what the law is followed to."""
    found = []
    for what, planned, measured in (
        ("cells", n_cells, reach.n),
        ("UMIs per cell", depth, reach.u),
    ):
        times = planned / float(np.clip(planned, measured[0], measured[-1]))
        if not 1 / (EDGE * FAR) < times < EDGE * FAR:
            much = f"{times:,.0f}" if times >= 1 else f"{times:.1f}"
            found.append(
                f"the plan has {much} times the {what} of the pilot, where it rests on the law "
                "alone"
            )
    return found
