"""Batch correction by ablation: switch off the features that know the batch, and measure."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.features._hands._knn import neighbours_of, sample_cells, vote_accuracy
from cellaxes.features._meaning._inputs import as_codes
from cellaxes.features._meaning._leakage import batch_eta_squared
from cellaxes.features._model import SparseFeatures

TOLERANCE = 0.03
"""How far neighbours may tell the batch beyond the share of the largest."""
CONTROLS = 3
"""Random sets of features ablated for comparison."""


@dataclass(frozen=True, eq=False)
class BatchRemoved:
    """An embedding without the features that know the batch, and what that did.

    Attributes
    ----------
    z
        Corrected embedding, ``(n_cells, d)``.
    features
        Ablated, the leakiest first.
    excess
        Share of each feature's variance within types that lies between batches, beyond chance,
        ``(m,)``.
    majority
        Share of the largest batch: what neighbours that know nothing are right about.
    batch
        Accuracy at which the 15 nearest neighbours tell the batch: before, after, and with as
        many random features ablated instead.
    cell_type
        The same of the cell type; NaN where none is given.
    steps
        Batch accuracy after each feature, ``(n_ablated,)``.
    """

    z: NDArray[np.floating]
    features: tuple[int, ...]
    excess: NDArray[np.float64]
    majority: float
    batch: tuple[float, float, float]
    cell_type: tuple[float, float, float]
    steps: tuple[float, ...]

    @property
    def removed(self) -> bool:
        """Whether neighbours tell the batch no better than .03 above the largest one's share."""
        return self.batch[1] <= self.majority + TOLERANCE

    def to_frame(self) -> pd.DataFrame:
        """Return one row each for before, after and the control."""
        return pd.DataFrame(
            {"batch": self.batch, "cell_type": self.cell_type, "majority": self.majority},
            index=pd.Index(["before", "after", "random"], name="embedding"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers in JSON's own types; None for a cell type that is not given."""
        states = ("before", "after", "random")
        types = [value if np.isfinite(value) else None for value in self.cell_type]
        return {
            "features": list(self.features),
            "removed": self.removed,
            "majority": self.majority,
            "batch": dict(zip(states, self.batch, strict=True)),
            "cell_type": dict(zip(states, types, strict=True)),
            "steps": list(self.steps),
        }

    def __repr__(self) -> str:
        before, after, control = self.batch
        text = (
            f"{len(self.features)} features ablated; neighbours tell the batch "
            f"{before:.3f} → {after:.3f} (random features {control:.3f}, largest batch "
            f"{self.majority:.3f})"
        )
        if np.isfinite(self.cell_type[0]):
            text += f", the cell type {self.cell_type[0]:.3f} → {self.cell_type[1]:.3f}"
        return f"BatchRemoved({text}{'' if self.removed else '; batch REMAINS'})"


def remove_batch(
    model: SparseFeatures,
    z: NDArray[np.floating],
    batch: ArrayLike,
    *,
    cell_type: ArrayLike | None = None,
    eta2: float = 0.1,
    random_state: int = 0,
) -> BatchRemoved:
    """Ablate the features that know the batch, the leakiest first, until neighbours do not.

    Features whose variance within types lies between batches by more than ``eta2`` beyond chance
    are candidates. They are ablated one after another, what they leave out of a cell kept, until
    the 15 nearest neighbours tell the batch within .03 of the share of the largest.

    Parameters
    ----------
    model
        Features.
    z
        Embedding ``(n_cells, d)``.
    batch
        Batch of each cell, ``(n_cells,)``; where it is missing, the cell is corrected but not
        measured.
    cell_type
        Type of each cell, ``(n_cells,)``. Without, a type found in one batch alone looks like
        batch, and its features may be ablated.
    eta2
        Bound of `leakage`.
    random_state
        Seed of the measured cells (5,000 at most) and of the random features.

    Raises
    ------
    InputError
        If lengths differ, there is one batch only, or no type is seen in two batches.
    """
    if not 0 <= eta2 < 1:
        raise InputError(f"eta2 is a share of variance from 0 to below 1, but is {eta2:g}.")
    active = model.encode(z)
    batches, names = as_codes(batch, len(z), "batch")
    if len(names) < 2:
        raise InputError(f"there is one batch only, {names[0]!r}: nothing is to be removed.")
    found, chance, _ = batch_eta_squared(active, batch, labels=cell_type)
    excess = (found - chance) / (1 - chance)
    types = None if cell_type is None else as_codes(cell_type, len(z), "cell_type")[0]
    known = batches >= 0 if types is None else (batches >= 0) & (types >= 0)
    rows = sample_cells(np.flatnonzero(known), random_state, "batch")
    majority = float(np.bincount(batches[rows]).max() / len(rows))
    directions = model.directions()

    def without(features: NDArray[np.int64], at: Any = slice(None)) -> NDArray[np.floating]:
        cells = np.asarray(z[at], dtype=z.dtype if z.dtype.kind == "f" else np.float32)
        off = active[at][:, features] @ directions[features]
        return np.asarray(cells - off, dtype=cells.dtype)

    def measure(features: NDArray[np.int64]) -> tuple[float, float]:
        near = neighbours_of(without(features, rows))
        told = float("nan") if types is None else vote_accuracy(near, types[rows])
        return vote_accuracy(near, batches[rows]), told

    order = np.argsort(-excess, kind="stable")
    order = order[excess[order] > eta2]
    n, scores = 0, [measure(order[:0])]
    while n < len(order) and scores[-1][0] > majority + TOLERANCE:
        n += 1
        scores.append(measure(order[:n]))
    chosen = order[:n]
    others = np.setdiff1d(np.arange(model.n_features), chosen)
    rng = stream(random_state, "features", "hands", "control")
    draws = [rng.permutation(others)[:n] for _ in range(CONTROLS if n else 0)]
    control = np.mean([measure(draw) for draw in draws] or scores[:1], axis=0)
    return BatchRemoved(
        z=without(chosen),
        features=tuple(int(i) for i in chosen),
        excess=excess,
        majority=majority,
        batch=(scores[0][0], scores[-1][0], float(control[0])),
        cell_type=(scores[0][1], scores[-1][1], float(control[1])),
        steps=tuple(score for score, _ in scores[1:]),
    )
