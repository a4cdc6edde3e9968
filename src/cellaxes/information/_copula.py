"""Gaussian critic in normal scores, and what neighbours or a learned critic see beyond it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.information._charts import Chart, Views, choose, normal_scores
from cellaxes.information._critic import ceiling, deal, gaussian_reading, noise, simulate
from cellaxes.information._data import Pairs, standardise
from cellaxes.information._gaussian import canonical_coordinates, gaussian
from cellaxes.information._infonce import cross_fit_learned
from cellaxes.information._ksg import ksg, ksg_shares
from cellaxes.information._types import Reading

N_LEADING = 5
"""Canonical coordinates of each side in which nearest neighbours look."""
MAX_NEIGHBOURS = 5000
"""Pairs that the nearest neighbours use at most."""
N_CALIBRATIONS = 6
"""Gaussian data sets on which the nearest neighbours' own bias and noise are measured."""
SIGNIFICANT = 2.5
"""Standard errors by which a reading must exceed the Gaussian critic's to count."""
STILL_TO_COME = 3.0
"""What a reading gains between half and all pairs, times this, is what more pairs may bring:
``1 / (2^a - 1)`` for errors that fall like ``n^-a`` with a = 0.4."""
MAX_HALVED = 10_000
"""Pairs beyond which one half tells the gain well enough."""
MAX_STILL_TO_COME = 0.25
"""Bits still to come beyond which a reading is not relied on."""
MAX_BEYOND = 0.5
"""Bits beyond a Gaussian copula, in more dimensions than two, that are still relied on."""
MAX_PRODUCTS = 5.5
"""Standard errors of a covariance between products beyond which dependence may be unseen."""
MAX_MULTIPLIED = 32
"""Columns of each side whose products are looked at."""
NEIGHBOURS, LEARNED = "nearest neighbours", "the learned critic"


@dataclass(frozen=True, eq=False)
class Seen:
    """What one reader sees beyond the Gaussian critic.

    Attributes
    ----------
    bits
        Its reading of the whole information.
    noise
        Standard error of the difference to the Gaussian critic, bits.
    correction
        Size of the bias that was taken off, bits.
    shares
        Each pair's share in the reading, for its standard error.
    """

    bits: float
    noise: float
    correction: float
    shares: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Readings:
    """The Gaussian critic's reading and those beyond it, by name of the reader."""

    plain: Seen
    beyond: dict[str, Seen]

    def counted(self) -> dict[str, Seen]:
        """Return the readings that exceed the Gaussian critic's significantly."""
        least = self.plain.bits
        return {
            name: seen
            for name, seen in self.beyond.items()
            if seen.bits - least > SIGNIFICANT * seen.noise
        }

    def best(self) -> Seen:
        """Return the largest reading that counts."""
        return max([self.plain, *self.counted().values()], key=lambda seen: seen.bits)


def _neighbours(pairs: Pairs, k: int, plain: float, rng: np.random.Generator) -> Seen:
    """Read what nearest neighbours see in the leading canonical coordinates.

    Their bias is measured on Gaussian pairs of the same size and correlations and taken off;
    what the Gaussian critic sees in further coordinates is added.
    """
    some = pairs.take(np.sort(rng.permutation(pairs.n)[:MAX_NEIGHBOURS]))
    x, y = canonical_coordinates(some)
    leading = Pairs(x[:, :N_LEADING], y[:, :N_LEADING])
    dx, dy = leading.x.shape[1], leading.y.shape[1]
    r = min(dx, dy)
    rho = np.minimum((x[:, :r] * y[:, :r]).mean(axis=0), 1 - 1e-9)
    biases = []
    for _ in range(N_CALIBRATIONS):
        drawn = simulate(rho, dx, dy, some.n, rng)
        biases.append(ksg(drawn, k) - gaussian(drawn))
    shares = ksg_shares(leading, k)
    bits = float(shares.mean() - np.mean(biases))
    if max(x.shape[1], y.shape[1]) > N_LEADING:
        bits += plain - gaussian_reading(leading, deal(some.n, rng), rng)[0]
    error = float(np.std(biases, ddof=1)) * np.sqrt(1 + 1 / N_CALIBRATIONS)
    return Seen(bits, error, abs(float(np.mean(biases))), shares)


def read(chart: Chart, k: int, rng: np.random.Generator, *, learn: bool) -> Readings:
    """Take all readings of a chart.

    Parameters
    ----------
    chart
        Pairs in chosen coordinates.
    k
        Neighbours.
    rng
        Deals folds, draws calibration data and initial weights.
    learn
        Whether to train a critic as well.
    """
    pairs = chart.narrow
    folds = deal(pairs.n, rng)
    bits, shares = gaussian_reading(pairs, folds, rng)
    dx, dy = pairs.x.shape[1], pairs.y.shape[1]
    plain = Seen(bits, noise(dx, dy, pairs.n), 0, shares)
    beyond = {NEIGHBOURS: _neighbours(pairs, k, plain.bits, rng)}
    if learn:
        total, added = cross_fit_learned(chart.wide, folds, rng)
        beyond[LEARNED] = Seen(
            plain.bits + float(added.mean()), float(added.std()) / np.sqrt(pairs.n), 0, total
        )
    return Readings(plain, beyond)


