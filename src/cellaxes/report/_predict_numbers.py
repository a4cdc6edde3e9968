"""Every number on the page of predictions, from the leaderboard and the rows."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from cellaxes.perturbation import REASONS, WARNINGS, Leaderboard

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONTROLS = ("random_row", "permuted_labels", "replicate")
BASES = ("average", "baseline")


def row_metrics(board: Leaderboard) -> list[str]:
    """Return the metrics that have a score per row."""
    return [name for name in board.metrics if name in board.row_scores]


def scales(board: Leaderboard) -> list[str]:
    """Return the scales: raw, and clipped where profiles were clipped."""
    return [str(name) for name in board.table["scale"].unique()]


def ranks(board: Leaderboard) -> pd.DataFrame:
    """Return the place of every model by the first metric on each scale; controls have none."""
    found = {}
    for scale in scales(board):
        ranked = board.ranked(scale=scale)
        able = ranked[~ranked["kind"].str.contains("control")]
        found[scale] = pd.Series(np.arange(1, len(able) + 1), index=able.index)
    return pd.DataFrame(found).rename_axis("model").reset_index().sort_values("raw")


def by_group(board: Leaderboard, column: str) -> pd.DataFrame:
    """Return mean scores of a group of rows by model, scale and metric.

    Columns ``scale``, ``metric``, the group, ``n_rows``, ``n_compounds``, ``model``, ``value``.
    """
    if column not in board.row_scores or board.row_scores[column].isna().all():
        return pd.DataFrame(columns=["scale", "metric", column, "n_rows", "n_compounds", "model",
                                     "value"])  # fmt: skip
    sizes = _compounds(board.row_scores, column)
    parts = []
    for scale in scales(board):
        for metric in row_metrics(board):
            table = board.by(column, metric=metric, scale=scale)
            long = table.reset_index().melt(
                [column, "n_rows"], var_name="model", value_name="value"
            )
            parts.append(long.assign(scale=scale, metric=metric))
    found = pd.concat(parts, ignore_index=True)
    found["n_compounds"] = found[column].map(sizes)
    order = ["scale", "metric", column, "n_rows", "n_compounds", "model", "value"]
    return found[order].sort_values(
        ["scale", "metric", "n_rows"], ascending=[False, True, False], kind="stable"
    )


def _compounds(scores: pd.DataFrame, column: str) -> pd.Series:
    pairs = scores[[column, "compound"]].dropna().drop_duplicates()
    if column == "moa":
        several = pairs["moa"].str.split(";")
        pairs = pairs.assign(moa=several).explode("moa")
        pairs["moa"] = pairs["moa"].str.strip()
        pairs = pairs[pairs["moa"] != ""].drop_duplicates()
    counted: pd.Series = pairs.groupby(column)["compound"].nunique()
    return counted


def spread(board: Leaderboard) -> pd.DataFrame:
    """Return quantiles over test rows of the scores of each model, by scale and metric."""
    metrics = row_metrics(board)
    parts = []
    for (scale, model), held in board.row_scores.groupby(["scale", "model"], sort=False):
        found = held[metrics].quantile(list(QUANTILES)).T
        found.columns = [f"q{round(100 * q):02d}" for q in QUANTILES]
        parts.append(
            found.rename_axis("metric").reset_index().assign(scale=str(scale), model=str(model))
        )
    return pd.concat(parts, ignore_index=True)


def controls(board: Leaderboard) -> pd.DataFrame:
    """Return what controls score beside the best baseline, on each scale."""
    parts = []
    for scale in scales(board):
        ranked = board.ranked(scale=scale)
        held = ranked.loc[[name for name in CONTROLS if name in ranked.index]]
        best = float(ranked.loc[ranked["against"].iloc[0], "value"])
        table = held[["kind", "value", "difference", "low", "high", "against", "best"]]
        parts.append(table.assign(scale=scale, baseline=best).reset_index())
    return pd.concat(parts, ignore_index=True)


def without_suspects(board: Leaderboard) -> pd.DataFrame:
    """Return scores by the first metric of all test rows and of those that are not suspect."""
    parts = []
    for scale in scales(board):
        ranked = {
            rows: board.ranked(scale=scale, rows=rows) for rows in board.table["rows"].unique()
        }
        if "trusted" not in ranked:
            continue
        table = pd.DataFrame({rows: held["value"] for rows, held in ranked.items()})
        table["all_rows"] = ranked["all"]["n_rows"]
        table["trusted_rows"] = ranked["trusted"]["n_rows"]
        parts.append(table.reindex(ranked["all"].index).assign(scale=scale).reset_index())
    columns = ["model", "all", "trusted", "all_rows", "trusted_rows", "scale"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def reasons_of(codes: Sequence[str]) -> str:
    """Return codes of doubt in words.

    Examples
    --------
    >>> reasons_of(["few_cells"])
    'fewer than 10 cells in the median sample'
    """
    return "; ".join((REASONS | WARNINGS).get(code, code) for code in codes)


def calibration(board: Leaderboard) -> pd.DataFrame:
    """Return how often intervals hold the truth: a line per model, split, context and level."""
    parts = [
        found.to_frame().assign(model=name, split=number, crps=found.crps, rank=found.rank)
        for name, several in board.calibrations.items()
        for number, found in enumerate(several)
    ]
    columns = [
        "model",
        "split",
        "context",
        "level",
        "coverage",
        "width",
        "n_values",
        "crps",
        "rank",
    ]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def pairs_of(board: Leaderboard, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield of each scale the scores of rows of some models, by the first metric."""
    metric = board.metrics[0]
    for scale in scales(board):
        held = board.row_scores[board.row_scores["scale"] == scale]
        table = held.pivot(index=["split", "row"], columns="model", values=metric)
        told = held.drop_duplicates(["split", "row"]).set_index(["split", "row"])
        told = told.reindex(table.index)
        yield {
            "scale": scale,
            "row": table.index.get_level_values("row").to_numpy(),
            "split": table.index.get_level_values("split").to_numpy(),
            "suspect": told["suspect"].to_numpy(dtype=bool)
            if "suspect" in told
            else np.zeros(len(told), dtype=bool),
            "scores": {name: table[name].to_numpy() for name in names if name in table},
        }
