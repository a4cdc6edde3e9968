"""What an embedding is like, before features are trained on it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.features._standard import check_embedding, sample_rows, standardise

OFF_CENTRE = 5.0
"""Ratio of mean to spread from which features die unless the embedding is centred."""
NARROW = 50
"""Dimensions below which an embedding has dropped programmes that no feature can bring back."""
FORGOTTEN = 0.5
"""A label that explains less than this share of its entropy looks regressed out."""
PROBED = 5000


@dataclass(frozen=True)
class Preflight:
    """What an embedding is like.

    Attributes
    ----------
    n_cells, n_dimensions
        Its shape.
    mean_to_spread
        Length of the mean over that of the standard deviations.
    effective_rank
        Exponential of the entropy of the covariance's eigenvalues (Roy and Vetterli 2007).
    components_99
        Principal components that hold 99 % of the variance.
    constant
        Dimensions that do not vary.
    duplicates
        Cells whose row occurred before.
    probes
        Held-out balanced accuracy of a linear probe for each label, and what chance gives.
    warnings
        What to mind, a sentence each.
    """

    n_cells: int
    n_dimensions: int
    mean_to_spread: float
    effective_rank: float
    components_99: int
    constant: tuple[int, ...]
    duplicates: int
    probes: dict[str, tuple[float, float]]
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.n_cells:,} cells, {self.n_dimensions} dimensions, effective rank "
            f"{self.effective_rank:.1f}, 99 % of the variance in {self.components_99} components"
        ]
        lines += [
            f"{name}: a linear probe finds {found:.0%} (chance {chance:.0%})"
            if np.isfinite(found)
            else f"{name}: not probed, fewer than two values have cells enough"
            for name, (found, chance) in self.probes.items()
        ]
        return "\n".join(lines + [f"mind: {warning}" for warning in self.warnings])


def preflight(
    z: NDArray[np.floating],
    labels: Mapping[str, ArrayLike] | None = None,
    *,
    random_state: int = 0,
) -> Preflight:
    """Look at an embedding before features are trained on it.

    Parameters
    ----------
    z
        Embedding ``(n_cells, d)``; of a large one a sample is read.
    labels
        Annotations by name, ``(n_cells,)`` each: a label that the embedding cannot tell was
        probably a covariate of the model that made it, and its features cannot come back.
    random_state
        Seed of the samples.

    Raises
    ------
    InputError
        If there is no cell, values are NaN or infinite, nothing varies, or a label has another
        length.
    """
    n_cells, d = check_embedding(z)
    rows = sample_rows(z, np.arange(n_cells), random_state)
    x = np.asarray(z[rows], dtype=np.float64)
    standardise(x)
    spread = x.std(axis=0)
    values = np.clip(np.linalg.eigvalsh(np.cov(x, rowvar=False).reshape(d, d))[::-1], 0, None)
    share = values / values.sum()
    positive = share[share > 0]
    constant = tuple(int(i) for i in np.flatnonzero(spread <= 1e-7 * spread.max()))
    ratio = float(np.linalg.norm(x.mean(axis=0)) / np.linalg.norm(spread))
    duplicates = len(x) - len(np.unique(x, axis=0))
    probes = {
        name: _probe(x, np.asarray(label)[rows], random_state)
        for name, label in (labels or {}).items()
        if _fits(name, label, n_cells)
    }
    warnings = []
    if ratio > OFF_CENTRE:
        warnings.append(
            f"the mean is {ratio:.0f} times as long as the spread; it is taken off before training"
        )
    if d < NARROW:
        warnings.append(
            f"{d} dimensions: a linear embedding (PCA) this narrow has dropped programmes that no "
            "feature can bring back; 50 or more hold them"
        )
    if constant:
        warnings.append(f"dimensions {', '.join(map(str, constant[:5]))} do not vary")
    if duplicates > 0.01 * len(x):
        warnings.append(f"{duplicates:,} cells repeat another cell's row")
    warnings += [
        f"{name} can hardly be told from this embedding ({found:.0%}, chance {chance:.0%}): if it "
        "was a covariate of the model that made the embedding, train one without"
        for name, (found, chance) in probes.items()
        if found - chance < FORGOTTEN * (1 - chance)
    ]
    return Preflight(
        n_cells=n_cells,
        n_dimensions=d,
        mean_to_spread=ratio,
        effective_rank=float(np.exp(-(positive * np.log(positive)).sum())),
        components_99=int(np.searchsorted(np.cumsum(share), 0.99) + 1),
        constant=constant,
        duplicates=duplicates,
        probes=probes,
        warnings=tuple(warnings),
    )


def _fits(name: str, label: ArrayLike, n_cells: int) -> bool:
    if np.shape(label) != (n_cells,):
        raise InputError(f"{name} has shape {np.shape(label)}, but there are {n_cells} cells.")
    return True


def _probe(x: NDArray[np.float64], label: NDArray[Any], random_state: int) -> tuple[float, float]:
    """Return the balanced accuracy of a linear probe on the other half of the cells, and chance."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.metrics import balanced_accuracy_score

    names, codes = np.unique(label.astype(str), return_inverse=True)
    order = stream(random_state, "features", "probe").permutation(len(x))[: 2 * PROBED]
    train, test = order[::2], order[1::2]
    common = np.flatnonzero(np.bincount(codes[train], minlength=len(names)) >= 5)
    train, test = (part[np.isin(codes[part], common)] for part in (train, test))
    if len(common) < 2 or not len(test):
        return float("nan"), float("nan")
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    probe.fit(x[train], codes[train])
    found = float(balanced_accuracy_score(codes[test], probe.predict(x[test])))
    return found, 1 / len(np.unique(codes[test]))
