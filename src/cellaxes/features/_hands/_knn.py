"""Neighbours among a sample of cells: how well they tell a label, how far away they are."""

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.random import stream

CELLS = 5000
"""Cells searched, at most."""
NEIGHBOURS = 15


def sample_cells(rows: NDArray[np.int64], random_state: int, purpose: str) -> NDArray[np.int64]:
    """Return at most 5,000 of the rows, sorted."""
    if len(rows) <= CELLS:
        return rows
    rng = stream(random_state, "features", "hands", purpose)
    return np.sort(rng.choice(rows, CELLS, replace=False))


def neighbours_of(z: NDArray[np.floating]) -> NDArray[np.int64]:
    """Return the 15 nearest other cells of each, ``(n_cells, 15)``; all others where fewer."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(z) - 1), algorithm="brute")
    return np.asarray(search.fit(z).kneighbors(return_distance=False), dtype=np.int64)


def vote_accuracy(neighbours: NDArray[np.int64], codes: NDArray[np.int64]) -> float:
    """Return the share of cells whose label most of their neighbours have.

    Parameters
    ----------
    neighbours
        Rows of the neighbours, ``(n_cells, k)``.
    codes
        Labels, ``(n_cells,)``. Of labels with equally many neighbours the first counts.
    """
    votes = np.zeros((len(codes), int(codes.max()) + 1), dtype=np.int64)
    np.add.at(votes, (np.arange(len(codes))[:, None], codes[neighbours]), 1)
    return float((votes.argmax(axis=1) == codes).mean())


def distances_to(
    cells: NDArray[np.floating],
    real: NDArray[np.floating],
    own: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean distance of cells to their 15 nearest real cells, ``(n_cells,)``.

    Parameters
    ----------
    cells, real
        Embeddings, ``(n_cells, d)`` and ``(n_real, d)``.
    own
        Row of ``real`` that is the cell itself, which is left out; -1 where it is not there.
    """
    from sklearn.neighbors import NearestNeighbors

    k = min(NEIGHBOURS, len(real) - 1)
    search = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(real)
    distance, index = search.kneighbors(cells)
    left_out = index == own[:, None]
    left_out[~left_out.any(axis=1), -1] = True
    return np.asarray(distance[~left_out].reshape(len(cells), k).mean(axis=1), dtype=np.float64)
