"""Centring and scaling of an embedding, the same for training and reading."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream

SAMPLE = 1 << 24
"""Values looked at for statistics of an embedding that is larger."""


@dataclass(frozen=True, eq=False)
class Standard:
    """``x = (z - centre) * scale``: mean zero, mean squared length d.

    Attributes
    ----------
    centre, scale
        Float64, ``(d,)``; all scales are equal unless each dimension was scaled by itself.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    def apply(self, z: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return standardised rows ``(n, d)``, float32."""
        return np.asarray((z - self.centre) * self.scale, dtype=np.float32)

    def undo(self, x: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return rows in the embedding's own units."""
        return np.asarray(x / self.scale + self.centre, dtype=np.float32)


def check_embedding(z: NDArray[np.floating]) -> tuple[int, int]:
    """Return ``(n_cells, d)`` of an array or memory map, refusing what is none."""
    if sp.issparse(z):
        raise InputError("the embedding is sparse: pass it dense, z.toarray().")
    shape: tuple[int, ...] = tuple(getattr(z, "shape", ()))
    dtype = getattr(z, "dtype", None)
    if len(shape) != 2 or dtype is None or dtype.kind not in "fiu":
        raise InputError(
            f"the embedding must be a matrix of numbers (n_cells, d), but is {dtype} of shape "
            f"{shape}."
        )
    return int(shape[0]), int(shape[1])


def sample_rows(
    z: NDArray[np.floating], rows: NDArray[np.int64], random_state: int
) -> NDArray[np.int64]:
    """Return rows, sorted, that hold at most `SAMPLE` values."""
    most = max(1, SAMPLE // z.shape[1])
    if len(rows) <= most:
        return rows
    rng = stream(random_state, "features", "sample")
    return np.sort(rng.choice(rows, most, replace=False))


def standardise(z: NDArray[np.floating], *, per_dimension: bool = False) -> Standard:
    """Return the centring and scaling of embedding rows ``(n, d)``.

    Raises
    ------
    InputError
        If there is no cell, values are NaN or infinite, or no dimension varies.
    """
    z = np.asarray(z, dtype=np.float64)
    if not len(z):
        raise InputError("the embedding has no cells.")
    bad = ~np.isfinite(z).all(axis=1)
    if bad.any():
        raise InputError(
            f"the embedding holds NaN or infinity in {bad.sum()} of {len(z)} rows: remove or fill "
            "them."
        )
    centre, spread = z.mean(axis=0), z.std(axis=0)
    if not spread.any():
        raise InputError("the embedding is the same in every cell: there is nothing to explain.")
    if per_dimension:
        scale = np.where(spread > 0, 1 / np.maximum(spread, 1e-300), 0.0)
    else:
        scale = np.full(len(spread), np.sqrt(len(spread) / np.sum(spread**2)))
    return Standard(centre, np.where(scale == 0, 1.0, scale))
