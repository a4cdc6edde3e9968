"""How sparse, how faithful: L0, the unexplained share of variance, features that never fire."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import Array, Matrix, check_cells, dense, matrix, peaks

RARE = 1e-3
"""A feature that fires on a smaller share of cells is rare."""
DENSE = 0.5
"""A feature that fires on a larger share of cells is dense."""


@dataclass(frozen=True, eq=False)
class Firing:
    """How often each feature fires, that is, is above zero.

    Attributes
    ----------
    frequency
        Share of cells on which the feature fires, ``(n_features,)``.
    peak
        Largest activation of each feature, ``(n_features,)``; 0 if it never fires.
    n_cells
        Cells looked at.
    """

    frequency: Array
    peak: Array
    n_cells: int

    @property
    def l0(self) -> float:
        """Mean number of features that fire on a cell."""
        return float(self.frequency.sum())

    @property
    def dead(self) -> NDArray[np.bool_]:
        """Features that fire on no cell, bool ``(n_features,)``."""
        return np.asarray(self.frequency == 0)

    @property
    def rare(self) -> NDArray[np.bool_]:
        """Features that fire, but on fewer than one cell in 1,000, bool ``(n_features,)``."""
        return (self.frequency > 0) & (self.frequency < RARE)

    @property
    def dense(self) -> NDArray[np.bool_]:
        """Features that fire on more than half of the cells, bool ``(n_features,)``."""
        return self.frequency > DENSE

    def to_dict(self) -> dict[str, Any]:
        """Return the counts."""
        return {
            "features": len(self.frequency),
            "l0": self.l0,
            "dead": int(self.dead.sum()),
            "rare": int(self.rare.sum()),
            "dense": int(self.dense.sum()),
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature."""
        state = np.select([self.dead, self.rare, self.dense], ["dead", "rare", "dense"], "")
        return pd.DataFrame(
            {
                "feature": np.arange(len(self.frequency)),
                "frequency": self.frequency,
                "peak": self.peak,
                "state": state,
            }
        )

    def __repr__(self) -> str:
        n = self.to_dict()
        return (
            f"Firing({n['features']} features on {self.n_cells} cells: L0 {self.l0:.2f}, "
            f"{n['dead']} dead, {n['rare']} rare, {n['dense']} dense)"
        )


def firing(activations: Matrix) -> Firing:
    """Say how often each feature fires.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``; above zero is firing.

    Raises
    ------
    InputError
        If the activations are no finite matrix.

    Examples
    --------
    >>> firing(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]))
    Firing(3 features on 2 cells: L0 1.50, 1 dead, 0 rare, 1 dense)
    """
    x = matrix(activations)
    n, m = x.shape
    if sp.issparse(x):
        fires = np.bincount(x.indices[x.data > 0], minlength=m)
    else:
        fires = np.count_nonzero(x > 0, axis=0)
    return Firing(frequency=fires / n, peak=peaks(x), n_cells=n)


def l0(activations: Matrix) -> float:
    """Return the mean number of features above zero on a cell.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.

    Examples
    --------
    >>> l0(np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0]]))
    1.5
    """
    return firing(activations).l0


def fvu(x: ArrayLike, x_hat: ArrayLike) -> float:
    """Return the fraction of variance that a reconstruction leaves unexplained.

    ``sum |x - x_hat|^2 / sum |x - mean|^2``: 0 is perfect, 1 is the mean. It says nothing of
    how true the features are: dense codes have the lowest.

    Parameters
    ----------
    x, x_hat
        Embedding of held-out cells and its reconstruction, ``(n_cells, d)`` each.

    Raises
    ------
    InputError
        If the shapes differ, or all cells are the same.

    Examples
    --------
    >>> x = np.array([[0.0, 1.0], [2.0, 1.0]])
    >>> fvu(x, x), fvu(x, np.array([[1.0, 1.0], [1.0, 1.0]]))
    (0.0, 1.0)
    """
    truth, found = dense(x, "the embedding"), dense(x_hat, "the reconstruction")
    check_cells(len(truth), len(found), "the reconstruction")
    if truth.shape != found.shape:
        raise InputError(
            f"the reconstruction has {found.shape[1]} dimensions, the embedding {truth.shape[1]}."
        )
    scatter = float(((truth - truth.mean(axis=0)) ** 2).sum())
    if scatter == 0:
        raise InputError("all cells of the embedding are the same: there is nothing to explain.")
    return float(((truth - found) ** 2).sum()) / scatter
