"""What is known of contexts and compounds besides responses, in a few numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Described:
    """Numbers of named things.

    Attributes
    ----------
    names
        Of the things.
    values
        ``(n_names + 1, n)``, float32; the last row, zeros, is for what is not described.
    """

    names: tuple[str, ...]
    values: NDArray[np.float32]

    def of(self, wanted: NDArray[np.object_]) -> NDArray[np.float32]:
        """Return the numbers of each name, ``(n_wanted, n)``."""
        found: NDArray[np.float32] = self.values[positions(self.names, wanted)]
        return found


def positions(names: tuple[str, ...], wanted: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the place of each wanted name, ``len(names)`` where it is none of them."""
    places = {name: i for i, name in enumerate(names)}
    return np.array([places.get(str(name), len(names)) for name in wanted], dtype=np.int64)


def describe(table: pd.DataFrame | None, trained: NDArray[np.object_], n: int) -> Described:
    """Reduce a table to principal components that the trained names alone decide.

    Parameters
    ----------
    table
        One row per thing, named in its index, all columns numbers; None describes nothing.
    trained
        Names in the training rows; mean, spread and components are theirs. Others are projected.
    n
        Components; of fewer trained things, as many as there are besides their mean.

    Returns
    -------
    Scores; the largest component has variance 1.
    """
    if table is None or n < 1:
        return Described((), np.zeros((1, 0), dtype=np.float32))
    names = tuple(str(name) for name in table.index)
    values = table.to_numpy(dtype=float)
    held = values[np.isin(np.array(names, dtype=object), np.unique(trained.astype(str)))]
    n = min(n, len(held) - 1, values.shape[1])
    if n < 1:
        return Described((), np.zeros((1, 0), dtype=np.float32))
    mean, sd = held.mean(axis=0), held.std(axis=0)
    scale = np.divide(1, sd, where=sd > 1e-12, out=np.zeros_like(sd))
    _, size, right = np.linalg.svd((held - mean) * scale, full_matrices=False)
    right = right[:n] * np.where(right[:n].sum(axis=1) < 0, -1.0, 1.0)[:, None]
    scores = (values - mean) * scale @ right.T / max(size[0] / np.sqrt(len(held)), 1e-12)
    return Described(names, np.vstack([scores, np.zeros(n)]).astype(np.float32))
