"""Sparse features as compact JSON, and their page."""

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.features import ARCHS, DEFINITIONS
from cellaxes.report import _explain_numbers as numbers
from cellaxes.report._page import embedded, page, parts, short

if TYPE_CHECKING:
    from cellaxes.report._explain import ExplainReport

MAPPED = 30_000
"""Cells on a map, at most: more are drawn by chance, always the same."""
GENES = 20
LABELS = 8
TERMS = 8
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
    names, genes, terms = _Places(), _Places(), _Places()
    shared = _shared(report, F, names, genes, terms)
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
        "batch": report.batch,
        "heldOut": labels.held_out if labels is not None else None,
        "nOthers": report.stability.n_others if report.stability is not None else 0,
        "chance": short([report.annotation.leakage.chance])[0],
        "columns": [str(column) for column in report.cells.columns],
        "categories": _categories(report),
        "bins": numbers.BINS,
        "names": names.values,
        "genes": genes.values,
        "terms": terms.values,
        "features": features,
    }


class _Places:
    """Texts by their place in a list, so that each is written once."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._at: dict[str, int] = {}

    def __call__(self, value: object) -> int:
        text = str(value)
        if text not in self._at:
            self._at[text] = len(self.values)
            self.values.append(text)
        return self._at[text]


def _shared(
    report: "ExplainReport", F: sp.csc_matrix, names: _Places, genes: _Places, terms: _Places
) -> list[dict[str, Any]]:
    """Return what is told of each feature, but for the map of cells."""
    table = report.to_frame()
    model, annotation = report.model, report.annotation
    near = numbers.neighbours(F, model.decoder, model.level)
    counts = numbers.histograms(F)
    top = numbers.largest(F)
    bars = {name: numbers.by_category(F, of) for name, of in _drawn(report).items()}
    of_label = numbers.codes_of(report.cells[report.label]) if report.label else None
    states = [column for column in table if str(column).startswith("r_")]
    found = []
    for i, row in enumerate(table.to_dict("records")):
        column = slice(F.indptr[i], F.indptr[i + 1])
        values, at = F.data[column].astype(np.float64), F.indices[column]
        one: dict[str, Any] = {
            "name": row["name"],
            "why": list(annotation.names[i].evidence),
            "level": int(row["level"]),
            "frequency": short([row["frequency"]])[0],
            "mean": short([row["mean_active"]])[0],
            "max": short([top[i]])[0],
            "hist": counts[i].tolist(),
            "states": {state.removeprefix("r_"): short([row[state]], 3)[0] for state in states},
            "up": _genes(annotation.markers.top(i, GENES), genes),
            "down": _genes(annotation.markers.top(i, GENES, negative=True), genes),
            "examples": [
                _cells(report, at[part], values[part]) for part in numbers.examples(values)
            ],
            "bars": [[short(m[i], 4), short(s[i], 4)] for m, s in bars.values()],
            "near": _pairs(near.direction[i]),
            "together": _pairs(near.together[i]),
            "parents": _pairs(near.parents[i]),
            "children": _pairs(near.children[i]),
        }
        if "seeds_worst" in row:
            one["seeds"] = [*short([row["seeds_mean"], row["seeds_worst"]]), int(row["stable"])]
        if "leaks" in row:
            one["batch"] = [*short([row["batch_eta2"], row["batch_excess"]]), int(row["leaks"])]
        if "umis" in row:
            one["umis"] = short([row["umis"]])[0]
        if of_label is not None:
            one["boxes"] = _boxes(values, of_label.codes[at], of_label)
        if annotation.labels is not None:
            scored = annotation.labels.top(i, LABELS)
            one["labels"] = [
                [names(label), *short(map(float, rest), 4)]
                for label, *rest in scored[
                    ["label", "f1", "auroc", "precision", "recall", "threshold"]
                ].itertuples(index=False)
            ]
        if annotation.sets is not None:
            one["passed"] = int(row["annotated"])
            one["terms"] = [
                [terms(r.term), int(r.hits), int(r.size), *short([r.q, r.q_permuted], 3), r.genes]
                for r in annotation.sets.top_terms(i, TERMS).itertuples(index=False)
            ]
        found.append(one)
    return found


def _drawn(report: "ExplainReport") -> dict[str, numbers.Codes]:
    """Return the columns of categories, the label's apart, batch first."""
    chosen = [column for column in report.cells if column != report.label]
    chosen.sort(key=lambda column: column != report.batch)
    every = {
        str(column): numbers.codes_of(report.cells[column])
        for column in chosen
        if column == report.batch or not pd.api.types.is_float_dtype(report.cells[column])
    }
    return {name: of for name, of in every.items() if len(of.names) > 1}


def _categories(report: "ExplainReport") -> list[dict[str, Any]]:
    return [
        {"name": name, "values": of.names, "n": of.n.tolist(), "leftOut": of.n_left_out}
        for name, of in _drawn(report).items()
    ]


def _boxes(
    values: NDArray[np.float64], codes: NDArray[np.int64], of: numbers.Codes
) -> list[list[Any]]:
    """Return name, cells, share active and quantiles of the labels with the highest means."""
    inside = codes >= 0
    total = np.bincount(codes[inside], weights=values[inside], minlength=len(of.n))
    active = np.bincount(codes[inside], minlength=len(of.n))
    mean = total / np.maximum(of.n, 1)
    quantiles = numbers.quantiles(values, codes, of.n)
    order = [k for k in np.argsort(-mean, kind="stable")[:LABELS] if mean[k] > 0]
    return [
        [of.names[k], int(of.n[k]), *short([active[k] / of.n[k], *quantiles[k]], 4)] for k in order
    ]


def _genes(table: pd.DataFrame, genes: _Places) -> list[list[float | int | None]]:
    rows = table.itertuples(index=False)
    return [[genes(gene), *short(map(float, rest), 4)] for gene, *rest in rows]


def _pairs(pairs: Sequence[tuple[int, float]]) -> list[list[float | int | None]]:
    return [[j, *short([score], 3)] for j, score in pairs]


def _cells(
    report: "ExplainReport", at: NDArray[np.int64], values: NDArray[np.float64]
) -> list[list[Any]]:
    """Return name, activation and metadata of some cells."""
    known = report.cells.iloc[at]
    return [
        [str(known.index[k]), *short([values[k]]), *map(_text, known.iloc[k])]
        for k in range(len(at))
    ]


def _text(value: Any) -> str:
    if pd.isna(value):
        return "–"
    return f"{value:.5g}" if isinstance(value, float | np.floating) else str(value)


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
