"""The linear way from activations back to an embedding, by least squares."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_RIDGE = 1e-6


def regress(
    f: sp.csr_matrix, x: NDArray[np.floating]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return what each feature adds to the embedding ``(m, d)``, and the rest ``(d,)``.

    Parameters
    ----------
    f
        Activations ``(n_cells, m)``.
    x
        Embedding ``(n_cells, d)``.
    """
    mean, centre = np.asarray(f.mean(axis=0)).ravel(), x.mean(axis=0)
    gram = np.asarray((f.T @ f).todense(), dtype=np.float64) - f.shape[0] * np.outer(mean, mean)
    gram[np.diag_indices_from(gram)] += _RIDGE * max(float(np.trace(gram)), 1e-12)
    cross = np.asarray(f.T @ x, dtype=np.float64) - f.shape[0] * np.outer(mean, centre)
    decoder = np.linalg.solve(gram, cross)
    return decoder.astype(np.float32), (centre - mean @ decoder).astype(np.float32)
