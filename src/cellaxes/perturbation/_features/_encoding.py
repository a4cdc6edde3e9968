"""Target encodings: what the other rows of a context or of a compound say of a row."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream

Array = NDArray[np.float64]
Codes = NDArray[np.int64]
Mode = Literal["in_sample", "leave_one_out", "k_fold"]

QUANTILES = {"median": 0.5, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q80": 0.8}
STATISTICS = ("mean", "sd", *QUANTILES)


@dataclass(frozen=True)
class Encoding:
    """How targets are encoded.

    Attributes
    ----------
    statistics
        Of `STATISTICS`: mean, sd and quantiles.
    mode
        What a training row is told of its own group: ``"in_sample"`` everything (itself too: it
        leaks, and is here to be compared), ``"leave_one_out"`` the other rows, ``"k_fold"`` the
        rows of other folds. A row that is not trained on is told of all training rows.
    kappa
        Rows that a group needs to be believed by half: statistics are n/(n + κ) their own,
        the rest those of all rows, which leave out the same rows.
    sigma
        Of the noise that multiplies the encoding of training rows, 1 + N(0, σ²).
    n_folds
        Of ``"k_fold"``.
    """

    statistics: tuple[str, ...] = ("mean",)
    mode: Mode = "leave_one_out"
    kappa: float = 1.0
    sigma: float = 0.0
    n_folds: int = 5

    def __post_init__(self) -> None:
        unknown = [name for name in self.statistics if name not in STATISTICS]
        if unknown or not self.statistics:
            raise InputError(
                f"there is no statistic {unknown or 'named'}: choose of {', '.join(STATISTICS)}."
            )
        if self.mode not in ("in_sample", "leave_one_out", "k_fold"):
            raise InputError("mode must be 'in_sample', 'leave_one_out' or 'k_fold'.")
        if self.kappa < 0 or self.sigma < 0 or self.n_folds < 2:
            raise InputError("kappa and sigma must not be negative, n_folds at least 2.")


def statistics(values: Array, names: tuple[str, ...]) -> Array:
    """Return statistics of the columns of ``(n_rows, d)``, ``(n_statistics, d)``."""
    found = []
    for name in names:
        if name in QUANTILES:
            found.append(np.quantile(values, QUANTILES[name], axis=0))
        else:
            found.append(values.mean(axis=0) if name == "mean" else values.std(axis=0))
    return np.array(found)


def statistics_without(values: Array, names: tuple[str, ...]) -> Array:
    """Return for each of two rows or more the statistics of the others, ``(n, n_statistics, d)``.

    Sums lose a term, and quantiles skip a rank, so that nothing grows with the square of n.
    """
    n, order = len(values), np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(n)[:, None], axis=0)
    centre = values.mean(axis=0)
    gaps = values - centre
    mean = -gaps / (n - 1)
    found = []
    for name in names:
        if name == "mean":
            found.append(centre + mean)
        elif name == "sd":
            square = ((gaps**2).sum(axis=0) - gaps**2) / (n - 1) - mean**2
            found.append(np.sqrt(np.maximum(square, 0)))
        else:
            place = QUANTILES[name] * (n - 2)
            low, high = int(np.floor(place)), int(np.ceil(place))
            below = np.take_along_axis(ordered, low + (rank <= low), axis=0)
            above = np.take_along_axis(ordered, high + (rank <= high), axis=0)
            found.append(below + (place - low) * (above - below))
    return np.stack(found, axis=1)


def encoding_table(values: Array, codes: Codes, n_levels: int, how: Encoding) -> Array:
    """Return the encoding of every level, ``(n_levels + 1, n_statistics, d)``.

    The last is that of a level without rows: the statistics of all rows.
    """
    whole = statistics(values, how.statistics)
    table = np.tile(whole, (n_levels + 1, 1, 1))
    for level in np.unique(codes):
        own = values[codes == level]
        share = len(own) / (len(own) + how.kappa)
        table[level] += share * (statistics(own, how.statistics) - whole)
    return table


def encode(
    values: Array, codes: Codes, n_levels: int, how: Encoding, *, random_state: int = 0
) -> Array:
    """Return the encoding of training rows, ``(n_rows, n_statistics, d)``.

    Unless the mode is ``"in_sample"``, the encoding of a row does not change with its values.

    Parameters
    ----------
    values
        Targets of the training rows, ``(n_rows, d)``, without gaps.
    codes, n_levels
        Level of each row, and how many there are.
    how
        What is told, and of which rows.
    random_state
        Seed of folds and noise.

    References
    ----------
    Micci-Barreca, SIGKDD Explorations 3 (2001), equation 3: shrunken target statistics.

    Examples
    --------
    >>> values = np.array([[1.0], [3.0], [8.0]])
    >>> encode(values, np.array([0, 0, 0]), 1, Encoding(kappa=0))[:, 0, 0].tolist()
    [5.5, 4.5, 2.0]
    """
    rng = stream(random_state, "encoding", len(values), n_levels)
    if how.mode == "in_sample":
        found = encoding_table(values, codes, n_levels, how)[codes]
    elif how.mode == "leave_one_out":
        found = _leave_one_out(values, codes, how)
    else:
        fold = rng.permutation(np.arange(len(values)) % how.n_folds)
        found = np.empty((len(values), len(how.statistics), values.shape[1]))
        for each in np.unique(fold):
            kept = fold != each if (fold != each).any() else np.ones(len(fold), dtype=bool)
            table = encoding_table(values[kept], codes[kept], n_levels, how)
            found[fold == each] = table[codes[fold == each]]
    if how.sigma:
        found = found * (1 + how.sigma * rng.normal(size=found.shape))
    return found


def _leave_one_out(values: Array, codes: Codes, how: Encoding) -> Array:
    if len(values) < 2:
        return np.zeros((len(values), len(how.statistics), values.shape[1]))
    found = statistics_without(values, how.statistics)
    for level in np.unique(codes):
        own = np.flatnonzero(codes == level)
        if len(own) > 1:
            share = (len(own) - 1) / (len(own) - 1 + how.kappa)
            found[own] += share * (statistics_without(values[own], how.statistics) - found[own])
    return found
