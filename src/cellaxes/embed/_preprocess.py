"""Choice of genes, shared by the models that work on normalised expression."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


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
