"""The layout of the competition of 2023: `de_train.parquet`, `id_map.csv`."""

from dataclasses import replace
from pathlib import Path

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file
from cellaxes._core.tables import read_table as read_frame
from cellaxes.perturbation._table._check import some
from cellaxes.perturbation._table._results import Source
from cellaxes.perturbation._table._table import PerturbationTable
from cellaxes.perturbation._table._wide import read_wide

CONTEXT, COMPOUND = "cell_type", "sm_name"
OF_COMPOUND = ("sm_lincs_id", "SMILES")
FACTS = (CONTEXT, COMPOUND, *OF_COMPOUND, "control", "split", "id")
"""Columns that are no genes."""


@naming_its_file
def read_kaggle(de_train: Source, *, id_map: Source | None = None) -> PerturbationTable:
    """Read the training file of the Open Problems competition of 2023.

    Its columns are ``cell_type``, ``sm_name``, ``sm_lincs_id``, ``SMILES``, ``control`` and one
    per gene, with signed -log10 p. Cell types become contexts; LINCS ids and SMILES go to
    ``compounds``.

    Parameters
    ----------
    de_train
        ``de_train.parquet`` (or ``.csv``), or a data frame, one row per pair.
    id_map
        The pairs to predict, one row each (`read_id_map`); if given, ``notes`` say how many are of
        a context or compound that the table does not have, or are in the table already.

    Raises
    ------
    InputError
        If the file cannot be read, a column is missing, or a row stands twice.
    """
    frame = de_train if isinstance(de_train, pd.DataFrame) else read_frame(Path(de_train))
    facts = [name for name in FACTS if name in frame]
    compounds, notes = split_compounds(frame, COMPOUND)
    kept = [name for name in facts if name not in OF_COMPOUND]
    table = read_wide(
        {"signed_log10_p": frame.drop(columns=[n for n in OF_COMPOUND if n in frame])},
        context=CONTEXT,
        compound=COMPOUND,
        facts=kept,
        compounds=compounds,
    )
    if id_map is not None:
        notes += _compared(table, read_id_map(id_map))
    return replace(table, notes=table.notes + tuple(notes))


def split_compounds(frame: pd.DataFrame, compound: str) -> tuple[pd.DataFrame, list[str]]:
    """Return what rows say of their compounds, one line each, and where they disagree."""
    there = [name for name in OF_COMPOUND if name in frame]
    if compound not in frame or not there:
        return pd.DataFrame(), []
    table = frame[[compound, *there]].drop_duplicates()
    names = table[compound].astype(str)
    twice = names[names.duplicated()].unique()
    notes = [f"{some(twice)}: several SMILES or ids, the first is kept"] if len(twice) else []
    first = ~names.duplicated()
    return table[first].set_index(pd.Index(names[first], name="compound"))[there], notes


@naming_its_file
def read_id_map(source: Source) -> pd.DataFrame:
    """Read the pairs to predict, one row each: ``id``, ``context`` and ``compound``.

    Parameters
    ----------
    source
        ``id_map.csv`` of the competition (``id``, ``cell_type``, ``sm_name``), or a data frame of
        one row per pair, also with the columns ``context`` and ``compound``.

    Raises
    ------
    InputError
        If a column is missing, or an id or pair stands twice.
    """
    frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
    frame = frame.rename(columns={CONTEXT: "context", COMPOUND: "compound"})
    for name in ("id", "context", "compound"):
        if name not in frame:
            raise InputError(f"the id map has no column {name!r}: {near(name, frame.columns)}")
        if frame[name].isna().any():
            raise InputError(
                f"{name} is missing in row {frame[name].isna().argmax()} of the id map."
            )
    pairs = frame[["id", "context", "compound"]].reset_index(drop=True)
    for told in (["id"], ["context", "compound"]):
        again = pairs.duplicated(told)
        if again.any():
            what = ", ".join(str(pairs.at[again.argmax(), key]) for key in told)
            raise InputError(f"the id map has {what} more than once (row {again.argmax()}).")
    return pairs.astype({"context": str, "compound": str})


def _compared(table: PerturbationTable, pairs: pd.DataFrame) -> list[str]:
    notes = []
    for key in ("context", "compound"):
        absent = pairs.loc[~pairs[key].isin(table.rows[key]), key]
        if len(absent):
            notes.append(
                f"{len(absent)} pairs to predict have a {key} without any row: "
                f"{some(sorted(set(absent)))}"
            )
    n = len(pairs.merge(table.rows[["context", "compound"]]))
    return notes + ([f"{n} pairs to predict are in the table already"] if n else [])
