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
    rho = np.minimum(rho, 1 - 1e-12)

    def log_determinant_bias(d: int) -> float:
        return float(digamma((pairs.n - np.arange(1, d + 1)) / 2).sum())

    bias = log_determinant_bias(dx) + log_determinant_bias(dy) - log_determinant_bias(dx + dy)
    nats = -0.5 * np.log1p(-(rho**2)).sum() - 0.5 * bias
    return float(nats / np.log(2))
