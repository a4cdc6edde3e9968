"""From scores of splits and rows to one line per model and metric."""

from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._leaderboard._entries import REPLICATE
from cellaxes.perturbation._leaderboard._scoring import ALL
from cellaxes.perturbation.metrics._bootstrap import MIN_COMPOUNDS, paired_bootstrap
from cellaxes.perturbation.metrics._registry import METRICS
from cellaxes.perturbation.metrics._scale import scale

COMPARED = ["difference", "low", "high", "p_value"]
BASES = ("average", "baseline")
"""Kinds among which the best baseline is."""


def summarise(
    values: pd.DataFrame,
    row_scores: pd.DataFrame,
    *,
    n_boot: int,
    random_state: int,
) -> pd.DataFrame:
    """Return a line per scale, subset of rows, metric and model, best first.

    Columns: ``scale``, ``rows``, ``metric``, ``model``, ``kind``, ``value`` (mean of splits),
    ``sd`` (between splits), ``best``, ``scaled``, ``against`` (the best baseline), ``difference``,
    ``low``, ``high``, ``p_value``, ``n_rows``.
    """
    keys = ["scale", "rows", "metric", "model", "kind"]
    grouped = values.groupby(keys, sort=False)
    table = grouped.agg(
        value=("value", "mean"), sd=("value", "std"), n_rows=("n_rows", "sum")
    ).reset_index()
    table["best"] = [float(METRICS[name].best) for name in table["metric"]]
    table["scaled"] = _scaled(table, row_scores)
    table["gap"] = (table["value"] - table["best"]).abs()
    parts = []  # in the order of the metrics, as the scores came
    for (on, subset, metric), lines in table.groupby(["scale", "rows", "metric"], sort=False):
        ranked = lines.sort_values("gap", kind="stable", na_position="last")
        able = ranked[ranked["kind"].isin(BASES) & ranked["gap"].notna()]
        against = str(able["model"].iloc[0]) if len(able) else ""
        found = pd.DataFrame(np.nan, index=ranked["model"], columns=COMPARED)
        if METRICS[str(metric)].rows is not None and against:
            held = row_scores[row_scores["scale"] == on]
            held = held if subset == ALL else held[~held["suspect"]]
            found = compare(
                held, str(metric), against, n_boot=n_boot, random_state=random_state
            ).reindex(ranked["model"])
        ranked = ranked.assign(against=against, **{k: found[k].to_numpy() for k in COMPARED})
        parts.append(ranked)
    columns = [*keys, "value", "sd", "best", "scaled", "against", *COMPARED, "n_rows"]
    return pd.concat(parts, ignore_index=True)[columns]


def compare(
    row_scores: pd.DataFrame, metric: str, other: str, *, n_boot: int, random_state: int
) -> pd.DataFrame:
    """Return, for each model, how its scores differ from those of another on the same rows.

    Columns ``value``, ``other``, ``difference``, ``low``, ``high``, ``p_value``, ``n_compounds``,
    ``n_rows``; NaN of the other itself and where fewer than three compounds have a score.
    """
    table = row_scores.pivot(index=["split", "row"], columns="model", values=metric)
    if other not in table:
        raise InputError(f"there is no model {other!r} on the board.")
    first = row_scores.drop_duplicates(["split", "row"]).set_index(["split", "row"])
    compounds = first["compound"].reindex(table.index).astype(str).to_numpy()
    found = {}
    for model in table.columns.drop(other):
        both = table[[model, other]].notna().all(axis=1).to_numpy()
        if len(set(compounds[both])) >= MIN_COMPOUNDS:
            result = paired_bootstrap(
                table[model], table[other], compounds, n_boot=n_boot, random_state=random_state
            )
            found[model] = result.to_dict()
    columns = ["value", "other", *COMPARED, "n_compounds", "n_rows"]
    return pd.DataFrame.from_dict(found, orient="index", columns=columns)


def _scaled(table: pd.DataFrame, row_scores: pd.DataFrame) -> Array:
    """Return scores between the best average and the replicate, NaN without replicates.

    Where some rows have none, all are read on the rows that do, by metrics of rows alone.
    """
    found = pd.Series(np.nan, index=table.index)
    for (on, subset), lines in table.groupby(["scale", "rows"], sort=False):
        if REPLICATE not in set(lines["model"]):
            continue
        scores = lines.pivot(index="model", columns="metric", values="value")
        held = row_scores[row_scores["scale"] == on]
        held = held if subset == ALL else held[~held["suspect"]]
        metrics = [name for name in scores if name in held]
        covered = held[held["model"] == REPLICATE].set_index(["split", "row"])[metrics]
        covered = covered[covered.notna().any(axis=1)]
        if len(covered) < held[["split", "row"]].drop_duplicates().shape[0]:
            there = pd.MultiIndex.from_frame(held[["split", "row"]]).isin(covered.index)
            scores = held[there].groupby("model")[metrics].mean()
        ceiling = _of(scores, REPLICATE)
        averages = lines.loc[lines["kind"] == "average", "model"].unique()
        start = {str(name): _of(scores, name) for name in averages}
        told = {
            str(name): scale(_of(scores, name), start, ceiling)["scaled"] for name in scores.index
        }
        for i, model, metric in zip(lines.index, lines["model"], lines["metric"], strict=True):
            found[i] = told[model].get(metric, np.nan)
    return np.asarray(found, dtype=np.float64)


def _of(scores: pd.DataFrame, model: Any) -> dict[str, float]:
    return {str(metric): float(value) for metric, value in scores.loc[model].items()}
