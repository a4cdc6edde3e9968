"""What is known of the compounds of a table: mechanisms, molecules, fingerprints."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import read_table as read_frame

NAMES = ("compound", "sm_name")
"""Columns that name compounds in a list of them."""


def with_compounds(
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
