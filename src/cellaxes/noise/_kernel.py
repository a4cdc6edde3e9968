"""Binomial draws for a run of rows: the inner loop of thinning.

Every stored count owns a random number: SplitMix64 (Steele, Lea and Flood 2014) read at
position ``row * n_genes + gene`` of the stream of its row block. So container, storage
order, chunks and workers cannot change a draw. The stream belongs to the seed, to what is
kept, and to the molecules of the block, so that thinning a thinned matrix draws anew.
"""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from cellaxes._core.matrix import ROW_BLOCK, has_duplicates, row_sums
from cellaxes._core.random import stream

_TABLE = 16
"""Counts up to this are drawn by inverting a tabulated distribution function."""

GAMMA = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def mix(z: np.uint64) -> np.uint64:
    """Scramble a position ``seed + (i + 1) * GAMMA`` into SplitMix64's output number i."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True, nogil=True)
def unit(bits: np.uint64) -> float:
    """Return the upper 53 bits as a number in [0, 1)."""
    return np.int64(bits >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit(cache=True, nogil=True)
def _fill_table(p: float, table: NDArray[np.float64]) -> None:
    """Write P(kept <= k) for each count c to ``table[c, k]``, 2 where k >= c."""
    q = 1.0 - p
    odds = p / q
    start = 1.0
    for c in range(1, _TABLE + 1):
        start *= q
        probability = start
        cumulative = probability
        for k in range(c):
            table[c, k] = cumulative
            probability *= odds * (c - k) / (k + 1)
            cumulative += probability


@njit(cache=True, nogil=True)
def _draw_large(count: int, bits: np.uint64, table: NDArray[np.float64]) -> int:
    """Draw Binomial(count, p of the table) as a sum of draws from the table's last row."""
    kept = 0
    while count > 0:
        u = unit(bits)
        c = np.uint64(min(count, _TABLE))
        for k in range(_TABLE):
            kept += int(u >= table[c, np.uint64(k)])
        count -= _TABLE
        bits = mix(bits + GAMMA)
    return kept


@njit(cache=True, nogil=True)
def _thin_rows(
    data: NDArray[Any],
    indices: NDArray[Any],
    indptr: NDArray[Any],
    fraction: NDArray[np.float64],
    seeds: NDArray[np.uint64],
    n_genes: int,
    out_data: NDArray[Any],
    out_indices: NDArray[Any],
    out_indptr: NDArray[Any],
) -> None:
    table = np.full((_TABLE + 1, _TABLE), 2.0)
    filled_for = -1.0
    end = 0
    for row in range(fraction.size):
        p = fraction[row]
        begin, stop = np.uint64(indptr[row]), np.uint64(indptr[row + 1])
        if p >= 1.0:
            for i in range(begin, stop):
                out_data[end] = data[i]
                out_indices[end] = indices[i]
                end += int(data[i] > 0)
        elif p > 0.0:
            if p != filled_for:
                _fill_table(p, table)
                filled_for = p
            seed = seeds[row // ROW_BLOCK]
            place = row % ROW_BLOCK
            seed += np.uint64(place * n_genes + 1) * GAMMA
            for i in range(begin, stop):
                gene = indices[i]
                bits = mix(seed + np.uint64(gene) * GAMMA)
                u = unit(bits)
                count = int(data[i])
                c = np.uint64(count)
                # Every step of the table is compared and the results are summed: which way
                # a single comparison goes is unpredictable, a branch on it would stall.
                if count <= 4:
                    kept = int(u >= table[c, np.uint64(0)]) + int(u >= table[c, np.uint64(1)])
                    kept += int(u >= table[c, np.uint64(2)]) + int(u >= table[c, np.uint64(3)])
                elif count <= _TABLE:
                    kept = 0
                    for k in range(_TABLE):
                        kept += int(u >= table[c, np.uint64(k)])
                else:
                    kept = _draw_large(count, bits, table)
                out_data[np.uint64(end)] = kept
                out_indices[np.uint64(end)] = gene
                end += int(kept > 0)
        out_indptr[row + 1] = end


def thin_csr(
    counts: sp.csr_matrix,
    fraction: NDArray[np.float64],
    random_state: int,
    key: tuple[str | int | float, ...],
    first_row: int = 0,
) -> sp.csr_matrix:
    """Thin rows ``first_row, first_row + 1, …`` of a matrix, from the start of a row block.

    Parameters
    ----------
    counts
        The rows as CSR of checked counts, ``(n, n_genes)``.
    fraction
        Capture probability of each row, ``(n,)``, in [0, 1].
    random_state, key
        What the draw belongs to.
    first_row
        Where the rows start in the whole matrix; a multiple of the block size.

    Returns
    -------
    CSR of the same shape and dtype, without stored zeros.
    """
    if has_duplicates(counts):
        counts = counts.copy()
        counts.sum_duplicates()
    starts = range(0, counts.shape[0], ROW_BLOCK)
    molecules = np.add.reduceat(row_sums(counts), starts)
    seeds = np.array(
        [
            stream(random_state, "thin", *key, first_row + start, int(total)).integers(
                2**64, dtype=np.uint64
            )
            for start, total in zip(starts, molecules, strict=True)
        ]
    )
    # One entry more than needed: each draw is written before it is known whether it stays.
    data = np.empty(counts.nnz + 1, dtype=counts.dtype)
    indices = np.empty(counts.nnz + 1, dtype=counts.indices.dtype)
    indptr = np.zeros_like(counts.indptr)
    _thin_rows(
        counts.data,
        counts.indices,
        counts.indptr,
        np.asarray(fraction, dtype=np.float64),
        seeds,
        counts.shape[1],
        data,
        indices,
        indptr,
    )
    end = int(indptr[-1])
    return sp.csr_matrix((data[:end].copy(), indices[:end].copy(), indptr), shape=counts.shape)
