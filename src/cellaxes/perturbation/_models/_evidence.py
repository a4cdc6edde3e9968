"""Kernels learned by the marginal likelihood of many genes that share them."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import lapack
from scipy.optimize import minimize

from cellaxes.perturbation._models._kernels import Array, Codes, Kernel


@dataclass(frozen=True)
class Priors:
    """What holds the kernel back where rows are few, in units of one gene's log likelihood.

    Attributes
    ----------
    interaction
        Times |L|² + Σd: a context responds as the others do unless rows say otherwise.
    positions
        Times |U|²: a compound responds like no other unless rows say otherwise.
    """

    interaction: float
    positions: float


def inverse(covariance: Array) -> tuple[Array, float]:
    """Return the inverse and half the log determinant of a positive definite matrix.

    NaN and infinity where it is not positive definite.
    """
    factor, failed = lapack.dpotrf(covariance, lower=1)
    if failed:
        return np.full_like(covariance, np.nan), np.inf
    half = float(np.log(np.diag(factor)).sum())
    found, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(found)
    whole: Array = lower + np.tril(lower, -1).T
    return whole, half


def learn(
    start: Kernel, products: Array, c: Codes, s: Codes, *,
    noise: Array, priors: Priors, n_steps: int,
) -> Kernel:  # fmt: skip
    """Return the kernel of the largest marginal likelihood times prior, by L-BFGS.

    With G genes and Y their responses, −log p = ½ log|K| + ½ tr(K⁻¹ YYᵀ / G), up to constants
    and per gene, so that a step costs n³ whatever G.

    Parameters
    ----------
    start
        Where to begin; `strength` and `alike` stay.
    products
        ``Y Yᵀ / G``, ``(n, n)``.
    c, s
        Context and compound of each row.
    noise
        Noise variance of each row for a `noise` of 1.
    priors
        What holds it back.
    n_steps
        Iterations at most.

    References
    ----------
    Rasmussen & Williams 2006, equations 5.8 and 5.9; Bonilla et al. 2008 for covariances over
    tasks.
    """
    n = len(c)

    def loss(x: Array) -> tuple[float, Array]:
        kernel = start.unpack(x)
        covariance = kernel.between(c, s, c, s)
        covariance[np.diag_indices_from(covariance)] += kernel.noise * noise
        inv, half = inverse(covariance)
        if not np.isfinite(half):
            return 1e10, np.zeros_like(x)
        told = inv @ products
        slopes = kernel.slopes((inv - told @ inv) / 2, c, s, noise)
        held, steeper = _held(kernel, priors)
        value = half + np.trace(told) / 2 + held
        return float(value) / n, (slopes + steeper) / n

    x = start.pack()
    wide = [(-16.0, 8.0)] * (5 + len(start.spread)) + [(-30.0, 30.0)] * (
        start.loads.size + start.positions.size
    )
    found = minimize(
        loss, x, jac=True, method="L-BFGS-B", bounds=wide, options={"maxiter": n_steps}
    )
    return start.unpack(found.x)


def _held(kernel: Kernel, priors: Priors) -> tuple[float, Array]:
    """Return the prior's part of the loss and its slopes."""
    bent, near = priors.interaction, priors.positions
    loads, spread, positions = kernel.loads, kernel.spread, kernel.positions
    value = bent * float((loads**2).sum() + spread.sum()) + near * float((positions**2).sum())
    parts = (bent * spread, 2 * bent * loads.ravel(), 2 * near * positions.ravel())
    return value, np.concatenate([np.zeros(5), *parts])
