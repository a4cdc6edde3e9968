"""Scores between the best average and what replicates reach."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes.perturbation.metrics._registry import METRICS


def scaled(value: float, baseline: float, ceiling: float, *, best: float) -> float:
    """Return (u − b) / (r − b): 0 is no better than the baseline, 1 as good as a replicate.

    Read as distances from the best value, so that it holds for metrics whose best is in the
    middle as well (`slope`). Below 0 the model is worse than the baseline.

    Parameters
    ----------
    value, baseline, ceiling
        Scores u, b and r of one metric on the same rows.
    best
        Value of a perfect prediction, as in `show`.

    Raises
    ------
    InputError
        If a score is NaN, or the replicate is no better than the baseline.

    References
    ----------
    cell-eval2 (Virtual Cell Challenge, 2026), rule 3.

    Examples
    --------
    >>> scaled(0.7, 0.5, 0.9, best=1)
    0.5
    >>> scaled(4.0, 4.4, 2.4, best=0)
    0.2
    """
    if not np.isfinite([value, baseline, ceiling, best]).all():
        raise InputError(
            f"value {value}, baseline {baseline}, ceiling {ceiling} and best {best} must be "
            "finite to be compared."
        )
    u, b, r = (abs(score - best) for score in (value, baseline, ceiling))
    if not b > r:
        raise InputError(
            f"the ceiling ({ceiling:g}) is no better than the baseline ({baseline:g}; best is "
            f"{best:g}), so nothing lies between them: this metric cannot tell on these rows."
        )
    return float(np.round((b - u) / (b - r), 12))


def scale(
    values: Mapping[str, float],
    baselines: Mapping[str, Mapping[str, float]],
    ceiling: Mapping[str, float],
) -> pd.DataFrame:
    """Scale every metric of a model by the best of the baselines and the replicate ceiling.

    Parameters
    ----------
    values
        Metric to score of the model, e.g. the column ``value`` of `score`.
    baselines
        Name of a baseline to its scores. The best is chosen for each metric anew, the harder
        test. Pass averages only; whatever is passed becomes part of what must be beaten.
    ceiling
        Metric to the score of one half of the replicates against the other.

    Returns
    -------
    Table indexed by metric: ``value``, ``baseline`` (its name), ``baseline_value``, ``ceiling``,
    ``scaled``; NaN where a metric cannot tell (`scaled`) or was not scored.

    Raises
    ------
    InputError
        If there is no baseline, or a metric is unknown.

    Examples
    --------
    >>> baselines = {"zero": {"mrrmse": 4.7}, "compound mean": {"mrrmse": 4.4}}
    >>> scale({"mrrmse": 4.0}, baselines, {"mrrmse": 2.4})
            value       baseline  baseline_value  ceiling  scaled
    mrrmse    4.0  compound mean             4.4      2.4     0.2
    """
    if not baselines:
        raise InputError("scale needs a baseline to begin from: pass the average at least.")
    rows = []
    for metric, value in values.items():
        best = METRICS[metric].best
        name, b = _best(metric, best, baselines)
        r = float(ceiling.get(metric, np.nan))
        rows.append((float(value), name, b, r, _or_nan(float(value), b, r, best)))
    columns = ["value", "baseline", "baseline_value", "ceiling", "scaled"]
    return pd.DataFrame(rows, index=list(values), columns=columns)


def _best(
    metric: str, best: float, baselines: Mapping[str, Mapping[str, float]]
) -> tuple[str, float]:
    scored = {name: float(scores.get(metric, np.nan)) for name, scores in baselines.items()}
    known = {name: score for name, score in scored.items() if np.isfinite(score)}
    if not known:
        return "", float("nan")
    name = min(known, key=lambda entry: abs(known[entry] - best))
    return name, known[name]


def _or_nan(value: float, baseline: float, ceiling: float, best: float) -> float:
    told = np.isfinite([value, baseline, ceiling]).all()
    if not told or abs(baseline - best) <= abs(ceiling - best):
        return float("nan")
    return scaled(value, baseline, ceiling, best=best)
