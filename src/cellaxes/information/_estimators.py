"""The estimators there are: how each runs, and where each is known to fail."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
import pandas as pd

from cellaxes._core.registry import Info, Registry
from cellaxes.information import _readings
from cellaxes.information._charts import Views, view
from cellaxes.information._copula import copula, read_copula
from cellaxes.information._data import Pairs
from cellaxes.information._types import Reading

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
    Estimator(_CLASSES, _readings.as_given, _readings.read_plugin, _readings.bits_plugin),
)
_ESTIMATORS.add(
    Info(
        "classifier",
        "H(Y) minus the cross-entropy of cross-fitted logistic regression: a lower bound",
        "bits",
        "McAllester and Stratos 2020, difference of entropies",
        "linear in x: information in curved boundaries is missed; >= 10 cells per class",
    ),
    Estimator(_LABELLED, _readings.as_given, _readings.read_classifier, _readings.bits_classifier),
)
_ESTIMATORS.add(
    Info(
        "ross",
        "k nearest neighbours within and across classes",
        "bits",
        "Ross 2014, PLoS ONE 9:e87357, eq. 2",
        f"x of up to {_readings.MAX_KNN_DIMENSIONS} dimensions; more than k cells per class",
    ),
    Estimator(_LABELLED, _readings.as_given, _readings.read_ross, _readings.bits_ross),
)
_ESTIMATORS.add(
    Info(
        "ksg",
        "k nearest neighbours in the joint max-norm space",
        "bits",
        "Kraskov et al. 2004, Phys. Rev. E 69:066138, eq. 8",
        f"up to {_readings.MAX_KNN_DIMENSIONS} joint dimensions; information well below "
        "log2(n / k)",
    ),
    Estimator(_NUMBERS, _readings.as_given, _readings.read_ksg, _readings.bits_ksg),
)
_ESTIMATORS.add(
    Info(
        "gaussian",
        "canonical correlations with exact small-sample correction",
        "bits",
        "Kullback 1959; Misra et al. 2005, J. Multivariate Anal. 92:324",
        "exact for Gaussian data; sees linear relations only; no bound where they are not Gaussian",
    ),
    Estimator(_NUMBERS, _readings.as_given, _readings.read_gaussian, _readings.bits_gaussian),
)
_ESTIMATORS.add(
    Info(
        "infonce",
        "contrastive bound of a learned critic on top of a Gaussian one, cross-fitted",
        "bits",
        "van den Oord et al. 2018; Poole et al., ICML 2019, eq. 10",
        "a lower bound, at most log2 of a thousand pairs; sharp edges and many dimensions read low",
    ),
    Estimator(_NUMBERS, view, _readings.read_infonce, _readings.bits_infonce),
)
_ESTIMATORS.add(
    Info(
        "latent",
        "nearest neighbours in codes that each side learns of the other, cross-fitted",
        "bits",
        "Gowri et al., NeurIPS 2024 (latent mutual information)",
        "reads low in proportion to the shared dimensions",
    ),
    Estimator(_NUMBERS, _readings.as_given, _readings.read_latent, _readings.bits_latent),
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
    """Return a table, a row per estimator: name, description, reference, limits."""
    return _ESTIMATORS.show()
