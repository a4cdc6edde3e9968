"""What every entry predicts, split by split and on each scale."""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._baselines._predict import allowed, predict
from cellaxes.perturbation._baselines._registry import BASELINES
from cellaxes.perturbation._baselines._task import make_task
from cellaxes.perturbation._leaderboard._entries import REPLICATE, Entries, predictions
from cellaxes.perturbation._splits._split import Split


class Extras(NamedTuple):
    """What baselines may use besides profiles, by row of the whole table."""

    weights: Array | None
    fingerprints: NDArray[np.uint8] | None
    expression: pd.DataFrame | None
    random_state: int


class Run(NamedTuple):
    """What one entry predicts for the test rows of a split."""

    name: str
    kind: str
    values: Array
    sd: Array | None = None
    basis: NDArray[np.object_] | None = None


def scales(entries: Entries, clip: float | None) -> Iterator[tuple[str, Entries]]:
    """Yield the profiles as they are, and clipped."""
    yield "raw", entries
    if clip is not None:
        twice = entries.replicates
        cut = None if twice is None else twice.clip(-clip, clip)
        yield "clipped", replace(entries, Y=entries.Y.clip(-clip, clip), replicates=cut)


def runs(
    entries: Entries, split: Split, extras: Extras, raw: bool, clip: float | None
) -> Iterator[Run]:
    """Yield every prediction, one at a time: at full size all together would not fit."""
    rows, bits = entries.rows, extras.fingerprints
    if bits is not None and len(bits) != len(rows):
        raise InputError(f"fingerprints have {len(bits)} rows, but there are {len(rows)}.")
    if extras.weights is not None and extras.weights.shape != (len(rows),):
        raise InputError(f"weights have shape {extras.weights.shape} for {len(rows)} rows.")
    task = make_task(
        entries.Y[split.train], rows[split.train], rows[split.test],
        weights=None if extras.weights is None else extras.weights[split.train],
        fingerprints=None if bits is None else np.vstack([bits[split.train], bits[split.test]]),
        expression=extras.expression, random_state=extras.random_state,
    )  # fmt: skip
    for name in allowed(task):
        found = predict(name, task)
        yield Run(name, BASELINES[name].kind, found.values, None, found.basis)
    if entries.replicates is not None:
        yield Run(REPLICATE, "positive control", entries.replicates[split.test])
    for name, model in entries.models.items():
        values, sd = predictions(name, model, entries.Y, rows, split)
        ready = not raw and clip is not None and not callable(model)
        yield Run(name, "model", values.clip(-clip, clip) if ready and clip else values, sd)
