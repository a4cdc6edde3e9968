"""The table that splits read: one row per response, what it is of in named columns."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.random import stream

COLUMNS = ("context", "compound", "scaffold", "moa", "donor", "plate")
"""Columns whose leakage is stated; the first two must be there."""

SEPARATOR = ";"
"""Between the targets of a compound that has several."""


def check_rows(rows: pd.DataFrame, *columns: str, least: int = 2) -> None:
    """Refuse a table of too few rows, or without a column, or with gaps in context or compound."""
    if not isinstance(rows, pd.DataFrame):
        raise InputError(
            f"rows must be a pandas DataFrame with columns context and compound, not "
            f"{type(rows).__name__}."
        )
    if rows.columns.has_duplicates:
        twice = rows.columns[rows.columns.duplicated()][0]
        raise InputError(f"rows have the column {twice!r} twice: rename one.")
    for column in dict.fromkeys(("context", "compound", *columns)):
        if column not in rows:
            raise InputError(
                f"rows have no column {column!r}: {near(column, rows.columns)} Rename or add it."
            )
    if len(rows) < least:
        if least < 2:
            raise InputError("the table has no row: pass one at least.")
        raise InputError(f"a split needs two rows, but there are {len(rows)}.")
    for column in ("context", "compound"):
        gaps = np.flatnonzero(rows[column].isna())
        if len(gaps):
            raise InputError(
                f"{column} is missing in {len(gaps)} rows, first in row {gaps[0]}: name it, or "
                "leave them out."
            )


def names(rows: pd.DataFrame, column: str) -> NDArray[np.object_]:
    """Return a column as text, ``None`` where it is missing."""
    values = rows[column]
    found = [str(v) if known else None for v, known in zip(values, values.notna(), strict=True)]
    return np.array(found, dtype=object)


def terms(rows: pd.DataFrame, column: str) -> list[frozenset[str]]:
    """Return what a column says of each row: nothing, one value, or of ``moa`` several."""
    values = names(rows, column)
    if column != "moa":
        return [frozenset() if value is None else frozenset([value]) for value in values]
    return [
        frozenset(filter(None, map(str.strip, (value or "").split(SEPARATOR)))) for value in values
    ]


def listed(wanted: str | Iterable[str], available: Iterable[object], what: str) -> tuple[str, ...]:
    """Return the names that are asked for, each of which must be there."""
    asked = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted]
    there = {str(name) for name in available if name is not None}
    for name in asked:
        if name not in there:
            raise InputError(f"there is no {what} {name!r}: {near(name, there)}")
    if not asked:
        raise InputError(f"no {what} is named: name one to hold out.")
    return tuple(dict.fromkeys(asked))


def draw(sizes: Sequence[int], fraction: float, what: str, random_state: int) -> NDArray[np.bool_]:
    """Return which units to hold out: as near to ``fraction`` of the rows as whole units allow.

    At least one is held out and one is left.
    """
    if isinstance(fraction, bool) or not 0 < fraction < 1:
        raise InputError(f"held_out must be names, or a share between 0 and 1, not {fraction!r}.")
    if len(sizes) < 2:
        raise InputError(
            f"there is one {what} only, so none can be held out: two are needed, better ten."
        )
    order = stream(random_state, "split", what, len(sizes)).permutation(len(sizes))
    reached = np.cumsum(np.asarray(sizes)[order])[:-1]
    n_out = int(np.abs(reached - fraction * sum(sizes)).argmin()) + 1
    out = np.zeros(len(sizes), dtype=bool)
    out[order[:n_out]] = True
    return out
