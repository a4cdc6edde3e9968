"""Intervals that hold what they promise: conformal by context and by the variance of genes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]

BORROWED = 20.0
"""Rows that all contexts together count for beside a context's own, in the shape of errors."""
STEADY = 5.0
"""Rows that all contexts together count for beside a context's own, in the size of errors."""
TINY = 1e-12
N_BINS = 4
"""Bins of genes by their variance."""


@dataclass(frozen=True, eq=False)
class Intervals:
    """Half widths of intervals, by context and bin of genes.

    Attributes
    ----------
    level
        What they promise, between 0 and 1.
    contexts
        Names; the last row of `halves` is for any other.
    bins
        Bin of each gene, ``(n_genes,)``.
    halves
        ``(n_contexts + 1, n_bins)``, in units of the predicted sd if they were learned with
        one, otherwise of the responses.
    normalised
        Whether they were.
    n_rows
        Rows they were learned from, ``(n_contexts + 1,)``.
    """

    level: float
    contexts: tuple[str, ...]
    bins: NDArray[np.intp]
    halves: Array
    normalised: bool
    n_rows: NDArray[np.intp]

    def of(
        self, predicted: ArrayLike, context: Iterable[object], sd: ArrayLike | None = None
    ) -> tuple[Array, Array]:
        """Return the lower and upper ends, ``(n_rows, n_genes)`` both.

        Parameters
        ----------
        predicted
            ``(n_rows, n_genes)``.
        context
            Of each row.
        sd
            Standard deviations, ``(n_rows, n_genes)``, where the intervals were learned with some.

        Notes
        -----
        Ends may be turned to another scale by any increasing function, and hold as well there.

        Raises
        ------
        InputError
            If an sd is given where none was learned with, or the reverse, or shapes differ.
        """
        guess = np.asarray(predicted, dtype=np.float64)
        if (sd is not None) != self.normalised:
            told = "with" if self.normalised else "without"
            raise InputError(f"these intervals were learned {told} an sd: predict {told} one.")
        place = {name: i for i, name in enumerate(self.contexts)}
        at = np.array([place.get(str(name), len(place)) for name in context], dtype=np.intp)
        if guess.shape != (len(at), len(self.bins)):
            raise InputError(
                f"predicted must have shape {(len(at), len(self.bins))}, not {guess.shape}."
            )
        half = self.halves[at][:, self.bins]
        if sd is not None:
            half = half * np.asarray(sd, dtype=np.float64)
        return guess - half, guess + half


def conformal(
    truth: ArrayLike,
    predicted: ArrayLike,
    context: Iterable[object],
    *,
    sd: ArrayLike | None = None,
    variance: ArrayLike | None = None,
    level: float = 0.9,
    n_bins: int = N_BINS,
) -> Intervals:
    """Learn intervals from predictions out of fold (split conformal, in groups).

    The half width of a context and bin of genes is the quantile of its absolute errors, by
    rows: one row more than there are must be thought of. Few rows give a poor quantile, so all
    contexts together count for twenty rows beside a context's own; what they lend is the shape of
    errors, relative to the mean error of their context, not its size.

    Parameters
    ----------
    truth, predicted
        ``(n_rows, n_genes)``; NaN in ``truth`` is missing. Folds must ask what will be asked
        (`folds_like`): errors of gaps in a table are too small for a new context.
    context
        Of each row.
    sd
        Predicted standard deviation, ``(n_rows, n_genes)``: errors are measured in it.
    variance
        Of each gene in training, ``(n_genes,)``; by default of ``truth``. Genes are binned by it.
    level
        What to promise.
    n_bins
        Of genes.

    Raises
    ------
    InputError
        If shapes differ, there is no row, or a setting is unusable.

    References
    ----------
    Lei et al. 2018; Vovk 2013 for groups (Mondrian).

    Examples
    --------
    >>> truth = np.random.default_rng(0).normal(size=(200, 30))
    >>> found = conformal(truth, np.zeros((200, 30)), ["A"] * 200, n_bins=1)
    >>> found.halves.round(1).tolist()
    [[1.7], [1.7]]
    """
    y, guess = np.asarray(truth, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    where = np.array([str(name) for name in context], dtype=object)
    if y.ndim != 2 or y.shape != guess.shape or len(where) != len(y) or not len(y):
        raise InputError(
            f"truth {y.shape}, predicted {guess.shape} and {len(where)} contexts do not fit."
        )
    if not 0 < level < 1 or n_bins < 1:
        raise InputError("level must lie between 0 and 1, and n_bins be 1 at least.")
    scores = np.abs(y - guess)
    if sd is not None:
        scores = scores / np.maximum(np.asarray(sd, dtype=np.float64), 1e-12)
    bins = _bins(np.nanvar(y, axis=0) if variance is None else np.asarray(variance), n_bins)
    names = tuple(sorted(set(where)))
    halves = np.empty((len(names) + 1, n_bins))
    for b in range(n_bins):
        here = scores[:, bins == b]
        sizes = _sizes(here, where, names)
        relative = here / np.array([sizes[name] for name in where])[:, None]
        for i, name in enumerate(names):
            own = (where == name) + BORROWED / len(y)
            halves[i, b] = _quantile(relative, own, _asked(own, level)) * sizes[name]
        everyone = np.ones(len(y))
        halves[-1, b] = _quantile(here, everyone, _asked(everyone, level))
    n_rows = [int((where == name).sum()) for name in names]
    return Intervals(level, names, bins, halves, sd is not None, np.array([*n_rows, len(y)]))


def _asked(weights: Array, level: float) -> float:
    """Return the level for rows of these weights, of which one more lies outside (Kish's n)."""
    return float(min(level * (1 + (weights**2).sum() / weights.sum() ** 2), 1.0))


def _sizes(scores: Array, where: NDArray[np.object_], names: tuple[str, ...]) -> dict[str, float]:
    """Return the mean error of each context; of few rows it is drawn towards that of all."""
    n = (~np.isnan(scores)).sum(axis=1)
    total = np.nansum(scores, axis=1)
    whole = float(total.sum() / max(n.sum(), 1))
    steady = STEADY * max(float(n.mean()), TINY)
    found = {}
    for name in names:
        at = where == name
        mean = (total[at].sum() + steady * whole) / (n[at].sum() + steady)
        found[name] = max(float(mean), TINY)
    return found


def _bins(variance: Array, n_bins: int) -> NDArray[np.intp]:
    """Return the bin of each gene, as many genes in each as can be; unknown ones in the last."""
    rank = np.argsort(np.argsort(np.nan_to_num(variance, nan=np.inf), kind="stable"))
    return rank * n_bins // max(len(rank), 1)


def _quantile(scores: Array, weights: Array, level: float) -> float:
    """Return the quantile of values whose rows have weights; NaN counts for nothing."""
    known = ~np.isnan(scores)
    values, heavy = scores[known], np.broadcast_to(weights[:, None], scores.shape)[known]
    if not len(values):
        return float("inf")
    order = np.argsort(values)
    reached = np.cumsum(heavy[order])
    at = np.searchsorted(reached, level * reached[-1] * (1 - 1e-12))
    return float(values[order[min(int(at), len(order) - 1)]])
