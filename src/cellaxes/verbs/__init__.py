"""What people come for: each verb joins the rooms into one result and one page."""

from cellaxes.verbs._depths import feature_depths
from cellaxes.verbs._explain import explain
from cellaxes.verbs._measure import measure, summarise
from cellaxes.verbs._plan import plan
from cellaxes.verbs._predict import evaluate_predictions
from cellaxes.verbs._predict_fit import fit_predictor
from cellaxes.verbs._predict_rows import next_measurements, predict_responses
from cellaxes.verbs._predictor_needs import predictor_needs
from cellaxes.verbs._profile import profile
from cellaxes.verbs._steer import steer
from cellaxes.verbs._structure import structure

__all__ = [
    "evaluate_predictions",
    "explain",
    "feature_depths",
    "fit_predictor",
    "measure",
    "next_measurements",
    "plan",
    "predict_responses",
    "predictor_needs",
    "profile",
    "steer",
    "structure",
    "summarise",
]
