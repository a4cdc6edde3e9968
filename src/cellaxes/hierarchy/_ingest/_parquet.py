"""Cells in Parquet: the embedding a list column, labels dictionaries, both read by the batch."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.files import file_atomic
from cellaxes._core.reading import reading
from cellaxes.hierarchy._ingest._cells import ROWS, Cells, CellStream, as_stream, storable
from cellaxes.hierarchy._ingest._columns import Coder, Column, wanted

EMBEDDING = "embedding"
"""Name of the list column that is written."""


def read_parquet(
    path: Path, rep: str | None, labels: str | Sequence[str] | None, missing: str | None
) -> CellStream:
    """Return the cells of a Parquet file, or of the files of a folder in order of their names."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} holds no Parquet file.")
    schema = _schema(files[0])
    lists = [field.name for field in schema if _is_list(field.type) and _value(field.type)]
    rep = lists[0] if rep is None and len(lists) == 1 else rep
    if rep not in lists:
        raise InputError(
            f"{path} has no column {rep!r} of lists of numbers: {near(str(rep), lists)}"
            if rep is not None
            else f"{path} has {len(lists)} columns that may be the embedding: name it (rep=, "
            f"--rep); {near('', lists)}"
        )
    column = str(rep)
    n_cells = sum(_rows(file, schema) for file in files)
    texts = [field.name for field in schema if _is_text(field.type)]
    names = wanted(labels, texts if labels is None else schema.names, str(path))
    columns = _columns(files, names, [name for name in names if name in texts], missing)

    def read() -> Iterator[NDArray[Any]]:
        for file in files:
            yield from embeddings(file, column)

    first = next(read(), np.empty((0, 0)))
    dtype = storable(first.dtype)
    return CellStream(n_cells, first.shape[1], dtype, columns, str(path), read)


def embeddings(path: Path, column: str) -> Iterator[NDArray[Any]]:
    """Yield a list column as matrices ``(at most 65,536, d)``, without a copy."""
    for batch in _batches(path, [column]):
        lists = batch.column(0)
        values = lists.flatten()
        n_dims = len(values) // len(lists) if len(lists) else 0
        if lists.null_count or values.null_count:
            raise InputError(f"{path}: {column!r} has cells without an embedding: remove them.")
        if not pa.types.is_fixed_size_list(lists.type) and _lengths(lists) != {n_dims}:
            raise InputError(f"{path}: the lists of {column!r} are not all of one length.")
        if len(lists):
            yield values.to_numpy().reshape(len(lists), n_dims)


def write_parquet(
    cells: CellStream | Cells, path: str | Path, *, compression: str = "none"
) -> Path:
    """Write cells to a Parquet file, block by block.

    The file has a column ``embedding`` (fixed-size list) and a dictionary column for each label
    column, in row groups of 65,536 cells. It appears whole or not at all.

    Parameters
    ----------
    cells
        What `read_cells`, `open_cells` or ``Cells.stream`` returned.
    path
        File to write; one that is there is replaced.
    compression
        ``"none"``, or ``"zstd"`` (embeddings shrink by about a sixth).

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    InputError
        If the embedding has bad rows or the source is damaged.
    StoreError
        If the disk is full or the file cannot be written.
    """
    if compression not in ("none", "zstd"):
        raise InputError(f"compression must be 'none' or 'zstd', not {compression!r}.")
    if EMBEDDING in cells.columns:
        raise InputError(f"a label column is called {EMBEDDING!r}, as the embedding: rename it.")
    stream, path = as_stream(cells), Path(path)
    value = pa.field("element", pa.from_numpy_dtype(stream.dtype), nullable=False)
    kind = pa.list_(value, stream.n_dims)
    schema = pa.schema(
        [pa.field(EMBEDDING, kind, nullable=False)]
        + [(name, pa.dictionary(pa.int32(), pa.string())) for name in stream.columns]
    )
    dictionaries = {name: pa.array(column.names) for name, column in stream.columns.items()}
    spread = compression == "zstd" and stream.dtype == np.float32
    with (
        file_atomic(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression=compression,
            use_dictionary=list(stream.columns),
            use_byte_stream_split=[f"{EMBEDDING}.list.element"] if spread else False,
            write_statistics=list(stream.columns),
        ) as writer,
    ):
        start = 0
        for z in stream.blocks():
            stop = start + len(z)
            coded = [
                pa.DictionaryArray.from_arrays(
                    pa.array(column.codes[start:stop].astype(np.int32)), dictionaries[name]
                )
                for name, column in stream.columns.items()
            ]
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(z.reshape(-1)), type=kind)
            table = pa.Table.from_arrays([vectors, *coded], schema=schema)
            writer.write_table(table, row_group_size=ROWS)
            start = stop
    return path


def _reading(path: Path) -> AbstractContextManager[None]:
    """Turn what pyarrow says of a file into one sentence."""
    return reading(path, "Parquet", "write it again")


def _schema(path: Path) -> pa.Schema:
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    with _reading(path):
        return pq.read_schema(path)


def _rows(path: Path, schema: pa.Schema) -> int:
    """Return the number of cells of a file, which must have the columns of the first."""
    if _schema(path).names != schema.names:
        raise InputError(f"{path} has other columns than the first file of its folder.")
    with _reading(path):
        return int(pq.read_metadata(path).num_rows)


def _batches(
    path: Path, columns: list[str], texts: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield some columns by the batch, those of text as dictionaries.

    Without ``pre_buffer``, which keeps all that was read until the file is closed.
    """
    with _reading(path), pq.ParquetFile(path, read_dictionary=texts, pre_buffer=False) as file:
        yield from file.iter_batches(ROWS, columns=columns)


def _columns(
    files: list[Path], names: list[str], texts: list[str], missing: str | None
) -> dict[str, Column]:
    """Return label columns; the embedding is not read."""
    coders = {name: Coder() for name in names}
    for file in files:
        for batch in _batches(file, names, texts):
            for name, coder in coders.items():
                add(coder, batch.column(batch.schema.get_field_index(name)))
    return {name: coder.column(f"{files[0]}: {name!r}", missing) for name, coder in coders.items()}


def add(coder: Coder, values: pa.Array) -> None:
    """Hand the labels of a batch to a coder."""
    coded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    coder.add(coded.indices.fill_null(-1).to_numpy(), coded.dictionary.to_pylist())


def _is_list(kind: pa.DataType) -> bool:
    of = pa.types
    return bool(of.is_fixed_size_list(kind) or of.is_list(kind) or of.is_large_list(kind))


def _value(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type))


def _is_text(kind: pa.DataType) -> bool:
    of = pa.types
    kind = kind.value_type if of.is_dictionary(kind) else kind
    return bool(of.is_string(kind) or of.is_large_string(kind))


def _lengths(lists: pa.Array) -> set[int]:
    return set(np.unique(lists.value_lengths().to_numpy()).tolist())
