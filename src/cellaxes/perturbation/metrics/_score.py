"""Every metric of one prediction, as a table."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._de import THRESHOLD, TOP
from cellaxes.perturbation.metrics._pairs import Array, Matrix, labels, mean_over_rows, pairs
from cellaxes.perturbation.metrics._registry import METRICS, Task


def score(
    truth: Matrix,
    predicted: Matrix,
    metrics: Sequence[str] | None = None,
    *,
    context: Any = None,
    train_mean: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    k: int = TOP,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Score a prediction by every metric that its inputs allow, or by those that are asked for.

    Score half the replicates against the other half for the ceiling that `scale` takes.

    Parameters
    ----------
    truth, predicted
        Profiles, ``(n_rows, n_genes)``; NaN in ``truth`` is missing and does not count.
    metrics
        Names, as in `show`; without, all that need no more than what is given.
    context
        Context of each row, ``(n_rows,)``, for discrimination.
    train_mean
        Mean of the training rows, ``(n_genes,)``, for the centred metrics.
    mask
        True for the rows ``(n_rows,)`` or values ``(n_rows, n_genes)`` that count.
    weights
        Of the rows, ``(n_rows,)``; discrimination does not use them.
    k
        Genes of `de_overlap`.
    threshold
        Of `de_direction` and `de_auprc`.

    Returns
    -------
    Table indexed by metric: ``value``; ``best``; ``zero``, what a prediction of zero scores;
    ``n_rows``, rows that have a score. NaN where nothing has.

    Raises
    ------
    InputError
        As in `rmse`; if a metric is unknown or needs what was not given.

    Examples
    --------
    >>> truth = [[5.0, -4.0, 0.0], [0.0, 3.0, 0.5]]
    >>> score(truth, truth, ["mrrmse", "pearson", "de_auprc"]).round(2)
              value  best  zero  n_rows
    mrrmse      0.0   0.0  2.73       2
    pearson     1.0   1.0  0.00       2
    de_auprc    1.0   1.0  0.50       2
    """
    task = make_task(truth, predicted, context, train_mean, mask, weights, k, threshold)
    zeros = np.zeros(task.held.truth.shape)
    zero = make_task(truth, zeros, context, train_mean, mask, weights, k, threshold)
    asked = _names(metrics, task)
    found, nothing = tally(task, asked)[0], tally(zero, asked)[0]
    best = [float(METRICS[name].best) for name in asked]
    return pd.DataFrame(
        {"value": found["value"], "best": best, "zero": nothing["value"], "n_rows": found["n_rows"]}
    )


def row_scores(
    truth: Matrix,
    predicted: Matrix,
    metrics: Sequence[str] | None = None,
    *,
    context: Any = None,
    train_mean: ArrayLike | None = None,
    mask: ArrayLike | None = None,
    k: int = TOP,
    threshold: float = THRESHOLD,
) -> pd.DataFrame:
    """Return the scores of every row, for `paired_bootstrap` and for tables by context.

    As `score`: ``truth``, ``predicted`` and ``mask`` are ``(n_rows, n_genes)``, ``context`` is
    ``(n_rows,)`` and ``train_mean`` ``(n_genes,)``; ``metrics``, ``k`` and ``threshold`` as there.
    Metrics over genes or over everything have no rows.

    Returns
    -------
    Table ``(n_rows, n_metrics)``, NaN where a row has no score.

    Raises
    ------
    InputError
        As in `score`; if a metric that is asked for has no rows.

    Examples
    --------
    >>> row_scores([[3.0, 4.0], [1.0, 0.0]], [[3.0, 4.0], [0.0, 0.0]], ["mrmae", "cosine"])
       mrmae  cosine
    0    0.0     1.0
    1    0.5     0.0
    """
    task = make_task(truth, predicted, context, train_mean, mask, None, k, threshold)
    found: dict[str, Array] = {}
    for name in _names(metrics, task):
        rows = METRICS[name].rows
        if rows is not None:
            found[name] = rows(task)
        elif metrics is not None:
            raise InputError(f"{name} is one number of all rows, none has its own: use score().")
    index = truth.index if isinstance(truth, pd.DataFrame) else None
    return pd.DataFrame(found, index=index)


def make_task(
    truth: Matrix,
    predicted: Matrix,
    context: Any,
    train_mean: ArrayLike | None,
    mask: ArrayLike | None,
    weights: ArrayLike | None,
    k: int = TOP,
    threshold: float = THRESHOLD,
) -> Task:
    """Return what metrics read, checked; parameters as in `score`."""
    held = pairs(truth, predicted, mask=mask, weights=weights)
    centred = None if train_mean is None else held.centred(train_mean)
    codes = None if context is None else labels(context, len(held.truth), "context")[0]
    return Task(held, centred, codes, k, threshold)


def _names(metrics: Sequence[str] | None, task: Task) -> list[str]:
    lacking = {
        name
        for name, given in (("train_mean", task.centred), ("context", task.codes))
        if given is None
    }
    if metrics is None:
        return [name for name in METRICS if METRICS[name].needs not in lacking]
    if isinstance(metrics, str):
        raise InputError(f"metrics must be a list of names: pass [{metrics!r}].")
    for name in metrics:
        if METRICS[name].needs in lacking:
            raise InputError(f"{name} needs {METRICS[name].needs}=: pass it, or leave it out.")
    return list(metrics)


def tally(task: Task, names: Sequence[str]) -> tuple[pd.DataFrame, dict[str, Array]]:
    """Return ``value`` and ``n_rows`` of every metric, and the scores of the rows that have any."""
    table, by_row = [], {}
    for name in names:
        metric, weights = METRICS[name], task.held.weights
        n_rows, value = int((weights > 0).sum()), float("nan")
        if metric.rows is not None:
            rows = by_row[name] = metric.rows(task)
            n_rows, value = (
                int((~np.isnan(rows) & (weights > 0)).sum()),
                mean_over_rows(rows, weights),
            )
        table.append((value if metric.value is None else metric.value(task), n_rows))
    return pd.DataFrame(table, index=list(names), columns=["value", "n_rows"]), by_row
