"""Structure as compact JSON, and its page."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellaxes.report import _structure_numbers as numbers
from cellaxes.report._page import embedded, page, parts, short
from cellaxes.report._structure_words import level_name, points, share

if TYPE_CHECKING:
    from cellaxes.report._structure import StructureReport

SCRIPT = (
    "app.js",
    *(f"structure/{part}.js" for part in ("model", "accuracy", "confusion", "views", "page")),
)
"""Files of the script, in the order in which they use one another."""
STYLE = ("app.css", "structure/structure.css")


def render(report: "StructureReport") -> str:
    """Return the page of a report."""
    found = report.to_dict()
    levels = list(report.evaluation.coded.levels)
    return page(
        "structure/structure.html.j2",
        found=found,
        levels=[(level, level_name(level, level == levels[-1])) for level in levels],
        names=report.evaluation.embeddings,
        gains=_by(found["differences"], "embedding", "level"),
        whole={row["embedding"]: row for row in found["accuracy"] if row["full"]},
        rows=_rows(found["accuracy"]),
        silhouettes=_silhouettes(found["accuracy"], levels),
        points=points,
        share=share,
        payload=embedded(payload(report, found)),
        script=parts(*SCRIPT),
        style=parts(*STYLE),
    )


def payload(report: "StructureReport", found: dict[str, Any]) -> dict[str, Any]:
    """Return what the page draws: the numbers of ``results.json`` in five digits, and the views."""
    levels = list(report.evaluation.coded.levels)
    cells = _by(found["accuracy"], "embedding", "level")
    drawn = numbers.viewed(len(report.levels))
    coarse = report.levels.iloc[drawn, 0].astype(str).to_numpy()
    groups = [branch["name"] for branch in found["tree"]["groups"]]
    order = np.argsort(groups)
    codes = order[np.searchsorted(groups, coarse, sorter=order)]
    return {
        "method": found["data"]["method"],
        "levels": [[level, level_name(level, level == levels[-1])] for level in levels],
        "embeddings": [[name, said] for name, said in found["embeddings"].items()],
        "accuracy": {
            name: {
                level: [
                    [row["prefix"], *short([row["accuracy"], row["low"], row["high"]])]
                    for row in rows
                ]
                for level, rows in of.items()
            }
            for name, of in cells.items()
        },
        "confusion": found["confusion"],
        "curves": [
            curve | {name: [short(point) for point in curve[name]] for name in ("points", "law")}
            for curve in found["curves"]
        ],
        "groups": groups,
        "codes": _packed(codes, np.uint16),
        "views": [
            _view(f"prefix 1, {report.first.shape[1]} dimensions", report.first[drawn]),
            _view(f"full vector, {report.embedding.shape[1]} dimensions", report.embedding[drawn]),
        ],
        "nDrawn": len(drawn),
        "nCells": len(report.levels),
    }


def _view(name: str, z: NDArray[np.float32]) -> dict[str, Any]:
    """Return two principal components, packed, and how much they hold."""
    xy, held = numbers.plane(z)
    low, high = xy.min(axis=0), xy.max(axis=0)
    scale = float((high - low).max()) or 1.0
    placed = (xy - low) / scale * 65_535
    return {
        "name": name,
        "held": short([held])[0],
        "size": short((high - low) / scale),
        "x": _packed(placed[:, 0], np.uint16),
        "y": _packed(placed[:, 1], np.uint16),
    }


def _by(rows: list[dict[str, Any]], first: str, second: str) -> dict[str, Any]:
    """Return rows by two of their columns."""
    found: dict[str, Any] = {}
    for row in rows:
        found.setdefault(row[first], {}).setdefault(row[second], []).append(row)
    return found


def _rows(rows: list[dict[str, Any]]) -> list[tuple[str, int, bool, list[dict[str, Any]]]]:
    """Return one row per embedding and prefix, with the entries of its levels."""
    table = _by(rows, "embedding", "prefix")
    return [
        (name, prefix, entries[0]["full"], entries)
        for name, of in table.items()
        for prefix, entries in of.items()
    ]


def _silhouettes(rows: list[dict[str, Any]], levels: list[str]) -> dict[str, list[float]]:
    """Return of each embedding the silhouette of level 1 by prefix 1 and whole, and the label's."""
    table = _by(rows, "embedding", "level")
    return {
        name: [
            float(of[levels[0]][0]["silhouette"]),
            float(of[levels[0]][-1]["silhouette"]),
            float(of[levels[-1]][-1]["silhouette"]),
        ]
        for name, of in table.items()
    }


def _packed(values: NDArray[Any], dtype: type[np.unsignedinteger[Any]]) -> str:
    """Return whole numbers as little-endian bytes in base64."""
    return base64.b64encode(values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode()
