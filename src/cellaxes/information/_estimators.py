"""The estimators there are: how each runs, and where each is known to fail."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.registry import Info, Registry
from cellaxes.information._charts import Views, choose, view
from cellaxes.information._classifier import N_FOLDS, entropy_bits, held_out_log2
from cellaxes.information._copula import copula, read_copula
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

P = TypeVar("P", Pairs, Views)


@dataclass(frozen=True)
class Estimator(Generic[P]):
    """How to run an estimator.

    Attributes
    ----------
    takes
        The kinds of x and y it takes, each ``"classes"`` or ``"numbers"``.
    prepare
        Does once what does not depend on how x and y are paired.
    read
        From what was prepared, neighbours k and a stream to a reading with interval and doubts.
    bits
        The same, the estimate alone.
    """

    takes: tuple[str, str]
    prepare: Callable[[Pairs], P]
    read: Callable[[P, int, np.random.Generator], Reading]
    bits: Callable[[P, int, np.random.Generator], float]


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


def _as_given(pairs: Pairs) -> Pairs:
    return pairs


def _bits_ksg(pairs: Pairs, k: int, _: np.random.Generator) -> float:
    return ksg(pairs, k)


def _read_ksg(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    bits, width, doubts = _from_halves(lambda rows: ksg(pairs.take(rows), k), pairs.n, rng, 10)
    doubts += _dimensions(pairs.x.shape[1] + pairs.y.shape[1])
    doubts += _too_much(bits, np.log2(pairs.n / k), pairs.n) + _few(pairs.n)
    return _reading(bits, width, doubts)


def _bits_gaussian(pairs: Pairs, _k: int, _: np.random.Generator) -> float:
    return gaussian(pairs)


def _read_gaussian(pairs: Pairs, _: int, rng: np.random.Generator) -> Reading:
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


def _bits_infonce(views: Views, _: int, rng: np.random.Generator) -> float:
    return float(_shares_infonce(views, rng).mean())


def _shares_infonce(views: Views, rng: np.random.Generator) -> NDArray[np.float64]:
    wide = choose(views, rng).wide
    if 0 in (wide.x.shape[1], wide.y.shape[1]):
        return np.zeros(wide.n)
    return cross_fit_learned(wide, deal(wide.n, rng), rng)[0]


def _read_infonce(views: Views, _: int, rng: np.random.Generator) -> Reading:
    shares = _shares_infonce(views, rng)
    bits, n = float(shares.mean()), len(shares)
    return _reading(bits, _width(shares), _too_much(bits, ceiling(n), n) + _few(n))


def _bits_latent(pairs: Pairs, k: int, rng: np.random.Generator) -> float:
    return float(latent_shares(pairs, k, rng)[0].mean())


def _read_latent(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    shares, length = latent_shares(pairs, k, rng)
    bits = float(shares.mean())
    doubts = _dimensions(2 * length) + _few(pairs.n)
    doubts += _too_much(bits, np.log2(pairs.n / 2 / k), pairs.n)
    return _reading(bits, _width(shares), doubts)


def _bits_ross(pairs: Pairs, k: int, _: np.random.Generator) -> float:
    return ross(pairs, k)


def _read_ross(pairs: Pairs, k: int, rng: np.random.Generator) -> Reading:
    bits, width, doubts = _from_halves(lambda rows: ross(pairs.take(rows), k), pairs.n, rng, 10)
    doubts += _dimensions(pairs.x.shape[1]) + _classes(pairs, k + 1)
    distinct = len(np.unique(pairs.x, axis=0))
    if distinct < 0.95 * pairs.n:
        doubts.append(f"{pairs.n - distinct} of {pairs.n} cells share their x with another")
    return _reading(bits, width, doubts)


def _bits_classifier(pairs: Pairs, _: int, rng: np.random.Generator) -> float:
    return entropy_bits(pairs.y) + float(held_out_log2(pairs, rng).mean())


def _read_classifier(pairs: Pairs, _: int, rng: np.random.Generator) -> Reading:
    log2 = held_out_log2(pairs, rng)

    def bound(rows: NDArray[np.int64]) -> float:
        return entropy_bits(pairs.y[rows]) + float(log2[rows].mean())

    bits, width, doubts = _from_halves(bound, pairs.n, rng, 200)
    return _reading(bits, width, doubts + _classes(pairs, 2 * N_FOLDS))


def _bits_plugin(pairs: Pairs, _k: int, _: np.random.Generator) -> float:
    shares, bias = plugin_shares(pairs)
    return float(shares.mean()) - bias


def _read_plugin(pairs: Pairs, _k: int, _: np.random.Generator) -> Reading:
    shares, bias = plugin_shares(pairs)
    doubts = []
    if bias > 0.1:
        doubts.append(f"{pairs.n} pairs for so many classes: {bias:.2f} bits of bias taken off")
    return _reading(float(shares.mean()) - bias, _width(shares), doubts)


_CLASSES, _LABELLED, _NUMBERS = ("classes", "classes"), ("numbers", "classes"), ("numbers",) * 2
_ESTIMATORS: Registry[Estimator[Any]] = Registry("estimator")
_ESTIMATORS.add(
    Info(
        "plugin",
        "frequencies of pairs of classes, less the bias of counting",
        "bits",
        "Miller 1955; Panzeri and Treves 1996, Network 7:87",
        "several pairs for each combination of classes",
    ),
    Estimator(_CLASSES, _as_given, _read_plugin, _bits_plugin),
)
_ESTIMATORS.add(
    Info(
        "classifier",
        "H(Y) minus the cross-entropy of cross-fitted logistic regression: a lower bound",
        "bits",
        "McAllester and Stratos 2020, difference of entropies",
        "linear in x: information in curved boundaries is missed; >= 10 cells per class",
    ),
    Estimator(_LABELLED, _as_given, _read_classifier, _bits_classifier),
)
_ESTIMATORS.add(
    Info(
        "ross",
        "k nearest neighbours within and across classes",
        "bits",
        "Ross 2014, PLoS ONE 9:e87357, eq. 2",
        f"x of up to {MAX_KNN_DIMENSIONS} dimensions; more than k cells per class",
    ),
    Estimator(_LABELLED, _as_given, _read_ross, _bits_ross),
)
_ESTIMATORS.add(
    Info(
        "ksg",
        "k nearest neighbours in the joint max-norm space",
        "bits",
        "Kraskov et al. 2004, Phys. Rev. E 69:066138, eq. 8",
        f"up to {MAX_KNN_DIMENSIONS} joint dimensions; information well below log2(n / k)",
    ),
    Estimator(_NUMBERS, _as_given, _read_ksg, _bits_ksg),
)
_ESTIMATORS.add(
    Info(
        "gaussian",
        "canonical correlations with exact small-sample correction",
        "bits",
        "Kullback 1959; Misra et al. 2005, J. Multivariate Anal. 92:324",
        "exact for Gaussian data; sees linear relations only; no bound where they are not Gaussian",
    ),
    Estimator(_NUMBERS, _as_given, _read_gaussian, _bits_gaussian),
)
_ESTIMATORS.add(
    Info(
        "infonce",
        "contrastive bound of a learned critic on top of a Gaussian one, cross-fitted",
        "bits",
        "van den Oord et al. 2018; Poole et al., ICML 2019, eq. 10",
        "a lower bound, at most log2 of a thousand pairs; sharp edges and many dimensions read low",
    ),
    Estimator(_NUMBERS, view, _read_infonce, _bits_infonce),
)
_ESTIMATORS.add(
    Info(
        "latent",
        "nearest neighbours in codes that each side learns of the other, cross-fitted",
        "bits",
        "Gowri et al., NeurIPS 2024 (latent mutual information)",
        "reads low in proportion to the shared dimensions",
    ),
    Estimator(_NUMBERS, _as_given, _read_latent, _bits_latent),
)
_ESTIMATORS.add(
    Info(
        "copula",
        "Gaussian critic in normal scores, plus what nearest neighbours see beyond it",
        "bits",
        "Ince et al. 2017, Human Brain Mapping 38:1541; Kraskov et al. 2004",
        "relations that are not monotone in more than a few dimensions read too low",
    ),
    Estimator(_NUMBERS, view, partial(read_copula, learn=False), partial(copula, learn=False)),
)
_ESTIMATORS.add(
    Info(
        "composite",
        "copula, or what a learned critic sees where that is more",
        "bits",
        "as copula and infonce",
        "several times slower than copula; many clusters and entangled relations read too low",
    ),
    Estimator(_NUMBERS, view, partial(read_copula, learn=True), partial(copula, learn=True)),
)


def get(name: str) -> Estimator[Any]:
    """Return the estimator of that name."""
    return _ESTIMATORS[name]


def taking(kinds: tuple[str, str]) -> list[str]:
    """Return the names of the estimators that take these kinds of x and y."""
    return [name for name in _ESTIMATORS if _ESTIMATORS[name].takes == kinds]


def show() -> pd.DataFrame:
    """Return a table of the estimators there are: name, description, reference, limits."""
    return _ESTIMATORS.show()
