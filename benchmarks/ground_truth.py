"""Pairs whose mutual information is known, in bits."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln, logsumexp, ndtr
from scipy.stats import vonmises

Array = NDArray[np.float64]
Task = Callable[[int, np.random.Generator], tuple[Array, Array, float]]


def gaussian(rho: list[float], d: int) -> Task:
    """Jointly Gaussian pairs of d dimensions, of which the first are correlated."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        r = np.zeros(d)
        r[: len(rho)] = rho
        x, e = rng.standard_normal((2, n, d))
        return x, r * x + np.sqrt(1 - r**2) * e, float(-0.5 * np.log2(1 - r**2).sum())

    return draw


def mapped(task: Task, left: Callable[[Array], Array], right: Callable[[Array], Array]) -> Task:
    """Another task behind one-to-one maps of each side, which leave information unchanged."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        x, y, bits = task(n, rng)
        return left(x), right(y), bits

    return draw


def student(dof: float, rho: list[float], d: int) -> Task:
    """Multivariate Student pairs: correlated scales besides correlated directions."""
    inner = gaussian(rho, d)

    def term(v: float) -> float:
        return float(gammaln(v / 2) - v / 2 * digamma(v / 2))

    tails = (term(dof) + term(dof + 2 * d) - 2 * term(dof + d)) / np.log(2)

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        x, y, bits = inner(n, rng)
        scale = np.sqrt(dof / rng.chisquare(dof, (n, 1)))
        return x * scale, y * scale, bits + tails

    return draw


def spiral(speed: float, i: int, j: int) -> Callable[[Array], Array]:
    """Rotate two coordinates by an angle that grows with the squared distance to the origin."""

    def rotate(x: Array) -> Array:
        angle = speed * (x**2).sum(axis=1)
        turned = x.copy()
        turned[:, i] = np.cos(angle) * x[:, i] - np.sin(angle) * x[:, j]
        turned[:, j] = np.sin(angle) * x[:, i] + np.cos(angle) * x[:, j]
        return turned

    return rotate


def swiss_roll(x: Array) -> Array:
    """Roll a line of standard normal values up in a plane."""
    turn = 1.5 * np.pi * (1 + 2 * ndtr(x[:, 0]))
    return np.c_[turn * np.cos(turn), turn * np.sin(turn)] / 21


def clusters(d: int, n_clusters: int, spread: float) -> Task:
    """Clusters that both sides share, with independent noise of unit variance around them."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        centres = rng.standard_normal((2, n_clusters, d)) * spread

        def sample(m: int) -> tuple[Array, Array]:
            member = rng.integers(0, n_clusters, m)
            x, y = (side[member] + rng.standard_normal((m, d)) for side in centres)
            return x, y

        x, y = sample(n)
        many = sample(40_000)
        a, b = (
            -0.5 * ((side[:, None] - centre) ** 2).sum(axis=-1)
            for side, centre in zip(many, centres, strict=True)
        )
        ratio = logsumexp(a + b, axis=1) - logsumexp(a, axis=1) - logsumexp(b, axis=1)
        return x, y, float((ratio.mean() + np.log(n_clusters)) / np.log(2))

    return draw


def curved(d: int, columns: int, bits: float) -> Task:
    """Few Gaussian dimensions behind saturating columns, without noise."""
    inner = gaussian([float(np.sqrt(1 - 4 ** (-bits / d)))] * d, d)

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        x, y, truth = inner(n, rng)
        sides = (
            np.tanh(z @ rng.standard_normal((d, columns)) / d**0.5 + rng.uniform(-1, 1, columns))
            for z in (x, y)
        )
        return (*sides, truth)

    return draw


def absolute(noise: float) -> Task:
    """``y = |x| + noise`` of uniform x."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        x = rng.uniform(-1, 1, (n, 1))
        grid = np.linspace(-6 * noise, 1 + 6 * noise, 20_001)
        density = np.maximum(ndtr(grid / noise) - ndtr((grid - 1) / noise), 1e-300)
        entropy = -(density * np.log2(density)).sum() * (grid[1] - grid[0])
        bits = entropy - 0.5 * np.log2(2 * np.pi * np.e * noise**2)
        return x, np.abs(x) + noise * rng.standard_normal((n, 1)), float(bits)

    return draw


def ring(concentration: float) -> Task:
    """Two angles that go together, each on a ring of its own radius."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        left = rng.uniform(-np.pi, np.pi, n)
        right = left + rng.vonmises(0, concentration, n)
        bits = np.log2(2 * np.pi) - vonmises(concentration).entropy() / np.log(2)
        x, y = (
            np.exp(0.1 * rng.standard_normal((n, 1))) * np.c_[np.cos(angle), np.sin(angle)]
            for angle in (left, right)
        )
        return x, y, float(bits)

    return draw


def variance(d: int) -> Task:
    """Let the first x set the variance of the first y, not its mean."""

    def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array, float]:
        x, y = rng.standard_normal((2, n, d))
        y[:, 0] *= np.exp(x[:, 0])
        at, weight = np.polynomial.hermite_e.hermegauss(101)
        grid = np.linspace(-40, 40, 200_001)
        density = sum(
            w * np.exp(-0.5 * (grid * np.exp(-a)) ** 2 - a) / np.sqrt(2 * np.pi)
            for a, w in zip(at, weight / weight.sum(), strict=True)
        )
        density = np.maximum(density, 1e-300)
        entropy = -(density * np.log2(density)).sum() * (grid[1] - grid[0])
        return x, y, float(entropy - 0.5 * np.log2(2 * np.pi * np.e))

    return draw


def _turned(d: int, speed: float) -> Task:
    return mapped(gaussian([0.8, 0.8], d), spiral(speed, 0, 1), spiral(speed, 1, 2 if d > 2 else 0))


TASKS: dict[str, Task] = {
    "Gaussian, 1 d, weak": gaussian([0.3], 1),
    "Gaussian, 2 d, strong": gaussian([0.97, 0.9], 2),
    "Gaussian, 4 d": gaussian([0.5] * 4, 4),
    "Gaussian, 10 d, nothing": gaussian([], 10),
    "Gaussian, 30 d": gaussian([0.4] * 30, 30),
    "Gaussian, 2 of 50 d": gaussian([0.8, 0.8], 50),
    "Student, 1 dof, 1 d": student(1, [], 1),
    "Student, 1 dof, 2 d, correlated": student(1, [0.7], 2),
    "Student, 8 dof, 4 d, correlated": student(8, [0.6, 0.6], 4),
    "Student, 2 dof, 5 d": student(2, [], 5),
    "Student, 5 dof, 10 d": student(5, [], 10),
    "spiral, 2 d": _turned(2, 0.3),
    "spiral, 3 d": _turned(3, 0.4),
    "spiral, 4 d": _turned(4, 0.2),
    "spiral, 8 d": _turned(8, 0.1),
    "spiral, 25 d": _turned(25, 0.33),
    "Swiss roll": mapped(gaussian([0.8], 1), swiss_roll, np.asarray),
    "absolute value, little noise": absolute(0.05),
    "absolute value, much noise": absolute(0.3),
    "ring": ring(5.0),
    "variance, 3 d": variance(3),
    "variance, 10 d": variance(10),
    "5 clusters, 2 d": clusters(2, 5, 2.0),
    "8 clusters, 5 d": clusters(5, 8, 1.0),
    "12 clusters, 10 d": clusters(10, 12, 1.5),
    "6 clusters, 30 d": clusters(30, 6, 0.4),
    "curved, 2 d in 30 columns": curved(2, 30, 1.5),
    "curved, 4 d in 100 columns": curved(4, 100, 2.0),
}
