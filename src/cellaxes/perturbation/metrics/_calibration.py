"""Whether a model knows how wrong it is: intervals, their width, and which rows are worst."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm, spearmanr

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._errors import rmse_of
from cellaxes.perturbation.metrics._pairs import Array, Matrix, Pairs, labels, pairs

EVERYWHERE = "all"
"""Stands for the rows of every context together."""


@dataclass(frozen=True)
class Coverage:
    """How often the intervals of one level hold the truth.

    Attributes
    ----------
    context
        Of which rows; ``"all"`` of all.
    level
        What the intervals promise, between 0 and 1.
    coverage
        Share of values that lie inside. Best is ``level``.
    width
        Mean width, in units of the profiles.
    n_values
        Values counted.
    """

    context: str
    level: float
    coverage: float
    width: float
    n_values: int


@dataclass(frozen=True)
class Calibration:
    """Whether predicted standard deviations fit the errors.

    Attributes
    ----------
    coverages
        Of every level: all rows first, then each context.
    crps
        Mean continuous ranked probability score of the Gaussians, in units of the profiles.
        Best is 0; for an sd of 0 it would be the mean absolute error.
    rank
        Spearman correlation of the rows' root mean square sd and error. Best is 1; NaN below
        three rows or where either is constant.
    n_rows
        Rows counted.
    """

    coverages: tuple[Coverage, ...]
    crps: float
    rank: float
    n_rows: int

    def to_frame(self) -> pd.DataFrame:
        """Return one row per context and level."""
        return pd.DataFrame([vars(entry) for entry in self.coverages])

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return vars(self) | {"coverages": [dict(vars(entry)) for entry in self.coverages]}

    def __repr__(self) -> str:
        told = ", ".join(
            f"{entry.coverage:.1%} in {entry.level:.0%}"
            for entry in self.coverages
            if entry.context == EVERYWHERE
        )
        return (
            f"Calibration({told}; CRPS {self.crps:.3g}, sd ranks errors at {self.rank:.2f}, "
            f"{self.n_rows} rows)"
        )


def coverage(truth: Matrix, low: Matrix, high: Matrix, *, mask: ArrayLike | None = None) -> float:
    """Return the share of values that lie in their interval. Best is the level it promises.

    Parameters
    ----------
    truth
        Profiles, ``(n_rows, n_genes)``; NaN is missing and does not count.
    low, high
        Ends of the intervals, of the same shape; both belong to them.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.

    Raises
    ------
    InputError
        As in `rmse`; if an interval ends before it begins.

    Examples
    --------
    >>> coverage([[1.0, 2.0, 9.0, 4.0]], [[0.0] * 4], [[5.0] * 4])
    0.75
    """
    below, above = pairs(truth, low, mask=mask), pairs(truth, high, mask=mask)
    _ordered(below, above)
    return _inside(below, above)


def calibration(
    truth: Matrix,
    predicted: Matrix,
    sd: Matrix,
    *,
    levels: tuple[float, ...] = (0.5, 0.8, 0.95),
    context: Any = None,
    mask: ArrayLike | None = None,
) -> Calibration:
    """Compare predicted standard deviations with the errors that were made.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    sd
        Predicted standard deviation of each value, of the same shape; positive.
    levels
        Of the central Gaussian intervals, each between 0 and 1.
    context
        Context of each row, ``(n_rows,)``, for a breakdown.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.

    Raises
    ------
    InputError
        As in `rmse`; if an sd is not positive or a level not between 0 and 1.

    References
    ----------
    CRPS of a Gaussian: Gneiting & Raftery 2007, equation 21 turned to a loss.

    Examples
    --------
    >>> truth = np.random.default_rng(0).normal(size=(50, 40))
    >>> calibration(truth, np.zeros((50, 40)), np.ones((50, 40)), levels=(0.5,))
    Calibration(49.6% in 50%; CRPS 0.564, sd ranks errors at nan, 50 rows)
    """
    if not levels or not all(0 < level < 1 for level in levels):
        raise InputError(f"levels must lie between 0 and 1, but are {levels}.")
    held, spread = pairs(truth, predicted, mask=mask), pairs(truth, sd, mask=mask)
    if (spread.predicted[held.keep] <= 0).any():
        raise InputError("sd must be positive wherever truth is known.")
    groups = [(EVERYWHERE, held.weights > 0)]
    if context is not None:
        codes, names = labels(context, len(held.truth), "context")
        groups += [
            (str(name), (codes == code) & (held.weights > 0)) for code, name in enumerate(names)
        ]
    found = tuple(
        _covered(name, level, _rows_of(held, rows), spread.predicted[rows])
        for name, rows in groups
        if rows.any()
        for level in levels
    )
    return Calibration(
        found, _crps(held, spread.predicted), _rank(held, spread.predicted), int(groups[0][1].sum())
    )


def _rows_of(held: Pairs, rows: Any) -> Pairs:
    parts = (held.truth, held.predicted, held.guess, held.keep, held.weights)
    return Pairs(*(part[rows] for part in parts))


def _covered(name: str, level: float, held: Pairs, sd: Array) -> Coverage:
    half = norm.ppf((1 + level) / 2) * sd
    inside = (np.abs(held.truth - held.predicted) <= half)[held.keep]
    return Coverage(
        name, level, float(inside.mean()), float(2 * half[held.keep].mean()), inside.size
    )


def _crps(held: Pairs, sd: Array) -> float:
    spread = sd[held.keep]
    z = (held.truth - held.predicted)[held.keep] / spread
    score = z * (2 * norm.cdf(z) - 1) + 2 * norm.pdf(z) - 1 / np.sqrt(np.pi)
    return float((spread * score).mean())


def _rank(held: Pairs, sd: Array) -> float:
    rows = held.weights > 0
    told = np.sqrt((sd[rows] ** 2 * held.keep[rows]).sum(axis=1) / held.n_known[rows])
    made = rmse_of(held)[rows]
    if len(told) < 3 or np.ptp(told) == 0 or np.ptp(made) == 0:
        return float("nan")
    return float(spearmanr(told, made).statistic)


def _ordered(below: Pairs, above: Pairs) -> None:
    crossed = np.flatnonzero((below.predicted > above.predicted).any(axis=1))
    if len(crossed):
        raise InputError(
            f"low lies above high in {len(crossed)} rows, first in row {crossed[0]}: swap them."
        )


def _inside(below: Pairs, above: Pairs) -> float:
    inside = (below.truth >= below.predicted) & (below.truth <= above.predicted)
    return float(inside[below.keep].mean())
