"""Pairs of context and compound: those that are asked for, and those that could be measured."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file
from cellaxes._core.tables import read_table as read_frame
from cellaxes.verbs._predict_inputs import names_of

Pairs = pd.DataFrame | str | Path
"""``context`` and ``compound`` of each, or the file of such a table."""
SPOKEN = {"cell_type": "context", "sm_name": "compound"}
"""What the competition calls its columns."""


@naming_its_file
def read_pairs(source: Pairs) -> pd.DataFrame:
    """Return ``context`` and ``compound`` of each pair, and ``id`` where there is one.

    Raises
    ------
    InputError
        If a column is missing, has gaps, or a pair or an id stands twice.
    """
    frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
    frame = frame.rename(columns={k: v for k, v in SPOKEN.items() if v not in frame})
    if "id" in frame:
        return p.read_id_map(frame)
    for column in ("context", "compound"):
        if column not in frame:
            raise InputError(
                f"the pairs have no column {column!r}: {near(column, map(str, frame.columns))}"
            )
        gaps = frame[column].isna()
        if gaps.any():
            raise InputError(f"{column} is missing in row {int(gaps.argmax())} of the pairs.")
    pairs = frame[["context", "compound"]].astype(str).reset_index(drop=True)
    again = pairs.duplicated()
    if again.any():
        context, compound = pairs.iloc[int(again.argmax())]
        raise InputError(f"the pairs hold {compound} in {context} more than once: leave one.")
    return pairs


def all_pairs(
    ensemble: p.Ensemble,
    measured: pd.DataFrame | None = None,
    *,
    contexts: Sequence[str] = (),
    compounds: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the pairs of known contexts and compounds that were not measured, sorted.

    ``contexts`` and ``compounds`` narrow them down; ``measured`` are rows to leave out.
    """
    told = {
        key: names_of(asked, ensemble.known[key], key) or sorted(ensemble.known[key])
        for key, asked in (("context", contexts), ("compound", compounds))
    }
    pairs = pd.DataFrame(
        list(product(told["context"], told["compound"])), columns=["context", "compound"]
    )
    if measured is None:
        return pairs
    known = pd.MultiIndex.from_frame(measured[["context", "compound"]].astype(str))
    free = pairs[~pd.MultiIndex.from_frame(pairs).isin(known)].reset_index(drop=True)
    if free.empty:
        raise InputError(
            "every compound was measured in every context: nothing is left to measure."
        )
    return free
