"""Batches of a memory map of any length, in a shuffled order."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes._core.rows import batches as cut
from cellaxes._core.rows import windows

BUFFER = 1 << 26
"""Values held in memory at a time (256 MB of float32)."""


def batches(
    z: NDArray[np.floating],
    size: int,
    *,
    rows: ArrayLike | None = None,
    epoch: int = 0,
    random_state: int = 0,
    rank: int = 0,
    world: int = 1,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Deal the cells of an embedding once, in batches of a shuffled order.

    An embedding that fits into memory is shuffled as a whole. Of a larger memory map, blocks of
    1,024 rows are put in a random order; about half a million cells at a time are held and
    shuffled. The order depends on ``random_state`` and ``epoch`` alone.

    Parameters
    ----------
    z
        Embedding ``(n_cells, d)``, array or memory map: ``cells.z``.
    size
        Most cells of a batch; batches are as even as can be.
    rows
        Cells to deal, row numbers ``(n,)``, for example the first part of `stratify`; all if None.
    epoch
        Number of the pass: each has an order of its own, so that training can go on where it
        stopped.
    random_state
        Seed.
    rank, world
        Number of this process, and of all: each gets other cells, and as many batches. Fewer than
        ``world`` cells are left out, other ones in each epoch.

    Yields
    ------
    tuple
        Row numbers ``(n_batch,)``, int64, which select labels (``cells.codes(column)[rows]``), and
        their embedding ``(n_batch, d)``, float32.

    Raises
    ------
    InputError
        If size, rank or world is out of range, or there is no cell for each process.
    """
    chosen = np.arange(len(z)) if rows is None else np.asarray(rows, dtype=np.int64)
    if size < 1:
        raise InputError(f"size must be positive, not {size}.")
    if not 0 <= rank < world:
        raise InputError(f"rank must be 0 to world - 1, but is {rank} of {world}.")
    if len(chosen) < world:
        raise InputError(f"there are {len(chosen)} cells for {world} processes.")
    blocks = stream(random_state, "hierarchy", "blocks", epoch)
    inner = stream(random_state, "hierarchy", "order", epoch, rank)
    held = max(size, BUFFER // z.shape[1])
    return _deal(z, size, windows(chosen, held, blocks, rank=rank, world=world), inner)


def _deal(
    z: NDArray[np.floating],
    size: int,
    parts: Iterator[NDArray[np.int64]],
    inner: np.random.Generator,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    for part in parts:
        held = np.asarray(z[part], dtype=np.float32)
        for some in cut(inner.permutation(len(part)), size):
            yield part[some], held[some]
