"""One page a person can read, and the numbers behind it for machines."""

from cellaxes.report._measure import Curve, DataFacts, MeasureReport, brief

__all__ = ["Curve", "DataFacts", "MeasureReport", "brief"]
