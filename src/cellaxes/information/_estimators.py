"""The estimators there are: how each runs, and where each is known to fail."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.registry import Info, Registry
from cellaxes.information._classifier import N_FOLDS, entropy_bits, held_out_log2
from cellaxes.information._copula import N_LEADING, copula, gaussianised
from cellaxes.information._data import Pairs, without_duplicates
from cellaxes.information._gaussian import canonical_basis, gaussian
from cellaxes.information._ksg import ksg, ross
from cellaxes.information._resample import Statistic

MAX_KNN_DIMENSIONS = 10
"""Dimensions beyond which nearest-neighbour estimates are known to fall short."""

MAX_BEYOND = 0.3
"""Bits beyond the Gaussian copula in more than two dimensions that are still relied on."""


@dataclass(frozen=True)
class Estimator:
    """How to run an estimator.

    Attributes
    ----------
    discrete
        Whether it takes classes (true) or continuous y (false).
    n_splits
        Half-sample splits for the interval; more where they cost nothing.
    prepare
        From pairs, neighbours k and a stream to the statistic on rows of the pairs.
    limits
        From pairs and the estimate to the reasons, if any, why it cannot be relied on.
    """

    discrete: bool
    n_splits: int
    prepare: Callable[[Pairs, int, np.random.Generator], Statistic]
    limits: Callable[[Pairs, float, int], list[str]]


def _prepare_ksg(pairs: Pairs, k: int, _: np.random.Generator) -> Statistic:
    return lambda rows: ksg(pairs.take(rows), k)


def _prepare_ross(pairs: Pairs, k: int, _: np.random.Generator) -> Statistic:
    return lambda rows: ross(pairs.take(rows), k)


def _prepare_gaussian(pairs: Pairs, _k: int, _: np.random.Generator) -> Statistic:
    return lambda rows: gaussian(pairs.take(rows))


def _prepare_copula(pairs: Pairs, k: int, _: np.random.Generator) -> Statistic:
    return lambda rows: copula(pairs.take(rows), k)


def _prepare_classifier(pairs: Pairs, _: int, rng: np.random.Generator) -> Statistic:
    log2 = held_out_log2(pairs, rng)

    def bound(rows: NDArray[np.int64]) -> float:
        return entropy_bits(pairs.y[rows]) + float(log2[rows].mean())

    return bound


def _dimension_limit(d: int) -> list[str]:
    if d <= MAX_KNN_DIMENSIONS:
        return []
    return [f"nearest neighbours in {d} dimensions read too low (reliable to {MAX_KNN_DIMENSIONS})"]


def _class_limit(pairs: Pairs, least: int) -> list[str]:
    sizes = np.bincount(pairs.y)
    rare = (sizes > 0) & (sizes < least)
    cells = int(sizes[rare].sum())
    if cells <= 0.05 * pairs.n:
        return []
    return [
        f"{int(rare.sum())} classes of fewer than {least} cells hold {cells} of {pairs.n} cells"
    ]


def _limits_ksg(pairs: Pairs, bits: float, k: int) -> list[str]:
    found = _dimension_limit(pairs.x.shape[1] + pairs.y.shape[1])
    distinct = without_duplicates(pairs).n
    if distinct < 0.99 * pairs.n:
        found.append(f"{pairs.n - distinct} of {pairs.n} pairs are exact duplicates, used once")
    ceiling = np.log2(distinct / k)
    if bits > ceiling - 2:
        found.append(f"{distinct} pairs can show at most {ceiling:.1f} bits with k={k}")
    if distinct < 100:
        found.append(f"{distinct} pairs are few (at least 100)")
    return found


def _limits_ross(pairs: Pairs, _: float, k: int) -> list[str]:
    found = _dimension_limit(pairs.x.shape[1]) + _class_limit(pairs, k + 1)
    distinct = len(np.unique(pairs.x, axis=0))
    if distinct < 0.95 * pairs.n:
        found.append(f"{pairs.n - distinct} of {pairs.n} cells share their x with another")
    return found


def _limits_classifier(pairs: Pairs, _: float, __: int) -> list[str]:
    return _class_limit(pairs, 2 * N_FOLDS)


def _limits_gaussian(pairs: Pairs, _: float, __: int) -> list[str]:
    x, y = canonical_basis(pairs.x), canonical_basis(pairs.y)
    found = []
    if pairs.n < 5 * (x.shape[1] + y.shape[1]):
        found.append(f"{pairs.n} pairs for {x.shape[1]} + {y.shape[1]} dimensions are few (5 each)")
    left, _rho, right = np.linalg.svd(x.T @ y)
    scores = np.hstack([x @ left[:, :3], y @ right.T[:, :3]]) * np.sqrt(pairs.n)
    excess = np.abs((scores**4).mean(axis=0) - 3)
    if (excess > 1).any():
        found.append("the data are not Gaussian (kurtosis of the leading canonical variates)")
    return found


def _limits_copula(pairs: Pairs, bits: float, _: int) -> list[str]:
    found = []
    if pairs.n < 100:
        found.append(f"{pairs.n} pairs are few (at least 100)")
    distinct = without_duplicates(pairs).n
    if distinct < 0.99 * pairs.n:
        found.append(f"{pairs.n - distinct} of {pairs.n} pairs are exact duplicates, used once")
    scores = gaussianised(pairs)
    d = min(N_LEADING, scores.x.shape[1], scores.y.shape[1])
    beyond = bits - gaussian(scores) if d else 0.0
    if d > 2 and beyond > MAX_BEYOND:
        found.append(
            f"{beyond:.2f} bits lie beyond the Gaussian copula, where nearest neighbours in "
            f"{2 * d} dimensions read too low"
        )
    return found


_ESTIMATORS: Registry[Estimator] = Registry("estimator")
_ESTIMATORS.add(
    Info(
        "classifier",
        "H(Y) minus the cross-entropy of cross-fitted logistic regression: a lower bound",
        "bits",
        "McAllester and Stratos 2020, difference of entropies",
        "linear in x: information in curved boundaries is missed; >= 10 cells per class",
    ),
    Estimator(True, 200, _prepare_classifier, _limits_classifier),
)
_ESTIMATORS.add(
    Info(
        "ross",
        "k nearest neighbours within and across classes",
        "bits",
        "Ross 2014, PLoS ONE 9:e87357, eq. 2",
        f"x of up to {MAX_KNN_DIMENSIONS} dimensions; more than k cells per class",
    ),
    Estimator(True, 10, _prepare_ross, _limits_ross),
)
_ESTIMATORS.add(
    Info(
        "ksg",
        "k nearest neighbours in the joint max-norm space",
        "bits",
        "Kraskov et al. 2004, Phys. Rev. E 69:066138, eq. 8",
        f"up to {MAX_KNN_DIMENSIONS} joint dimensions; information well below log2(n / k)",
    ),
    Estimator(False, 10, _prepare_ksg, _limits_ksg),
)
_ESTIMATORS.add(
    Info(
        "gaussian",
        "canonical correlations with exact small-sample correction",
        "bits",
        "Kullback 1959; Misra et al. 2005, J. Multivariate Anal. 92:324",
        "exact for Gaussian data; sees linear relations only",
    ),
    Estimator(False, 20, _prepare_gaussian, _limits_gaussian),
)


_ESTIMATORS.add(
    Info(
        "copula",
        "Gaussian copula, plus what nearest neighbours see beyond it",
        "bits",
        "Ince et al. 2017, Human Brain Mapping 38:1541; Kraskov et al. 2004",
        "relations that are neither monotone nor confined to a few dimensions read too low",
    ),
    Estimator(False, 10, _prepare_copula, _limits_copula),
)


def get(name: str) -> Estimator:
    """Return the estimator of that name."""
    return _ESTIMATORS[name]


def show() -> pd.DataFrame:
    """Return a table of the estimators there are: name, description, reference, limits."""
    return _ESTIMATORS.show()
