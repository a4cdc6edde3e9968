"""Controls that every metric is to be read beside: random features, shuffled cells, raw halves."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import row_blocks
from cellaxes._core.random import stream
from cellaxes.features.metrics._arrays import Matrix, dense, matrix
from cellaxes.features.metrics._matching import unit_rows


def random_relu(z: ArrayLike, m: int, l0: float, *, random_state: int = 0) -> sp.csr_matrix:
    """Return the activations of a dictionary that learned nothing.

    ``f = max(0, W (z - mean) / scale - b)``: rows of W are random unit vectors, the scale makes
    the mean squared length d, and one b is set so that the mean L0 on these cells is the asked
    one (to one activation in all; ties apart).

    Parameters
    ----------
    z
        Embedding, ``(n_cells, d)``.
    m
        Features: as many as those to compare.
    l0
        Mean number of active features per cell, that of the features to compare.
    random_state
        Seed of the directions.

    Returns
    -------
    CSR float32 ``(n_cells, m)``.

    Raises
    ------
    InputError
        If l0 is not between 0 and m, or all cells are the same.

    Examples
    --------
    >>> z = np.random.default_rng(0).normal(size=(1000, 8))
    >>> random_relu(z, 64, 5).nnz / 1000
    5.0
    """
    x = dense(z, "the embedding")
    if m < 1 or not 0 < l0 < m:
        raise InputError(
            f"l0 must lie between 0 and the number of features, but l0 = {l0} and m = {m}."
        )
    n, d = x.shape
    n_on = min(max(round(n * l0), 1), n * m - 1)
    x -= x.mean(axis=0)
    scale = np.sqrt((x**2).sum() / (n * d))
    if scale == 0:
        raise InputError("all cells of the embedding are the same: a dictionary needs variance.")
    x /= scale
    directions = unit_rows(stream(random_state, "random_relu", m, d).normal(size=(m, d)))

    top = np.empty(0)
    for start, stop in row_blocks(n):  # one in n_on + 1: the largest that must stay silent
        h = x[start:stop] @ directions.T
        top = np.concatenate([top, h[h > top[0]] if len(top) > n_on else h.ravel()])
        if len(top) > n_on:
            top = np.partition(top, len(top) - n_on - 1)[len(top) - n_on - 1 :]
    bias = top[0]
    parts = []
    for start, stop in row_blocks(n):
        f = np.maximum(x[start:stop] @ directions.T - bias, 0.0)
        parts.append(sp.csr_matrix(f).astype(np.float32))
    return sp.csr_matrix(sp.vstack(parts, format="csr"))


def permuted(activations: Matrix, *, random_state: int = 0) -> Matrix:
    """Return the activations of other cells: rows shuffled, features together.

    Everything about the features stays but which cell they belong to.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.
    random_state
        Seed.

    Returns
    -------
    CSR or dense, as given.

    Examples
    --------
    >>> permuted(np.array([[1.0], [2.0]])).sum()
    np.float64(3.0)
    """
    x = matrix(activations)
    return x[stream(random_state, "permuted", x.shape[0]).permutation(x.shape[0])]


def signed_halves(z: ArrayLike, *, centre: bool = True) -> sp.csr_matrix:
    """Return what lies above and what lies below of each dimension, as features that fire.

    So raw dimensions, principal and independent components can enter every metric.

    Parameters
    ----------
    z
        Signed latent, ``(n_cells, d)``.
    centre
        Whether "above" is above the mean; otherwise above zero.

    Returns
    -------
    CSR float32 ``(n_cells, 2 d)``: the upper halves of all dimensions, then the lower.

    Examples
    --------
    >>> signed_halves(np.array([[1.0], [-2.0]]), centre=False).toarray()
    array([[1., 0.],
           [0., 2.]], dtype=float32)
    """
    x = dense(z, "the latent")
    x = x - x.mean(axis=0) if centre else x
    halves: NDArray[np.float64] = np.concatenate([np.maximum(x, 0), np.maximum(-x, 0)], axis=1)
    return sp.csr_matrix(halves.astype(np.float32))
