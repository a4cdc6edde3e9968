"""Sparse features of an embedding: what its axes mean, how far that can be trusted."""

from cellaxes.features import metrics
from cellaxes.features._config import ARCHS, PRESETS, Config
from cellaxes.features._fit import fit, fit_many
from cellaxes.features._hands import (
    BatchRemoved,
    CallableDecoder,
    Decoder,
    LinearDecoder,
    Match,
    QueryMap,
    SCVIDecoder,
    Steered,
    contrast,
    effects,
    map_query,
    match,
    remove_batch,
    steer,
)
from cellaxes.features._model import SparseFeatures, load
from cellaxes.features._preflight import Preflight, preflight
from cellaxes.features._stability import KChoice, Stability, choose_k, stability

__all__ = [
    "ARCHS",
    "PRESETS",
    "BatchRemoved",
    "CallableDecoder",
    "Config",
    "Decoder",
    "KChoice",
    "LinearDecoder",
    "Match",
    "Preflight",
    "QueryMap",
    "SCVIDecoder",
    "SparseFeatures",
    "Stability",
    "Steered",
    "choose_k",
    "contrast",
    "effects",
    "fit",
    "fit_many",
    "load",
    "map_query",
    "match",
    "metrics",
    "preflight",
    "remove_batch",
    "stability",
    "steer",
]
