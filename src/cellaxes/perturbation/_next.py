"""What to measure next: the pairs that take most of the error that is expected."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._models._gp import FittedGP
from cellaxes.perturbation._models._kernels import Array
from cellaxes.perturbation._splits._rows import check_rows

BLOCK = 20_000_000
"""Covariances between wanted and allowed pairs, at most."""


@dataclass(frozen=True, eq=False)
class Advice:
    """Pairs to measure, the most useful first.

    Attributes
    ----------
    rows
        ``context`` and ``compound`` of each.
    reduction
        Share of the expected square error over all wanted pairs that each takes away, given
        those before it, ``(n,)``.
    at
        Position among the allowed pairs, ``(n,)``.
    """

    rows: pd.DataFrame
    reduction: Array
    at: NDArray[np.intp]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair: ``context``, ``compound``, ``reduction``."""
        return self.rows.assign(reduction=self.reduction)

    def __repr__(self) -> str:
        if not len(self.rows):
            return "Advice(no pair)"
        first = self.rows.iloc[0]
        return (
            f"Advice({len(self.rows)} pairs take {self.reduction.sum():.1%} of the expected "
            f"square error; first {first['compound']} in {first['context']})"
        )


def measure_next(
    fitted: FittedGP,
    allowed: pd.DataFrame,
    wanted: pd.DataFrame | None = None,
    *,
    n: int = 20,
    repeats: bool = False,
) -> Advice:
    """Choose pairs to measure, one after the other, by the process's posterior covariance.

    Measuring j takes Σ_w cov(w, j)² / (var(j) + noise) of the summed variance of the wanted
    pairs w. The responses themselves need not be known for the next choice: the covariance after
    a measurement does not depend on what it shows.

    Parameters
    ----------
    fitted
        A fitted Gaussian process.
    allowed
        Pairs that can be measured, ``context`` and ``compound`` of each, all of them known to
        the process (a compound without rows must be in its table of chemistry).
    wanted
        Pairs whose error matters, ``context`` and ``compound`` of each; by default the allowed
        ones.
    n
        Pairs to choose, fewer if there are not as many.
    repeats
        Whether a pair may be chosen again.

    Raises
    ------
    InputError
        If a pair is unknown, or there are too many of them.

    References
    ----------
    Cohn, Ghahramani & Jordan 1996 (expected variance); Krause et al. 2008 for greedy choice.
    """
    wanted = allowed if wanted is None else wanted
    for rows, what in ((allowed, "allowed"), (wanted, "wanted")):
        check_rows(rows, least=1)
        _known(fitted, rows, what)
    if max(len(allowed), len(wanted)) * len(allowed) > BLOCK:
        raise InputError(
            f"{len(allowed)} allowed and {len(wanted)} wanted pairs are too many to compare: "
            "narrow them down."
        )
    cross = fitted.covariance(wanted, allowed)  # (n_wanted, n_allowed)
    own = fitted.covariance(allowed, allowed)
    start = float(sum(fitted.covariance(wanted[i : i + 1], wanted[i : i + 1]).item()
                      for i in range(len(wanted))))  # fmt: skip
    free = np.ones(len(allowed), dtype=bool)
    chosen, taken = [], []
    for _ in range(n if repeats else min(n, len(allowed))):
        variance = np.maximum(np.diag(own), 0) + fitted.kernel.noise
        gain = np.where(free, (cross**2).sum(axis=0) / variance, -np.inf)
        best = int(np.argmax(gain))
        chosen.append(best)
        taken.append(float(gain[best]))
        column = own[:, best] / variance[best]
        cross = cross - np.outer(cross[:, best], column)
        own = own - np.outer(own[:, best], column)
        free[best] = repeats
    at = np.array(chosen, dtype=np.intp)
    picked = allowed.iloc[at][["context", "compound"]].reset_index(drop=True)
    return Advice(picked, np.array(taken) / max(start, 1e-300), at)


def _known(fitted: FittedGP, rows: pd.DataFrame, what: str) -> None:
    for column, names in (("context", fitted.contexts), ("compound", fitted.compounds)):
        strange = sorted(set(rows[column].astype(str)) - set(names))
        if strange:
            raise InputError(
                f"{len(strange)} {what} pairs are of a {column} the model knows nothing of, "
                f"first {strange[0]!r}: leave it out, or fit with its features."
            )
