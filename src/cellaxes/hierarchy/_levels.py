"""Levels of cells as codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.matrix import require_cells


@dataclass(frozen=True, eq=False)
class CodedLevels:
    """Labels of cells from coarse to fine.

    Attributes
    ----------
    levels
        What the levels are called.
    names
        Labels of each level, sorted.
    codes
        Which label each cell has, int64 ``(n_cells, n_levels)``.
    """

    levels: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    codes: NDArray[np.int64]

    def position(self, level: str) -> int:
        """Return which level has that name."""
        if level not in self.levels:
            raise InputError(f"there is no level {level!r}: {near(level, self.levels)}")
        return self.levels.index(level)

    def first(self, n_levels: int) -> "CodedLevels":
        """Return the coarsest levels."""
        return CodedLevels(self.levels[:n_levels], self.names[:n_levels], self.codes[:, :n_levels])


def read_levels(levels: Any, n_cells: int) -> CodedLevels:
    """Return the levels of cells, as `Tree.expand` gives them, as codes.

    Parameters
    ----------
    levels
        Data frame, dictionary of columns, or list of arrays, from coarse to fine, one row per cell;
        or one label per cell, which is a single level.
    n_cells
        Cells of the embedding they belong to.

    Raises
    ------
    InputError
        If there are other cells than those of the embedding, a label is missing, or the finest
        level has one class only.
    """
    require_cells(n_cells, "the embedding")
    columns = _columns(levels)
    if not columns:
        raise InputError("levels hold no column: give at least one label to each cell.")
    for name, column in columns:
        if len(column) != n_cells:
            raise InputError(
                f"{name} has {len(column)} labels for {n_cells} cells: give one to each cell."
            )
    called = [name for name, _ in columns]
    if len(set(called)) < len(called):
        raise InputError(f"levels must have different names, but are {called}.")
    codes, names = [], []
    for name, column in columns:
        code, distinct = _coded(column)
        missing = code < 0
        if missing.any():
            raise InputError(
                f"{name} is missing in {int(missing.sum())} of {n_cells} cells, the first at row "
                f"{int(missing.argmax())}: name or remove them."
            )
        codes.append(code)
        names.append(distinct)
    if len(names[-1]) < 2:
        raise InputError(
            f"{called[-1]} has one class only ({names[-1][0]!r}): two at least are needed."
        )
    return CodedLevels(tuple(called), tuple(names), np.column_stack(codes))


def _columns(levels: Any) -> list[tuple[str, "pd.Series[Any]"]]:
    """Return the name and the labels of each level."""
    if isinstance(levels, pd.DataFrame):
        return [(str(name), levels.iloc[:, k]) for k, name in enumerate(levels)]
    if isinstance(levels, dict):
        return [(str(name), pd.Series(column)) for name, column in levels.items()]
    nested = isinstance(levels, list | tuple) and any(np.ndim(level) for level in levels)
    if nested and all(np.ndim(level) == 1 for level in levels):
        return [(f"level{k}", pd.Series(level)) for k, level in enumerate(levels, 1)]
    if not nested and np.ndim(levels) == 1:
        return [("label", pd.Series(levels))] if len(levels) else []
    raise InputError(
        "levels must be a data frame with one column per level, as Tree.expand returns it, or one "
        "array of labels per level."
    )


def _coded(column: "pd.Series[Any]") -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return which label each cell has, -1 where it is missing, and the labels as sorted text."""
    code, found = pd.factorize(column)
    text = np.asarray([str(label) for label in found], dtype=str)
    names, place = np.unique(text, return_inverse=True)
    place = np.append(place, -1)  # of what is missing
    return place[code].astype(np.int64), tuple(names.tolist())


def read_groups(
    groups: Any, n_cells: int, *, at_least: int = 2
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return donors (or technologies, …) of cells as codes ``(n_cells,)``, and their names.

    Raises
    ------
    InputError
        If there are other cells, a group is missing, or there are fewer than ``at_least`` groups.
    """
    if np.ndim(groups) != 1 or len(groups) != n_cells:
        raise InputError(
            f"groups must name the donor of each of the {n_cells} cells, but have shape "
            f"{np.shape(groups)}."
        )
    codes, names = _coded(pd.Series(groups))
    if (codes < 0).any():
        raise InputError(f"groups are missing for {int((codes < 0).sum())} cells: name them.")
    if len(names) < at_least:
        raise InputError(
            f"groups hold one group only ({names[0]!r}): a claim about new ones needs a second."
        )
    return codes, names
