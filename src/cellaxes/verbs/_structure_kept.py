"""What structure leaves with an AnnData, and the command that measures its levels."""

import shlex
from pathlib import Path

import anndata

from cellaxes._core import keys
from cellaxes._core.version import __version__
from cellaxes.report import StructureReport


def keep(adata: anndata.AnnData, report: StructureReport) -> anndata.AnnData:
    """Put the new embedding and what its prefixes mean into an AnnData."""
    adata.obsm[keys.embedding("structure")] = report.embedding
    adata.uns[keys.structure()] = {
        "dims": list(report.adapter.dims),
        "levels": list(report.tree.levels.columns),
        "params": {
            "use_rep": report.facts.rep,
            "labels": report.facts.labels,
            "group": report.facts.group or "",
            "method": report.adapter.method,
            "random_state": report.facts.seeds[0],
        },
        "version": __version__,
    }
    return adata


def command(
    path: Path | None, labels: str, levels: int, *, ontology_id: str | None, terms: bool
) -> str:
    """Return the command that measures the levels at falling depth; the label, if not terms."""
    signal = f"hierarchy:{labels}" + (f",levels={levels}" if levels != 4 else "")
    signal += f",ids={ontology_id}" if ontology_id else ""
    if not terms:
        signal = f"label:{labels}"
    file = "cells.h5ad" if path is None else str(path.name)
    words = ["cellaxes", "measure", file, "--signal", signal, "--out", "depth"]
    return " ".join(shlex.quote(word) for word in words)