def dependence_of_products(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return how far products of coordinates depend on each other beyond a Gaussian copula.

    The covariance of ``x_i x_j`` with ``y_k y_l`` minus ``C_ik C_jl + C_il C_jk``, what it is
    for Gaussian pairs with cross-covariance C (Isserlis 1918), in its own standard errors;
    the largest over the first `MAX_MULTIPLIED` columns of each side.
    """
    x, y = (standardise(side[:, :MAX_MULTIPLIED]) for side in (x, y))
    n = len(x)
    covariance = x.T @ y / n
    (i, j), (k, m) = (np.triu_indices(side.shape[1]) for side in (x, y))
    left, right = x[:, i] * x[:, j], y[:, k] * y[:, m]
    left, right = left - left.mean(axis=0), right - right.mean(axis=0)
    found = left.T @ right / n
    expected = covariance[np.ix_(i, k)] * covariance[np.ix_(j, m)]
    expected += covariance[np.ix_(i, m)] * covariance[np.ix_(j, k)]
    error = np.sqrt(((left**2).T @ right**2 / n - found**2) / n)
    return float((np.abs(found - expected) / np.maximum(error, 1e-12)).max())


def _unseen(pairs: Pairs, chart: Chart, readings: Readings) -> list[str]:
    """Doubts about dependence in more dimensions than the readers could look at."""
    beyond = readings.counted()
    if max(chart.wide.x.shape[1], chart.wide.y.shape[1]) <= N_LEADING or LEARNED in beyond:
        return []
    if beyond:
        return ["only neighbours in the leading coordinates see more than a Gaussian copula"]
    views = [canonical_coordinates(chart.wide)]
    if max(pairs.x.shape[1], pairs.y.shape[1]) <= MAX_MULTIPLIED:
        views.append((normal_scores(pairs.x), normal_scores(pairs.y)))
    products = max(dependence_of_products(x, y) for x, y in views)
    if products <= MAX_PRODUCTS:
        return []
    return [
        f"products of coordinates depend on each other ({products:.0f} standard errors beyond a "
        "Gaussian copula), which no reader could use"
    ]


def copula(views: Views, k: int, rng: np.random.Generator, *, learn: bool) -> float:
    """Return the estimate alone, bits; see `read_copula`."""
    chart = choose(views, rng)
    if 0 in (chart.narrow.x.shape[1], chart.narrow.y.shape[1]):
        return 0.0
    return read(chart, k, rng, learn=learn).best().bits


def read_copula(views: Views, k: int, rng: np.random.Generator, *, learn: bool) -> Reading:
    """Estimate information in bits: a Gaussian critic plus what is seen beyond it.

    Columns or their components are mapped to normal scores (`choose`), which leaves
    information unchanged. A cross-fitted contrastive bound with a Gaussian critic, plus what
    it would lose on Gaussian pairs, is exact where the copula is Gaussian, in any number of
    dimensions, and a lower bound elsewhere (unlike canonical correlations, which count a
    relation again in every function of the same coordinate). Nearest neighbours, corrected
    by their bias on Gaussian pairs, and a learned critic may see more; the largest reading
    that is significant counts.

    The interval joins the sampling error (pairs' shares in the reading; noise of the
    neighbours) with what the readings may still lack: what each gained between half and all
    of the pairs, times `STILL_TO_COME`, upwards, and half the neighbours' correction
    downwards.

    Parameters
    ----------
    views
        Continuous pairs in every kind of coordinates.
    k
        Neighbours.
    rng
        Deals folds, draws calibration data and initial weights.
    learn
        Whether to train a critic as well.
    """
    pairs = views.pairs
    chart = choose(views, rng)
    dx, dy = chart.narrow.x.shape[1], chart.narrow.y.shape[1]
    if 0 in (dx, dy):
        return Reading(0.0, 0.0, 0.0, ())
    readings = read(chart, k, rng, learn=learn)
    best = readings.best()
    parts = np.array_split(rng.permutation(pairs.n), 2)
    halves = [
        read(chart.take(np.sort(part)), k, rng, learn=learn)
        for part in (parts if pairs.n <= MAX_HALVED else parts[:1])
    ]
    arrivals = {"": best.bits}
    for name, seen in readings.counted().items():
        before = float(np.mean([max(h.beyond[name].bits, h.plain.bits) for h in halves]))
        arrivals[name] = seen.bits + STILL_TO_COME * max(0.0, seen.bits - before)
    for name, seen in readings.beyond.items():
        arrivals.setdefault(name, seen.bits)
    spread = np.hypot(float(best.shares.std()) / np.sqrt(len(best.shares)), best.noise)
    reader, arrival = max(arrivals.items(), key=lambda item: item[1])
    doubts = []
    if pairs.n < 100:
        doubts.append(f"{pairs.n} pairs are few (at least 100)")
    if arrival - best.bits > MAX_STILL_TO_COME:
        doubts.append(
            f"{reader} may read up to {arrival:.2f} bits with more pairs: the reading still "
            f"rises between {pairs.n // 2} and {pairs.n}"
        )
    most = min(ceiling(pairs.n), np.log2(pairs.n / k)) - 2
    if best.bits > most:
        doubts.append(f"{pairs.n} pairs can show about {most:.1f} bits")
    beyond = best.bits - readings.plain.bits
    if max(dx, dy) > 2 and beyond > MAX_BEYOND:
        doubts.append(
            f"{beyond:.2f} bits lie beyond a Gaussian copula of {dx} + {dy} dimensions, where "
            "readings fall short"
        )
    doubts += _unseen(pairs, chart, readings)
    return Reading(
        best.bits,
        best.bits - 1.96 * spread - 0.5 * best.correction,
        arrival + 1.96 * spread,
        tuple(doubts),
    )
