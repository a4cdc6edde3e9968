"""An embedding ordered from coarse to fine on one page, and the numbers behind it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.adata import write_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_filled, out_dir
from cellaxes.hierarchy import Adapter, Evaluation, Tree
from cellaxes.report import _structure_numbers as numbers
from cellaxes.report._structure_doubts import doubts
from cellaxes.report._structure_page import render
from cellaxes.report._structure_results import results
from cellaxes.report._structure_types import UNTOUCHED, DepthCurve, StructureFacts
from cellaxes.report._structure_words import conclusions


@dataclass(frozen=True, eq=False)
class StructureReport:
    """An embedding ordered from coarse to fine: what was made, and what it is worth.

    Attributes
    ----------
    facts
        Data and protocol.
    tree
        Of the cell types.
    levels
        Of every cell, ``(n_cells, n_levels)``; the index names the cells.
    adapter
        Fitted to all cells.
    evaluation
        Of adapters fitted to training cells; the first is the untouched embedding.
    embedding, first
        What the adapter makes of the cells: whole, ``(n_cells, dims[-1])``, and its first prefix.
    cell_groups
        Group of each cell; None where halves were held out.
    curves
        Of the levels at falling depth; empty where no study was named.
    """

    facts: StructureFacts
    tree: Tree
    levels: pd.DataFrame
    adapter: Adapter
    evaluation: Evaluation
    embedding: NDArray[np.float32]
    first: NDArray[np.float32]
    cell_groups: NDArray[np.str_] | None = None
    curves: tuple[DepthCurve, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.levels)
        if not n == len(self.embedding) == len(self.first):
            raise InputError(
                f"there are levels of {n} cells, {len(self.embedding)} rows of the embedding and "
                f"{len(self.first)} of its prefix: pass what belongs together."
            )
        for name in (UNTOUCHED, self.facts.method):
            if name not in self.evaluation.embeddings:
                raise InputError(f"the evaluation has no {name!r}: evaluate it beside the others.")

    @cached_property
    def accuracy(self) -> pd.DataFrame:
        """Accuracy, its interval and more, one row per embedding, level and prefix."""
        return numbers.accuracy(self.evaluation)

    @cached_property
    def differences(self) -> pd.DataFrame:
        """What adapters gain over the untouched embedding, one row per adapter and level."""
        return numbers.differences(self.evaluation)

    @cached_property
    def prefix(self) -> pd.DataFrame:
        """Accuracy of level 1 by the first prefix and by the whole, one row per embedding."""
        return numbers.first_prefix(self.evaluation)

    @property
    def lineage(self) -> str:
        """The level whose confusions are shown: the second."""
        return self.evaluation.coded.levels[1]

    def to_frame(self) -> pd.DataFrame:
        """Return `accuracy`, row by row, with one row per embedding, level and prefix.

        For full vectors with the difference from the untouched embedding.
        """
        columns = {"low": "difference_low", "high": "difference_high"}
        gains = self.differences.rename(columns=columns).drop(columns="n_units").assign(full=True)
        return self.accuracy.merge(gains, on=["embedding", "level", "full"], how="left")

    def to_dict(self) -> dict[str, Any]:
        """Return the page's numbers, as written to ``results.json``."""
        return results(self)

    def to_html(self) -> str:
        """Return the page: self-contained, offline, readable on a phone."""
        return render(self)

    def write(self, out: str | Path, *, cells: anndata.AnnData | None = None) -> Path:
        """Write the page, its numbers and what was made into the folder ``out``.

        ``report.html``; ``results.json``; ``tree.csv``, ``tree.json`` and ``report.csv`` (of the
        types); ``accuracy.csv``; ``confusion.csv``; the folder ``adapter``, read by
        `cellaxes.hierarchy.load_adapter`; ``embedding.npy``, float32 ``(n_cells, dims[-1])`` in
        the order of the cells; ``cells.parquet``, which names its rows and gives their levels and
        group. With ``cells``, these are written as ``cells.h5ad``. All of them appear, or none;
        what an earlier report left there is replaced.

        Returns
        -------
        The path of the page.
        """
        folder = out_dir(out)
        with folder_filled(folder) as part:
            (part / "report.html").write_text(self.to_html(), encoding="utf-8")
            (part / "results.json").write_text(pretty_json(self.to_dict()), encoding="utf-8")
            (part / "tree.json").write_text(pretty_json(self.tree.to_dict()), encoding="utf-8")
            for name, table in self._tables():
                table.to_csv(part / name)
            np.save(part / "embedding.npy", self.embedding)
            known = self.levels
            if self.cell_groups is not None:
                known = known.assign(group=pd.Categorical(self.cell_groups))
            known.rename_axis("cell").to_parquet(part / "cells.parquet")
            self.adapter.save(part / "adapter")
            if cells is not None:
                write_h5ad(cells, part / "cells.h5ad")
        return folder / "report.html"

    def _tables(self) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield the tables of the folder by name."""
        yield "tree.csv", self.tree.levels
        yield "report.csv", self.tree.report
        yield "accuracy.csv", self.to_frame().set_index("embedding")
        shown = [self.facts.method, UNTOUCHED]
        whole = {name: self.evaluation.confusion(name, self.lineage) for name in shown}
        yield "confusion.csv", pd.concat(whole, names=["embedding"])

    def __repr__(self) -> str:
        lines = [
            f"StructureReport({len(self.levels):,} cells of {self.facts.name}, "
            f"{self.facts.rep}, {len(self.tree)} types)",
            repr(self.adapter),
            *conclusions(self),
            *(f"Doubt: {said}" for said in doubts(self)),
        ]
        return "\n".join(lines)
