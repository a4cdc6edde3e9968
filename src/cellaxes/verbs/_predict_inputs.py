"""What predictions are judged by: the table, its compounds, its quality."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import read_table as read_frame
from cellaxes.report import SuspectRows
from cellaxes.verbs._predict_compounds import NAMES, with_compounds

Table = p.PerturbationTable | str | Path | Mapping[str, str | Path]
"""A table, its file, or wide files by layer."""


def read_responses(
    table: Table, compounds: str | Path | pd.DataFrame | None, leave_out: str | Iterable[str]
) -> tuple[p.PerturbationTable, tuple[str, ...]]:
    """Return the table with its compounds and without the contexts left out, and their names."""
    if isinstance(table, p.PerturbationTable):
        found = table
    elif isinstance(table, Mapping):
        found = p.read_wide({name: Path(path) for name, path in table.items()})
    else:
        found = p.read_table(table)
    if compounds is not None:
        found = with_compounds(found, compounds)
    there = sorted(set(found.rows["context"]))
    dropped = names_of(leave_out, there, "context")
    if not dropped:
        return found, ()
    kept = ~found.rows["context"].isin(dropped).to_numpy()
    if not kept.any():
        raise InputError("every context is left out: keep two or more.")
    return found.take(kept), tuple(dropped)


def names_of(words: str | Iterable[str], there: Iterable[str], what: str) -> list[str]:
    """Return names, of which one word may hold several by commas; each must be there.

    Examples
    --------
    >>> names_of(["B,NK", "1,2-diol"], ["B", "NK", "1,2-diol"], "name")
    ['B', 'NK', '1,2-diol']
    """
    known, found = {str(name) for name in there}, []
    for word in [words] if isinstance(words, str) else words:
        whole = str(word).strip() in known
        parts = [str(word)] if whole else str(word).split(",")
        found += [part.strip() for part in parts if part.strip()]
    for name in found:
        if name not in known:
            raise InputError(f"there is no {what} {name!r}: {near(name, known)}")
    return list(dict.fromkeys(found))


def listed_in(path: Path) -> list[str]:
    """Return the compounds that a file names: a table's column, or one on each line of a text."""
    if path.suffix in (".csv", ".tsv", ".parquet"):
        frame = read_frame(path)
        column = next((name for name in NAMES if name in frame), None)
        if column is None:
            raise InputError(f"{path} has no column 'compound': {near('compound', frame.columns)}")
        return [str(name) for name in frame[column].dropna().unique()]
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as text: hand in one compound a line, or a .csv file."
        ) from error
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def judge(table: p.PerturbationTable) -> tuple[p.PerturbationTable, SuspectRows]:
    """Return the table with weights and reasons, and what is to be doubted of each row.

    Doubts that the table came with (from counts, say) are kept.
    """
    try:
        t = table.layer("t")
    except InputError:
        none: tuple[tuple[str, ...], ...] = ((),) * table.n_rows
        told = "The table has no t, and none follows, so rows were not judged by their profiles."
        return table, SuspectRows(table.reasons, none, told)
    found = p.row_quality(
        t,
        table.rows,
        signed_log10_p=table.layer("signed_log10_p"),
        supported=table.measured,
        genes=table.genes,
    )
    both = (*table.reasons,), (*found.rows["reasons"],)
    reasons = tuple(tuple(dict.fromkeys(own + new)) for own, new in zip(*both, strict=True))
    weight = np.minimum(table.weight, found.rows["weight"].to_numpy(dtype=np.float64))
    judged = replace(table, weight=weight, reasons=reasons)
    return judged, SuspectRows(reasons, tuple(found.rows["warnings"]), "")


def name_of(table: Table) -> str:
    """Return what the page calls the data."""
    if isinstance(table, p.PerturbationTable):
        return "responses"
    if isinstance(table, Mapping):
        return Path(next(iter(table.values()))).parent.resolve().name or "responses"
    return Path(table).stem
