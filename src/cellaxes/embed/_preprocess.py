"""Steps shared by the models that work on normalised expression."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.matrix import Counts, csr_rows, row_sums, shape_of


def log_normalise(counts: Counts, target_sum: float = 1e4) -> sp.csr_matrix:
    """Return ``log(1 + target_sum * x_ij / sum_j x_ij)`` as float32 CSR; empty cells stay zero.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``.
    target_sum
        UMIs per cell after normalising.
    """
    csr = sp.csr_matrix(csr_rows(counts, 0, shape_of(counts)[0]), dtype=np.float32, copy=True)
    total = row_sums(csr)
    scale = target_sum / np.maximum(total, 1.0)
    csr.data *= np.repeat(scale, np.diff(csr.indptr)).astype(np.float32)
    np.log1p(csr.data, out=csr.data)
    return csr


def highly_variable(log_counts: sp.csr_matrix, n_top_genes: int) -> NDArray[np.int64]:
    """Return the indices of the genes that vary most, ascending.

    The variance of log-normalised expression itself ranks the genes. Rankings normalised
    by mean expression (the ``seurat`` flavours) pick genes seen in a handful of cells when
    depth is low: at 196 UMIs per cell they left 0.9 of 2.3 bits of pancreas cell type.
    Genes seen in no cell are never chosen, so fewer than ``n_top_genes`` may come back.

    Parameters
    ----------
    log_counts
        Log-normalised counts ``(n_cells, n_genes)``.
    n_top_genes
        Genes to keep.
    """
    n_cells = log_counts.shape[0]
    mean = np.asarray(log_counts.sum(axis=0, dtype=np.float64)).ravel() / n_cells
    square = log_counts.copy()
    square.data = square.data.astype(np.float64) ** 2
    variance = np.asarray(square.sum(axis=0)).ravel() / n_cells - mean**2
    varies = np.flatnonzero(variance > 1e-12)
    top = varies[np.argsort(-variance[varies], kind="stable")[:n_top_genes]]
    return np.asarray(np.sort(top), dtype=np.int64)
