"""What a model learns from: responses of rows, and what is known of contexts and compounds."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._splits._rows import check_rows


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Responses that a model may see, and nothing of the rows that it will be asked for.

    Attributes
    ----------
    Y
        ``(n_rows, n_genes)``, float32, in the space that is modelled (t statistics unless said
        otherwise); NaN is missing.
    rows
        ``context`` and ``compound`` of each row as text, where known ``moa``, ``donor``, …;
        the index counts from 0.
    weights
        Of the rows, ``(n_rows,)``, above 0 and at most 1.
    compounds
        Chemical features: one row per compound, named in the index, all columns numbers
        (fingerprint bits, an embedding). It may lack compounds and hold others.
    contexts
        Untreated expression (or its principal components): one row per context, likewise.
    random_state
        Seed.

    Raises
    ------
    InputError
        If shapes do not fit, a value is infinite, a row or a table is not what it must be.
    """

    Y: NDArray[np.float32]
    rows: pd.DataFrame
    weights: NDArray[np.float64]
    compounds: pd.DataFrame | None = None
    contexts: pd.DataFrame | None = None
    random_state: int = 0

    def __post_init__(self) -> None:
        check_rows(self.rows, least=1)
        if self.Y.ndim != 2 or len(self.Y) != len(self.rows) or not self.Y.shape[1]:
            raise InputError(
                f"Y must hold one profile for each of {len(self.rows)} rows, but has shape "
                f"{self.Y.shape}."
            )
        if np.isinf(self.Y).any() or np.isnan(self.Y).all():
            raise InputError("Y must hold finite values, NaN where one is missing.")
        if (
            self.weights.shape != (len(self.rows),)
            or not ((self.weights > 0) & (self.weights <= 1)).all()
        ):
            raise InputError(
                f"weights must hold one number above 0 and at most 1 for each of "
                f"{len(self.rows)} rows, but have shape {self.weights.shape}."
            )
        for name, table in (("compounds", self.compounds), ("contexts", self.contexts)):
            _check_table(table, name)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> "TrainingData":
        """Return ``rows``, positions ``(n_taken,)`` or mask ``(n_rows,)``; tables stay whole."""
        held = self.rows.iloc[np.arange(len(self.rows))[rows]].reset_index(drop=True)
        return replace(self, Y=self.Y[rows], rows=held, weights=self.weights[rows])

    def range(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the least and the largest value of every gene; zeros where there is none."""
        none = np.isnan(self.Y).all(axis=0)
        low = np.where(np.isnan(self.Y), np.inf, self.Y).min(axis=0)
        high = np.where(np.isnan(self.Y), -np.inf, self.Y).max(axis=0)
        return np.where(none, 0, low).astype(np.float32), np.where(none, 0, high).astype(np.float32)


def _check_table(table: pd.DataFrame | None, name: str) -> None:
    if table is None:
        return
    if table.index.has_duplicates:
        twice = table.index[table.index.duplicated()][0]
        raise InputError(f"{name} hold {twice!r} twice: leave one row of each.")
    numbers = table.select_dtypes(["number", "bool"])
    if numbers.shape != table.shape or not np.isfinite(numbers.to_numpy(float)).all():
        raise InputError(f"{name} must hold finite numbers only: drop other columns, fill gaps.")
