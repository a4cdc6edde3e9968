"""Batches in which rare classes are not rare."""

import numpy as np
from numpy.typing import NDArray


class BalancedSampler:
    """Draws cells with replacement, a class of n cells in proportion to the root of n.

    Parameters
    ----------
    codes
        Class of each cell, ``(n_cells,)``.
    rng
        Where the draws come from.
    """

    def __init__(self, codes: NDArray[np.int64], rng: np.random.Generator) -> None:
        counts = np.bincount(codes)
        self._order = np.argsort(codes, kind="stable")
        self._counts = counts
        self._first = np.cumsum(counts) - counts
        share = np.sqrt(counts)
        self._until = np.cumsum(share / share.sum())
        self._rng = rng

    def draw(self, size: int) -> NDArray[np.int64]:
        """Return the rows of a batch."""
        chosen = np.searchsorted(self._until[:-1], self._rng.random(size), side="right")
        return self.member(chosen)

    def member(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return a random cell of each class named."""
        offset = (self._rng.random(len(classes)) * self._counts[classes]).astype(np.int64)
        return np.asarray(self._order[self._first[classes] + offset], dtype=np.int64)
