"""What a table of responses is made of, checked and put into one form."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near

LAYERS = ("t", "logFC", "signed_log10_p")
"""What is stored of each row and gene, in this order."""
KEYS = ("context", "compound", "dose", "time", "donor", "plate", "well", "replicate")
"""Columns that together tell rows apart, where they are there; the first two must be."""
OWN = ("weight", "suspect", "reasons", "warnings")
"""Columns that the table keeps by itself."""


def plain_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame of numbers, booleans and text: categories and mixed columns become text."""
    made: dict[Any, Any] = {}
    for name in frame.columns:
        column = frame[name]
        gaps = column.isna().to_numpy()
        if pd.api.types.is_bool_dtype(column) and not gaps.any():
            made[name] = column.to_numpy(dtype=bool)
        elif pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            made[name] = column.to_numpy(dtype=np.float64) if gaps.any() else column.to_numpy()
        else:
            text = column.astype(object).map(str, na_action="ignore")
            made[name] = text.where(~gaps, np.nan).to_numpy(dtype=object)
    return pd.DataFrame(made, index=frame.index, columns=frame.columns)


def place(rows: pd.DataFrame, i: int | np.integer) -> str:
    """How messages call a row."""
    return f"row {i} ({rows['compound'].iloc[int(i)]} in {rows['context'].iloc[int(i)]})"


def some(entries: Sequence[object] | NDArray[Any], n: int = 5) -> str:
    """Return the first few of many names."""
    return ", ".join(map(str, entries[:n])) + (", …" if len(entries) > n else "")


def clean_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with a fresh index, refusing gaps in names and rows that stand twice."""
    if not isinstance(rows, pd.DataFrame):
        raise InputError(f"rows must be a data frame, not {type(rows).__name__}.")
    if rows.columns.has_duplicates:
        twice = rows.columns[rows.columns.duplicated()][0]
        raise InputError(f"rows have the column {twice!r} twice: rename one.")
    for key in ("context", "compound"):
        if key not in rows:
            raise InputError(f"rows have no column {key!r}: {near(key, rows.columns)}")
        gaps = np.flatnonzero(rows[key].isna())
        if len(gaps):
            raise InputError(
                f"{key} is missing in {len(gaps)} rows (first row {gaps[0]}): name it, or leave "
                "these rows out."
            )
    if not len(rows):
        raise InputError("the table has no rows.")
    clean = plain_frame(rows.reset_index(drop=True)).drop(columns=list(OWN), errors="ignore")
    for key in ("context", "compound"):
        clean[key] = clean[key].astype(str).astype(object)
    told = [key for key in KEYS if key in clean]
    again = clean.duplicated(told).to_numpy()
    if again.any():
        i = int(again.argmax())
        alike = clean[told].astype(str) == clean.loc[i, told].astype(str)
        first = int(alike.all(axis=1).argmax())
        names = ", ".join(str(clean.at[i, key]) for key in told)
        raise InputError(
            f"rows {first} and {i} are both ({names}); {int(again.sum())} rows stand again: "
            "average them, or tell them apart by a column such as dose, time, donor, plate or "
            "replicate."
        )
    return clean


def clean_genes(genes: Iterable[object]) -> NDArray[np.str_]:
    """Return gene names as text, refusing names that stand twice."""
    names = np.asarray(list(genes), dtype=str)
    if names.ndim != 1 or not len(names):
        raise InputError("genes must be a list of names, at least one.")
    index = pd.Index(names)
    if index.has_duplicates:
        twice = index[index.duplicated()].unique()
        raise InputError(
            f"gene {twice[0]!r} stands more than once ({len(twice)} such names): keep one of each."
        )
    names.setflags(write=False)
    return names


def clean_layer(
    name: str, values: Any, rows: pd.DataFrame, genes: NDArray[np.str_]
) -> NDArray[Any]:
    """Return a layer as read-only floats ``(n_rows, n_genes)``; infinite values are named."""
    array = np.asarray(values)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{name} holds values of type {array.dtype}: make them numbers.")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    if array.shape != (len(rows), len(genes)):
        raise InputError(
            f"{name} has shape {array.shape} for {len(rows)} rows and {len(genes)} genes."
        )
    at = np.flatnonzero(np.isinf(array).any(axis=1))
    if len(at):
        n = int(np.isinf(array[at]).sum())
        gene = genes[np.isinf(array[at[0]]).argmax()]
        raise InputError(
            f"{name} is infinite in {n} places of {len(at)} rows, first in {place(rows, at[0])}, "
            f"gene {gene}: set these to NaN if not known, or compute them in log space "
            "(cellaxes.perturbation.signed_log10_p of t)."
        )
    view = array.view()
    view.setflags(write=False)
    return view


def clean_weight(weight: NDArray[Any], rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return weights ``(n_rows,)`` in (0, 1]; empty means 1 everywhere."""
    found = np.array(weight, dtype=np.float64) if np.size(weight) else np.ones(len(rows))
    if found.shape != (len(rows),):
        raise InputError(f"weight has shape {found.shape} for {len(rows)} rows.")
    bad = np.flatnonzero(~((found > 0) & (found <= 1)))
    if len(bad):
        raise InputError(
            f"weights must lie in (0, 1], but {place(rows, bad[0])} has {found[bad[0]]:g} "
            f"({len(bad)} such rows): rescale them, or leave these rows out."
        )
    found.setflags(write=False)
    return found


