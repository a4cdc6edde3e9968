"""The plan: how many cells and how deep, for what a budget buys."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._costs import Costs
from cellaxes.scaling._joint import fit_joint_law
from cellaxes.scaling._points import checked, grid_means
from cellaxes.scaling._posterior import bits_of, posterior

Array = NDArray[np.float64]

BEYOND, FLOOR = 0.5, 0.1
"""Share of what the law adds beyond the pilot, and the bits, that are always left open."""
FACTORS = (1, 2, 4, 8, 16, 32)
"""By how much more cells or depth than the pilot's a further measurement may have."""
EDGE = 0.99
"""Share of that from which a plan is at the edge."""
N_CHOICES = 240
TOLERANCE = 0.05
"""Share of the information that a choice may be expected to lose before the pilot is said not
to know."""
FAR = 10.0
"""How far beyond the pilot, in cells or depth, the law is followed unless limits are given."""


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


@dataclass(frozen=True)
class Plan:
    """How to spend a budget, and how sure that is.

    Attributes
    ----------
    n_cells, n_cells_low, n_cells_high
        Training cells with the largest expected information, and the 90 % region of the
        optimum: where it lies in 90 of 100 laws that agree with the pilot.
    depth, depth_low, depth_high
        UMIs per cell that the budget buys for ``n_cells``, and its region (the fewer cells,
        the deeper).
    information, information_low, information_high
        Expected at the plan, with a 90 % interval, bits.
    cost
        Of the plan.
    gains
        What doubling would add: ``cells`` at equal depth, ``depth`` at equal cells, ``budget``
        spent best; each as (mean, low, high) of 90 %, bits.
    expected_loss
        Information the plan is expected to lose against the true optimum, bits.
    known
        Whether the pilot tells: the expected loss is within 5 % of the information, and the
        plan has less than ten times the cells and the depth of the pilot.
    reason
        What the pilot cannot tell, or empty.
    next
        The cheapest further measurement that would settle it (or, if none does alone, the one
        that tells most); ``None`` where the plan is known.
    choices
        The budget line: cells, depth, and expected information with its interval.
    """

    n_cells: int
    n_cells_low: int
    n_cells_high: int
    depth: float
    depth_low: float
    depth_high: float
    information: float
    information_low: float
    information_high: float
    cost: float
    gains: dict[str, tuple[float, float, float]]
    expected_loss: float
    known: bool
    reason: str
    next: Measurement | None
    choices: dict[str, tuple[float, ...]]

    def to_frame(self) -> pd.DataFrame:
        """Return the budget line: n_cells, depth, information, low, high."""
        return pd.DataFrame(self.choices)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields

    def __repr__(self) -> str:
        mark = "" if self.known else f"; NOT KNOWN: {self.reason}"
        return (
            f"Plan({self.n_cells:,} cells [{self.n_cells_low:,}, {self.n_cells_high:,}] at "
            f"{self.depth:,.0f} UMIs per cell [{self.depth_low:,.0f}, {self.depth_high:,.0f}], "
            f"{self.information:.2f} bits [{self.information_low:.2f}, "
            f"{self.information_high:.2f}]{mark})"
        )


