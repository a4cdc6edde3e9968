"""Whether intervals hold, and where a model is no better than what it must beat."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics import coverage, paired_bootstrap, rmse

EVERYWHERE = ""
"""Stands for the rows of all contexts, and for any context that was not judged."""
FEWEST = 3
"""Compounds of a context below which nothing is said of it."""


def coverage_by_context(
    truth: ArrayLike, low: ArrayLike, high: ArrayLike, *, context: Iterable[object]
) -> pd.DataFrame:
    """Return, a row per context, what share of values lies in the intervals, width and values.

    Parameters
    ----------
    truth, low, high
        ``(n_rows, n_genes)``; NaN in ``truth`` is missing.
    context
        Of each row.
    """
    y, below, above = (np.asarray(v, dtype=np.float64) for v in (truth, low, high))
    where = np.array([str(name) for name in context], dtype=object)
    found = {}
    for name in sorted(set(where)):
        at = where == name
        known = ~np.isnan(y[at])
        if known.any():
            width = float((above[at] - below[at])[known].mean())
            found[name] = (coverage(y[at], below[at], above[at]), width, int(known.sum()))
    return pd.DataFrame.from_dict(found, orient="index", columns=["coverage", "width", "n"])


def gains(
    truth: ArrayLike,
    predicted: ArrayLike,
    baseline: ArrayLike,
    *,
    rows: pd.DataFrame,
    level: float = 0.9,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return by context how much smaller a model's error is than a baseline's.

    Where the interval of the gain reaches 0 the model should say so and abstain: it is not known
    to be better than the baseline there.

    Parameters
    ----------
    truth, predicted, baseline
        ``(n_rows, n_genes)``, both predictions out of fold; NaN in ``truth`` is missing.
    rows
        ``context`` and ``compound`` of each row.
    level
        Of the interval over compounds.
    random_state
        Seed of its draws.

    Returns
    -------
    One row per context, the first (named ``""``) of all: ``error``, ``baseline``, ``gain`` (the
    share of the baseline's error that is gone), ``low``, ``high``, ``better``. Without three
    compounds the interval is NaN and nothing is better.

    Raises
    ------
    InputError
        If shapes differ or a setting is unusable.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": "A", "compound": [f"c{i}" for i in range(20)]})
    >>> truth = np.ones((20, 3))
    >>> gains(truth, truth * 0.9, truth * 0.5, rows=rows)[["gain", "better"]]
       gain  better
        0.8    True
    A   0.8    True
    """
    if len(rows) != len(np.asarray(truth)):
        raise InputError(f"rows name {len(rows)} rows, but truth has {len(np.asarray(truth))}.")
    ours, theirs = rmse(truth, predicted), rmse(truth, baseline)
    context, compound = rows["context"].to_numpy(str), rows["compound"].to_numpy(str)
    found = {}
    for name in (EVERYWHERE, *sorted(set(context))):
        at = np.ones(len(rows), dtype=bool) if name == EVERYWHERE else context == name
        error, base = float(ours[at].mean()), float(theirs[at].mean())
        low = high = float("nan")
        if len(set(compound[at])) >= FEWEST and base > 0:
            told = paired_bootstrap(
                ours[at], theirs[at], compound[at], level=level, random_state=random_state
            )
            low, high = -told.high / base, -told.low / base
        gain = 1 - error / base if base > 0 else 0.0
        found[name] = (error, base, round(gain, 12), low, high, bool(low > 0))
    columns = ["error", "baseline", "gain", "low", "high", "better"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def abstentions(judged: pd.DataFrame, context: Iterable[object], *, baseline: str) -> list[str]:
    """Return of each wanted row why a model should abstain, ``""`` where it need not.

    Parameters
    ----------
    judged
        From `gains`: one row per context, and ``""`` for all of them together.
    context
        Of each wanted row; one that was not judged is judged as all contexts together.
    baseline
        What the model was compared with, as it is to be called.

    Examples
    --------
    >>> judged = pd.DataFrame({"gain": [0.1, 0.0], "better": [True, False]}, index=["", "A"])
    >>> abstentions(judged, ["A", "B"], baseline="the compound mean")
    ['no better than the compound mean here (gain +0.0%)', '']
    """
    told = []
    for name in map(str, context):
        row = judged.loc[name if name in judged.index else EVERYWHERE]
        reason = f"no better than {baseline} here (gain {row['gain']:+.1%})"
        told.append("" if row["better"] else reason)
    return told
