"""What a compound does to cells: pseudobulks, differential expression, its quality."""

from cellaxes.perturbation._bayes import Squeezed, squeeze_variances
from cellaxes.perturbation._contrast import moderated_t
from cellaxes.perturbation._design import Design, Dropped, make_design
from cellaxes.perturbation._expression import differential_expression
from cellaxes.perturbation._filter import filter_by_expression
from cellaxes.perturbation._normalise import norm_factors
from cellaxes.perturbation._pseudobulk import pseudobulk
from cellaxes.perturbation._result import ContextFit, DifferentialExpression
from cellaxes.perturbation._voom import Voom, voom

__all__ = [
    "ContextFit",
    "Design",
    "DifferentialExpression",
    "Dropped",
    "Squeezed",
    "Voom",
    "differential_expression",
    "filter_by_expression",
    "make_design",
    "moderated_t",
    "norm_factors",
    "pseudobulk",
    "squeeze_variances",
    "voom",
]