def plan(
    depth: ArrayLike,
    n_cells: ArrayLike,
    information: ArrayLike,
    *,
    costs: Costs,
    budget: float,
    max_cells: float | None = None,
    max_depth: float | None = None,
    level: ArrayLike | None = None,
    random_state: int = 0,
) -> Plan:
    """Plan cells and depth from a pilot, a budget and what things cost.

    Joint laws that agree with the pilot are drawn (`JointLaw`; a Bayesian posterior under
    weak priors for exponents and channels), each is asked for its optimum on the budget line,
    and the plan is the choice with the largest expected information.

    Parameters
    ----------
    depth, n_cells, information
        The pilot's points, ``(n,)``: UMIs per cell, training cells, bits; replicates are
        separate points. `cellaxes.study` measures them (``umis_per_cell``, ``n_train`` and
        ``information`` in its table).
    costs
        Of cells and molecules.
    budget
        In the currency of the costs.
    max_cells, max_depth
        What there is to be had: cells of the sample, UMIs of its libraries; default: ten
        times those of the pilot, beyond which a law says nothing.
    level
        Which points are replicates of one depth, ``(n,)``, e.g. ``fraction`` in the table of
        a study; ``None``: those of equal depth.
    random_state
        Seed.

    Raises
    ------
    InputError
        If the pilot has fewer than three depths or numbers of cells (what more of either
        brings cannot be known then) or fewer than 12 points, a value is NaN or not positive,
        or the budget buys nothing.

    Examples
    --------
    >>> from cellaxes.scaling import JointLaw
    >>> u, n = np.meshgrid([30, 100, 300, 1000, 3000], [100, 300, 1000, 3000])
    >>> bits = JointLaw(800, 300, 2.5)(u, n)
    >>> found = plan(u, n, bits, costs=Costs(per_cell=0.1, per_umi=1e-4), budget=1500)
    >>> found.known, 1000 < found.n_cells < 6000
    (True, True)
    """
    y, u, n = checked(information, depth=depth, n_cells=n_cells)
    if not (np.isfinite(budget) and budget > 0):
        raise InputError(f"the budget must be a positive number, not {budget}.")
    fit = fit_joint_law(u, n, y)
    u, n, y = grid_means(u, n, y, level)
    cells, line = _budget_line(costs, budget, (u, n), (max_cells, max_depth))
    draws, sd = posterior(u, n, y, start=fit.law, random_state=random_state)
    bits = bits_of(draws, np.log(line), np.log(cells))
    best = bits.argmax(axis=1)
    at = int(bits.mean(axis=0).argmax())
    first, last = (int(i) for i in np.quantile(best, [0.05, 0.95], method="nearest"))
    loss = float((bits.max(axis=1) - bits[:, at]).mean())
    tolerated = TOLERANCE * float(bits[:, at].mean())
    reasons = _doubts(loss, tolerated, (u, n), (cells, line), (at, first, last))
    twice = _budget_line(costs, 2 * budget, (u, n), (max_cells, max_depth))
    richer = bits_of(draws, np.log(twice[1]), np.log(twice[0]))
    doubled = bits_of(
        draws,
        np.log([line[at], 2 * line[at]]),
        np.log([2 * cells[at], cells[at]]),
    )
    gains = {
        "cells": _summary(doubled[:, 0] - bits[:, at]),
        "depth": _summary(doubled[:, 1] - bits[:, at]),
        "budget": _summary(richer[:, int(richer.mean(axis=0).argmax())] - bits[:, at]),
    }
    mean, half = _expected(draws, (line, cells), (u, n), sd)
    return Plan(
        n_cells=round(cells[at]),
        n_cells_low=round(cells[first]),
        n_cells_high=round(cells[last]),
        depth=float(line[at]),
        depth_low=float(line[last]),
        depth_high=float(line[first]),
        information=float(mean[at]),
        information_low=float(mean[at] - half[at]),
        information_high=float(mean[at] + half[at]),
        cost=costs.total(float(cells[at]), float(line[at])),
        gains=gains,
        expected_loss=loss,
        known=not reasons,
        reason="; ".join(reasons),
        next=_cheapest(
            draws,
            np.log(cells)[best],
            (loss, tolerated),
            (u, n),
            sd,
            costs,
            lambda reach: _budget_line(costs, budget, reach, (max_cells, max_depth)),
        )
        if reasons
        else None,
        choices={
            "n_cells": tuple(cells.tolist()),
            "depth": tuple(line.tolist()),
            "information": tuple(mean.tolist()),
            "low": tuple((mean - half).tolist()),
            "high": tuple((mean + half).tolist()),
        },
    )


def _summary(values: Array) -> tuple[float, float, float]:
    low, high = np.quantile(values, [0.05, 0.95])
    return float(values.mean()), float(low), float(high)


def _expected(
    draws: Array, line: tuple[Array, Array], pilot: tuple[Array, Array], sd: float
) -> tuple[Array, Array]:
    """Return the mean information at some depths and cells, and the half width of 90 %, bits.

    The width joins what the draws leave open, the scatter around the law, half of what the law
    adds beyond the pilot, and 0.1 bit.
    """
    bits = bits_of(draws, *np.log(line))
    low, high = np.quantile(bits, [0.05, 0.95], axis=0)
    corner = [np.minimum(axis, known.max()) for axis, known in zip(line, pilot, strict=True)]
    beyond = bits.mean(axis=0) - bits_of(draws, *np.log(corner)).mean(axis=0)
    squares = ((high - low) / 2) ** 2 + (1.645 * sd) ** 2 + (BEYOND * beyond) ** 2 + FLOOR**2
    return bits.mean(axis=0), np.sqrt(squares)


