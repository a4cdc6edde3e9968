"""What a compound does to cells: differential expression, what to hold out, how good a guess is."""

from cellaxes.perturbation import metrics
from cellaxes.perturbation._baselines._predict import (
    BaselinePrediction,
    baselines,
    predict_baseline,
)
from cellaxes.perturbation._baselines._registry import show_baselines
from cellaxes.perturbation._bayes import Squeezed, squeeze_variances
from cellaxes.perturbation._composition import Composition, composition_outliers
from cellaxes.perturbation._contrast import moderated_t
from cellaxes.perturbation._design import Design, Dropped, make_design
from cellaxes.perturbation._expression import differential_expression
from cellaxes.perturbation._filter import filter_by_expression
from cellaxes.perturbation._leaderboard._evaluate import evaluate
from cellaxes.perturbation._leaderboard._leaderboard import Leaderboard
from cellaxes.perturbation._normalise import norm_factors
from cellaxes.perturbation._pseudobulk import pseudobulk
from cellaxes.perturbation._quality import Quality, quality, row_quality
from cellaxes.perturbation._reasons import GENE_REASONS, REASONS, WARNINGS
from cellaxes.perturbation._result import ContextFit, DifferentialExpression
from cellaxes.perturbation._splits._context import few_shot_context, zero_shot_context
from cellaxes.perturbation._splits._joint import joint
from cellaxes.perturbation._splits._random import random_rows
from cellaxes.perturbation._splits._scaffolds import murcko_scaffolds
from cellaxes.perturbation._splits._split import Leak, Split
from cellaxes.perturbation._splits._units import (
    leave_compound,
    leave_group,
    leave_moa,
    leave_scaffold,
)
from cellaxes.perturbation._voom import Voom, voom

__all__ = [
    "GENE_REASONS",
    "REASONS",
    "WARNINGS",
    "BaselinePrediction",
    "Composition",
    "ContextFit",
    "Design",
    "DifferentialExpression",
    "Dropped",
    "Leaderboard",
    "Leak",
    "Quality",
    "Split",
    "Squeezed",
    "Voom",
    "baselines",
    "composition_outliers",
    "differential_expression",
    "evaluate",
    "few_shot_context",
    "filter_by_expression",
    "joint",
    "leave_compound",
    "leave_group",
    "leave_moa",
    "leave_scaffold",
    "make_design",
    "metrics",
    "moderated_t",
    "murcko_scaffolds",
    "norm_factors",
    "predict_baseline",
    "pseudobulk",
    "quality",
    "random_rows",
    "row_quality",
    "show_baselines",
    "squeeze_variances",
    "voom",
    "zero_shot_context",
]
