"""The measurement that would settle what a pilot cannot know."""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from cellaxes.scaling._budget import Reach, budget_line, edges
from cellaxes.scaling._costs import Costs
from cellaxes.scaling._posterior import bits_of

Array = NDArray[np.float64]

FACTORS = (1, 2, 4, 8, 16, 32)
"""By how much more cells or depth than the pilot's a further measurement may have."""


@dataclass(frozen=True)
class Measurement:
    """A further measurement: cells sequenced to a depth, subsampled and thinned below it.

    Attributes
    ----------
    n_cells, depth
        What would be sequenced; depth in UMIs per cell.
    cost
        What it costs.
    expected_loss
        Information the choice would then still be expected to lose, bits.
    settles
        Whether that is within the tolerance.
    """

    n_cells: int
    depth: float
    cost: float
    expected_loss: float
    settles: bool


def cheapest(
    draws: Array,
    decision: Array,
    losses: tuple[float, float],
    reach: Reach,
    sd: float,
    costs: Costs,
    budget: float,
) -> Measurement | None:
    """Find the cheapest measurement after which the choice would be known.

    What a measurement tells of the logarithm of the best number of cells follows from their
    covariance over the draws (a normal approximation); the expected loss shrinks like the
    variance that is left, since it is quadratic around an optimum. A plan that lies at the
    edge of what the law is followed to is settled once it lies inside the new edge. ``None``
    where no more cells or depth are to be had.
    """
    u, n = reach.u, reach.n
    loss, tolerated = losses
    centred = decision - decision.mean()
    variance = float((centred**2).mean())
    found = []
    for factor_u, factor_n in product(FACTORS, FACTORS):
        deepest, largest = factor_u * u[-1], factor_n * n[-1]
        if factor_u == factor_n == 1 or deepest > reach.limits[0] or largest > reach.limits[1]:
            continue
        at_u = np.unique(np.append(u[-3:], np.geomspace(u[-1], deepest, 3)))
        at_n = np.unique(np.append(n[-3:], np.geomspace(n[-1], largest, 3)))
        new = [(a, b) for a, b in product(at_u, at_n) if a > u[-1] or b > n[-1]]
        told = bits_of(draws, *np.log(np.array(new)).T)
        told = told - told.mean(axis=0)
        covariance = told.T @ told / len(draws) + sd**2 * np.eye(len(new))
        cross = told.T @ centred / len(draws)
        explained = float(cross @ np.linalg.solve(covariance, cross))
        left = loss * max(1 - explained / variance, 0.0) if variance > 0 else 0.0
        after = reach.further(float(deepest), float(largest))
        cells, depths = budget_line(costs, budget, after)
        best = int(bits_of(draws, np.log(depths), np.log(cells)).mean(axis=0).argmax())
        inside = not edges(after, float(cells[best]), float(depths[best]))
        found.append(
            Measurement(
                n_cells=round(largest),
                depth=float(deepest),
                cost=costs.total(float(largest), float(deepest)),
                expected_loss=left,
                settles=left <= tolerated and inside,
            )
        )
    enough = [one for one in found if one.settles]
    if enough:
        return min(enough, key=lambda one: one.cost)
    if loss > tolerated:
        return min(found, key=lambda one: (one.expected_loss, one.cost), default=None)
    return max(found, key=lambda one: one.cost, default=None)
