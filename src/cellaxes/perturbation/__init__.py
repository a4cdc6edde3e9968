"""What a compound does to cells: pseudobulks, differential expression, its quality."""

from cellaxes.perturbation._bayes import Squeezed, squeeze_variances
from cellaxes.perturbation._composition import Composition, composition_outliers
from cellaxes.perturbation._contrast import moderated_t
from cellaxes.perturbation._design import Design, Dropped, make_design
from cellaxes.perturbation._expression import differential_expression
from cellaxes.perturbation._filter import filter_by_expression
from cellaxes.perturbation._normalise import norm_factors
from cellaxes.perturbation._pseudobulk import pseudobulk
from cellaxes.perturbation._quality import Quality, quality, row_quality
from cellaxes.perturbation._reasons import GENE_REASONS, REASONS, WARNINGS
from cellaxes.perturbation._result import ContextFit, DifferentialExpression
from cellaxes.perturbation._voom import Voom, voom

__all__ = [
    "GENE_REASONS",
    "REASONS",
    "WARNINGS",
    "Composition",
    "ContextFit",
    "Design",
    "DifferentialExpression",
    "Dropped",
    "Quality",
    "Squeezed",
    "Voom",
    "composition_outliers",
    "differential_expression",
    "filter_by_expression",
    "make_design",
    "moderated_t",
    "norm_factors",
    "pseudobulk",
    "quality",
    "row_quality",
    "squeeze_variances",
    "voom",
]
