"""Cells with their embedding and labels: at hand, or as a stream of blocks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import DTypeLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.hierarchy._ingest._columns import Columns, describe, pick, take, with_levels
from cellaxes.hierarchy._result import Tree

ROWS = 65_536
"""Rows of a block, and of a row group of what is written."""


@dataclass(frozen=True, eq=False)
class CellStream:
    """Cells whose embedding is read block by block; what `read_cells` returns.

    Hand it to `write_cells` or `write_parquet`, or ``load`` it where it fits into memory.

    Attributes
    ----------
    n_cells, n_dims
        Shape of the embedding.
    dtype
        float32, or float16 where the source is float16.
    columns
        Labels, by name of the column.
    where
        What is read, as messages call it.
    read
        Opens the source and yields the embedding ``(at most 65,536, n_dims)``, in order.
    """

    n_cells: int
    n_dims: int
    dtype: np.dtype[Any]
    columns: Columns
    where: str
    read: Callable[[], Iterator[NDArray[Any]]]

    def __post_init__(self) -> None:
        if not self.n_cells or not self.n_dims:
            raise InputError(f"{self.where} has no cells: its shape is {self._shape}.")
        for name, column in self.columns.items():
            if len(column.codes) != self.n_cells:
                raise InputError(
                    f"{self.where} has {self.n_cells:,} cells, but the column {name!r} has "
                    f"{len(column.codes):,} labels: they do not belong together."
                )

    def __len__(self) -> int:
        return self.n_cells

    def __repr__(self) -> str:
        head = f"CellStream of {self._shape}, {self.dtype}, from {self.where}"
        return "\n".join([head, *describe(self.columns)])

    @property
    def _shape(self) -> str:
        return f"{self.n_cells:,} cells x {self.n_dims:,} dimensions"

    def names(self, column: str) -> tuple[str, ...]:
        """Return the distinct names of the label ``column``, in alphabetical order."""
        return pick(self.columns, column).names

    def with_levels(self, tree: Tree, column: str) -> "CellStream":
        """Add the levels of a tree as columns.

        Parameters
        ----------
        tree
            A tree that has every name of the column.
        column
            Label column that the tree speaks of.

        Raises
        ------
        InputError
            If a name is not in the tree, or a column of the same name is there.
        """
        return replace(self, columns=with_levels(self.columns, tree, column))

    def blocks(self, dtype: DTypeLike | None = None) -> Iterator[NDArray[np.floating]]:
        """Yield the embedding in blocks of rows ``(n_block, n_dims)``, each checked.

        Parameters
        ----------
        dtype
            float32 or float16; that of the stream unless told otherwise.

        Raises
        ------
        InputError
            If a row holds NaN or infinity or is zero (it has no direction), or rows are missing.
        """
        kind = self.dtype if dtype is None else storable(dtype)
        start = 0
        for block in self.read():
            with np.errstate(over="ignore"):
                z = np.ascontiguousarray(block, dtype=kind)
            if z.ndim != 2 or z.shape[1] != self.n_dims:
                raise InputError(
                    f"{self.where} has {self.n_dims:,} dimensions, but shape {z.shape} from row "
                    f"{start:,} on: it is damaged; write it again."
                )
            _check(z, self.where, start)
            start += len(z)
            yield z
        if start != self.n_cells:
            raise InputError(
                f"{self.where} should have {self.n_cells:,} cells, but {start:,} came: it is "
                "truncated; write it again."
            )

    def load(self) -> "Cells":
        """Read the embedding into memory."""
        z = np.empty((self.n_cells, self.n_dims), dtype=self.dtype)
        start = 0
        for block in self.blocks():
            z[start : start + len(block)] = block
            start += len(block)
        return Cells(z, self.columns)


@dataclass(frozen=True, eq=False)
class Cells:
    """An embedding at hand, with the labels of its cells; what `open_cells` returns.

    Attributes
    ----------
    z
        Embedding ``(n_cells, d)``, float32 or float16, array or memory map.
    columns
        Labels, by name of the column.
    path
        Folder of the memory map, if it is one.
    """

    z: NDArray[np.floating]
    columns: Columns
    path: Path | None = None

    def __len__(self) -> int:
        return len(self.z)

    def __repr__(self) -> str:
        where = f"memory map in {self.path}" if self.path else "in memory"
        head = f"Cells: {len(self):,} x {self.n_dims:,} dimensions, {self.z.dtype}, {where}"
        return "\n".join([head, *describe(self.columns)])

    @property
    def n_dims(self) -> int:
        """Number of dimensions."""
        return int(self.z.shape[1])

    def codes(self, column: str) -> NDArray[np.signedinteger]:
        """Return which name of ``column`` each cell has, int16 or int32 ``(n_cells,)``."""
        return pick(self.columns, column).codes

    def names(self, column: str) -> tuple[str, ...]:
        """Return the distinct names of the label ``column``, in alphabetical order."""
        return pick(self.columns, column).names

    def labels(self, column: str) -> "pd.Categorical[str]":
        """Return the label of each cell in ``column``, ``(n_cells,)``."""
        found = pick(self.columns, column)
        return pd.Categorical.from_codes(found.codes, pd.Index(found.names))

    def with_levels(self, tree: Tree, column: str) -> "Cells":
        """Add the levels of ``tree`` by the labels in ``column``, as `CellStream.with_levels`."""
        return replace(self, columns=with_levels(self.columns, tree, column))

    def stream(self, rows: NDArray[np.integer] | None = None) -> CellStream:
        """Return the cells, or some of them in a given order, as a stream to be written.

        Parameters
        ----------
        rows
            Row numbers, ``(n,)``, for example from `stratify`; all in their order if None.
        """
        z, n = self.z, len(self) if rows is None else len(rows)

        def read() -> Iterator[NDArray[Any]]:
            for start in range(0, n, ROWS):
                yield z[start : start + ROWS] if rows is None else z[rows[start : start + ROWS]]

        return CellStream(
            n_cells=n,
            n_dims=self.n_dims,
            dtype=storable(z.dtype),
            columns=self.columns if rows is None else take(self.columns, rows),
            where=str(self.path or "the cells"),
            read=read,
        )


def as_stream(cells: CellStream | Cells) -> CellStream:
    """Return the stream of what is to be written."""
    return cells.stream() if isinstance(cells, Cells) else cells


def storable(dtype: DTypeLike) -> np.dtype[Any]:
    """Return float16 for itself, float32 for other numbers."""
    try:
        kind = np.dtype(dtype)
    except TypeError:
        kind = np.dtype(object)
    if kind.kind not in "fiu":
        raise InputError(f"an embedding is stored as float32 or float16, not as {dtype}.")
    return np.dtype(np.float16 if kind == np.float16 else np.float32)


def _check(z: NDArray[np.floating], where: str, start: int) -> None:
    """Refuse rows that hold NaN or infinity, or are zero."""
    wide = z.astype(np.float32, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        length = np.einsum("ij,ij->i", wide, wide)
    if ((length > 0) & (length < np.inf)).all():
        return
    for bad, what, why in (
        (~np.isfinite(z).all(axis=1), f"holds NaN, infinity or what {z.dtype} cannot hold", ""),
        (~z.any(axis=1), "is zero in every dimension", ", which has no direction"),
    ):
        if bad.any():
            raise InputError(
                f"{where} {what} in row {start + int(bad.argmax()):,} and {int(bad.sum()) - 1:,} "
                f"more of the {len(z):,} from row {start:,} on{why}: remove these cells, or embed "
                "them again."
            )
