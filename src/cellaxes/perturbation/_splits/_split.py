"""A split of rows into training and test that states its own leakage."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._splits._rows import COLUMNS, terms

Mask = NDArray[np.bool_]

PAIR = "pair"
"""Stands for context and compound together: replicates of one response."""


@dataclass(frozen=True)
class Leak:
    """How much of what a column says of the test rows is known from training.

    Attributes
    ----------
    column
        ``compound``, ``context``, ``scaffold``, …; ``pair`` is context and compound together.
    seen
        Share of all test rows whose value is in train; of several targets, any of them.
    unknown
        Share of test rows that have no value.
    """

    column: str
    seen: float
    unknown: float


@dataclass(frozen=True, eq=False)
class Split:
    """Which rows train and which test.

    Attributes
    ----------
    name
        Kind of split.
    claim
        What a score on the test rows speaks for.
    train, test
        Masks ``(n_rows,)``; a row in neither is put aside.
    held_out
        Names of what was held out (contexts, compounds, …).
    leaks
        Of every column that is known.
    doubts
        Why the score may flatter, or what was put aside.
    """

    name: str
    claim: str
    train: Mask
    test: Mask
    held_out: tuple[str, ...]
    leaks: tuple[Leak, ...]
    doubts: tuple[str, ...]

    @property
    def roles(self) -> NDArray[np.str_]:
        """``train``, ``test`` or ``aside`` of each row."""
        found: NDArray[np.str_] = np.where(
            self.train, "train", np.where(self.test, "test", "aside")
        )
        return found

    def seen(self, column: str) -> float:
        """Return the share of test rows whose value in ``column`` is in train.

        Raises
        ------
        InputError
            If leakage of that column was not stated.
        """
        for leak in self.leaks:
            if leak.column == column:
                return leak.seen
        raise InputError(
            f"the split was made without a column {column!r}; it knows of "
            f"{', '.join(leak.column for leak in self.leaks)}."
        )

    def to_frame(self) -> pd.DataFrame:
        """Return one row per column: ``column``, ``seen``, ``unknown``."""
        return pd.DataFrame([vars(leak) for leak in self.leaks])

    def to_dict(self) -> dict[str, Any]:
        """Return the split in JSON's own types, the roles of rows included."""
        return {
            "name": self.name,
            "claim": self.claim,
            "roles": self.roles.tolist(),
            "held_out": list(self.held_out),
            "leaks": [dict(vars(leak)) for leak in self.leaks],
            "doubts": list(self.doubts),
        }

    def __repr__(self) -> str:
        aside = len(self.train) - int(self.train.sum()) - int(self.test.sum())
        seen = ", ".join(f"{leak.column} {leak.seen:.0%}" for leak in self.leaks)
        doubts = f"; {'; '.join(self.doubts)}" if self.doubts else ""
        return (
            f"Split({self.name}: {self.train.sum()} train, {self.test.sum()} test"
            f"{f', {aside} aside' if aside else ''}; of the test rows in train: {seen}{doubts})"
        )


def make_split(
    rows: pd.DataFrame,
    name: str,
    claim: str,
    *,
    train: Mask,
    test: Mask,
    held_out: tuple[str, ...] = (),
    doubts: tuple[str, ...] = (),
) -> Split:
    """Return the split with its leaks, refusing one that leaves nothing to train or test on."""
    for role, mask in (("train on", train), ("test on", test)):
        if not mask.any():
            raise InputError(f"this {name} split leaves no row to {role}: hold out other rows.")
    for mask in (train, test):
        mask.setflags(write=False)
    known = [column for column in COLUMNS if column in rows]
    leaks = [_leak(column, [terms(rows, column)], train, test) for column in known]
    pair = [terms(rows, "context"), terms(rows, "compound")]
    leaks.insert(2, _leak(PAIR, pair, train, test))
    return Split(name, claim, train, test, held_out, tuple(leaks), doubts)


def _leak(column: str, parts: list[list[frozenset[str]]], train: Mask, test: Mask) -> Leak:
    entries = [frozenset(zip(*row, strict=False)) for row in zip(*parts, strict=True)]
    in_train = frozenset().union(*(entries[i] for i in np.flatnonzero(train)))
    tested = [entries[i] for i in np.flatnonzero(test)]
    seen = sum(bool(entry & in_train) for entry in tested) / len(tested)
    return Leak(column, seen, sum(not entry for entry in tested) / len(tested))
