"""What a feature means: its genes, gene sets, labels and leaks, and a name that says why."""

from cellaxes.features._meaning._annotate import Annotation, annotate
from cellaxes.features._meaning._enrich import enrich
from cellaxes.features._meaning._enrichment import Enrichment
from cellaxes.features._meaning._gene_sets import GeneSets, gene_sets
from cellaxes.features._meaning._genes import Markers, markers, unique_contribution
from cellaxes.features._meaning._labels import LabelScores, label_scores
from cellaxes.features._meaning._leakage import Leakage, batch_eta_squared, leakage
from cellaxes.features._meaning._mask import housekeeping
from cellaxes.features._meaning._names import Name, name_features
from cellaxes.features._meaning._ulm import UlmScores, ulm

__all__ = [
    "Annotation",
    "Enrichment",
    "GeneSets",
    "LabelScores",
    "Leakage",
    "Markers",
    "Name",
    "UlmScores",
    "annotate",
    "batch_eta_squared",
    "enrich",
    "gene_sets",
    "housekeeping",
    "label_scores",
    "leakage",
    "markers",
    "name_features",
    "ulm",
    "unique_contribution",
]
