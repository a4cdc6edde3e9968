"""How good sparse features are: pure functions of arrays, and the controls to read them beside."""

from cellaxes.features.metrics._absorption import Absorption, absorption
from cellaxes.features.metrics._auroc import auroc
from cellaxes.features.metrics._concepts import ConceptScores, concept_f1
from cellaxes.features.metrics._controls import permuted, random_relu, signed_halves
from cellaxes.features.metrics._drvi import Disentanglement, drvi, lms, msas, msgs
from cellaxes.features.metrics._matching import (
    Matched,
    correlations,
    cosines,
    matched_correlation,
    mcc,
    mmcs,
    uniqueness,
)
from cellaxes.features.metrics._monosemanticity import Monosemanticity, monosemanticity
from cellaxes.features.metrics._pairs import bmmi, smi, spn
from cellaxes.features.metrics._peers import peers, varimax
from cellaxes.features.metrics._probes import ProbeScores, sparse_probe
from cellaxes.features.metrics._recovered import LossRecovered, loss_recovered
from cellaxes.features.metrics._sparsity import Firing, firing, fvu, l0
from cellaxes.features.metrics._split import hold_out

__all__ = [
    "Absorption",
    "ConceptScores",
    "Disentanglement",
    "Firing",
    "LossRecovered",
    "Matched",
    "Monosemanticity",
    "ProbeScores",
    "absorption",
    "auroc",
    "bmmi",
    "concept_f1",
    "correlations",
    "cosines",
    "drvi",
    "firing",
    "fvu",
    "hold_out",
    "l0",
    "lms",
    "loss_recovered",
    "matched_correlation",
    "mcc",
    "mmcs",
    "monosemanticity",
    "msas",
    "msgs",
    "peers",
    "permuted",
    "random_relu",
    "signed_halves",
    "smi",
    "sparse_probe",
    "spn",
    "uniqueness",
    "varimax",
]
