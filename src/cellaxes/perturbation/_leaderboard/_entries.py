"""What is evaluated: profiles, splits, models, replicates, checked before anything runs."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._baselines._registry import BASELINES
from cellaxes.perturbation._splits._rows import check_rows
from cellaxes.perturbation._splits._split import Split

Fit = Callable[[Array, pd.DataFrame, pd.DataFrame], Any]
"""``(Y_train, rows_train, rows_wanted)`` to predictions, or to them and their sd as a tuple."""

Model = Fit | ArrayLike | tuple[ArrayLike, ArrayLike]

REPLICATE = "replicate"


@dataclass(frozen=True, eq=False)
class Entries:
    """Everything that a leaderboard is made of.

    Attributes
    ----------
    Y
        Profiles ``(n_rows, n_genes)``, NaN where missing.
    rows
        Table of the rows, numbered from 0.
    splits
        Which rows train and test.
    models
        Name to callable or predictions.
    replicates
        A second profile of each row, or ``None``.
    suspect
        Which rows to leave out of a second reading, or ``None``.
    """

    Y: Array
    rows: pd.DataFrame
    splits: tuple[Split, ...]
    models: Mapping[str, Model]
    replicates: Array | None
    suspect: NDArray[np.bool_] | None


def make_entries(
    Y: ArrayLike,
    rows: pd.DataFrame,
    splits: Split | Iterable[Split],
    models: Mapping[str, Model] | None,
    replicates: ArrayLike | None,
    suspect: ArrayLike | None,
) -> Entries:
    """Return the entries, or say what is wrong with them; parameters as in `evaluate`."""
    check_rows(rows)
    values = np.asarray(Y, dtype=np.float64)
    if values.ndim != 2 or len(values) != len(rows):
        raise InputError(f"Y has shape {values.shape} for {len(rows)} rows: pass one profile each.")
    held = (splits,) if isinstance(splits, Split) else tuple(splits)
    if not held:
        raise InputError("there is no split: make one, e.g. by few_shot_context.")
    for split in held:
        if len(split.train) != len(rows):
            raise InputError(
                f"the split {split.name!r} is of {len(split.train)} rows, but there are "
                f"{len(rows)}: make it from these rows."
            )
        if np.isnan(values[split.test]).all():
            raise InputError(f"no test row of the split {split.name!r} has a value.")
    for name in models or {}:
        if name in BASELINES or name == REPLICATE:
            raise InputError(f"a model cannot be called {name!r}, as a baseline is: rename it.")
    twice = None if replicates is None else np.asarray(replicates, dtype=np.float64)
    if twice is not None and twice.shape != values.shape:
        raise InputError(f"replicates have shape {twice.shape}, but Y has {values.shape}.")
    flags = None if suspect is None else np.asarray(suspect)
    if flags is not None and (flags.shape != (len(rows),) or flags.dtype != bool):
        raise InputError(f"suspect must be true or false for each of {len(rows)} rows.")
    table = rows.reset_index(drop=True)
    return Entries(values, table, held, dict(models or {}), twice, flags)


def predictions(
    name: str, model: Model, Y: Array, rows: pd.DataFrame, split: Split
) -> tuple[Array, Array | None]:
    """Return what a model predicts for the test rows and, where it says so, its sd."""
    n = int(split.test.sum())
    if callable(model):
        train, wanted = (rows[role].reset_index(drop=True) for role in (split.train, split.test))
        found, at = model(Y[split.train], train, wanted), np.arange(n)
        shape = (n, Y.shape[1])
    else:
        found, at, shape = model, np.flatnonzero(split.test), Y.shape
    parts = found if isinstance(found, tuple) else (found,)
    if len(parts) > 2:
        raise InputError(f"the model {name!r} gives {len(parts)} parts: give profiles and sd.")
    held = []
    for part in parts:
        values = np.asarray(part, dtype=np.float64)
        if values.shape != shape:
            raise InputError(f"the model {name!r} gives shape {values.shape}, not {shape}.")
        held.append(values[at])
    if not np.isfinite(held[0][~np.isnan(Y[split.test])]).all():
        raise InputError(
            f"the model {name!r} predicts NaN or infinite values where the truth is known: "
            "let it fall back to a mean there."
        )
    return held[0], held[1] if len(held) == 2 else None
