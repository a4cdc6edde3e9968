"""The contrastive bound with a Gaussian critic: what it finds in pairs it did not see."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.information._data import Pairs
from cellaxes.information._gaussian import canonical_coordinates, gaussian, shrunk

N_FOLDS = 3
BLOCK = 1000
"""Pairs contrasted with each other at a time: the bound cannot exceed their log2."""
MAX_RHO = 1 - 5e-5
"""Largest canonical correlation of a critic; beyond it single pairs rule the bound."""


def deal(n: int, rng: np.random.Generator, n_folds: int = N_FOLDS) -> list[NDArray[np.int64]]:
    """Deal n pairs to folds at random."""
    return np.array_split(rng.permutation(n), n_folds)


def blocks(fold: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cut a fold into blocks of about `BLOCK` pairs."""
    return np.array_split(fold, max(1, round(len(fold) / BLOCK)))


def ceiling(n: int) -> float:
    """Largest reading of the bound for n pairs, bits."""
    return float(np.log2(min(BLOCK, n // N_FOLDS)))


def contrast(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each pair's share in the InfoNCE bound, nats, ``(m,)``.

    ``scores[i, j]`` is the critic's log-ratio of ``(x_i, y_j)``. The mean of
    ``s_ii - log mean_j exp s_ij`` is a lower bound of the information whatever the critic
    (van den Oord et al. 2018; Poole et al., ICML 2019, eq. 10); both directions are averaged.
    """
    by_row, by_column = _log_sum_exp(scores), _log_sum_exp(scores.T)
    points: NDArray[np.float64] = (
        scores.diagonal() - 0.5 * (by_row + by_column) + np.log(len(scores))
    )
    return points


def _log_sum_exp(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``log sum exp`` of each row, in single precision inside."""
    top = scores.max(axis=1)
    rest = np.exp((scores - top[:, None]).astype(np.float32)).sum(axis=1, dtype=np.float64)
    return np.asarray(top + np.log(rest))


def gaussian_terms(
    rho: NDArray[np.float64],
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return the terms of a Gaussian log-ratio in canonical coordinates, nats.

    The constant, the coefficients of ``u^2 + v^2`` and those of ``u v``.
    """
    rest = 1 - rho**2
    return -0.5 * float(np.log(rest).sum()), -(rho**2) / (2 * rest), rho / rest


def log_ratio(pairs: Pairs, rho: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian log-ratio of each pair of canonical coordinates, nats, ``(n,)``."""
    constant, square, product = gaussian_terms(rho)
    u, v = pairs.x[:, : len(rho)], pairs.y[:, : len(rho)]
    return np.asarray(constant + (u**2 + v**2) @ square + (u * v) @ product)


@dataclass(frozen=True, eq=False)
class GaussianCritic:
    """Log-ratio of jointly Gaussian variables, in canonical coordinates.

    Attributes
    ----------
    centres, maps
        Of x and of y: coordinates are ``(values - centre) @ map``.
    rho
        Canonical correlations, shrunk.
    """

    centres: tuple[NDArray[np.float64], NDArray[np.float64]]
    maps: tuple[NDArray[np.float64], NDArray[np.float64]]
    rho: NDArray[np.float64]

    @classmethod
    def fit(cls, pairs: Pairs) -> "GaussianCritic":
        """Fit to pairs."""
        centres, bases, whitening = [], [], []
        for values in (pairs.x, pairs.y):
            centres.append(values.mean(axis=0))
            left, singular, axes = np.linalg.svd(values - centres[-1], full_matrices=False)
            least = 1e-8 * np.sqrt(pairs.n) * np.abs(values).max(initial=0.0)
            kept = singular > max(1e-8 * singular.max(initial=0.0), least)
            bases.append(left[:, kept])
            whitening.append(axes[kept].T / singular[kept] * np.sqrt(pairs.n))
        left, rho, right = np.linalg.svd(bases[0].T @ bases[1])
        dx, dy = bases[0].shape[1], bases[1].shape[1]
        return cls(
            (centres[0], centres[1]),
            (whitening[0] @ left, whitening[1] @ right.T),
            np.minimum(shrunk(np.asarray(rho), dx, dy, pairs.n), MAX_RHO),
        )

    def coordinates(self, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the canonical coordinates of both sides."""
        return (
            (pairs.x - self.centres[0]) @ self.maps[0],
            (pairs.y - self.centres[1]) @ self.maps[1],
        )

    def scores(self, u: NDArray[np.float64], v: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-ratio of every u with every v, nats, ``(len(u), len(v))``."""
        constant, square, product = gaussian_terms(self.rho)
        r = len(self.rho)
        u, v = u[:, :r], v[:, :r]
        own: NDArray[np.float64] = (u * product) @ v.T + constant
        return own + (u**2 @ square)[:, None] + (v**2 @ square)[None]


def cross_fit(pairs: Pairs, folds: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    """Return each pair's share in the bound under a critic that did not see it, bits, ``(n,)``."""
    found = np.empty(pairs.n)
    for fold in folds:
        critic = GaussianCritic.fit(pairs.take(np.setdiff1d(np.arange(pairs.n), fold)))
        for block in blocks(fold):
            u, v = critic.coordinates(pairs.take(block))
            found[block] = contrast(critic.scores(u, v))
    return np.asarray(found / np.log(2))


def simulate(rho: NDArray[np.float64], dx: int, dy: int, n: int, rng: np.random.Generator) -> Pairs:
    """Draw n Gaussian pairs of dx and dy dimensions with canonical correlations rho."""
    x, y = rng.standard_normal((n, dx)), rng.standard_normal((n, dy))
    r = len(rho)
    y[:, :r] = rho * x[:, :r] + np.sqrt(1 - rho**2) * y[:, :r]
    return Pairs(x, y)


def noise(dx: int, dy: int, n: int) -> float:
    """Return the standard error of Gaussian information where there is none, bits.

    ``2 n ln 2`` times the information of n pairs is then chi-squared with ``dx dy`` degrees of
    freedom.
    """
    return float(np.sqrt(dx * dy / 2) / n / np.log(2))


def fitting_loss(pairs: Pairs, rng: np.random.Generator) -> tuple[float, float]:
    """Return what `cross_fit` loses on Gaussian pairs of this size and information, and its error.

    Measured in bits against the log-ratio that the pairs were drawn from. Their canonical
    correlations are those of these pairs, less noise, or the same information spread evenly
    over all dimensions, which is harder to fit: whichever shows a sample more like these.
    """
    x, y = canonical_coordinates(pairs)
    dx, dy = x.shape[1], y.shape[1]
    if min(dx, dy) == 0:
        return 0.0, 0.0
    sample = (x[:, :dy] * y[:, :dx]).mean(axis=0)
    rho = np.minimum(shrunk(sample, dx, dy, pairs.n), MAX_RHO)
    even = np.full(len(rho), np.sqrt(-np.expm1(np.log1p(-(rho**2)).mean())))
    tried = []
    for spectrum in (rho, even):
        drawn = simulate(spectrum, dx, dy, pairs.n, rng)
        u, v = canonical_coordinates(drawn)
        unlike = np.abs((u[:, :dy] * v[:, :dx]).mean(axis=0) - sample).sum()
        tried.append((float(unlike), spectrum, drawn))
    _, spectrum, drawn = min(tried, key=lambda entry: entry[0])
    parts = []
    for fold in deal(pairs.n, rng):
        critic = GaussianCritic.fit(drawn.take(np.setdiff1d(np.arange(pairs.n), fold)))
        block = drawn.take(blocks(fold)[0])
        share = contrast(critic.scores(*critic.coordinates(block)))
        parts.append((log_ratio(block, spectrum) - share) / np.log(2))
    loss = np.concatenate(parts)
    return float(loss.mean()), float(loss.std() / np.sqrt(len(loss)))


def gaussian_reading(
    pairs: Pairs, folds: Sequence[NDArray[np.int64]], rng: np.random.Generator
) -> tuple[float, NDArray[np.float64]]:
    """Return what a Gaussian critic reads, bits, and each pair's share in the bound, ``(n,)``.

    Canonical correlations are exact for Gaussian pairs, but no bound for others: where x
    holds several functions of one coordinate, they count its information once for each. The
    cross-fitted bound does not. So the canonical correlations count unless the bound, plus
    what it would lose on Gaussian pairs, falls short of them by more than two standard
    errors; then that counts.
    """
    shares = cross_fit(pairs, folds)
    exact = gaussian(pairs)
    loss, error = fitting_loss(pairs, rng)
    bound = float(shares.mean()) + loss
    x, y = canonical_coordinates(pairs)
    dx, dy = x.shape[1], y.shape[1]
    rho = shrunk((x[:, :dy] * y[:, :dx]).mean(axis=0), dx, dy, pairs.n)
    apart = log_ratio(Pairs(x, y), np.minimum(rho, MAX_RHO)) / np.log(2) - shares
    error = float(np.hypot(error, apart.std() / np.sqrt(pairs.n)))
    return (exact if bound > exact - 2 * error else bound), shares
