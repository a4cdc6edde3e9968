"""The runner: pairs in, an estimate that says what it is worth out."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.information._data import Pairs, make_pairs, ordered_once
from cellaxes.information._estimators import get, taking
from cellaxes.information._types import MIEstimate

MAX_FULLY_SEEN = 4
"""Joint dimensions in which nearest neighbours alone are relied on."""


def estimate(
    x: ArrayLike,
    y: ArrayLike,
    estimator: str = "auto",
    *,
    discrete: bool | None = None,
    k: int = 3,
    n_permutations: int = 5,
    extrapolate: bool = False,
    subtract_null: bool = False,
    random_state: int = 0,
) -> MIEstimate:
    """Estimate the mutual information between two variables, in bits.

    Parameters
    ----------
    x
        Usually the embedding, ``(n, dx)``.
    y
        The signal: classes ``(n,)`` (strings, integers, booleans, categories) or numbers
        ``(n, dy)``. If only x holds classes, the two are exchanged.
    estimator
        ``"auto"``, or a name that `show` tells of: ``"plugin"`` for classes on both sides,
        ``"classifier"`` or ``"ross"`` for a class y, ``"copula"``, ``"composite"``,
        ``"infonce"``, ``"latent"``, ``"ksg"`` or ``"gaussian"`` for numbers. ``"auto"`` says
        what it picked in ``reason``.
    discrete
        Whether y holds classes. ``None``: yes if it is one column of anything but numbers, or
        of integers with few distinct values.
    k
        Neighbours of the nearest-neighbour estimators.
    n_permutations
        Estimates with permuted y for the null; 0 leaves it out (NaN).
    extrapolate
        Whether to extrapolate the estimates at half and all of the pairs to infinitely many,
        linearly in ``1 / n``; the interval is shifted along.
    subtract_null
        Whether to subtract the mean of the null from estimate and interval.
    random_state
        Seed.

    Returns
    -------
    `MIEstimate`: bits with a 95 % interval, permutation null, n (pairs, copies counted once),
    estimator, and whether the data lie where the estimator is known to work.

    Raises
    ------
    InputError
        If lengths differ, values are missing, y is one class, fewer than 10 pairs differ,
        or the estimator does not fit the kind of y.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(1000)
    >>> y = x + np.random.default_rng(1).standard_normal(1000)
    >>> estimate(x, y, random_state=0).estimator
    'copula'
    """
    given = make_pairs(x, y, discrete)
    pairs = ordered_once(given)
    name, why = _pick(pairs) if estimator == "auto" else (estimator, "asked for")
    if k < 1 or k != int(k):
        raise InputError(f"k must be a whole number of neighbours, at least 1, but is {k}.")
    k = int(k)
    if pairs.n < 10:
        raise InputError(
            f"only {pairs.n} of {given.n} pairs differ: information needs at least 10."
        )
    if extrapolate and pairs.n < 20:
        raise InputError(f"extrapolate needs at least 20 pairs, not {pairs.n}.")
    chosen = get(name)
    if chosen.takes != pairs.kinds:
        raise InputError(
            f"x holds {pairs.kinds[0]} and y {pairs.kinds[1]}, which the estimator {name!r} does "
            f"not take: use {' or '.join(taking(pairs.kinds))}."
        )
    prepared = chosen.prepare(pairs)
    found = chosen.read(prepared, k, stream(random_state, "information", name))
    doubts = list(found.doubts)
    if pairs.n < 0.99 * given.n:
        doubts.append(f"{given.n - pairs.n} of {given.n} pairs are exact duplicates, used once")
    null = []
    for index in range(n_permutations):
        rng = stream(random_state, "permutation", index)
        null.append(chosen.bits(prepared.permuted(rng), k, rng))
    shift = 0.0
    if extrapolate:
        order = stream(random_state, "halves").permutation(pairs.n)
        parts = (chosen.prepare(pairs.take(np.sort(part))) for part in np.array_split(order, 2))
        rng = stream(random_state, "information", name)
        shift += found.bits - float(np.mean([chosen.bits(part, k, rng) for part in parts]))
        why += f", extrapolated by {shift:+.3f} bits to infinitely many pairs"
    if subtract_null:
        if not null:
            raise InputError("subtract_null needs permutations: pass n_permutations=10.")
        shift -= float(np.mean(null))
        why += f", null of {np.mean(null):.3f} bits subtracted"
    return MIEstimate(
        bits=found.bits + shift,
        low=found.low + shift,
        high=found.high + shift,
        null=float(np.mean(null)) if null else float("nan"),
        null_high=float(np.max(null)) if null else float("nan"),
        n=pairs.n,
        estimator=name,
        reliable=not doubts,
        reason="; ".join([why, *doubts]),
    )


def _pick(pairs: Pairs) -> tuple[str, str]:
    """Return the estimator that fits the pairs, and why."""
    if pairs.counted:
        return "plugin", "x and y hold classes: counted"
    if pairs.discrete:
        return "classifier", "y holds classes: lower bound from a cross-fitted classifier"
    d = pairs.x.shape[1] + pairs.y.shape[1]
    if d <= MAX_FULLY_SEEN:
        return "copula", f"{d} joint dimensions: nearest neighbours see all of them"
    return "composite", f"{d} joint dimensions: neighbours see some, a learned critic all"
