"""Joint laws that agree with a pilot: draws from the posterior of the parameters."""

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.scaling._joint import JointLaw, joint_bits

Array = NDArray[np.float64]

WALKERS, STEPS, BURN_IN, EVERY = 48, 2000, 1000, 100
PRIOR = {"gamma": (0.0, 0.25), "s": (-0.7, 0.6), "k": (0.0, 0.7)}
"""Mean and standard deviation of the logarithms of exponents and channels: about what the
published single-cell curves and grids have."""
ROOM = 1.5
"""Bits by which a capacity lies above the best measurement before it is e times less likely."""
REACH = 12.0
"""Standard deviation of the logarithms of u_bar and n_bar about the middle of the pilot."""
INDEPENDENT = 1 / 3
"""Share of a grid's points that count as independent: where all count, 90 % intervals hold two
thirds of what was withheld from published grids; where a quarter do, 86 to 89 %, but the region
of the optimum is several times wider than simulated studies need."""
MIN_ERROR = 0.01
"""Smallest standard error of a mean that is believed, bits: no law is exact."""


def posterior(
    u: Array, n: Array, y: Array, *, start: JointLaw, random_state: int
) -> tuple[Array, float]:
    """Draw parameters of the joint law by an affine-invariant ensemble (emcee).

    The likelihood is normal with an unknown standard deviation that is integrated out
    (Jeffreys' prior), on the means of the pilot's grid. Neighbours in a real grid err alike,
    because they share cells and no law is exact: points count as `INDEPENDENT` ones.

    Parameters
    ----------
    u, n, y
        Depth, training cells and information (bits) of each mean, ``(n_means,)``.
    start
        The least-squares law, around which the walkers start.
    random_state
        Seed.

    Returns
    -------
    Draws of (ln u_bar, ln n_bar, I_max, ln gamma, ln s, ln k), ``(480, 6)``, and the median
    standard deviation around the law, bits.
    """
    import emcee

    log_u, log_n, top = np.log(u), np.log(n), max(float(y.max()), 0.0)
    centre = np.array([log_u.mean(), log_n.mean()])
    means, sds = np.array(list(PRIOR.values())).T

    count = INDEPENDENT * len(y)

    def log_density(p: Array) -> Array:
        residual = y - bits_of(p, log_u, log_n)
        sse = (residual**2).sum(axis=1) + len(y) * MIN_ERROR**2
        prior = -0.5 * (((p[:, :2] - centre) / REACH) ** 2).sum(axis=1)
        prior -= 0.5 * (((p[:, 3:] - means) / sds) ** 2).sum(axis=1)
        prior -= np.maximum(p[:, 2] - top, 0) / ROOM
        density: Array = prior - 0.5 * count * np.log(sse)
        return np.where((p[:, 2] > 1e-3) & (p[:, 2] < top + 20), density, -np.inf)

    rng = stream(random_state, "joint law", "posterior")
    first = np.array([np.log(start.u_bar), np.log(start.n_bar), start.I_max, 0, 0, 0])
    first[3:] = np.log([start.gamma, start.s, start.k])
    first = np.clip(
        first, [-20, -60, 2e-3, *(means - 2 * sds)], [30, 60, top + 4, *(means + 2 * sds)]
    )
    ball = first + rng.standard_normal((WALKERS, 6)) * [0.3, 0.3, 0.1, 0.05, 0.1, 0.1]
    ball[:, 2] = np.abs(ball[:, 2]) + 2e-3
    sampler = emcee.EnsembleSampler(WALKERS, 6, log_density, vectorize=True)
    seed = int(rng.integers(2**31))
    sampler.random_state = np.random.RandomState(seed).get_state()
    sampler.run_mcmc(ball, STEPS)
    # Every walker, at steps so far apart that they have forgotten each other.
    draws = sampler.get_chain(discard=BURN_IN)[::EVERY].reshape(-1, 6)
    left = ((y - bits_of(draws, log_u, log_n)) ** 2).sum(axis=1) / max(len(y) - 6, 1)
    return draws, float(np.sqrt(np.median(left) + MIN_ERROR**2))


def bits_of(draws: Array, log_u: Array, log_n: Array) -> Array:
    """Return the information each draw gives at some points, bits, ``(n_draws, n_points)``."""
    log_u_bar, log_n_bar, I_max, log_gamma, log_s, log_k = draws.T
    theta = np.array(
        [
            2 * np.log(2) * I_max * np.exp(-log_k),
            np.exp(log_gamma) * log_u_bar,
            np.exp(log_s) * log_n_bar,
            log_gamma,
            log_s,
            log_k,
        ]
    )
    return joint_bits(theta[:, :, None], log_u, log_n)
