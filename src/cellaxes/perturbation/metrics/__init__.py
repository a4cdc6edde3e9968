"""How good predicted profiles are: pure functions of measured and predicted matrices."""

from cellaxes.perturbation.metrics._association import cosine, pearson, spearman
from cellaxes.perturbation.metrics._bootstrap import Comparison, paired_bootstrap
from cellaxes.perturbation.metrics._calibration import (
    Calibration,
    Coverage,
    calibration,
    coverage,
)
from cellaxes.perturbation.metrics._de import de_auprc, de_direction, de_overlap, prevalence
from cellaxes.perturbation.metrics._discrimination import discrimination, pds
from cellaxes.perturbation.metrics._errors import mae, mrmae, mrrmse, rmse
from cellaxes.perturbation.metrics._information import ResponseInformation, information
from cellaxes.perturbation.metrics._magnitude import norm_ratio, slope
from cellaxes.perturbation.metrics._registry import show
from cellaxes.perturbation.metrics._scale import scale, scaled
from cellaxes.perturbation.metrics._score import row_scores, score

__all__ = [
    "Calibration",
    "Comparison",
    "Coverage",
    "ResponseInformation",
    "calibration",
    "cosine",
    "coverage",
    "de_auprc",
    "de_direction",
    "de_overlap",
    "discrimination",
    "information",
    "mae",
    "mrmae",
    "mrrmse",
    "norm_ratio",
    "paired_bootstrap",
    "pds",
    "pearson",
    "prevalence",
    "rmse",
    "row_scores",
    "scale",
    "scaled",
    "score",
    "show",
    "slope",
    "spearman",
]
