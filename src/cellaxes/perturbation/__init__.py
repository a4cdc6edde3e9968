"""What a compound does to cells: differential expression, what to hold out, how good a guess is."""

from cellaxes.perturbation import metrics
from cellaxes.perturbation._baselines._predict import (
    BaselinePrediction,
    baselines,
    predict_baseline,
)
from cellaxes.perturbation._baselines._registry import show_baselines
from cellaxes.perturbation._bayes import Squeezed, squeeze_variances
from cellaxes.perturbation._by_name import check_predictor, predict_by
from cellaxes.perturbation._campaign import Campaigns, simulate_campaigns
from cellaxes.perturbation._composition import Composition, composition_outliers
from cellaxes.perturbation._contrast import moderated_t
from cellaxes.perturbation._design import Design, Dropped, make_design
from cellaxes.perturbation._ensemble._ensemble import Ensemble, load_ensemble
from cellaxes.perturbation._ensemble._fit import fit
from cellaxes.perturbation._ensemble._judgement import Judgement
from cellaxes.perturbation._ensemble._members import default_members, training_data
from cellaxes.perturbation._expression import differential_expression
from cellaxes.perturbation._features._encoding import Encoding
from cellaxes.perturbation._features._smiles import embed_smiles
from cellaxes.perturbation._filter import filter_by_expression
from cellaxes.perturbation._folds_like import folds_like, make_folds
from cellaxes.perturbation._honesty import abstentions, coverage_by_context, gains
from cellaxes.perturbation._intervals import Intervals, conformal
from cellaxes.perturbation._jackknife import jackknife_plus
from cellaxes.perturbation._leaderboard._evaluate import evaluate
from cellaxes.perturbation._leaderboard._leaderboard import Leaderboard
from cellaxes.perturbation._models import _networks as _networks  # registers them
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._gp import KernelGP
from cellaxes.perturbation._models._presets import Preset, presets
from cellaxes.perturbation._models._protocol import Fitted, Predictor
from cellaxes.perturbation._models._recommender import Recommender
from cellaxes.perturbation._models._registry import load_model, make_model, save_model, show_models
from cellaxes.perturbation._models._settings import (
    DualEncoder,
    EmbeddingMLP,
    TargetEncodingNet,
    TensorFactorization,
    TokenTransformer,
)
from cellaxes.perturbation._models._train import Training
from cellaxes.perturbation._models._trees import TreesOnComponents
from cellaxes.perturbation._next import Advice, measure_next
from cellaxes.perturbation._normalise import norm_factors
from cellaxes.perturbation._out_of_fold import OutOfFold, out_of_fold
from cellaxes.perturbation._pseudobulk import pseudobulk
from cellaxes.perturbation._quality import Quality, quality, row_quality
from cellaxes.perturbation._reasons import GENE_REASONS, REASONS, WARNINGS
from cellaxes.perturbation._result import ContextFit, DifferentialExpression
from cellaxes.perturbation._screen import SimulatedScreen, simulate_screen
from cellaxes.perturbation._search import Search, search_settings
from cellaxes.perturbation._simulate import Simulated, simulate_responses
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
from cellaxes.perturbation._stack import Stack, fit_slopes, stack
from cellaxes.perturbation._table._compounds import Compounds, read_compounds, standardise_compounds
from cellaxes.perturbation._table._conversion import infer_df, signed_log10_p, t_statistic
from cellaxes.perturbation._table._fingerprints import fingerprints
from cellaxes.perturbation._table._h5ad import from_anndata, write_table
from cellaxes.perturbation._table._kaggle import read_id_map, read_kaggle
from cellaxes.perturbation._table._long import read_long
from cellaxes.perturbation._table._op3 import read_op3
from cellaxes.perturbation._table._read import read_table
from cellaxes.perturbation._table._results import from_differential_expression, from_results
from cellaxes.perturbation._table._submission import write_submission
from cellaxes.perturbation._table._table import PerturbationTable
from cellaxes.perturbation._table._wide import read_wide
from cellaxes.perturbation._voom import Voom, voom

__all__ = [
    "GENE_REASONS",
    "REASONS",
    "WARNINGS",
    "Advice",
    "BaselinePrediction",
    "Campaigns",
    "Composition",
    "Compounds",
    "ContextFit",
    "Design",
    "DifferentialExpression",
    "Dropped",
    "DualEncoder",
    "EmbeddingMLP",
    "Encoding",
    "Ensemble",
    "Fitted",
    "Intervals",
    "Judgement",
    "KernelGP",
    "Leaderboard",
    "Leak",
    "OutOfFold",
    "PerturbationTable",
    "Predictor",
    "Preset",
    "Quality",
    "Recommender",
    "Search",
    "Simulated",
    "SimulatedScreen",
    "Split",
    "Squeezed",
    "Stack",
    "TargetEncodingNet",
    "TensorFactorization",
    "TokenTransformer",
    "Training",
    "TrainingData",
    "TreesOnComponents",
    "Voom",
    "abstentions",
    "baselines",
    "check_predictor",
    "composition_outliers",
    "conformal",
    "coverage_by_context",
    "default_members",
    "differential_expression",
    "embed_smiles",
    "evaluate",
    "few_shot_context",
    "filter_by_expression",
    "fingerprints",
    "fit",
    "fit_slopes",
    "folds_like",
    "from_anndata",
    "from_differential_expression",
    "from_results",
    "gains",
    "infer_df",
    "jackknife_plus",
    "joint",
    "leave_compound",
    "leave_group",
    "leave_moa",
    "leave_scaffold",
    "load_ensemble",
    "load_model",
    "make_design",
    "make_folds",
    "make_model",
    "measure_next",
    "metrics",
    "moderated_t",
    "murcko_scaffolds",
    "norm_factors",
    "out_of_fold",
    "predict_baseline",
    "predict_by",
    "presets",
    "pseudobulk",
    "quality",
    "random_rows",
    "read_compounds",
    "read_id_map",
    "read_kaggle",
    "read_long",
    "read_op3",
    "read_table",
    "read_wide",
    "row_quality",
    "save_model",
    "search_settings",
    "show_baselines",
    "show_models",
    "signed_log10_p",
    "simulate_campaigns",
    "simulate_responses",
    "simulate_screen",
    "squeeze_variances",
    "stack",
    "standardise_compounds",
    "t_statistic",
    "training_data",
    "voom",
    "write_submission",
    "write_table",
    "zero_shot_context",
]
