"""Information between jointly Gaussian variables, through canonical correlations."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from cellaxes._core.errors import InputError
from cellaxes.information._data import Pairs, standardise


def canonical_basis(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis ``(n, rank)`` of the centred, scaled columns."""
    left, singular, _ = np.linalg.svd(standardise(values), full_matrices=False)
    kept: NDArray[np.float64] = left[:, singular > 1e-8 * singular.max(initial=0.0)]
    return kept


def canonical_coordinates(pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both sides in canonical coordinates of unit variance, most correlated first."""
    x, y = canonical_basis(pairs.x), canonical_basis(pairs.y)
    left, _, right = np.linalg.svd(x.T @ y)
    scale = np.sqrt(pairs.n)
    return x @ left * scale, y @ right.T * scale


def gaussian(pairs: Pairs) -> float:
    """Estimate Gaussian information in bits, without bias where the data are Gaussian.

    ``I = -1/2 sum_i log2(1 - rho_i^2)`` over the canonical correlations, minus its exact
    expectation under sampling of ``n`` Gaussian pairs (Wishart log-determinants; Misra et
    al., J. Multivariate Anal. 92:324, 2005). Invariant under affine maps of either side.

    Parameters
    ----------
    pairs
        Continuous pairs.

    Raises
    ------
    InputError
        If there are no more pairs than dimensions.
    """
    x, y = canonical_basis(pairs.x), canonical_basis(pairs.y)
    dx, dy = x.shape[1], y.shape[1]
    if pairs.n <= dx + dy + 1:
        raise InputError(
            f"the Gaussian estimator needs more pairs than dimensions: {pairs.n} pairs, "
            f"{dx} + {dy} dimensions; reduce the dimensions or give more cells."
        )
    rho = np.linalg.svd(x.T @ y, compute_uv=False) if dx and dy else np.zeros(0)
    return float(nats_of(np.asarray(rho)).sum() - excess_nats(dx, dy, pairs.n)) / float(np.log(2))


def nats_of(rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian information in each canonical correlation, nats."""
    return np.asarray(-0.5 * np.log1p(-(np.minimum(rho, 1 - 1e-12) ** 2)))


def excess_nats(dx: int, dy: int, n: int) -> float:
    """Return by how much n Gaussian pairs show more information than there is, nats."""

    def log_determinant_bias(d: int) -> float:
        return float(digamma((n - np.arange(1, d + 1)) / 2).sum())

    return 0.5 * (
        log_determinant_bias(dx) + log_determinant_bias(dy) - log_determinant_bias(dx + dy)
    )


def shrunk(rho: NDArray[np.float64], dx: int, dy: int, n: int) -> NDArray[np.float64]:
    """Return the sample's canonical correlations less what noise adds to them.

    The same amount of information is taken from each, as far as it has any, until their
    information is what `gaussian` finds.
    """
    nats = nats_of(rho)
    goal = max(float(nats.sum()) - excess_nats(dx, dy, n), 0.0)
    ordered = np.sort(nats)[::-1]
    taken = (np.cumsum(ordered) - goal) / np.arange(1, len(ordered) + 1)
    amount = float(np.max(taken, initial=0.0))
    return np.asarray(np.sqrt(1 - np.exp(-2 * np.maximum(nats - amount, 0.0))))
