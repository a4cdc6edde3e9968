"""How right calls of cell types are, and how an embedding lays them out: functions of arrays."""

from cellaxes.hierarchy.metrics._bootstrap import Interval, bootstrap_ratio
from cellaxes.hierarchy.metrics._flat import accuracy, balanced_accuracy, macro_f1
from cellaxes.hierarchy.metrics._silhouette import silhouette
from cellaxes.hierarchy.metrics._steerability import Steerability, steerability
from cellaxes.hierarchy.metrics._tree import (
    HierarchicalF,
    ancestor_sets,
    error_distance,
    hierarchical_f,
    subtype_accuracy,
)

__all__ = [
    "HierarchicalF",
    "Interval",
    "Steerability",
    "accuracy",
    "ancestor_sets",
    "balanced_accuracy",
    "bootstrap_ratio",
    "error_distance",
    "hierarchical_f",
    "macro_f1",
    "silhouette",
    "steerability",
    "subtype_accuracy",
]
