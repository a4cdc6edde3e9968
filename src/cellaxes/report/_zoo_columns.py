"""Which column of a tidy table is what, and its rows made clean."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.axis import DEPTH
from cellaxes._core.errors import InputError, near

KNOWN = {
    "depth": ("umis_per_cell", "umi_per_cell", "measured_umi_per_cell", "depth", "umis"),
    "information": ("mi_value", "information", "bits", "mi", "mi_bits"),
    "dataset": ("dataset",),
    "signal": ("signal", "metric"),
    "model": ("model", "algorithm", "method", "embedding"),
    "size": ("size", "n_train", "n_cells", "training_cells", "cell_number"),
    "seed": ("seed", "replicate"),
    "level": ("fraction", "quality", "level"),
}
"""Common names of each column, the most telling first."""

NUMBERS = ("depth", "information", "size")
NAMING = ("dataset", "signal", "model", "size")
"""The columns that together name a curve."""

MISSING = "(missing)"


@dataclass(frozen=True, eq=False)
class Tidy:
    """A results table with columns of known meaning.

    Attributes
    ----------
    points
        ``depth`` and ``information`` as finite numbers, ``cells`` (the size as a number, or
        NaN), and the other columns that were found as labels (text).
    columns
        Name in the table of every column that was found.
    values
        Labels of each column that names something, in their order.
    n_rows, n_missing
        Rows of the table, and those without a finite depth or information, left out.
    """

    points: pd.DataFrame
    columns: dict[str, str]
    values: dict[str, tuple[str, ...]]
    n_rows: int
    n_missing: int


def tidy(table: pd.DataFrame, given: dict[str, str | None]) -> Tidy:
    """Return the rows of a table that hold a point, under the names of `KNOWN`.

    Raises
    ------
    InputError
        If a column is missing, is used twice or holds text where numbers are needed, or no
        row holds a point.
    """
    columns = _columns(table, given)
    for role in NUMBERS:
        if role in columns and not pd.api.types.is_numeric_dtype(table[columns[role]]):
            raise InputError(
                f"the column {columns[role]!r} ({role}) holds text: it must hold numbers."
            )
    points = pd.DataFrame(
        {role: _numbers(table[columns[role]]) for role in ("depth", "information")},
        index=range(len(table)),
    )
    points["cells"] = _numbers(table[columns["size"]]) if "size" in columns else np.nan
    known = np.isfinite(points[["depth", "information"]].to_numpy()).all(axis=1)
    values = {}
    for role in (*NAMING, "seed", "level"):
        if role == "level" and role in columns and table[columns[role]].isna().any():
            if given["level"] is not None:
                raise InputError(
                    f"the column {columns[role]!r} has missing entries: it cannot tell which "
                    "points are replicates of one depth."
                )
            del columns[role]
        if role in columns:
            column = table[columns[role]].reset_index(drop=True)[known]
            points[role] = column.map(_label).astype(object)
            # numbers keep their own order, text is sorted; what is missing comes last
            order = column.dropna().astype(object).unique()
            numeric = pd.api.types.is_numeric_dtype(column)
            labels = [_label(value) for value in sorted(order, key=None if numeric else str)]
            labels += [MISSING] if column.isna().any() else []
            values[role] = tuple(dict.fromkeys(labels))
    if not known.any():
        raise InputError(
            f"no row of the table has both a depth ({columns['depth']!r}) and an information "
            f"({columns['information']!r}): nothing can be drawn."
        )
    kept = points.loc[known].reset_index(drop=True)
    return Tidy(kept, columns, values, len(table), int((~known).sum()))


def unit_of(table: pd.DataFrame) -> str:
    """Return the unit that the rows agree on."""
    told = list(table["unit"].dropna().unique()) if "unit" in table else []
    if len(told) > 1:
        return "noise coordinate"
    return str(told[0]) if len(told) else DEPTH.unit


def _columns(table: pd.DataFrame, given: dict[str, str | None]) -> dict[str, str]:
    """Return the column of every role that was given or is known by a common name."""
    found: dict[str, str] = {}
    for role, name in given.items():
        if name is None:
            continue
        if name not in table:
            raise InputError(
                f"the table has no column {name!r} for the {role}: {near(name, table.columns)}"
            )
        if name in found.values():
            raise InputError(f"the column {name!r} is named twice: each has one meaning.")
        found[role] = name
    plain = {str(name).strip().lower().replace(" ", "_"): name for name in reversed(table.columns)}
    for role in KNOWN:
        free = [plain[name] for name in KNOWN[role] if name in plain]
        free = [name for name in free if name not in found.values()]
        if role not in found and free:
            found[role] = free[0]
    for role in ("depth", "information"):
        if role not in found:
            raise InputError(
                f"no column of the table is known as its {role} ({', '.join(KNOWN[role])}): "
                f"name it with {role}=…, {near('', table.columns)}."
            )
    for name in found.values():
        if list(table.columns).count(name) > 1:
            raise InputError(f"the table has several columns {name!r}: rename all but one.")
    return found


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _label(value: Any) -> str:
    """Return a value as text: 42 and 42.0 read alike, and nothing reads as nothing."""
    if pd.isna(value):
        return MISSING
    if isinstance(value, int | float | np.number) and not isinstance(value, bool):
        return f"{value:.15g}"
    return str(value) or "(empty)"
