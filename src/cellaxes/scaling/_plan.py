"""The plan: how many cells and how deep, for what a budget buys."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._budget import Reach, budget_line, edges, reach_of
from cellaxes.scaling._costs import Costs
from cellaxes.scaling._joint import MIN_R_SQUARED, fit_joint_law
from cellaxes.scaling._points import checked, grid_means, group_of, join_levels
from cellaxes.scaling._posterior import bits_of, posterior
from cellaxes.scaling._settle import Measurement, cheapest

Array = NDArray[np.float64]

BEYOND, FLOOR = 0.5, 0.1
"""Share of what the law adds beyond the pilot, and the bits, that are always left open."""
VAGUE = 0.5
"""Share of the information that the half width of its interval may have before the pilot is
said not to know."""
TOLERANCE = 0.05
"""Share of the information that a choice may be expected to lose before the pilot is said not
to know."""


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
    r_squared
        Share of the variance of the pilot's means that the least-squares joint law explains.
    known
        Whether the pilot tells: the joint law describes it, the expected loss is within 5 % of
        the information, its interval within half of it, and the plan lies inside what the law
        is followed to: a tenth to ten times the depths and cells of the pilot.
    reason
        What the pilot cannot tell, or empty.
    next
        The cheapest further measurement that would settle it (or, if none does alone, the one
        that tells most); ``None`` where the plan is known or nothing more is to be had.
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
    r_squared: float
    known: bool
    reason: str
    next: Measurement | None
    choices: dict[str, tuple[float, ...]]

    def to_frame(self) -> pd.DataFrame:
        """Return the budget line, a row per choice: n_cells, depth, information, low, high."""
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
        times those of the pilot. Below, a tenth of the pilot's is the least that is planned.
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
        the budget buys nothing, or a limit is below what the pilot speaks of.

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
    # Sums depend on the order of points in their last digit, and draws on that digit.
    group, order = group_of(level, u), np.lexsort((y, n, u))
    u, n, y, level = u[order], n[order], y[order], group[order]
    fit = fit_joint_law(u, n, y, level=level)
    depths = join_levels(u, y, level).u
    reach = reach_of((depths, n), (max_cells, max_depth))
    cells, line = budget_line(costs, budget, reach)
    u, n, y = grid_means(u, n, y, level)
    draws, sd = posterior(u, n, y, start=fit.law, random_state=random_state)
    bits = bits_of(draws, np.log(line), np.log(cells))
    best = bits.argmax(axis=1)
    at = int(bits.mean(axis=0).argmax())
    first, last = (int(i) for i in np.quantile(best, [0.05, 0.95], method="nearest"))
    loss = float((bits.max(axis=1) - bits[:, at]).mean())
    mean, half = _expected(draws, (line, cells), (u, n), sd)
    expected = float(mean[at]), float(half[at])
    reasons = _doubts(loss, expected, reach, (cells, line), (at, first, last))
    if not fit.r_squared > MIN_R_SQUARED:
        reasons.insert(0, f"the joint law does not describe the pilot (R² {fit.r_squared:.2f})")
    twice = budget_line(costs, 2 * budget, reach)
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
    return Plan(
        n_cells=round(cells[at]),
        n_cells_low=round(cells[first]),
        n_cells_high=round(cells[last]),
        depth=float(line[at]),
        depth_low=float(line[last]),
        depth_high=float(line[first]),
        information=float(mean[at]),
        information_low=max(float(mean[at] - half[at]), 0.0),
        information_high=float(mean[at] + half[at]),
        cost=costs.total(float(cells[at]), float(line[at])),
        gains=gains,
        expected_loss=loss,
        r_squared=fit.r_squared,
        known=not reasons,
        reason="; ".join(reasons),
        next=cheapest(
            draws,
            np.log(cells)[best],
            (loss, TOLERANCE * expected[0]),
            reach,
            sd,
            costs,
            budget,
        )
        if reasons
        else None,
        choices={
            "n_cells": tuple(cells.tolist()),
            "depth": tuple(line.tolist()),
            "information": tuple(mean.tolist()),
            "low": tuple(np.maximum(mean - half, 0).tolist()),
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
    corner = [
        np.clip(axis, known.min(), known.max()) for axis, known in zip(line, pilot, strict=True)
    ]
    beyond = bits.mean(axis=0) - bits_of(draws, *np.log(corner)).mean(axis=0)
    squares = ((high - low) / 2) ** 2 + (1.645 * sd) ** 2 + (BEYOND * beyond) ** 2 + FLOOR**2
    return bits.mean(axis=0), np.sqrt(squares)


def _doubts(
    loss: float,
    expected: tuple[float, float],
    reach: Reach,
    line: tuple[Array, Array],
    at: tuple[int, int, int],
) -> list[str]:
    """Say what the pilot does not tell: where the optimum is, how much it holds, or either."""
    (cells, depths), (best, first, last), (mean, half) = line, at, expected
    found = edges(reach, float(cells[best]), float(depths[best]))
    if loss > TOLERANCE * mean:
        found.insert(
            0,
            f"you cannot know this from your pilot: the optimum may lie anywhere from "
            f"{cells[first]:,.0f} cells at {depths[first]:,.0f} UMIs per cell to "
            f"{cells[last]:,.0f} at {depths[last]:,.0f}, and a wrong choice is expected to cost "
            f"{loss:.2f} bits",
        )
    elif half > VAGUE * mean:
        found.insert(
            0,
            f"you cannot know this from your pilot: the plan may hold anything from "
            f"{max(mean - half, 0):.1f} to {mean + half:.1f} bits",
        )
    return found
