"""The numbers of the page of predictions, as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pandas as pd

from cellaxes._core.files import plain
from cellaxes._core.provenance import machine, versions
from cellaxes.perturbation import show_baselines
from cellaxes.report import _predict_numbers as numbers
from cellaxes.report._page import short
from cellaxes.report._predict_doubts import doubts
from cellaxes.report._predict_words import conclusions, describe_metrics

if TYPE_CHECKING:
    from cellaxes.report._predict import PredictReport

SCHEMA = "cellaxes.predict/1"
GROUPS = 30
"""Mechanisms that are shown, at most: those of most compounds."""
SUSPECTS = 200
"""Suspect rows that are shown, at most."""
REPLICATE = "the second profile of each row: as near as a measurement comes"


def results(report: "PredictReport") -> dict[str, Any]:
    """Return everything that the page says, in JSON's own types."""
    board = report.board
    split = board.splits[0]
    found: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "conclusions": conclusions(report),
            "doubts": doubts(report),
            "data": asdict(report.facts),
            "split": {
                "name": split.name,
                "claim": split.claim,
                "held_out": split.held_out,
                "draws": [
                    {"train": int(s.train.sum()), "test": int(s.test.sum())} for s in board.splits
                ],
                "leaks": [vars(leak) for leak in split.leaks],
            },
            "clip": board.clip,
            "best": board.best,
            "verdicts": board.verdicts,
            "metrics": describe_metrics(board.metrics),
            "entries": entries(report),
            "leaderboard": _records(board.table),
            "ranks": _records(numbers.ranks(board)),
            "by_context": grouped(report.by_context, "context"),
            "by_moa": grouped(report.by_moa, "moa"),
            "n_moa": int(report.by_moa["moa"].nunique()),
            "controls": _records(numbers.controls(board)),
            "rests": _records(_rests(board.rests)),
            "spread": _spread(numbers.spread(board)),
            "rows": list(numbers.pairs_of(board, report.shown)),
            "calibration": _records(report.calibration),
            "suspects": {
                "n_rows": int(report.rows["suspect"].sum()),
                "rows": _records(report.suspects.head(SUSPECTS)),
                "scores": _records(numbers.without_suspects(board)),
                "told": report.doubted.told,
            },
            "versions": versions(),
            "machine": machine(),
        }
    )
    return found


def entries(report: "PredictReport") -> dict[str, dict[str, str]]:
    """Return the kind of each entry, and what it is."""
    known = show_baselines().set_index("name")
    ready = set(report.facts.ready)
    kinds = report.board.ranked()["kind"]
    found = {}
    for name, kind in kinds.items():
        if name in known.index:
            said = str(known.loc[str(name), "description"])
        elif kind == "model":
            said = "predictions handed in" if name in ready else "fitted to each split"
        else:
            said = REPLICATE
        found[str(name)] = {"kind": str(kind), "said": said}
    return found


def grouped(table: pd.DataFrame, column: str) -> dict[str, Any]:
    """Return mean scores of groups: names and sizes, and of each scale and metric the values.

    Of ``values[scale][metric]`` a row is a group and a column a model.
    """
    if table.empty:
        return {"groups": [], "n_rows": [], "n_compounds": [], "models": [], "values": {}}
    sizes = table.drop_duplicates(column).set_index(column)[["n_compounds", "n_rows"]]
    order = sizes.sort_values(["n_compounds", "n_rows"], ascending=False, kind="stable")
    if column == "moa":
        order = order[order["n_compounds"] > 1].head(GROUPS)
    models = list(dict.fromkeys(table["model"]))
    values: dict[str, Any] = {}
    for (scale, metric), held in table.groupby(["scale", "metric"], sort=False):
        wide = held.pivot(index=column, columns="model", values="value")
        wide = wide.reindex(index=order.index, columns=models)
        values.setdefault(str(scale), {})[str(metric)] = [
            short(row) for row in wide.to_numpy(dtype=float)
        ]
    return {
        "groups": [str(name) for name in order.index],
        "n_rows": order["n_rows"].tolist(),
        "n_compounds": order["n_compounds"].tolist(),
        "models": models,
        "values": values,
    }


def _rests(rests: pd.DataFrame) -> pd.DataFrame:
    """Return of each baseline the rows that rest on something else."""
    total = rests.groupby("model")["n_rows"].transform("sum")
    table = rests.assign(share=rests["n_rows"] / total)
    return table[table["basis"] != "itself"]


def _spread(table: pd.DataFrame) -> dict[str, Any]:
    """Return quantiles by scale, metric and model."""
    found: dict[str, Any] = {}
    columns = [name for name in table if str(name).startswith("q")]
    for line in table.to_dict("records"):
        held = found.setdefault(str(line["scale"]), {}).setdefault(str(line["metric"]), {})
        held[str(line["model"])] = short([float(line[name]) for name in columns])
    return found


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as dictionaries, None where there is no number."""
    plain_table = table.astype(object).where(table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain_table.to_dict("records")]
