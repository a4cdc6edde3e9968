"""Corruptions of a measurement and their measured strength."""

from cellaxes.noise._batch import batch_shift
from cellaxes.noise._genewise import thin_genewise
from cellaxes.noise._series import depth_ladder, thin_series
from cellaxes.noise._thin import thin
from cellaxes.noise._types import Thinned

__all__ = ["Thinned", "batch_shift", "depth_ladder", "thin", "thin_genewise", "thin_series"]
