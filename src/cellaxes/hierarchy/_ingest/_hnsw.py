"""Vectors of an hnswlib index, read as a memory map.

The file starts with a header of 96 bytes, little endian: six 64-bit integers (offset of the lowest
layer, most elements, elements, bytes of an element, offset of the label, offset of the vector), the
top layer and the entry point (32 bits each), three 64-bit integers and a float (the graph's
settings), one more 64-bit integer. Elements follow, each of one size: links of the lowest layer,
vector, label. Links of the other layers end the file, at least 4 bytes for each element.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError

HEADER = struct.Struct("<6QiI3QdQ")
CHUNK = 1 << 16
"""Elements whose labels are read at a time."""


@dataclass(frozen=True, eq=False)
class Index:
    """Elements of an index.

    Attributes
    ----------
    path
        The file.
    n_cells
        How many.
    kind
        Layout of an element: ``vector`` (float32, d), ``label`` and ``mark``.
    """

    path: Path
    n_cells: int
    kind: np.dtype[Any]

    def __len__(self) -> int:
        return self.n_cells

    @property
    def n_dims(self) -> int:
        """Dimensions of a vector."""
        return int(self.kind["vector"].shape[0])

    @property
    def elements(self) -> NDArray[Any]:
        """A new memory map: what was read through an old one leaves memory with it."""
        return np.memmap(self.path, self.kind, "r", HEADER.size, (self.n_cells,))

    def order(self) -> NDArray[np.int64]:
        """Return where the element with label 0, 1, 2, … is, ``(n,)``.

        Raises
        ------
        InputError
            If the labels are not 0 to n - 1, each once, or an element is marked as deleted.
        """
        n = len(self)
        where = np.full(n, -1, dtype=np.int64)
        for start in range(0, n, CHUNK):
            chunk = self.elements[start : start + CHUNK]
            labels, marks = chunk["label"], chunk["mark"]
            if (marks & 1).any():
                raise InputError(
                    f"{self.path}: element {start + int((marks & 1).argmax()):,} is marked as "
                    "deleted: build the index again without the cells that are not wanted."
                )
            inside = labels < n
            where[labels[inside].astype(np.int64)] = np.flatnonzero(inside) + start
        if (where < 0).any():
            raise InputError(
                f"{self.path}: no element has the label {int((where < 0).argmax()):,}; the labels "
                f"must be 0 to {n - 1:,}, each once, to name the lines of the label file."
            )
        return where


def open_index(path: Path) -> Index:
    """Open an index, refusing what is damaged or of another kind.

    Raises
    ------
    InputError
        If the file is missing, no index of float32 vectors, or truncated.
    """
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEADER.size)
    if len(head) < HEADER.size:
        raise InputError(f"{path} is truncated: it has {size:,} bytes, its header alone has 96.")
    level0, most, n, element, label, vector, _, entry, _, links, _, _, _ = HEADER.unpack(head)
    n_dims, rest = divmod(label - vector, 4)
    sound = (
        level0 == 0
        and n <= most
        and (entry < n or not n)
        and vector == 4 + 4 * links
        and element == label + 8
        and n_dims > 0
        and rest == 0
    )
    if not sound:
        raise InputError(
            f"{path} is no hnswlib index of float32 vectors, or its header is damaged: copy it "
            "again."
        )
    least = HEADER.size + n * (element + 4)
    if size < least:
        raise InputError(
            f"{path} is truncated: {n:,} cells of {n_dims} dimensions need at least {least:,} "
            f"bytes, it has {size:,}; copy it again."
        )
    kind = np.dtype(
        {
            "names": ["mark", "vector", "label"],
            "formats": ["u1", ("<f4", (n_dims,)), "<u8"],
            "offsets": [2, vector, label],
            "itemsize": element,
        }
    )
    if not n:
        raise InputError(f"{path} holds no cells.")
    return Index(path, n, kind)
