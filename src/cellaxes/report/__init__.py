"""One page a person can read, and the numbers behind it for machines."""

from cellaxes.report._measure import MeasureReport, brief
from cellaxes.report._types import Curve, DataFacts

__all__ = ["Curve", "DataFacts", "MeasureReport", "brief"]
