"""The folder that is trained on: a memory map, codes of the labels, and what they mean."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import file_identity, pretty_json
from cellaxes._core.folders import folder_atomic
from cellaxes._core.reading import open_npy, reading
from cellaxes._core.version import __version__
from cellaxes.hierarchy._ingest._cells import Cells, CellStream, as_stream, storable
from cellaxes.hierarchy._ingest._columns import Column

FORMAT = "cellaxes.cells/1"
HEAD, EMBEDDING = "cells.json", "embedding.npy"


def write_cells(
    cells: CellStream | Cells, path: str | Path, *, dtype: DTypeLike | None = None
) -> Cells:
    """Write the folder that `open_cells` opens, block by block.

    It has ``embedding.npy`` (n_cells, d), a ``.npy`` of codes (int16 or int32) for each label
    column, and ``cells.json`` with their names and the size and SHA-256 of every file. It appears
    whole or not at all.

    Parameters
    ----------
    cells
        What `read_cells`, `open_cells` or ``Cells.stream`` returned.
    path
        Folder to write; must not exist yet, or be empty.
    dtype
        float32, or float16 for half the size; that of the source unless told otherwise.

    Returns
    -------
    Cells
        The folder, opened.

    Raises
    ------
    InputError
        If the folder exists, the embedding has bad rows or the source is damaged.
    StoreError
        If the disk is full or the folder cannot be written.
    """
    stream, path = as_stream(cells), Path(path)
    kind = stream.dtype if dtype is None else storable(dtype)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{path} exists already: choose another name or remove it.")
    with folder_atomic(path) as folder:
        shape = (stream.n_cells, stream.n_dims)
        files = {EMBEDDING: _save(folder / EMBEDDING, shape, kind, stream.blocks(kind))}
        columns = []
        for number, (name, column) in enumerate(stream.columns.items()):
            file = f"codes_{number}.npy"
            codes = column.codes
            files[file] = _save(folder / file, codes.shape, codes.dtype, [codes])
            columns.append({"name": name, "file": file, "names": list(column.names)})
        head = {
            "format": FORMAT,
            "n_cells": stream.n_cells,
            "n_dims": stream.n_dims,
            "dtype": kind.name,
            "source": stream.where,
            "version": __version__,
            "columns": columns,
            "files": files,
        }
        (folder / HEAD).write_text(pretty_json(head), encoding="utf-8")
    return open_cells(path)


def open_cells(path: str | Path, *, verify: bool = False) -> Cells:
    """Open a folder that `write_cells` wrote; nothing is read but the names and codes.

    Parameters
    ----------
    path
        The folder.
    verify
        Compare the SHA-256 of every file too, which reads all of it.

    Returns
    -------
    Cells
        Embedding and codes are memory maps, read-only.

    Raises
    ------
    InputError
        If it is no such folder, or a part is missing, truncated or damaged.
    """
    path = Path(path)
    if not (path / HEAD).is_file():
        raise InputError(f"{path} holds no cells ({HEAD} is missing): write it with write_cells.")
    with reading(path / HEAD, "the head of cells", "write the cells again"):
        head = json.loads((path / HEAD).read_text(encoding="utf-8"))
        if head["format"] != FORMAT:
            raise InputError(
                f"{path} has layout {head['format']}, this cellaxes reads {FORMAT}: update "
                "cellaxes or write it again."
            )
        shape, kind = (int(head["n_cells"]), int(head["n_dims"])), np.dtype(head["dtype"])
        files = {str(name): (int(f["size"]), str(f["sha256"])) for name, f in head["files"].items()}
        columns = [(str(c["name"]), str(c["file"]), tuple(c["names"])) for c in head["columns"]]
        lost = [file for _, file, _ in columns if file not in files]
        if lost or EMBEDDING not in files or any(Path(name).name != name for name in files):
            raise ValueError(f"files are not as they should be: {sorted(files)}")
    for name, (size, sha) in files.items():
        _check_file(path / name, size, sha if verify else None)
    return Cells(
        _open(path / EMBEDDING, shape, kind),
        {name: _column(path / file, names, shape[0]) for name, file, names in columns},
        path,
    )


def _save(
    path: Path, shape: tuple[int, ...], kind: np.dtype[Any], blocks: Iterable[NDArray[Any]]
) -> dict[str, Any]:
    """Write a ``.npy`` file from blocks of rows; return its size and SHA-256."""
    with path.open("xb") as stream:
        told = _Told(stream)
        head = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(told, head)
        for block in blocks:
            told.write(np.ascontiguousarray(block).reshape(-1).view(np.uint8).data)
        stream.flush()
        os.fsync(stream.fileno())
    return {"size": path.stat().st_size, "sha256": told.digest.hexdigest()}


class _Told:
    """A file that knows the SHA-256 of what went into it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        """Write and take note."""
        self.digest.update(data)
        self._stream.write(data)


def _check_file(path: Path, size: int, sha: str | None) -> None:
    if not path.is_file():
        raise InputError(f"{path} is missing: write the cells again.")
    if path.stat().st_size != size:
        raise InputError(
            f"{path} has {path.stat().st_size:,} bytes instead of {size:,}: it is truncated or was "
            "changed; write the cells again."
        )
    if sha is not None and file_identity(path) != sha:
        raise InputError(f"{path} is not what was written (SHA-256 differs): write it again.")


def _open(path: Path, shape: tuple[int, ...], kind: np.dtype[Any] | None) -> NDArray[Any]:
    found = open_npy(path)
    if found.shape != shape or (kind is not None and found.dtype != kind):
        raise InputError(
            f"{path} holds {found.dtype} of shape {found.shape} instead of {kind} of shape "
            f"{shape}: write the cells again."
        )
    return found


def _column(path: Path, names: tuple[str, ...], n_cells: int) -> Column:
    codes = _open(path, (n_cells,), None)
    if codes.dtype.kind != "i" or codes.min() < 0 or codes.max() >= len(names):
        raise InputError(f"{path} has codes that no name belongs to: write the cells again.")
    return Column(codes, names)
