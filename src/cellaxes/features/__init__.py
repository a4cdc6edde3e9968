"""Sparse features of an embedding: what its axes mean, how far that can be trusted."""

from cellaxes.features import metrics
from cellaxes.features._config import ARCHS, PRESETS, Config
from cellaxes.features._fit import fit, fit_many
from cellaxes.features._model import SparseFeatures, load
from cellaxes.features._preflight import Preflight, preflight
from cellaxes.features._stability import KChoice, Stability, choose_k, stability

__all__ = [
    "ARCHS",
    "PRESETS",
    "Config",
    "KChoice",
    "Preflight",
    "SparseFeatures",
    "Stability",
    "choose_k",
    "fit",
    "fit_many",
    "load",
    "metrics",
    "preflight",
    "stability",
]
