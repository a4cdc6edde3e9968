"""The numbers of the page of structure, as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cellaxes._core.files import plain
from cellaxes._core.provenance import machine, versions
from cellaxes.hierarchy import show_adapters
from cellaxes.report import _structure_numbers as numbers
from cellaxes.report._structure_doubts import doubts
from cellaxes.report._structure_types import UNTOUCHED
from cellaxes.report._structure_words import conclusions

if TYPE_CHECKING:
    from cellaxes.report._structure import StructureReport

SCHEMA = "cellaxes.structure/1"


def results(report: "StructureReport") -> dict[str, Any]:
    """Return everything that the page says, in JSON's own types."""
    facts = asdict(report.facts)
    steps = report.tree.summary().reset_index(names="level").to_dict("records")
    shown = [report.facts.method, UNTOUCHED]
    tables = {name: numbers.confusion(report.evaluation, name, report.lineage) for name in shown}
    known = show_adapters().set_index("name")["description"]
    found: dict[str, Any] = plain(
        {
            "schema": SCHEMA,
            "conclusions": conclusions(report),
            "doubts": doubts(report),
            "data": {
                **facts,
                "n_cells": len(report.levels),
                "n_types": len(report.tree),
                "n_groups": len(report.facts.groups),
            },
            "tree": {
                "method": report.tree.method,
                "ontology": report.tree.ontology,
                "anchors": report.tree.anchors,
                "levels": steps,
                "groups": numbers.branches(report.levels),
            },
            "adapter": {
                "method": report.adapter.method,
                "said": repr(report.adapter),
                "dims": report.adapter.dims,
                "levels": list(report.tree.levels.columns),
                "params": report.adapter.params,
            },
            "embeddings": {name: known[name] for name in report.evaluation.embeddings},
            "accuracy": report.accuracy.to_dict("records"),
            "differences": report.differences.to_dict("records"),
            "first_prefix": report.prefix.to_dict("records"),
            "steerability": numbers.steerability(report.evaluation).to_dict("records"),
            "confusion": {
                "level": report.lineage,
                "names": list(tables[UNTOUCHED].index),
                "cells": {name: table.to_numpy() for name, table in tables.items()},
            },
            "curves": [asdict(curve) for curve in report.curves],
            "versions": versions(),
            "machine": machine(),
        }
    )
    return found
