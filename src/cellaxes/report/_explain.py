"""Sparse features of an embedding on one page, and the numbers behind it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes._core.provenance import machine, versions
from cellaxes.features import (
    Annotation,
    Enrichment,
    Preflight,
    RunCard,
    SparseFeatures,
    Stability,
    load,
)
from cellaxes.report._explain_page import render

SCHEMA = "cellaxes.explain/1"
GENES = 50
"""Genes of each feature in ``markers.csv``."""
BEST = 10
"""Labels and gene sets of each feature in ``labels.csv`` and ``sets.csv``."""


@dataclass(frozen=True, eq=False)
class ExplainReport:
    """Sparse features of an embedding: what they mean and how far that can be trusted.

    Attributes
    ----------
    name
        Of the data.
    rep
        Of the embedding.
    model
        The features.
    activations
        Of every cell, CSR float32 ``(n_cells, m)``.
    annotation
        Genes, labels, gene sets, leakage and names.
    stability
        How far features come back in other seeds; None where one seed was trained.
    card
        Features beside their controls.
    preflight
        What the embedding is like.
    coordinates, coordinates_name
        Where cells are drawn, ``(n_cells, 2)``, and what that is.
    cells
        What is known of the cells, ``(n_cells, …)``; the index names them.
    label, batch
        Columns of ``cells`` with the label and the batch.
    decoder
        What turned features into effects on genes; None without.
    information
        A row per feature, column ``umis``: UMIs per cell needed to read it; None where not
        measured.
    """

    name: str
    rep: str
    model: SparseFeatures
    activations: sp.csr_matrix
    annotation: Annotation
    stability: Stability | None
    card: RunCard
    preflight: Preflight
    coordinates: NDArray[np.floating]
    coordinates_name: str
    cells: pd.DataFrame
    label: str | None
    batch: str | None
    decoder: str | None = None
    information: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        n_cells, m = self.activations.shape
        if m != self.model.n_features or m != len(self.annotation.features):
            raise InputError(
                f"there are activations of {m} features, a model of {self.model.n_features} and "
                f"an annotation of {len(self.annotation.features)}: pass what belongs together."
            )
        if np.shape(self.coordinates) != (n_cells, 2) or not np.isfinite(self.coordinates).all():
            raise InputError(
                f"coordinates must be {n_cells:,} x 2 finite numbers, but have shape "
                f"{np.shape(self.coordinates)} or hold NaN: pass two of an embedding's dimensions."
            )
        if len(self.cells) != n_cells:
            raise InputError(f"cells has {len(self.cells):,} rows for {n_cells:,} cells.")
        for column in (self.label, self.batch):
            if column is not None and column not in self.cells:
                raise InputError(
                    f"cells has no column {column!r}: {near(column, map(str, self.cells.columns))}"
                )
        if self.stability is not None and len(self.stability.mean) != m:
            raise InputError(f"stability has {len(self.stability.mean)} entries for {m} features.")
        if self.information is not None and len(self.information) != m:
            raise InputError(f"information has {len(self.information)} rows for {m} features.")

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature: its annotation, level, seeds, and UMIs where known."""
        table = self.annotation.to_frame().assign(level=self.model.level)
        if self.stability is not None:
            table["seeds_mean"] = self.stability.mean
            table["seeds_worst"] = self.stability.worst
            table["seeds_found"] = self.stability.found
            table["stable"] = self.stability.stable
        if self.information is not None:
            table["umis"] = self.information["umis"].to_numpy()
        return table

    def to_dict(self) -> dict[str, Any]:
        """Return what the page says, in JSON's own types."""
        seeds = self.stability
        return {
            "schema": SCHEMA,
            "name": self.name,
            "rep": self.rep,
            "n_cells": self.activations.shape[0],
            "n_features": self.model.n_features,
            "n_dropped": self.model.n_dropped,
            "n_train": self.model.n_train,
            "random_state": self.model.random_state,
            "config": self.model.config.to_dict(),
            "n_other_seeds": seeds.n_others if seeds else 0,
            "n_stable": int(seeds.stable.sum()) if seeds else None,
            "decoder": self.decoder,
            "gene_sets": _sets(self.annotation.sets),
            "run_card": self.card.to_dict(),
            "preflight": self.preflight.to_dict(),
            "features": self.to_frame().reset_index().to_dict("records"),
            "versions": versions(),
            "machine": machine(),
        }

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        return render(self)

    def write(self, out: str | Path) -> Path:
        """Write the page, its numbers and the model into the folder ``out``.

        ``report.html``, ``results.json``, ``features.csv``, ``markers.csv``, ``labels.csv`` and
        ``sets.csv`` where there are labels and gene sets, ``activations.npz`` (read with
        ``scipy.sparse.load_npz``) and the folder ``features`` (`cellaxes.features.load`). What an
        earlier report left there is replaced. All of them appear, or none.

        Returns
        -------
        The path of the page.

        Raises
        ------
        InputError
            If the folder cannot be written, or its ``features`` hold something else.
        """
        folder = out_dir(out)
        if (folder / "features").exists():
            load(folder / "features")
        labels, sets = self.annotation.labels, self.annotation.sets
        tables = {
            "features.csv": self.to_frame().reset_index(),
            "markers.csv": self.annotation.markers.to_frame(GENES),
            "labels.csv": None if labels is None else labels.to_frame(BEST),
            "sets.csv": None if sets is None else sets.to_frame(BEST),
        }
        with folder_filled(folder, instead_of=tables) as new:
            self.model.save(new / "features")
            for name, table in tables.items():
                if table is not None:
                    table.to_csv(new / name, index=False)
            sp.save_npz(new / "activations.npz", self.activations)
            (new / "results.json").write_text(pretty_json(self.to_dict()))
            (new / "report.html").write_text(self.to_html(), encoding="utf-8")
        return folder / "report.html"

    def __repr__(self) -> str:
        stable = "" if self.stability is None else f", {self.stability.stable.sum()} stable"
        return (
            f"ExplainReport({self.model.n_features} features of {self.rep}{stable}; "
            f"{self.activations.shape[0]:,} cells of {self.name})"
        )


def _sets(found: Enrichment | None) -> dict[str, Any] | None:
    """Return what gene sets say of features and of permuted cells."""
    if found is None:
        return None
    return {
        "sets": len(found.terms),
        "annotated": float(found.annotated.mean()),
        "different_terms": found.n_distinct,
        "annotated_permuted": found.chance,
        "annotated_permuted_by_p_alone": found.chance_by_p,
    }
