"""Responses of cells to perturbations: what to hold out, and how good a prediction is."""

from cellaxes.perturbation import metrics
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

__all__ = [
    "Leak",
    "Split",
    "few_shot_context",
    "joint",
    "leave_compound",
    "leave_group",
    "leave_moa",
    "leave_scaffold",
    "metrics",
    "murcko_scaffolds",
    "random_rows",
    "zero_shot_context",
]
