"""Rows of an embedding of any length, dealt in windows that fit into memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

BLOCK = 1024
"""Rows read together from a memory map."""


def windows(
    rows: NDArray[np.int64],
    held: int,
    order: np.random.Generator,
    *,
    rank: int = 0,
    world: int = 1,
) -> Iterator[NDArray[np.int64]]:
    """Deal each row once, in windows of at most ``held``.

    Blocks of rows are put in an order of their own and cut into windows, so that a memory map is
    read in runs; shuffle within a window. All rows that fit at once are one window, and nothing is
    drawn. Each process of several gets the same number of rows; what is left over (fewer than
    ``world`` rows) waits for another order.

    Parameters
    ----------
    rows
        Row numbers, ``(n,)``.
    held
        Rows held at a time.
    order
        Puts the blocks in order; the same in every process.
    rank, world
        Number of this process, and of all.

    Yields
    ------
    numpy.ndarray
        Row numbers, ascending.
    """
    if len(rows) <= held and world == 1:
        yield np.sort(rows)
        return
    blocks = [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]
    dealt = np.concatenate([blocks[block] for block in order.permutation(len(blocks))])
    share = len(dealt) // world
    for window in np.array_split(dealt[rank * share : (rank + 1) * share], -(-share // held) or 1):
        yield np.sort(window)


def batches(shuffled: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """Cut the last axis into batches of at most ``size``, as even as can be."""
    return np.array_split(shuffled, -(-shuffled.shape[-1] // size), axis=-1)
