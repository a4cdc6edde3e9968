"""A table that was made elsewhere, brought to the rows and genes of another."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError
from cellaxes._core.tables import read_table as read_frame

Array = NDArray[np.float64]
Source = p.PerturbationTable | str | Path
KEYS = ("context", "compound", "dose", "time", "donor", "plate", "well", "replicate")
SHOWN = 5


def align(
    source: Source,
    table: p.PerturbationTable,
    *,
    layer: str,
    wanted: NDArray[np.bool_],
    what: str,
    partial: bool = False,
) -> Array:
    """Return a layer of another table on the rows and genes of this one, ``(n_rows, n_genes)``.

    Rows are matched by all columns that tell rows apart and that both have, genes by name.

    Raises
    ------
    InputError
        If a wanted row or a gene is missing (they are named; with ``partial`` rows may be), or
        rows cannot be told apart.
    """
    other = source if isinstance(source, p.PerturbationTable) else _read(Path(source), layer, what)
    absent = table.genes[~np.isin(table.genes, other.genes)]
    if len(absent):
        raise InputError(
            f"{what} lacks {len(absent)} of {table.n_genes} genes ({_some(absent)}): predict "
            "every gene of the table."
        )
    told = [key for key in KEYS if key in table.rows and key in other.rows]
    mine, theirs = (_keys(held.rows, told) for held in (table, other))
    for of, keys in (("the table", mine), (what, theirs)):
        again = keys.duplicated()
        if again.any():
            missing = [k for k in KEYS if (k in table.rows) != (k in other.rows)]
            raise InputError(
                f"{of} has {keys[again][0]} more than once by {', '.join(told)}, which both have"
                + (f": {', '.join(missing)} stands in one of them only." if missing else ".")
            )
    at = theirs.get_indexer(mine)
    gone = mine[wanted & (at < 0)]
    if len(gone) and not (partial and (at >= 0).any()):
        raise InputError(
            f"{what} lacks {len(gone)} of {int(wanted.sum())} test rows ({_some(gone)}): predict "
            "every row that is tested (rows.csv names them)."
        )
    values = np.full((table.n_rows, table.n_genes), np.nan)
    here = other.take_genes(table.genes) if not _same(other, table) else other
    there = np.flatnonzero(at >= 0)
    values[there] = np.asarray(here.layer(layer), dtype=np.float64)[at[there]]
    return values


def _read(path: Path, layer: str, what: str) -> p.PerturbationTable:
    """Read a table; a wide one holds the layer that is predicted."""
    if path.suffix in (".parquet", ".csv", ".tsv"):
        frame = read_frame(path)
        long = {"gene", "genes", "names", "symbol"} & {str(c).lower() for c in frame.columns[:12]}
        if {"context", "compound"} <= set(frame) and not long:
            return p.read_wide({layer: frame})
        del frame
    try:
        return p.read_table(path)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _keys(rows: pd.DataFrame, told: list[str]) -> pd.Index:
    """Return what tells rows apart as text; 10 and 10.0 are the same."""
    parts: list[Any] = []
    for key in told:
        column = rows[key]
        number = pd.to_numeric(column, errors="coerce")
        numeric = number.notna().all() and key not in ("context", "compound")
        parts.append((number.astype(float) if numeric else column).astype(str).to_numpy())
    return pd.Index([" | ".join(row) for row in zip(*parts, strict=True)])


def _same(other: p.PerturbationTable, table: p.PerturbationTable) -> bool:
    return len(other.genes) == len(table.genes) and bool((other.genes == table.genes).all())


def _some(names: Any) -> str:
    more = len(names) - SHOWN
    return ", ".join(map(str, names[:SHOWN])) + (f" and {more} more" if more > 0 else "")
