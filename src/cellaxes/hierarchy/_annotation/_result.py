"""What cells are called, at which level, and how sure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

COLUMNS = ("level", "call", "confidence", "rejected", "stopped_by")
"""Of the table of calls, beside those of the levels."""


@dataclass(frozen=True, eq=False)
class Annotation:
    """Calls of query cells.

    Attributes
    ----------
    levels
        Names of the levels, coarse to fine.
    names
        Labels of each level.
    calls
        Which label each level calls, int64 ``(n_cells, n_levels)``.
    confidence
        How likely it is right, ``(n_cells, n_levels)``; falls with depth.
    familiar
        Whether the cell looks like a known group, down to each level, ``(n_cells, n_levels)``.
    reached
        Levels that are called, ``(n_cells,)``: 0 for rejected cells.
    nominal
        How often the called level is to be right.
    threshold
        Confidence that a call needed; infinite where no threshold kept the promise.
    rate
        How often the called level was right among held-out cells of the reference.
    held_out
        What was held out: ``"groups"`` or ``"cells"``.
    """

    levels: tuple[str, ...]
    names: tuple[tuple[str, ...], ...]
    calls: NDArray[np.int64]
    confidence: NDArray[np.float64]
    familiar: NDArray[np.bool_]
    reached: NDArray[np.int64]
    nominal: float
    threshold: float
    rate: float
    held_out: str

    def __len__(self) -> int:
        return len(self.calls)

    def __repr__(self) -> str:
        counts = np.bincount(self.reached, minlength=len(self.levels) + 1)
        said = [f"{name} {n}" for name, n in zip(self.levels, counts[1:], strict=True)]
        lines = [
            f"Annotation of {len(self)} cells at {self.nominal:.0%} nominal",
            f"  called down to: {', '.join(said)}; rejected {counts[0]}",
        ]
        if np.isfinite(self.threshold):
            lines.append(
                f"  right in {self.rate:.1%} of the called held-out {self._unit} of the reference"
            )
        else:
            lines.append("  nothing is called: no threshold keeps that rate on held-out cells")
        return "\n".join(lines)

    @property
    def _unit(self) -> str:
        return "cells of new groups" if self.held_out == "groups" else "cells (of the same donors)"

    @property
    def rejected(self) -> NDArray[np.bool_]:
        """Cells that are called at no level, ``(n_cells,)``."""
        return np.asarray(self.reached == 0)

    def label(self, level: str) -> NDArray[Any]:
        """Return the label of each cell ``(n_cells,)`` at ``level``, reached or not."""
        at = self.levels.index(level)
        return np.asarray(self.names[at], dtype=object)[self.calls[:, at]]

    def to_frame(self, index: Sequence[Any] | pd.Index | None = None) -> pd.DataFrame:
        """Return one row per cell.

        Columns: each level (its label, whether or not it is reached) and ``<level>_confidence``;
        ``level`` (the deepest that is called, missing where rejected), ``call`` (its label),
        ``confidence`` (of that call), ``rejected``, and ``stopped_by``: ``"distance"`` where the
        next level would be a group the cell is unlike, ``"vote"`` where it is not sure enough,
        empty where the last level is called.

        Parameters
        ----------
        index
            Names of the cells.
        """
        columns: dict[str, Any] = {level: self.label(level) for level in self.levels}
        for at, level in enumerate(self.levels):
            columns[f"{level}_confidence"] = self.confidence[:, at]
        rows, last = np.arange(len(self)), np.maximum(self.reached, 1) - 1
        labels = np.column_stack([columns[level] for level in self.levels])
        following = np.minimum(self.reached, len(self.levels) - 1)
        stopped = np.where(self.familiar[rows, following], "vote", "distance").astype(object)
        stopped[self.reached == len(self.levels)] = ""
        columns["level"] = np.where(
            self.rejected, None, np.asarray(self.levels, dtype=object)[last]
        )
        columns["call"] = np.where(self.rejected, None, labels[rows, last])
        columns["confidence"] = np.where(self.rejected, np.nan, self.confidence[rows, last])
        columns["rejected"] = self.rejected
        columns["stopped_by"] = stopped
        return pd.DataFrame(columns, index=None if index is None else pd.Index(index))
