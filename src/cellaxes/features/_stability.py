"""How far features come back when the seed changes, and the sparsity at which most do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes._core.random import stream
from cellaxes.features._fit import fit_many
from cellaxes.features._model import SparseFeatures
from cellaxes.features._standard import check_embedding
from cellaxes.features.metrics import correlations

STABLE = 0.8
"""Correlation with its best match that a stable feature exceeds in every other seed."""
KS = (2, 3, 4, 6, 8, 12, 16)
CELLS = 20_000
"""Cells on which seeds are compared, at most."""


@dataclass(frozen=True, eq=False)
class Stability:
    """How far the features of one model come back in models of other seeds.

    Attributes
    ----------
    mean, worst
        Correlation of each feature's activation with its best match in another seed's model: the
        mean over those models, and the smallest, ``(m,)``.
    found
        In how many of them the best match is above 0.8, ``(m,)``.
    n_others
        Models compared with.
    """

    mean: NDArray[np.float64]
    worst: NDArray[np.float64]
    found: NDArray[np.int64]
    n_others: int

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether each feature comes back in every other model, at more than 0.8."""
        return np.asarray(self.found == self.n_others)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature."""
        return pd.DataFrame(
            {"mean": self.mean, "worst": self.worst, "found": self.found, "stable": self.stable}
        )

    def __repr__(self) -> str:
        return (
            f"Stability({self.stable.sum()} of {len(self.mean)} features stable in "
            f"{self.n_others} other seeds)"
        )


def stability(
    model: SparseFeatures, others: Sequence[SparseFeatures], z: NDArray[np.floating]
) -> Stability:
    """Compare the features of a model with those of models trained with other seeds.

    Activations are compared, not directions: features whose directions agree at a cosine of 0.7
    match known programmes as well as those that agree at 0.9.

    Parameters
    ----------
    model
        Whose features are judged.
    others
        Models of the same embedding, trained with other seeds.
    z
        Embedding ``(n_cells, d)``; of more than 20,000 cells a sample is read.

    Raises
    ------
    InputError
        If there is no other model.
    """
    if not others:
        raise InputError("stability needs models of other seeds: train some with fit_many.")
    z = _cells(z)
    own = model.encode(z)
    best = np.stack([correlations(own, other.encode(z)).max(axis=1) for other in others])
    found = (best > STABLE).sum(axis=0)
    return Stability(best.mean(axis=0), best.min(axis=0), found, len(others))


@dataclass(frozen=True, eq=False)
class KChoice:
    """How the number of active features was chosen.

    Attributes
    ----------
    k
        To train with: one and a half times ``most_stable``, below half of the dimensions.
    most_stable
        At which the largest share of features comes back in every seed.
    table
        One row per k: ``k, unexplained, stable_fraction, n_stable, n_features``, means over seeds.
    """

    k: float
    most_stable: float
    table: pd.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return the choice in JSON's own types."""
        return {
            "k": self.k,
            "most_stable": self.most_stable,
            "table": self.table.to_dict("records"),
        }

    def __repr__(self) -> str:
        return f"KChoice(k={self.k:g}; most features are stable at {self.most_stable:g})"


def choose_k(
    z: NDArray[np.floating],
    *,
    ks: Sequence[float] = KS,
    n_seeds: int = 3,
    counts: Counts | None = None,
    arch: str = "auto",
    n_features: int | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    random_state: int = 0,
    progress: bool = False,
) -> KChoice:
    """Choose the number of active features without labels: most features come back in every seed.

    All seeds and sparsities are trained together. Unexplained variance falls with k throughout and
    tells nothing; too small a k costs more than one twice too large, so that training takes half as
    many again as are most stable.

    Parameters
    ----------
    z, counts
        Embedding ``(n_cells, d)`` and UMI counts ``(n_cells, n_genes)``, as of `fit`.
    arch, n_features, device, checkpoint, progress
        As of `fit`.
    ks
        Tried; those of half of the dimensions or more are left out.
    n_seeds
        Models per k, at least two.
    random_state
        First seed; the others follow.

    Raises
    ------
    InputError
        If no k is below half of the dimensions, or as `fit`.
    """
    _, d = check_embedding(z)
    ks = [k for k in ks if k < d / 2]
    if not ks or n_seeds < 2:
        raise InputError(f"choosing k needs two seeds and a k below {d / 2:g}, half of the width.")
    seeds = range(random_state, random_state + n_seeds)
    models = fit_many(
        z,
        seeds=seeds,
        ks=ks,
        counts=counts,
        arch=arch,
        n_features=n_features,
        device=device,
        checkpoint=checkpoint,
        progress=progress,
    )
    rows = []
    for i, k in enumerate(ks):
        group = models[i * n_seeds : (i + 1) * n_seeds]
        found = [stability(one, [m for m in group if m is not one], z) for one in group]
        rows.append(
            {
                "k": k,
                "unexplained": float(np.mean([one.history[-1, 1] for one in group])),
                "stable_fraction": float(np.mean([one.stable.mean() for one in found])),
                "n_stable": float(np.mean([one.stable.sum() for one in found])),
                "n_features": float(np.mean([one.n_features for one in group])),
            }
        )
    table = pd.DataFrame(rows)
    best = float(ks[int(table["stable_fraction"].argmax())])
    return KChoice(min(round(1.5 * best), (d - 1) // 2), best, table)


def _cells(z: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the embedding, or a fixed sample of its cells."""
    if len(z) <= CELLS:
        return z
    rows = stream(0, "features", "stability").choice(len(z), CELLS, replace=False)
    return np.asarray(z[np.sort(rows)])
