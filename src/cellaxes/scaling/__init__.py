"""Laws of information against measurement noise and cells: fits, predictions, plans."""

from cellaxes._core.coordinates import coordinate, show_coordinates
from cellaxes.scaling._batch import BatchFit, BatchLaw, fit_batch_law
from cellaxes.scaling._cells import CellFit, CellLaw, fit_cell_law
from cellaxes.scaling._costs import Costs
from cellaxes.scaling._extrapolate import Prediction, predict
from cellaxes.scaling._fit import fit_noise_law
from cellaxes.scaling._form_types import FormFit, FormsFit
from cellaxes.scaling._forms import fit_forms
from cellaxes.scaling._joint import JointFit, JointLaw, fit_joint_law
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._plan import Plan, plan
from cellaxes.scaling._pooled import PooledFit, fit_pooled_noise_law
from cellaxes.scaling._result import NoiseFit
from cellaxes.scaling._settle import Measurement
from cellaxes.scaling._table import curves_of, fit_table, predict_table
from cellaxes.scaling._targets import DepthAnswer, crossing, depth_for
from cellaxes.scaling._weights import replicate_weights

__all__ = [
    "BatchFit",
    "BatchLaw",
    "CellFit",
    "CellLaw",
    "Costs",
    "DepthAnswer",
    "FormFit",
    "FormsFit",
    "JointFit",
    "JointLaw",
    "Measurement",
    "NoiseFit",
    "NoiseLaw",
    "Plan",
    "PooledFit",
    "Prediction",
    "coordinate",
    "crossing",
    "curves_of",
    "depth_for",
    "fit_batch_law",
    "fit_cell_law",
    "fit_forms",
    "fit_joint_law",
    "fit_noise_law",
    "fit_pooled_noise_law",
    "fit_table",
    "plan",
    "predict",
    "predict_table",
    "replicate_weights",
    "show_coordinates",
]
