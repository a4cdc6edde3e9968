"""Predictions as compact JSON, and their page."""

from typing import TYPE_CHECKING, Any

import pandas as pd

from cellaxes.report._page import embedded, page, parts, short

if TYPE_CHECKING:
    from cellaxes.report._predict import PredictReport

SCRIPT = (
    "app.js",
    *(f"predict/{part}.js" for part in ("model", "board", "ranks", "groups", "rows", "page")),
)
"""Files of the script, in the order in which they use one another."""
STYLE = ("app.css", "predict/predict.css")
DRAWN = 3_000
"""Rows in a scatter, at most."""


def render(report: "PredictReport") -> str:
    """Return the page of a report."""
    found = report.to_dict()
    first = report.board.metrics[0]
    lines = [line for line in found["leaderboard"] if line["metric"] == first]
    return page(
        "predict/predict.html.j2",
        found=found,
        first=first,
        static=[line for line in lines if (line["scale"], line["rows"]) == ("raw", "all")],
        clipped={
            line["model"]: line
            for line in lines
            if (line["scale"], line["rows"]) == ("clipped", "all")
        },
        scores=_by_model(found["suspects"]["scores"]),
        rests=_rests(found["rests"]),
        shown=report.shown,
        payload=embedded(payload(found)),
        script=parts(*SCRIPT),
        style=parts(*STYLE),
    )


def payload(found: dict[str, Any]) -> dict[str, Any]:
    """Return what the page draws: the numbers of ``results.json`` in five digits."""
    board: dict[str, Any] = {}
    for line in found["leaderboard"]:
        held = board.setdefault(line["scale"], {}).setdefault(line["rows"], {})
        held.setdefault(line["metric"], []).append(
            [line["model"], *_short(line[key] for key in
             ("value", "difference", "low", "high", "sd", "scaled"))]
        )  # fmt: skip
    return {
        "metrics": found["metrics"],
        "entries": found["entries"],
        "best": found["best"],
        "clip": found["clip"],
        "nDraws": len(found["split"]["draws"]),
        "against": {
            scale: {
                rows: {
                    line["metric"]: line["against"]
                    for line in found["leaderboard"]
                    if (line["scale"], line["rows"]) == (scale, rows)
                }
                for rows in of
            }
            for scale, of in board.items()
        },
        "board": board,
        "ranks": found["ranks"],
        "by": {"context": found["by_context"], "moa": found["by_moa"]},
        "spread": found["spread"],
        "scatter": [_scatter(scale) for scale in found["rows"]],
        "calibration": [
            line | {key: _short([line[key]])[0] for key in ("coverage", "width")}
            for line in found["calibration"]
        ],
    }


def _scatter(scale: dict[str, Any]) -> dict[str, Any]:
    """Return rows of one scale, thinned evenly where there are many."""
    n = len(scale["row"])
    every = slice(None, None, -(-n // DRAWN))
    return scale | {
        "row": scale["row"][every],
        "split": scale["split"][every],
        "suspect": [int(flag) for flag in scale["suspect"][every]],
        "scores": {name: _short(values[every]) for name, values in scale["scores"].items()},
        "n": n,
    }


def _short(values: Any) -> list[float | int | None]:
    """Return numbers with five digits; none stays none."""
    return short([float("nan") if value is None else float(value) for value in values])


def _by_model(lines: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        found.setdefault(line["model"], {})[line["scale"]] = line
    return found


def _rests(lines: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Return by model what its rows rest on besides itself, most rows first."""
    table = pd.DataFrame(lines, columns=["model", "basis", "n_rows", "share"])
    return {
        str(name): held.sort_values("n_rows", ascending=False).to_dict("records")  # type: ignore[misc]
        for name, held in table.groupby("model", sort=False)
    }
