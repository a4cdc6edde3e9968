"""The runner: pairs in, an estimate that says what it is worth out."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.information._data import Pairs, make_pairs
from cellaxes.information._estimators import get
from cellaxes.information._resample import half_width
from cellaxes.information._types import MIEstimate


def estimate(
    x: ArrayLike,
    y: ArrayLike,
    estimator: str = "auto",
    *,
    discrete: bool | None = None,
    k: int = 3,
    n_permutations: int = 10,
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
        ``"auto"``; ``"classifier"`` or ``"ross"`` for classes; ``"copula"``, ``"ksg"`` or
        ``"gaussian"`` for numbers; `show` tells them apart. ``"auto"`` says what it picked in
        ``reason``.
    discrete
        Whether y holds classes. ``None``: yes if it is one column of anything but numbers, or
        of integers with few distinct values.
    k
        Neighbours of the nearest-neighbour estimators.
    n_permutations
        Estimates with permuted y for the null; 0 leaves it out (NaN).
    random_state
        Seed.

    Returns
    -------
    `MIEstimate`: bits with a 95 % interval by subsampling, permutation null, n, estimator,
    and whether the data lie where the estimator is known to work.

    Raises
    ------
    InputError
        If lengths differ, values are missing, y is constant, there are fewer than 10 pairs,
        or the estimator does not fit the kind of y.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.random.default_rng(0).standard_normal(1000)
    >>> y = x + np.random.default_rng(1).standard_normal(1000)
    >>> estimate(x, y, random_state=0).estimator
    'copula'
    """
    pairs = make_pairs(x, y, discrete)
    name, why = _pick(pairs) if estimator == "auto" else (estimator, "asked for")
    if k < 1 or k != int(k):
        raise InputError(f"k must be a whole number of neighbours, at least 1, but is {k}.")
    chosen = get(name)
    if chosen.discrete != pairs.discrete:
        kind = "classes" if pairs.discrete else "numbers"
        raise InputError(
            f"y holds {kind}, which the estimator {name!r} does not take: "
            f"use {'classifier or ross' if pairs.discrete else 'copula, ksg or gaussian'}."
        )
    everything = np.arange(pairs.n)
    statistic = chosen.prepare(pairs, k, stream(random_state, "information", name))
    bits = statistic(everything)
    limits = chosen.limits(pairs, bits, k)
    try:
        rng = stream(random_state, "half-samples", name)
        width = half_width(statistic, pairs.n, rng, chosen.n_splits)
    except InputError:
        width = float("nan")
        limits.append(f"{pairs.n} pairs are too few for an interval from half-samples")
    null = []
    for index in range(n_permutations):
        rng = stream(random_state, "permutation", index)
        null.append(chosen.prepare(pairs.permuted(rng), k, rng)(everything))
    return MIEstimate(
        bits=bits,
        low=bits - width,
        high=bits + width,
        null=float(np.mean(null)) if null else float("nan"),
        null_high=float(np.max(null)) if null else float("nan"),
        n=pairs.n,
        estimator=name,
        reliable=not limits,
        reason="; ".join([why, *limits]),
    )


def _pick(pairs: Pairs) -> tuple[str, str]:
    """Return the estimator that fits the pairs, and why."""
    if pairs.discrete:
        return "classifier", "y holds classes: lower bound from a cross-fitted classifier"
    d = pairs.x.shape[1] + pairs.y.shape[1]
    return "copula", f"y is continuous, {d} joint dimensions: copula and nearest neighbours"
