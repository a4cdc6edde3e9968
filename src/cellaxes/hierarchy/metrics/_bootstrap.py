"""Intervals of a share, over donors or over cells."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate and its interval.

    Attributes
    ----------
    value
        Sum over the cells by their number.
    low, high
        Percentiles of the bootstrap.
    n_units
        Donors, or cells, that were drawn.
    """

    value: float
    low: float
    high: float
    n_units: int


def bootstrap_ratio(
    values: ArrayLike,
    units: ArrayLike | None = None,
    *,
    level: float = 0.95,
    n_draws: int = DRAWS,
    random_state: int = 0,
) -> Interval:
    """Return the mean of the cells with a percentile interval over donors.

    Whole donors are drawn with replacement, so that cells of one donor, which share more than
    their type, do not count as many witnesses. Units with the same sum and size are drawn together
    (a multinomial), so that the cost does not grow with the number of cells.

    Parameters
    ----------
    values
        One number per cell, ``(n_cells,)``: whether it is right, or right less right of another.
    units
        Donor of each cell as codes from 0, ``(n_cells,)``; cells are drawn one by one without.
    level
        Share of the draws inside.
    n_draws
        Draws.
    random_state
        Seed.

    Raises
    ------
    InputError
        If there is no value, or lengths differ.

    Examples
    --------
    >>> bootstrap_ratio([1, 1, 0, 0], [0, 0, 1, 1])
    Interval(value=0.5, low=0.0, high=1.0, n_units=2)
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise InputError(f"values must be one number per cell, but have shape {x.shape}.")
    if units is None:
        codes = np.arange(len(x))
    else:
        codes = np.asarray(units)
        if codes.shape != x.shape or codes.dtype.kind not in "iu":
            raise InputError(
                f"units must be one whole number per value, but have shape {codes.shape}."
            )
    drawn_from = np.bincount(codes) > 0
    size = np.bincount(codes)[drawn_from].astype(np.float64)
    total = np.bincount(codes, weights=x)[drawn_from]
    kinds, counts = np.unique(np.column_stack([total, size]), axis=0, return_counts=True)
    rng = stream(random_state, "bootstrap", len(total))
    drawn = rng.multinomial(len(total), counts / counts.sum(), size=n_draws)
    ratio = (drawn @ kinds[:, 0]) / (drawn @ kinds[:, 1])
    low, high = np.quantile(ratio, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(total.sum() / size.sum()), float(low), float(high), len(total))
