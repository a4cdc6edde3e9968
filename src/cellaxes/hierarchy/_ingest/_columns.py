"""Labels of cells as whole numbers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._result import Tree


@dataclass(frozen=True, eq=False)
class Column:
    """Label of each cell.

    Attributes
    ----------
    codes
        Which name each cell has, ``(n_cells,)``, int16, or int32 where there are more names.
    names
        Distinct names in alphabetical order: they do not depend on the order of the cells.
    """

    codes: NDArray[np.signedinteger]
    names: tuple[str, ...]


Columns = Mapping[str, Column]


class Coder:
    """Gives the names of a column their numbers, chunk by chunk."""

    def __init__(self) -> None:
        self._rank: dict[str, int] = {}
        self._parts: list[NDArray[np.int32]] = []

    def add(self, codes: NDArray[Any], names: Iterable[Any]) -> None:
        """Take the next cells: which of ``names`` each has; -1 (or a blank name) is missing.

        Space around a name is no part of it.
        """
        texts = ["" if name is None or name != name else str(name).strip() for name in names]
        ranks = [self._rank.setdefault(text, len(self._rank)) if text else -1 for text in texts]
        self._parts.append(np.array([*ranks, -1], dtype=np.int32)[codes])

    def column(self, where: str, missing: str | None = None) -> Column:
        """Return the column.

        Parameters
        ----------
        where
            How messages call it.
        missing
            Name of cells without a label; refused where this is None.
        """
        codes = np.concatenate(self._parts) if self._parts else np.empty(0, np.int32)
        self._parts = []
        n_missing = int((codes < 0).sum())
        if n_missing and missing is None:
            raise InputError(
                f"{where} is missing in {n_missing:,} of {len(codes):,} cells, the first in row "
                f"{int((codes < 0).argmax()):,}: remove them, or name them "
                "(missing='unknown', --missing unknown)."
            )
        if n_missing:
            codes[codes < 0] = self._rank.setdefault(str(missing), len(self._rank))
        found = np.array(list(self._rank), dtype=object)
        used = np.flatnonzero(np.bincount(codes, minlength=len(found)))
        used = used[np.argsort(found[used])]
        kind = np.int16 if len(used) <= np.iinfo(np.int16).max else np.int32
        rank = np.zeros(len(found), dtype=kind)
        rank[used] = np.arange(len(used), dtype=kind)
        return Column(frozen(rank[codes]), tuple(found[used].tolist()))


def frozen(values: NDArray[Any]) -> NDArray[Any]:
    """Return the array, read-only."""
    values.flags.writeable = False
    return values


def column_of(values: Any, where: str, missing: str | None = None) -> Column:
    """Return the column of a label per cell, ``(n_cells,)``, categorical or not."""
    codes, names = pd.factorize(pd.Series(values))
    coder = Coder()
    coder.add(codes, names)
    return coder.column(where, missing)


def wanted(labels: str | Sequence[str] | None, present: Sequence[str], where: str) -> list[str]:
    """Return the columns that are asked for, each once; all that are there if None."""
    asked = [labels] if isinstance(labels, str) else present if labels is None else labels
    for name in asked:
        if name not in present:
            raise InputError(f"{where} has no column {name!r}: {near(name, present)}")
    if not asked:
        raise InputError(f"{where} has no label columns: name them (labels=, --labels).")
    return list(dict.fromkeys(asked))


def pick(columns: Columns, name: str) -> Column:
    """Return one of the columns."""
    if name not in columns:
        raise InputError(f"the cells have no label column {name!r}: {near(name, columns)}")
    return columns[name]


def with_levels(columns: Columns, tree: Tree, name: str) -> dict[str, Column]:
    """Return the columns and the levels of a tree, which is grown on one of them."""
    types = pick(columns, name)
    levels = tree.expand(types.names)
    taken = [level for level in levels if level in columns]
    if taken:
        raise InputError(
            f"the cells have a column {taken[0]!r} already: leave it out of the labels that are "
            "read, or the tree."
        )
    added = {}
    for level, groups in levels.items():
        coder = Coder()
        coder.add(groups.cat.codes.to_numpy()[types.codes], groups.cat.categories)
        added[str(level)] = coder.column(str(level))
    return {**columns, **added}


def take(columns: Columns, rows: NDArray[np.integer]) -> dict[str, Column]:
    """Return the columns of some cells, in their order; names stay."""
    return {
        name: Column(frozen(column.codes[rows]), column.names) for name, column in columns.items()
    }


def describe(columns: Columns) -> list[str]:
    """Return one line per column: how many names, and the largest."""
    width = max(map(len, columns), default=0)
    lines = []
    for name, column in columns.items():
        sizes = np.bincount(column.codes, minlength=len(column.names))
        largest = np.argsort(-sizes, kind="stable")[:3]
        shown = ", ".join(f"{column.names[k]} {sizes[k]:,}" for k in largest)
        more = ", …" if len(column.names) > len(largest) else ""
        names = "name" if len(column.names) == 1 else "names"
        lines.append(f"  {name:<{width}}  {len(column.names):,} {names}: {shown}{more}")
    return lines
