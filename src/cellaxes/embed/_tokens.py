"""Rank-value tokens: a cell as its genes, ordered by how much they stand out."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.matrix import Counts, csr_rows, row_sums, shape_of

PAD, MASK, FIRST_GENE = 0, 1, 2
"""Tokens that are no gene, and the first that is."""

_LOW = np.uint64(0xFFFFFFFF)
_BLOCK = 256


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Which token each gene has, and what its counts are measured against.

    Attributes
    ----------
    tokens
        Token of each column of the counts, ``(n_genes,)``; `PAD` for a gene without one.
    medians
        Median of the non-zero normalised values of each gene, ``(n_genes,)``.
    """

    tokens: NDArray[np.int64]
    medians: NDArray[np.float32]


def gene_medians(counts: Counts, target_sum: float = 1e4) -> NDArray[np.float32]:
    """Return the median of the non-zero values of each gene, zero where there are none.

    Values are ``target_sum * x_ij / sum_j x_ij``; of an even number the lower middle is taken.

    Parameters
    ----------
    counts
        UMI counts of the training cells ``(n_train, n_genes)``.
    target_sum
        UMIs per cell after normalising.

    Returns
    -------
    Medians ``(n_genes,)``, UMIs per ``target_sum``.
    """
    csr = _normalised(counts, target_sum)
    # gene and value in one whole number: bits of positive floats sort as the floats do
    keys = csr.indices.astype(np.uint64) << np.uint64(32) | csr.data.view(np.uint32)
    keys.sort()
    n_seen = np.bincount(csr.indices, minlength=csr.shape[1])
    starts = np.cumsum(n_seen) - n_seen
    seen = n_seen > 0
    medians = np.zeros(csr.shape[1], dtype=np.float32)
    middle = keys[(starts + (n_seen - 1) // 2)[seen]] & _LOW
    medians[seen] = middle.astype(np.uint32).view(np.float32)
    return medians


def tokenise(
    counts: Counts, vocabulary: Vocabulary, *, n_tokens: int, target_sum: float = 1e4
) -> NDArray[np.int32]:
    """Return the tokens of each cell's genes, highest ``value / median`` first.

    Equal values are ordered by token. A cell's tokens depend on that cell alone.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``.
    vocabulary
        Tokens and medians of the genes.
    n_tokens
        Longest list kept.
    target_sum
        UMIs per cell after normalising.

    Returns
    -------
    ``(n_cells, n_tokens)``, filled up with `PAD`.
    """
    csr = _normalised(counts, target_sum)
    known = (vocabulary.tokens != PAD) & (vocabulary.medians > 0)
    scale = np.divide(1, vocabulary.medians, where=known, out=np.zeros(len(known), np.float32))
    ranked = np.full((csr.shape[0], n_tokens), PAD, dtype=np.int32)
    for start in range(0, csr.shape[0], _BLOCK):
        block = csr[start : start + _BLOCK]
        keep = known[block.indices]
        rows = np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))[keep]
        genes = block.indices[keep]
        values = block.data[keep] * scale[genes]
        # one whole number again: value falling, then token rising
        keys = (_LOW - values.view(np.uint32)) << np.uint64(32)
        keys |= vocabulary.tokens[genes].astype(np.uint64)
        lengths = np.bincount(rows, minlength=block.shape[0])
        places = np.arange(len(rows)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        grid = np.full((block.shape[0], max(n_tokens, lengths.max(initial=0))), PAD, np.uint64)
        grid |= ~_LOW  # what is not there sorts last
        grid[rows, places] = keys
        grid.sort(axis=1)
        ranked[start : start + _BLOCK] = (grid[:, :n_tokens] & _LOW).astype(np.int32)
    return ranked


def _normalised(counts: Counts, target_sum: float) -> sp.csr_matrix:
    """Return ``target_sum * x_ij / sum_j x_ij`` as float32 CSR without stored zeros."""
    csr = sp.csr_matrix(csr_rows(counts, 0, shape_of(counts)[0]), dtype=np.float32, copy=True)
    csr.sum_duplicates()
    csr.eliminate_zeros()
    scale = target_sum / np.maximum(row_sums(csr), 1.0)
    csr.data *= np.repeat(scale, np.diff(csr.indptr)).astype(np.float32)
    return csr
