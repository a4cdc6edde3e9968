"""The inner loops of sequence noise."""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from cellaxes._core.matrix import ROW_BLOCK
from cellaxes.noise._kernel import GAMMA, mix, unit


@njit(cache=True, nogil=True)
def replace(
    codes: NDArray[np.uint8],
    p: float,
    cumulative: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    out: NDArray[np.uint8],
) -> None:
    """Write codes of which a share p is drawn anew.

    The number of a place is SplitMix64's output at ``row * n_columns + column`` of the stream of
    its row block: below p it is replaced, and the next output says by what. ``cumulative`` has
    a row of drawing probabilities for each code, added up, ``(n_codes + 1, n_drawn)``; what is
    drawn are the codes ``1, 2, …``; a row that stays below 1 draws the last of them.
    """
    n, length = codes.shape
    last = cumulative.shape[1] - 1
    for row in range(n):
        seed = seeds[row // ROW_BLOCK] + np.uint64((row % ROW_BLOCK) * length + 1) * GAMMA
        for column in range(length):
            code = codes[row, column]
            if code > 0:
                bits = mix(seed + np.uint64(column) * GAMMA)
                if unit(bits) < p:
                    u = unit(mix(bits + GAMMA))
                    j = 0
                    while j < last and u >= cumulative[code, j]:
                        j += 1
                    code = np.uint8(j + 1)
            out[row, column] = code


@njit(cache=True, nogil=True)
def cut(codes: NDArray[np.uint8], p: float, out: NDArray[np.uint8]) -> None:
    """Write sequences whose last share p is gone (rounded to whole residues)."""
    n, length = codes.shape
    for row in range(n):
        own = 0
        for column in range(length):
            own += int(codes[row, column] > 0)
        kept = own - int(np.floor(p * own + 0.5))
        seen = 0
        for column in range(length):
            seen += int(codes[row, column] > 0)
            out[row, column] = codes[row, column] if seen <= kept else np.uint8(0)


@njit(cache=True, nogil=True)
def changed(clean: NDArray[np.uint8], noisy: NDArray[np.uint8]) -> tuple[int, int]:
    """Return how many residues there are, and how many differ."""
    there, differ = 0, 0
    for i in range(clean.size):
        there += int(clean[i] > 0)
        differ += int(clean[i] > 0 and clean[i] != noisy[i])
    return there, differ
