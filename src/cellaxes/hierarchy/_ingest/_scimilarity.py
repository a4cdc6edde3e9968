"""Cells of a SCimilarity model folder: its index of labelled cells, and their labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.reading import reading
from cellaxes.hierarchy._ingest._cells import ROWS, CellStream
from cellaxes.hierarchy._ingest._hnsw import open_index
from cellaxes.hierarchy._ingest._npy import read_labels

INDEX, TABLE = "labelled_kNN.bin", "reference_labels.tsv"
COLUMNS = ("cell_type", "study")


def annotation(path: Path) -> Path | None:
    """Return the folder of the index, if this is a model folder or its ``annotation``."""
    return next((p for p in (path, path / "annotation") if (p / INDEX).is_file()), None)


def read_scimilarity(
    folder: Path, labels: str | Sequence[str] | None, missing: str | None
) -> CellStream:
    """Return the labelled cells of a model, in order of the label file.

    Line i of the label file belongs to the vector with label i: cell type, and study where the
    file has a second column.
    """
    table = folder / TABLE
    index = open_index(folder / INDEX)
    if not table.is_file():
        raise InputError(f"{table} is no file: the vectors of {INDEX} have no labels.")
    with reading(table, "a table of labels"), table.open(encoding="utf-8") as stream:
        n_columns = stream.readline().count("\t") + 1
    if n_columns > len(COLUMNS):
        raise InputError(
            f"{table} has {n_columns} columns: expected are the cell type, and the study if known."
        )
    columns = read_labels(table, labels, missing, header=COLUMNS[:n_columns])
    lines = len(next(iter(columns.values())).codes)
    if lines != len(index):
        raise InputError(
            f"{table} has {lines:,} lines, but {INDEX} has {len(index):,} cells: they are not of "
            "the same model; copy both again."
        )
    where = index.order()

    def read() -> Iterator[NDArray[Any]]:
        for start in range(0, len(index), ROWS):
            yield index.elements["vector"][where[start : start + ROWS]]

    name = str(folder / INDEX)
    return CellStream(len(index), index.n_dims, np.dtype(np.float32), columns, name, read)
