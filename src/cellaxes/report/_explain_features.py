"""What the page tells of each feature, as compact JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes.report import _explain_numbers as numbers
from cellaxes.report._page import short

if TYPE_CHECKING:
    from cellaxes.report._explain import ExplainReport

GENES, MOVED = 20, 8
LABELS = 8
TERMS = 8
"""Best genes (of either sign; of correlation and of effect), labels and gene sets in a panel."""


class Places:
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


def told(
    report: "ExplainReport", F: sp.csc_matrix, names: Places, genes: Places, terms: Places
) -> list[dict[str, Any]]:
    """Return what is told of each feature, but for the map of cells."""
    table = report.to_frame()
    model, annotation = report.model, report.annotation
    near = numbers.neighbours(F, model.decoder, model.level)
    counts = numbers.histograms(F)
    top = numbers.largest(F)
    bars = {name: numbers.by_category(F, of) for name, of in categories(report).items()}
    of_label = numbers.codes_of(report.cells[report.label]) if report.label else None
    states = [column for column in map(str, table) if column.startswith("r_")]
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
        if annotation.markers.lfc is not None:
            one["moves"] = _genes(annotation.markers.moved(i, MOVED), genes)
        if "seeds_worst" in row:
            read = short([row["seeds_mean"], row["seeds_worst"]])
            one["seeds"] = [*read, int(row["stable"]), int(row["seeds_found"]) + 1]
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
                [
                    terms(r["term"]),
                    r["hits"],
                    r["size"],
                    *short([r["q"], r["q_permuted"]], 3),
                    r["genes"],
                ]
                for r in annotation.sets.top_terms(i, TERMS).to_dict("records")
            ]
        found.append(one)
    return found


def categories(report: "ExplainReport") -> dict[str, numbers.Codes]:
    """Return the columns of categories, the label's apart, batch first."""
    chosen = [column for column in report.cells if column != report.label]
    chosen.sort(key=lambda column: column != report.batch)
    every = {
        str(column): numbers.codes_of(report.cells[column], numbers.CATEGORIES)
        for column in chosen
        if column == report.batch or not pd.api.types.is_float_dtype(report.cells[column])
    }
    return {name: of for name, of in every.items() if len(of.names) > 1}


def _boxes(
    values: NDArray[np.float64], codes: NDArray[np.int64], of: numbers.Codes
) -> list[list[Any]]:
    """Return name, cells, share active, their quantiles: of the labels with the highest means."""
    inside = codes >= 0
    total = np.bincount(codes[inside], weights=values[inside], minlength=len(of.n))
    active = np.bincount(codes[inside], minlength=len(of.n))
    mean = total / np.maximum(of.n, 1)
    quantiles = numbers.quantiles(values, codes, len(of.n))
    order = [k for k in np.argsort(-mean, kind="stable")[:LABELS] if mean[k] > 0]
    return [
        [of.names[k], int(of.n[k]), *short([active[k] / of.n[k], *quantiles[k]], 4)] for k in order
    ]


def _genes(table: pd.DataFrame, genes: Places) -> list[list[float | int | None]]:
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
