"""Laws of information against measurement noise, and their fits."""

from cellaxes.scaling._cells import CellFit, CellLaw, fit_cell_law
from cellaxes.scaling._extrapolate import Prediction, predict
from cellaxes.scaling._fit import fit_noise_law
from cellaxes.scaling._joint import JointFit, JointLaw, fit_joint_law
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._result import NoiseFit
from cellaxes.scaling._table import fit_table

__all__ = [
    "CellFit",
    "CellLaw",
    "JointFit",
    "JointLaw",
    "NoiseFit",
    "NoiseLaw",
    "Prediction",
    "fit_cell_law",
    "fit_joint_law",
    "fit_noise_law",
    "fit_table",
    "predict",
]
