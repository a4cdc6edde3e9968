"""The vote of the nearest neighbours."""

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5
_VALUES = 1 << 24  # similarities held at a time


def blocks(n_rows: int, n_columns: int) -> list[slice]:
    """Return the slices of rows whose similarities to all columns are held together."""
    step = max(1, _VALUES // max(1, n_columns))
    return [slice(i, i + step) for i in range(0, n_rows, step)]


def vote(similarity: NDArray[np.floating], codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the class of each cell at each level by the most similar reference cells.

    Parameters
    ----------
    similarity
        To the reference, ``(n_cells, n_reference)``.
    codes
        Classes of the reference, ``(n_reference, n_levels)``.

    Returns
    -------
    ``(n_cells, n_levels)``; ties go to the smallest code.
    """
    k = min(NEIGHBOURS, similarity.shape[1])
    near = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
    called = np.zeros((len(near), codes.shape[1]), dtype=np.int64)
    for j, level in enumerate(codes.T):
        seen = level[near]
        votes = (seen[:, :, None] == seen[:, None, :]).sum(axis=2)
        called[:, j] = np.where(votes == votes.max(axis=1)[:, None], seen, level.max() + 1).min(
            axis=1
        )
    return called
