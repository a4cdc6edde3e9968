"""What each estimator reads from pairs: bits, an interval, doubts."""

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.information._charts import Views, choose
from cellaxes.information._classifier import N_FOLDS, entropy_bits, held_out_log2
from cellaxes.information._critic import MAX_RHO, ceiling, deal
from cellaxes.information._data import Pairs
from cellaxes.information._gaussian import canonical_basis, canonical_coordinates, gaussian
from cellaxes.information._infonce import cross_fit_learned
from cellaxes.information._ksg import ksg, ross
from cellaxes.information._latent import latent_shares
from cellaxes.information._plugin import plugin_shares
from cellaxes.information._resample import Statistic, half_width
from cellaxes.information._types import Reading

MAX_KNN_DIMENSIONS = 10
"""Dimensions beyond which nearest-neighbour estimates are known to fall short."""


def _from_halves(
    statistic: Statistic, n: int, rng: np.random.Generator, n_splits: int
) -> tuple[float, float, list[str]]:
    """Return estimate, half width of its interval from half-samples, and doubts."""
    bits = statistic(np.arange(n))
    try:
        return bits, half_width(statistic, n, rng, n_splits), []
    except InputError:
        return bits, float("nan"), [f"{n} pairs are too few for an interval from half-samples"]


def _reading(bits: float, width: float, doubts: list[str]) -> Reading:
    return Reading(bits, bits - width, bits + width, tuple(doubts))


def _width(shares: NDArray[np.float64]) -> float:
    """Half width of the 95 % interval of a mean over pairs."""
    return 1.96 * float(shares.std()) / float(np.sqrt(len(shares)))


def _few(n: int) -> list[str]:
    return [f"{n} pairs are few (at least 100)"] if n < 100 else []


def _too_much(bits: float, most: float, n: int) -> list[str]:
    """Doubt a reading within two bits of the most that n pairs can show."""
    return [f"{n} pairs can show at most {most:.1f} bits"] if bits > most - 2 else []


def _dimensions(d: int) -> list[str]:
    if d <= MAX_KNN_DIMENSIONS:
        return []
    return [f"nearest neighbours in {d} dimensions read too low (reliable to {MAX_KNN_DIMENSIONS})"]


def _classes(pairs: Pairs, least: int) -> list[str]:
    sizes = np.bincount(pairs.y)
    rare = (sizes > 0) & (sizes < least)
    cells = int(sizes[rare].sum())
    if cells <= 0.05 * pairs.n:
        return []
    return [
        f"{int(rare.sum())} classes of fewer than {least} cells hold {cells} of {pairs.n} cells"
    ]


def as_given(pairs: Pairs) -> Pairs:
    return pairs


def bits_ksg(pairs: Pairs, k: int, _: np.random.Generator) -> float:
    return ksg(pairs, k)


def read_ksg(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    bits, width, doubts = _from_halves(lambda rows: ksg(pairs.take(rows), k), pairs.n, rng, 10)
    doubts += _dimensions(pairs.x.shape[1] + pairs.y.shape[1])
    doubts += _too_much(bits, np.log2(pairs.n / k), pairs.n) + _few(pairs.n)
    return _reading(bits, width, doubts)


def bits_gaussian(pairs: Pairs, _k: int, _: np.random.Generator) -> float:
    return gaussian(pairs)


def read_gaussian(pairs: Pairs, _: int, rng: np.random.Generator) -> Reading:
    bits, width, doubts = _from_halves(lambda rows: gaussian(pairs.take(rows)), pairs.n, rng, 20)
    x, y = canonical_basis(pairs.x), canonical_basis(pairs.y)
    if pairs.n < 5 * (x.shape[1] + y.shape[1]):
        doubts.append(
            f"{pairs.n} pairs for {x.shape[1]} + {y.shape[1]} dimensions are few (5 each)"
        )
    scores = np.hstack([side[:, :3] for side in canonical_coordinates(pairs)])
    if (np.abs((scores**4).mean(axis=0) - 3) > 1).any():
        doubts.append("the data are not Gaussian (kurtosis of the leading canonical variates)")
    if x.shape[1] and y.shape[1] and float(np.linalg.svd(x.T @ y)[1].max()) > MAX_RHO:
        doubts.append("one side is a linear function of the other, as far as numbers tell")
    return _reading(bits, width, doubts + _few(pairs.n))


def bits_infonce(views: Views, _: int, rng: np.random.Generator) -> float:
    return float(_shares_infonce(views, rng).mean())


def _shares_infonce(views: Views, rng: np.random.Generator) -> NDArray[np.float64]:
    wide = choose(views, rng).wide
    if 0 in (wide.x.shape[1], wide.y.shape[1]):
        return np.zeros(wide.n)
    return cross_fit_learned(wide, deal(wide.n, rng), rng)[0]


def read_infonce(views: Views, _: int, rng: np.random.Generator) -> Reading:
    shares = _shares_infonce(views, rng)
    bits, n = float(shares.mean()), len(shares)
    return _reading(bits, _width(shares), _too_much(bits, ceiling(n), n) + _few(n))


def bits_latent(pairs: Pairs, k: int, rng: np.random.Generator) -> float:
    return float(latent_shares(pairs, k, rng)[0].mean())


def read_latent(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    shares, length = latent_shares(pairs, k, rng)
    bits = float(shares.mean())
    doubts = _dimensions(2 * length) + _few(pairs.n)
    doubts += _too_much(bits, np.log2(pairs.n / 2 / k), pairs.n)
    return _reading(bits, _width(shares), doubts)


def bits_ross(pairs: Pairs, k: int, _: np.random.Generator) -> float:
    return ross(pairs, k)


def read_ross(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    bits, width, doubts = _from_halves(lambda rows: ross(pairs.take(rows), k), pairs.n, rng, 10)
    doubts += _dimensions(pairs.x.shape[1]) + _classes(pairs, k + 1)
    distinct = len(np.unique(pairs.x, axis=0))
    if distinct < 0.95 * pairs.n:
        doubts.append(f"{pairs.n - distinct} of {pairs.n} cells share their x with another")
    return _reading(bits, width, doubts)


def bits_classifier(pairs: Pairs, _: int, rng: np.random.Generator) -> float:
    return entropy_bits(pairs.y) + float(held_out_log2(pairs, rng).mean())


def read_classifier(pairs: Pairs, _: int, rng: np.random.Generator) -> Reading:
    log2 = held_out_log2(pairs, rng)

    def bound(rows: NDArray[np.int64]) -> float:
        return entropy_bits(pairs.y[rows]) + float(log2[rows].mean())

    bits, width, doubts = _from_halves(bound, pairs.n, rng, 200)
    return _reading(bits, width, doubts + _classes(pairs, 2 * N_FOLDS))


def bits_plugin(pairs: Pairs, _k: int, _: np.random.Generator) -> float:
    shares, bias = plugin_shares(pairs)
    return float(shares.mean()) - bias


def read_plugin(pairs: Pairs, _k: int, _: np.random.Generator) -> Reading:
    shares, bias = plugin_shares(pairs)
    doubts = []
    if bias > 0.1:
        doubts.append(f"{pairs.n} pairs for so many classes: {bias:.2f} bits of bias taken off")
    return _reading(float(shares.mean()) - bias, _width(shares), doubts)
