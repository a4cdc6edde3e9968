"""Whether one model is better than another, told by compounds and not by rows."""

from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.perturbation.metrics._pairs import Array, labels

MIN_COMPOUNDS = 3
RELIABLE_FROM = 20
"""Compounds from which a percentile interval covers about what it promises."""


@dataclass(frozen=True)
class Comparison:
    """Scores of two models on the same rows.

    Attributes
    ----------
    value, other
        Mean score of the model and of what it is compared with.
    difference
        ``value − other``.
    low, high
        Interval of the difference over compounds.
    level
        Of the interval.
    p_value
        Two-sided, of the sign-flip test over compounds: how often a difference as large comes
        about where every compound could as well have favoured the other.
    n_compounds, n_rows
        What was compared.
    """

    value: float
    other: float
    difference: float
    low: float
    high: float
    level: float
    p_value: float
    n_compounds: int
    n_rows: int

    @property
    def reliable(self) -> bool:
        """Whether there are compounds enough for the interval to be trusted."""
        return self.n_compounds >= RELIABLE_FROM

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return asdict(self)

    def __repr__(self) -> str:
        mark = "" if self.reliable else ", FEW COMPOUNDS"
        return (
            f"Comparison({self.value:.4g} − {self.other:.4g} = {self.difference:+.3g} "
            f"[{self.low:+.3g}, {self.high:+.3g}], p={self.p_value:.2g}, "
            f"{self.n_compounds} compounds, {self.n_rows} rows{mark})"
        )


def paired_bootstrap(
    scores: ArrayLike,
    other: ArrayLike,
    compounds: Any,
    *,
    n_boot: int = 2000,
    level: float = 0.95,
    random_state: int = 0,
) -> Comparison:
    """Compare two models by their scores of the same rows, drawing whole compounds.

    Rows of one compound share its response, so drawing rows would give intervals that are too
    narrow. Both models see the same draws: what makes a compound hard cancels.

    Parameters
    ----------
    scores, other
        Of every row, ``(n_rows,)``, from one metric (`rmse`, `pearson`, `discrimination`, …); a
        row that is NaN in either is left out of both.
    compounds
        Compound of each row, ``(n_rows,)``.
    n_boot
        Draws, of the bootstrap and of the sign-flip test.
    level
        Of the interval.
    random_state
        Seed.

    Raises
    ------
    InputError
        If the lengths differ, fewer than three compounds are left, or a setting is unusable.

    Examples
    --------
    >>> names = [f"c{i}" for i in range(40)]
    >>> paired_bootstrap(np.linspace(1, 2, 40), np.linspace(1.1, 2.1, 40), names)
    Comparison(1.5 − 1.6 = -0.1 [-0.1, -0.1], p=0.0005, 40 compounds, 40 rows)
    """
    a, b = np.asarray(scores, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise InputError(
            f"scores have shape {a.shape} and other {b.shape}: pass one score per row of both."
        )
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, but is {level!r}.")
    if isinstance(n_boot, bool) or not isinstance(n_boot, int | np.integer) or n_boot < 100:
        raise InputError(f"n_boot must be a whole number of at least 100, but is {n_boot!r}.")
    codes, names = labels(compounds, len(a), "compounds")
    known = ~(np.isnan(a) | np.isnan(b))
    sizes = np.bincount(codes[known], minlength=len(names))
    if np.count_nonzero(sizes) < MIN_COMPOUNDS:
        raise InputError(
            f"{np.count_nonzero(sizes)} compounds have a score, too few to draw from: "
            f"compare at least {MIN_COMPOUNDS}."
        )
    summed = np.bincount(codes[known], weights=(a - b)[known], minlength=len(names))
    gaps, sizes = np.asarray(summed[sizes > 0], dtype=np.float64), sizes[sizes > 0]
    difference = float(gaps.sum() / sizes.sum())
    drawn, signs = _draws(random_state, len(sizes), n_boot)
    low, high = _interval(gaps, sizes, drawn, level)
    return Comparison(
        value=float(a[known].mean()),
        other=float(b[known].mean()),
        difference=difference,
        low=low,
        high=high,
        level=level,
        p_value=_sign_flip(gaps, signs),
        n_compounds=len(sizes),
        n_rows=int(known.sum()),
    )


@lru_cache(maxsize=2, typed=True)
def _draws(random_state: int, n: int, n_boot: int) -> tuple[Array, Array]:
    """Return how often each compound is drawn, and signs, ``(n_boot, n)`` both.

    Kept for the next comparison: a leaderboard makes hundreds over the same compounds.
    """
    rng = stream(random_state, "paired_bootstrap", n)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=n_boot).astype(np.float64)
    return drawn, rng.choice([-1.0, 1.0], size=(n_boot, n))


def _interval(gaps: Array, sizes: Any, drawn: Array, level: float) -> tuple[float, float]:
    means = (drawn @ gaps) / (drawn @ sizes)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _sign_flip(gaps: Array, signs: Array) -> float:
    reached = np.abs(signs @ gaps) >= abs(gaps.sum()) * (1 - 1e-12)
    return float((1 + reached.sum()) / (1 + len(signs)))
