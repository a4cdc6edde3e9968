"""Sparse features as compact JSON, and their page."""

import base64
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.features import ARCHS, DEFINITIONS
from cellaxes.report import _explain_numbers as numbers
from cellaxes.report._explain_features import Places, categories, told
from cellaxes.report._page import embedded, page, parts, short

if TYPE_CHECKING:
    from cellaxes.report._explain import ExplainReport

MAPPED = 30_000
"""Cells on a map, at most: more are drawn by chance, always the same."""
SCRIPT = (
    "app.js",
    *(f"explain/{part}.js" for part in ("model", "plots", "index", "panel", "page")),
)
"""Files of the script, in the order in which they use one another."""
STYLE = ("app.css", "explain/explain.css")


def render(report: "ExplainReport") -> str:
    """Return the page of a report."""
    labels = report.annotation.labels
    leaks = report.annotation.features.get("leaks")
    return page(
        "explain/explain.html.j2",
        report=report,
        n_cells=report.activations.shape[0],
        stable=None if report.stability is None else int(report.stability.stable.sum()),
        leaking=None if leaks is None else int(leaks.sum()),
        called=None if labels is None else int((labels.best()["f1"] > 0.5).sum()),
        held_out=None if labels is None else labels.held_out,
        sets=report.annotation.sets,
        arch=ARCHS[report.model.config.arch],
        card=report.card.table,
        definitions=DEFINITIONS,
        warnings=[_sentence(warning) for warning in report.preflight.warnings],
        data=embedded(payload(report)),
        script=parts(*SCRIPT),
        style=parts(*STYLE),
    )


def payload(report: "ExplainReport") -> dict[str, Any]:
    """Return what the page draws: numbers in five digits, names by their place, cells packed."""
    F = sp.csc_matrix(report.activations, copy=True)
    F.eliminate_zeros()
    F.sort_indices()
    names, genes, terms = Places(), Places(), Places()
    shared = told(report, F, names, genes, terms)
    n_cells = F.shape[0]
    mapped = np.arange(n_cells)
    if n_cells > MAPPED:
        drawn = stream(0, "explain", "map").choice(n_cells, MAPPED, replace=False)
        mapped = np.sort(drawn)
    of_map = F[mapped].tocsc()
    top = np.maximum(numbers.largest(F), 1e-30)
    features = []
    for i, one in enumerate(shared):
        on_map = slice(of_map.indptr[i], of_map.indptr[i + 1])
        level = np.ceil(of_map.data[on_map] / top[i] * 255).clip(1, 255)
        features.append(
            one
            | {
                "cells": _packed(of_map.indices[on_map], np.uint16),
                "values": _packed(level, np.uint8),
            }
        )
    xy, share = numbers.feature_map(report.model.decoder)
    labels = report.annotation.labels
    low, high = report.coordinates.min(axis=0), report.coordinates.max(axis=0)
    scale = float((high - low).max()) or 1.0
    placed = (report.coordinates[mapped] - low) / scale * 65_535
    return {
        "nCells": n_cells,
        "nMapped": len(mapped),
        "mapName": report.coordinates_name,
        "mapSize": short((high - low) / scale),
        "x": _packed(placed[:, 0], np.uint16),
        "y": _packed(placed[:, 1], np.uint16),
        "spots": _spots(report, mapped, placed / 65_535),
        "featureMap": [short(point) for point in xy],
        "featureMapShare": short([share])[0],
        "label": report.label,
        "decoder": report.decoder,
        "heldOut": labels.held_out if labels is not None else None,
        "nOthers": report.stability.n_others if report.stability is not None else 0,
        "chance": short([report.annotation.leakage.chance])[0],
        "columns": [str(column) for column in report.cells.columns],
        "categories": _categories(report),
        "names": names.values,
        "genes": genes.values,
        "terms": terms.values,
        "features": features,
    }


def _categories(report: "ExplainReport") -> list[dict[str, Any]]:
    return [
        {"name": name, "values": of.names, "n": of.n.tolist(), "leftOut": of.n_left_out}
        for name, of in categories(report).items()
    ]


def _spots(
    report: "ExplainReport", mapped: NDArray[np.int64], placed: NDArray[np.float64]
) -> list[list[Any]]:
    """Return each label and the middle of its cells on the map."""
    if report.label is None:
        return []
    of = numbers.codes_of(report.cells[report.label])
    codes = of.codes[mapped]
    return [
        [name, *short(np.median(placed[codes == k], axis=0), 4)]
        for k, name in enumerate(of.names)
        if (codes == k).any()
    ]


def _packed(values: NDArray[Any], dtype: type[np.unsignedinteger[Any]]) -> str:
    """Return whole numbers as little-endian bytes in base64."""
    return base64.b64encode(values.astype(np.dtype(dtype).newbyteorder("<")).tobytes()).decode()


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
