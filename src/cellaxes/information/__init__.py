"""Mutual information in bits, with interval and null."""

from cellaxes.information._average import average
from cellaxes.information._estimate import estimate
from cellaxes.information._estimators import show
from cellaxes.information._types import MIEstimate

__all__ = ["MIEstimate", "average", "estimate", "show"]
