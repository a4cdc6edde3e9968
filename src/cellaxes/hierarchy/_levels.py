"""Levels of cells as codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near


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
        Data frame or dictionary of columns from coarse to fine, one row per cell; or one label per
        cell, which is a single level.
    n_cells
        Cells of the embedding they belong to.

    Raises
    ------
    InputError
        If there are other cells than those of the embedding, a label is missing, or the finest
        level has one class only.
    """
    if isinstance(levels, pd.DataFrame):
        frame = levels
    elif isinstance(levels, dict):
        frame = pd.DataFrame({name: np.asarray(column) for name, column in levels.items()})
    elif np.ndim(levels) == 1:
        frame = pd.DataFrame({"label": np.asarray(levels)})
    else:
        raise InputError("levels must be a data frame with one column per level: Tree.expand.")
    if len(frame) != n_cells or not frame.shape[1]:
        raise InputError(
            f"levels have {len(frame)} rows and {frame.shape[1]} columns for {n_cells} cells: give "
            "one row to each cell and one column to each level."
        )
    if not frame.columns.is_unique:
        raise InputError(f"levels must have different names, but are {list(frame.columns)}.")
    codes, names = [], []
    for level in frame:
        column = frame[level]
        if column.isna().any():
            raise InputError(
                f"{level} is missing in {int(column.isna().sum())} of {n_cells} cells, the "
                f"first at row {int(column.isna().to_numpy().argmax())}: name or remove them."
            )
        distinct, code = np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)
        codes.append(code.astype(np.int64))
        names.append(tuple(distinct.tolist()))
    if len(names[-1]) < 2:
        raise InputError(
            f"{frame.columns[-1]} has one class only ({names[-1][0]!r}): two at least are needed."
        )
    return CodedLevels(tuple(str(level) for level in frame), tuple(names), np.column_stack(codes))


def read_groups(groups: Any, n_cells: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return donors (or technologies, …) of cells as codes ``(n_cells,)``, and their names.

    Raises
    ------
    InputError
        If there are other cells, a group is missing, or there is one group only.
    """
    if np.ndim(groups) != 1 or len(groups) != n_cells:
        raise InputError(
            f"groups must name the donor of each of the {n_cells} cells, but have shape "
            f"{np.shape(groups)}."
        )
    column = pd.Series(np.asarray(groups, dtype=object))
    if column.isna().any():
        raise InputError(f"groups are missing for {int(column.isna().sum())} cells: name them.")
    names, codes = np.unique(column.astype(str).to_numpy(dtype=str), return_inverse=True)
    if len(names) < 2:
        raise InputError(
            f"groups hold one group only ({names[0]!r}): a claim about new ones needs a second."
        )
    return codes.astype(np.int64), tuple(names.tolist())
