"""How much a held-out context is like those in training: what makes a split easy."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes.report import Likeness

Array = NDArray[np.float64]


def likenesses(Y: Array, rows: pd.DataFrame, split: p.Split) -> tuple[Likeness, ...]:
    """Return of each context that is held out the one in training that responds most alike.

    Both responses of a compound are means over its rows, all of them: this says what the data
    are, and no model learns from it.
    """
    context = rows["context"].astype(str).to_numpy()
    held = [name for name in split.held_out if name in set(context)]
    trained = set(context[split.train]) - set(held)
    profiles = {name: _profiles(Y, rows, context == name) for name in {*held, *trained}}
    found = []
    for name in held:
        best: Likeness | None = None
        for other in sorted(trained):
            shared = [c for c in profiles[name] if c in profiles[other]]
            if len(shared) < 3:
                continue
            cosines = [_cosine(profiles[name][c], profiles[other][c]) for c in shared]
            value = float(np.mean(cosines))
            if best is None or value > best.cosine:
                best = Likeness(name, other, value, len(shared))
        if best is not None:
            found.append(best)
    return tuple(found)


def _profiles(Y: Array, rows: pd.DataFrame, here: NDArray[np.bool_]) -> dict[str, Array]:
    """Return the mean profile of every compound of a context, gaps as 0."""
    at = np.flatnonzero(here)
    groups = pd.Series(at).groupby(rows["compound"].to_numpy()[at])
    return {
        str(name): np.nan_to_num(Y[own.to_numpy()]).mean(axis=0, dtype=np.float64)
        for name, own in groups
    }


def _cosine(a: Array, b: Array) -> float:
    size = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / size if size else 0.0
