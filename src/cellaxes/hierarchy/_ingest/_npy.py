"""Cells in a NumPy file, their labels in a table beside it."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from cellaxes._core.errors import InputError
from cellaxes._core.reading import open_npy, reading
from cellaxes.hierarchy._ingest._cells import ROWS, CellStream, storable
from cellaxes.hierarchy._ingest._columns import Coder, Column, wanted
from cellaxes.hierarchy._ingest._parquet import add


def read_npy(
    path: Path, table: str | Path | None, labels: str | Sequence[str] | None, missing: str | None
) -> CellStream:
    """Return the cells of a ``.npy`` file and a ``.csv`` or ``.tsv`` table of labels."""
    z = open_npy(path)
    if z.ndim != 2 or z.dtype.kind not in "fiu":
        raise InputError(
            f"{path} must hold a matrix of numbers (n_cells, d), but holds {z.dtype} of shape "
            f"{z.shape}."
        )
    if table is None:
        raise InputError(f"{path} has no labels: name their table (table=, --table).")

    def read() -> Iterator[NDArray[Any]]:
        for start in range(0, len(z), ROWS):
            yield open_npy(path)[start : start + ROWS]  # a new map: what was read leaves memory

    columns = read_labels(Path(table), labels, missing)
    for name, column in columns.items():
        if len(column.codes) != len(z):
            raise InputError(
                f"{path} has {len(z):,} cells, but the column {name!r} of {table} has "
                f"{len(column.codes):,} labels: they do not belong together."
            )
    return CellStream(len(z), z.shape[1], storable(z.dtype), columns, str(path), read)


def read_labels(
    path: Path,
    labels: str | Sequence[str] | None,
    missing: str | None,
    *,
    header: Sequence[str] | None = None,
) -> dict[str, Column]:
    """Return label columns of a text table, one row per cell, whatever they look like.

    Parameters
    ----------
    path
        ``.tsv`` is separated by tabs, anything else by commas; ``.gz`` is unpacked.
    labels
        Columns; all if None.
    missing
        Name of cells without a label.
    header
        Names of the columns where the file has none; it is then taken as it stands, unquoted.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    tabs = ".tsv" in path.suffixes
    options = csv.ReadOptions(column_names=header, block_size=1 << 24)
    parsing = csv.ParseOptions(
        delimiter="\t" if tabs else ",",
        quote_char='"' if header is None else False,
        ignore_empty_lines=header is None,
    )
    with reading(path, "a table"):
        with csv.open_csv(path, options, parsing) as found:
            present = found.schema.names
        names = wanted(labels, present, str(path))
        kinds = dict.fromkeys(names, pa.string())
        converting = csv.ConvertOptions(
            include_columns=names,
            column_types=kinds,
            strings_can_be_null=True,
            null_values=["", "NA", "NaN", "nan"],
            quoted_strings_can_be_null=True,
        )
        coders = {name: Coder() for name in names}
        with csv.open_csv(path, options, parsing, converting) as batches:
            for batch in batches:
                for name, coder in coders.items():
                    add(coder, batch.column(batch.schema.get_field_index(name)))
    return {name: coder.column(f"{path}: {name!r}", missing) for name, coder in coders.items()}
