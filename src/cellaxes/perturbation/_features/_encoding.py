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
        the rest those of all rows, which leave out the same rows; n is the sum of their weights.
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


def statistics(values: Array, names: tuple[str, ...], weights: Array | None = None) -> Array:
    """Return statistics of the columns of ``(n_rows, d)``, ``(n_statistics, d)``.

    ``weights`` of the rows, ``(n_rows,)``; all alike if None. A row of weight near 0 counts as
    if it were not there.
    """
    w = _weights(values, weights)
    mean = w @ values / w.sum()
    found = []
    for name in names:
        if name == "mean":
            found.append(mean)
        elif name == "sd":
            found.append(np.sqrt(w @ (values - mean) ** 2 / w.sum()))
        elif (w == w[0]).all():
            found.append(np.quantile(values, QUANTILES[name], axis=0))
        else:
            found.append(_quantile(values, w, QUANTILES[name]))
    return np.array(found)


def statistics_without(
    values: Array, names: tuple[str, ...], weights: Array | None = None
) -> Array:
    """Return for each of two rows or more the statistics of the others, ``(n, n_statistics, d)``.

    Sums lose a term, and quantiles skip a rank, so that nothing grows with the square of n.
    """
    w = _weights(values, weights)
    left = (w.sum() - w)[:, None]
    centre = w @ values / w.sum()
    gaps = values - centre
    mean = -w[:, None] * gaps / left
    found = []
    for name in names:
        if name == "mean":
            found.append(centre + mean)
        elif name == "sd":
            square = (w @ gaps**2 - w[:, None] * gaps**2) / left - mean**2
            found.append(np.sqrt(np.maximum(square, 0)))
        elif (w == w[0]).all():
            found.append(_quantile_without(values, QUANTILES[name]))
        else:
            found.append(_quantile(values, w, QUANTILES[name], without=True))
    return np.stack(found, axis=1)


def _weights(values: Array, weights: Array | None) -> Array:
    return np.ones(len(values)) if weights is None else np.asarray(weights, dtype=np.float64)


def _quantile_without(values: Array, q: float) -> Array:
    """Return for each row the quantile of the others, ``(n, d)``, rows counting alike."""
    n, order = len(values), np.argsort(values, axis=0, kind="stable")
    ordered = np.take_along_axis(values, order, axis=0)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, np.arange(n)[:, None], axis=0)
    place = q * (n - 2)
    low, high = int(np.floor(place)), int(np.ceil(place))
    below = np.take_along_axis(ordered, low + (rank <= low), axis=0)
    above = np.take_along_axis(ordered, high + (rank <= high), axis=0)
    found: Array = below + (place - low) * (above - below)
    return found


def _quantile(values: Array, weights: Array, q: float, *, without: bool = False) -> Array:
    """Return the weighted quantile ``(d,)``, or for each row that of the others, ``(n, d)``.

    The mean of the inverse distribution function over a stretch as wide as one row of n*, Kish's
    effective number: of equal weights it is what NumPy returns, and no weight is no row.

    References
    ----------
    Akinshin, arXiv 2304.07265 (2023): weighted quantile estimators, type 7.
    """
    out = weights if without else np.zeros(1)
    total = weights.sum() - out
    size = total**2 / ((weights**2).sum() - out**2)  # n*
    stretch = total / size
    ends = np.stack([q * (total - stretch), q * (total - stretch) + stretch])
    found = np.empty((len(out), values.shape[1]))
    for column, each in enumerate(values.T):
        order = np.argsort(each, kind="stable")
        w = weights[order]
        reached = np.concatenate([[0.0], np.cumsum(w)])
        area = np.concatenate([[0.0], np.cumsum(w * each[order])])
        stepped = np.zeros(ends.shape)  # over the row itself, where it lies below
        if without:
            before = np.empty(len(each))
            before[order] = reached[:-1]
            stepped = (ends > before) * out
        under = np.interp(ends + stepped, reached, area) - stepped * (each if without else 0)
        found[:, column] = (under[1] - under[0]) / stretch
    return found if without else found[0]


def encoding_table(
    values: Array, codes: Codes, n_levels: int, how: Encoding, *, weights: Array | None = None
) -> Array:
    """Return the encoding of every level, ``(n_levels + 1, n_statistics, d)``.

    The last is that of a level without rows: the statistics of all rows.
    """
    w = _weights(values, weights)
    whole = statistics(values, how.statistics, w)
    table = np.tile(whole, (n_levels + 1, 1, 1))
    for level in np.unique(codes):
        own = codes == level
        share = w[own].sum() / (w[own].sum() + how.kappa)
        table[level] += share * (statistics(values[own], how.statistics, w[own]) - whole)
    return table


def encode(
    values: Array,
    codes: Codes,
    n_levels: int,
    how: Encoding,
    *,
    weights: Array | None = None,
    random_state: int = 0,
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
    weights
        Of the rows, ``(n_rows,)``, above 0 and at most 1: what each counts in statistics, and
        towards the rows that a group needs. All 1 if None.
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
    w = _weights(values, weights)
    if how.mode == "in_sample":
        found = encoding_table(values, codes, n_levels, how, weights=w)[codes]
    elif how.mode == "leave_one_out":
        found = _leave_one_out(values, codes, how, w)
    else:
        fold = rng.permutation(np.arange(len(values)) % how.n_folds)
        found = np.empty((len(values), len(how.statistics), values.shape[1]))
        for each in np.unique(fold):
            kept = fold != each if (fold != each).any() else np.ones(len(fold), dtype=bool)
            table = encoding_table(values[kept], codes[kept], n_levels, how, weights=w[kept])
            found[fold == each] = table[codes[fold == each]]
    if how.sigma:
        found = found * (1 + how.sigma * rng.normal(size=found.shape))
    return found


def _leave_one_out(values: Array, codes: Codes, how: Encoding, weights: Array) -> Array:
    if len(values) < 2:
        return np.zeros((len(values), len(how.statistics), values.shape[1]))
    found = statistics_without(values, how.statistics, weights)
    for level in np.unique(codes):
        own = np.flatnonzero(codes == level)
        if len(own) > 1:
            w = weights[own]
            left = w.sum() - w
            share = (left / (left + how.kappa))[:, None, None]
            found[own] += share * (statistics_without(values[own], how.statistics, w) - found[own])
    return found