def _budget_line(
    costs: Costs,
    budget: float,
    pilot: tuple[Array, Array],
    most: tuple[float | None, float | None],
) -> tuple[Array, Array]:
    """Return numbers of cells and the depth that the budget buys for each."""
    shallowest, fewest = float(pilot[0].min()), float(pilot[1].min())
    top = most[0] or FAR * float(pilot[1].max())
    # Half the shallowest depth of the pilot is the least that is planned for.
    ceiling = fewest
    while ceiling < top and costs.depth(budget, 1.1 * ceiling) >= shallowest / 2:
        ceiling *= 1.1
    cells = np.unique(np.round(np.geomspace(fewest, min(ceiling, top), N_CHOICES)))
    line = costs.depth(budget, cells)
    limit = most[1] or FAR * float(pilot[0].max())
    # Of what is cut at the deepest that may be planned for, more cells are better.
    kept = np.append(line[1:] < limit, True) | (line < limit)
    cells, line = cells[kept], np.minimum(line[kept], limit)
    if line[0] < shallowest / 2:
        raise InputError(
            f"a budget of {budget:g} does not buy {cells[0]:.0f} cells at "
            f"{shallowest / 2:.3g} UMIs per cell, the least the pilot speaks of: raise it to "
            f"{costs.total(float(cells[0]), shallowest / 2):.4g} or more."
        )
    bought = line >= shallowest / 2
    return cells[bought], line[bought]


def _doubts(
    loss: float,
    tolerated: float,
    pilot: tuple[Array, Array],
    line: tuple[Array, Array],
    at: tuple[int, int, int],
) -> list[str]:
    (u, n), (cells, depths), (best, first, last) = pilot, line, at
    found = []
    if loss > tolerated:
        found.append(
            f"you cannot know this from your pilot: the optimum may lie anywhere from "
            f"{cells[first]:,.0f} cells at {depths[first]:,.0f} UMIs per cell to "
            f"{cells[last]:,.0f} at {depths[last]:,.0f}, and a wrong choice is expected to cost "
            f"{loss:.2f} bits"
        )
    for what, planned, measured in (
        ("cells", cells[best], n.max()),
        ("UMIs per cell", depths[best], u.max()),
    ):
        if planned >= EDGE * FAR * measured:
            found.append(
                f"the plan has {planned / measured:.0f} times the {what} of the pilot, where it "
                "rests on the law alone"
            )
    return found


def _cheapest(
    draws: Array,
    decision: Array,
    losses: tuple[float, float],
    pilot: tuple[Array, Array],
    sd: float,
    costs: Costs,
    line: Callable[[tuple[Array, Array]], tuple[Array, Array]],
) -> Measurement:
    """Find the cheapest measurement after which the choice would be known.

    What a measurement tells of the logarithm of the best number of cells follows from their
    covariance over the draws (a normal approximation); the expected loss shrinks like the
    variance that is left, since it is quadratic around an optimum. A plan that lies at the
    edge of what the law is followed to is settled once it lies inside the new edge.
    """
    u, n = (np.unique(values) for values in pilot)
    loss, tolerated = losses
    centred = decision - decision.mean()
    variance = float((centred**2).mean())
    found = []
    for factor_u in FACTORS:
        for factor_n in FACTORS:
            if factor_u == factor_n == 1:
                continue
            deepest, largest = factor_u * u[-1], factor_n * n[-1]
            at_u = np.unique(np.append(u[-3:], np.geomspace(u[-1], deepest, 3)))
            at_n = np.unique(np.append(n[-3:], np.geomspace(n[-1], largest, 3)))
            new = [(a, b) for a in at_u for b in at_n if a > u[-1] or b > n[-1]]
            told = bits_of(draws, *np.log(np.array(new)).T)
            told = told - told.mean(axis=0)
            covariance = told.T @ told / len(draws) + sd**2 * np.eye(len(new))
            cross = told.T @ centred / len(draws)
            explained = float(cross @ np.linalg.solve(covariance, cross))
            left = loss * max(1 - explained / variance, 0.0) if variance > 0 else 0.0
            found.append(
                Measurement(
                    n_cells=round(largest),
                    depth=float(deepest),
                    cost=costs.total(float(largest), float(deepest)),
                    expected_loss=left,
                    settles=left <= tolerated
                    and _inside(
                        draws,
                        line((np.append(u, deepest), np.append(n, largest))),
                        (float(deepest), float(largest)),
                    ),
                )
            )
    enough = [one for one in found if one.settles]
    if enough:
        return min(enough, key=lambda one: one.cost)
    if loss > tolerated:
        return min(found, key=lambda one: (one.expected_loss, one.cost))
    return max(found, key=lambda one: one.cost)


def _inside(draws: Array, line: tuple[Array, Array], reach: tuple[float, float]) -> bool:
    """Whether the best of a budget line lies inside what the law is followed to."""
    cells, depths = line
    at = int(bits_of(draws, np.log(depths), np.log(cells)).mean(axis=0).argmax())
    return bool(depths[at] < EDGE * FAR * reach[0] and cells[at] < EDGE * FAR * reach[1])
