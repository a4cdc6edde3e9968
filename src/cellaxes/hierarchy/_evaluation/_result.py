"""What an evaluation found, split by split and over all, and who is better than whom."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._levels import CodedLevels
from cellaxes.hierarchy.metrics import bootstrap_ratio


@dataclass(frozen=True, eq=False)
class Calls:
    """Calls of the test cells of one embedding, split and prefix.

    Attributes
    ----------
    cells
        Rows of the test cells, ``(n_test,)``.
    called
        Codes of their labels, ``(n_test, n_levels)``.
    full
        Whether the prefix is the full vector.
    """

    cells: NDArray[np.int64]
    called: NDArray[np.int64]
    full: bool


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Numbers of every embedding, split, level and prefix.

    Attributes
    ----------
    table
        One row per embedding, split, level and prefix: what `to_frame` returns.
    steering
        One row per embedding and split with prefixes: ``s`` and its terms ``coarse`` and ``fine``,
        and those of truncated principal components (``null_…``).
    calls
        By embedding, split and prefix.
    coded
        Levels of the cells.
    units
        Group of each cell, ``(n_cells,)``; None where intervals are over cells.
    random_state
        Seed of the intervals.
    """

    table: pd.DataFrame
    steering: pd.DataFrame
    calls: dict[tuple[str, str, int], Calls]
    coded: CodedLevels
    units: NDArray[np.int64] | None
    random_state: int

    def __repr__(self) -> str:
        splits = self.table["split"].nunique()
        over = "cells" if self.units is None else "groups"
        lines = [
            f"Evaluation on {splits} splits: accuracy against training cells (95 % over {over})"
        ]
        whole = self.summary().query("full")
        for name in self.embeddings:
            rows = whole[whole["embedding"] == name][["level", "accuracy", "low", "high"]]
            said = [
                f"{level} {value:.3f} [{low:.3f}, {high:.3f}]"
                for level, value, low, high in rows.to_numpy()
            ]
            lines.append(f"  {name}: {'; '.join(said)}")
        return "\n".join(lines)

    @property
    def embeddings(self) -> list[str]:
        """Names, in the order they came."""
        return [str(name) for name in self.table["embedding"].unique()]

    def to_frame(self) -> pd.DataFrame:
        """Return one row per embedding, split, level and prefix.

        Columns: ``n_train``, ``n_test``, ``unseen`` (share of test cells whose label no training
        cell has), ``accuracy`` (against training cells), ``balanced_accuracy``, ``macro_f1``,
        ``h_precision``, ``h_recall``, ``h_f``, ``error_distance`` (steps in the ontology of the
        cells called wrong) and ``subtype_accuracy`` (last level, with a tree), ``loo_accuracy``
        (leave-one-out among the test cells), ``silhouette`` (of the test cells, cosine).
        """
        return self.table.copy()

    def summary(self) -> pd.DataFrame:
        """Return accuracy over the test cells of all splits, with its interval.

        One row per embedding, level and prefix: ``prefix``, ``full`` (whether it is the full
        vector), ``accuracy``, ``low``, ``high``, ``n_units`` (groups or cells).
        """
        rows = []
        for name, prefix in dict.fromkeys((name, m) for name, _, m in self.calls):
            hits, cells, full = self._hits(name, prefix)
            for at, level in enumerate(self.coded.levels):
                found = self._interval(hits[:, at], cells)
                rows.append((name, level, prefix, full, *found))
        columns = ["embedding", "level", "prefix", "full", "accuracy", "low", "high", "n_units"]
        return pd.DataFrame(rows, columns=columns)

    def against(self, baseline: str) -> pd.DataFrame:
        """Return how much better each other embedding is than ``baseline``, cell by cell.

        Full vectors on the same test cells: ``difference`` of accuracy, ``low``, ``high``,
        ``n_units``, one row per embedding and level. An interval below 0 is a loss.

        Raises
        ------
        InputError
            If there is no such embedding.
        """
        base, cells, _ = self._hits(baseline, None)
        rows = []
        for name in self.embeddings:
            if name == baseline:
                continue
            hits = self._hits(name, None)[0].astype(np.float64) - base
            rows += [
                (name, level, *self._interval(hits[:, at], cells))
                for at, level in enumerate(self.coded.levels)
            ]
        columns = ["embedding", "level", "difference", "low", "high", "n_units"]
        return pd.DataFrame(rows, columns=columns)

    def confusion(self, embedding: str, level: str, prefix: int | None = None) -> pd.DataFrame:
        """Return cells by true label (rows) and call (columns), over the test cells of all splits.

        Parameters
        ----------
        embedding, level
            Names of one of each.
        prefix
            Number of leading dimensions; None for the whole vector.

        Returns
        -------
        Numbers of cells, ``(n_labels, n_labels)``.

        Raises
        ------
        InputError
            If there is no such embedding, level or prefix.
        """
        at = self.coded.position(level)
        names = list(self.coded.names[at])
        counts = np.zeros((len(names), len(names)), dtype=np.int64)
        for found in self._found(embedding, prefix):
            np.add.at(counts, (self.coded.codes[found.cells, at], found.called[:, at]), 1)
        return pd.DataFrame(counts, pd.Index(names, name="true"), pd.Index(names, name="called"))

    def _found(self, embedding: str, prefix: int | None) -> list[Calls]:
        """Return the calls of an embedding on a prefix (None: the full vector), split by split."""
        if embedding not in self.embeddings:
            raise InputError(
                f"there is no embedding {embedding!r}: {near(embedding, self.embeddings)}"
            )
        found = [
            calls
            for (name, _, m), calls in self.calls.items()
            if name == embedding and (calls.full if prefix is None else m == prefix)
        ]
        if not found:
            there = sorted({m for name, _, m in self.calls if name == embedding})
            raise InputError(f"{embedding!r} has no prefix {prefix}: there are {there}.")
        return found

    def _hits(
        self, embedding: str, prefix: int | None
    ) -> tuple[NDArray[np.bool_], NDArray[np.int64], bool]:
        """Return whether each test cell is right, ``(n, n_levels)``, and which cell it is."""
        found = self._found(embedding, prefix)
        cells = np.concatenate([calls.cells for calls in found])
        called = np.concatenate([calls.called for calls in found])
        return called == self.coded.codes[cells], cells, all(calls.full for calls in found)

    def _interval(
        self, values: NDArray[np.float64] | NDArray[np.bool_], cells: NDArray[np.int64]
    ) -> tuple[float, float, float, int]:
        """Return mean, low, high and number of units; a cell that comes twice is one unit."""
        own = cells if self.units is None else self.units[cells]
        units = np.unique(own, return_inverse=True)[1]
        found = bootstrap_ratio(values, units, random_state=self.random_state)
        return found.value, found.low, found.high, found.n_units
