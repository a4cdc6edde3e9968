"""One page a person can read, and the numbers behind it for machines."""

from cellaxes.report._brief import brief
from cellaxes.report._explain import ExplainReport
from cellaxes.report._measure import MeasureReport
from cellaxes.report._needs import NeedsReport
from cellaxes.report._needs_types import MEASURED, NeedCurve, NeedsFacts, rows_along
from cellaxes.report._plan import PlannedModel, PlanReport
from cellaxes.report._predict import PredictReport
from cellaxes.report._predict_fit import PredictorReport
from cellaxes.report._predict_types import Likeness, PredictFacts, SuspectRows
from cellaxes.report._profile import ProfileReport
from cellaxes.report._structure import StructureReport
from cellaxes.report._structure_types import DepthCurve, StructureFacts
from cellaxes.report._types import CoordinateFit, Curve, DataFacts
from cellaxes.report._zoo import Zoo, zoo
from cellaxes.report._zoo_types import ZooCurve, ZooGrid

__all__ = [
    "MEASURED",
    "CoordinateFit",
    "Curve",
    "DataFacts",
    "DepthCurve",
    "ExplainReport",
    "Likeness",
    "MeasureReport",
    "NeedCurve",
    "NeedsFacts",
    "NeedsReport",
    "PlanReport",
    "PlannedModel",
    "PredictFacts",
    "PredictReport",
    "PredictorReport",
    "ProfileReport",
    "StructureFacts",
    "StructureReport",
    "SuspectRows",
    "Zoo",
    "ZooCurve",
    "ZooGrid",
    "brief",
    "rows_along",
    "zoo",
]