def clean_reasons(reasons: Any, rows: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return the reasons of each row as tuples of codes; empty means none anywhere."""
    if not len(reasons):
        return ((),) * len(rows)
    if len(reasons) != len(rows):
        raise InputError(f"reasons has {len(reasons)} entries for {len(rows)} rows.")
    if any(isinstance(codes, str) for codes in reasons):
        raise InputError("reasons must be a tuple of codes for each row, not text.")
    return tuple(tuple(map(str, codes)) for codes in reasons)


def clean_compounds(compounds: pd.DataFrame) -> pd.DataFrame:
    """Return compounds indexed by name, refusing names that stand twice."""
    names = compounds.index.astype(str)
    if names.has_duplicates:
        twice = names[names.duplicated()][0]
        raise InputError(f"compounds hold {twice!r} more than once: leave one row of each.")
    clean = plain_frame(compounds).set_axis(names.astype(object))
    clean.index.name = "compound"
    return clean


def clean_contexts(
    contexts: pd.DataFrame, rows: pd.DataFrame, genes: NDArray[np.str_]
) -> pd.DataFrame:
    """Return baseline expression of the table's genes in their order; NaN where not measured."""
    names, columns = contexts.index.astype(str), contexts.columns.astype(str)
    for what, index in (("context", names), ("gene", columns)):
        if index.has_duplicates:
            raise InputError(
                f"contexts hold the {what} {index[index.duplicated()][0]!r} more than once."
            )
    absent = sorted(set(rows["context"]) - set(names))
    if absent:
        raise InputError(
            f"contexts lack {some(absent)}: {near(absent[0], names)} Rows of contexts are needed "
            "(genes in columns)."
        )
    if not len(columns.intersection(pd.Index(genes))):
        raise InputError(
            f"contexts and the table share no gene: they have {columns[0]!r}, the table "
            f"{genes[0]!r}; contexts go in rows, genes in columns."
        )
    clean = contexts.set_axis(names.astype(object)).set_axis(columns, axis=1)
    clean = clean.reindex(columns=pd.Index(genes, dtype=object))
    values = clean.to_numpy(dtype=np.float64 if clean.dtypes.nunique() > 1 else None)
    if values.dtype.kind != "f" or np.isinf(values).any():
        raise InputError("contexts must hold finite floating numbers (NaN where not measured).")
    made = pd.DataFrame(values, index=clean.index, columns=clean.columns)
    made.index.name, made.columns.name = "context", None
    return made
