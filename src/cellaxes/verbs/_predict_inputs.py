"""What predictions are judged by: the table, its compounds, its quality."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import read_table as read_frame
from cellaxes.report import SuspectRows

Table = p.PerturbationTable | str | Path | Mapping[str, str | Path]
"""A table, its file, or wide files by layer."""

NAMES = ("compound", "sm_name")
"""Columns that name compounds in a list of them."""


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
        found = _with_compounds(found, compounds)
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
        raise InputError(f"{path} is no file.")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as text: hand in one compound a line, or a .csv file."
        ) from error
    return list(dict.fromkeys(line.strip() for line in lines if line.strip()))


def fingerprints_of(rows: pd.DataFrame) -> tuple[NDArray[np.uint8] | None, str]:
    """Return a fingerprint of every row, zeros where there is no SMILES, and a sentence on them."""
    known = rows["SMILES"].astype(object) if "SMILES" in rows else pd.Series(dtype=object)
    has = np.array([isinstance(text, str) and bool(text.strip()) for text in known], dtype=bool)
    if not has.any():
        return None, (
            "No compound has a SMILES, so baselines of fingerprints were left out: name a table "
            "of compounds (--compounds)."
        )
    if importlib.util.find_spec("rdkit") is None:
        return None, (
            "RDKit is not installed, so baselines of fingerprints were left out: "
            "pip install 'cellaxes[chem]'."
        )
    bits = p.fingerprints(known[has])
    found = np.zeros((len(rows), bits.shape[1]), dtype=np.uint8)
    found[has] = bits
    n, of = rows.loc[has, "compound"].nunique(), rows["compound"].nunique()
    return found, f"{n} of {of} compounds have fingerprints (ECFP4, {bits.shape[1]} bits)."


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


def _with_compounds(
    table: p.PerturbationTable, source: str | Path | pd.DataFrame
) -> p.PerturbationTable:
    """Return the table with a table of compounds before what it knew of them itself."""
    frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
    chemical = importlib.util.find_spec("rdkit") is not None
    smiles = {"SMILES", "smiles", "canonical_smiles"} & set(map(str, frame.columns))
    if chemical and smiles:
        made = p.read_compounds(frame)
        known, notes = made.table, made.told
    else:
        column = next((name for name in NAMES if name in frame), None)
        if column is None:
            raise InputError(
                f"the table of compounds has no column 'compound': "
                f"{near('compound', frame.columns)}"
            )
        known, notes = frame.set_index(frame[column].astype(str)).drop(columns=column), ()
        known = known.rename(columns={"moa_lincs": "moa", "MoA": "moa", "smiles": "SMILES"})
    mine = table.rows["compound"].drop_duplicates()
    absent = mine[~mine.isin(known.index)]
    if len(absent) == len(mine):
        raise InputError(
            f"the table of compounds names none of the {len(mine)} compounds of the rows, such as "
            f"{absent.iloc[0]!r}: {near(str(absent.iloc[0]), known.index)}"
        )
    told = tuple(notes)
    if len(absent):
        told += (f"{len(absent)} compounds of the rows are not in the table of compounds",)
    joined = known.combine_first(table.compounds) if len(table.compounds) else known
    return replace(table, compounds=joined, notes=table.notes + told)
