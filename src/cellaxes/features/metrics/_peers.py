"""Classical peers of sparse features: independent components, varimax, NMF."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import Array, Matrix, matrix


def peers(x: Matrix, n: int, *, random_state: int = 0) -> dict[str, NDArray[np.float32]]:
    """Return what classical factorisations of the same matrix find.

    Parameters
    ----------
    x
        Embedding or expression (log-normalised), CSR or dense, ``(n_cells, d)``.
    n
        Components, at most ``min(n_cells, d)``.
    random_state
        Seed of the starts.

    Returns
    -------
    Cells' activations, float32 ``(n_cells, n)`` each: ``"ica"`` and ``"varimax"``, signed and of
    variance one (`signed_halves` makes them fire), and ``"nmf"`` where x has no negative value.

    Raises
    ------
    InputError
        If n is too large.

    References
    ----------
    Varimax of the scores: Rohe & Zeng, J. R. Stat. Soc. B 2023. FastICA and NMF as in
    scikit-learn.
    """
    from sklearn.decomposition import NMF, PCA, FastICA

    data = matrix(x, "the matrix")
    if not 1 <= n <= min(data.shape):
        raise InputError(f"n must lie between 1 and {min(data.shape)}, not {n}.")
    solver = "covariance_eigh" if data.shape[1] <= 5000 else "arpack"
    pca = PCA(n, whiten=True, svd_solver=solver, random_state=random_state)
    scores: Array = np.asarray(pca.fit_transform(data), dtype=np.float64)
    if not np.isfinite(scores).all() or (scores.std(axis=0) < 1e-6).any():
        raise InputError(f"the matrix has fewer than {n} directions with variance: lower n.")
    ica = FastICA(whiten=False, max_iter=1000, tol=1e-3, random_state=random_state)
    found: dict[str, Any] = {
        "ica": ica.fit_transform(scores),
        "varimax": scores @ varimax(scores),
    }
    smallest = data.data.min(initial=0) if sp.issparse(data) else data.min()
    if smallest >= 0:
        nmf = NMF(n, init="nndsvda", max_iter=500, tol=1e-3, random_state=random_state)
        found["nmf"] = nmf.fit_transform(data)
    return {name: np.asarray(values, dtype=np.float32) for name, values in found.items()}


def varimax(scores: Array, *, max_iter: int = 500, tol: float = 1e-8) -> Array:
    """Return the rotation that makes the squares of each column as unequal as it can.

    Parameters
    ----------
    scores
        Whitened, ``(n_cells, n)``.
    max_iter, tol
        Stop after so many rounds, or when the criterion grows by a smaller share.

    Returns
    -------
    Orthogonal matrix ``(n, n)``; ``scores @ rotation`` are the varimax components.

    References
    ----------
    Kaiser, Psychometrika 23 (1958).
    """
    n, k = scores.shape
    rotation = np.eye(k)
    before = 0.0
    for _ in range(max_iter):
        turned = scores @ rotation
        gradient = scores.T @ (turned**3 - turned * (turned**2).mean(axis=0)) / n
        left, values, right = np.linalg.svd(gradient)
        rotation = left @ right
        if values.sum() <= before * (1 + tol):
            break
        before = float(values.sum())
    return rotation
