"""What the neighbours of a cell say, from the coarsest level down."""

import numpy as np
from numpy.typing import NDArray


def majority(
    codes: NDArray[np.int64], counted: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the label that most neighbours of each cell have, and how many have it.

    Parameters
    ----------
    codes
        Labels of the neighbours, ``(n_cells, k)``.
    counted
        Whether each neighbour counts, ``(n_cells, k)``.

    Returns
    -------
    Label ``(n_cells,)``, the lowest code of those with equally many votes; its votes
    ``(n_cells,)``, 0 where no neighbour counts.
    """
    votes = np.zeros(codes.shape, dtype=np.int64)
    for one in range(codes.shape[1]):
        votes += (codes == codes[:, one, None]) & counted[:, one, None]
    votes *= counted
    most = votes.max(axis=1)
    first = np.where(votes == most[:, None], codes, np.iinfo(codes.dtype).max).min(axis=1)
    return np.where(most > 0, first, 0), most


def call_down(
    codes: NDArray[np.int64], lists: list[NDArray[np.int64]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the label of each level, from the neighbours that agree with the levels above.

    Parameters
    ----------
    codes
        Labels of the reference, ``(n_reference, n_levels)``, coarse to fine.
    lists
        Neighbours of each cell for each level, ``(n_cells, k)`` rows of the reference; -1: none.

    Returns
    -------
    Labels and the share of the k neighbours that have it, ``(n_cells, n_levels)`` each. Where no
    neighbour agrees with the levels above, the share is 0.
    """
    n, n_levels = len(lists[0]), codes.shape[1]
    calls = np.zeros((n, n_levels), dtype=np.int64)
    shares = np.zeros((n, n_levels))
    for level, index in enumerate(lists):
        there = index >= 0
        above = codes[index, :level] == calls[:, None, :level]
        agree = there & above.all(axis=2)
        counted = np.where(agree.any(axis=1, keepdims=True), agree, there)
        calls[:, level], votes = majority(codes[index, level], counted)
        shares[:, level] = np.where(agree.any(axis=1), votes, 0) / index.shape[1]
    return calls, shares
