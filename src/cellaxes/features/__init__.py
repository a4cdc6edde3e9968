"""Sparse features of an embedding: what its axes mean, how far that can be trusted."""

from cellaxes.features import metrics
from cellaxes.features._config import ARCHS, PRESETS, Config
from cellaxes.features._evaluate import DEFINITIONS, RunCard, evaluate
from cellaxes.features._fit import fit, fit_many
from cellaxes.features._meaning import (
    Annotation,
    Enrichment,
    GeneSets,
    LabelScores,
    Leakage,
    Markers,
    Name,
    UlmScores,
    annotate,
    batch_eta_squared,
    enrich,
    gene_sets,
    housekeeping,
    label_scores,
    leakage,
    markers,
    name_features,
    ulm,
    unique_contribution,
)
from cellaxes.features._model import SparseFeatures, load
from cellaxes.features._preflight import Preflight, preflight
from cellaxes.features._stability import KChoice, Stability, choose_k, stability

__all__ = [
    "ARCHS",
    "DEFINITIONS",
    "PRESETS",
    "Annotation",
    "Config",
    "Enrichment",
    "GeneSets",
    "KChoice",
    "LabelScores",
    "Leakage",
    "Markers",
    "Name",
    "Preflight",
    "RunCard",
    "SparseFeatures",
    "Stability",
    "UlmScores",
    "annotate",
    "batch_eta_squared",
    "choose_k",
    "enrich",
    "evaluate",
    "fit",
    "fit_many",
    "gene_sets",
    "housekeeping",
    "label_scores",
    "leakage",
    "load",
    "markers",
    "metrics",
    "name_features",
    "preflight",
    "stability",
    "ulm",
    "unique_contribution",
]
