"""Plots: they take results, draw on the axes they are given, and return them."""

from cellaxes.pl._budget_line import budget_line
from cellaxes.pl._gains import gains
from cellaxes.pl._kept import kept
from cellaxes.pl._needs_curves import ErrorLine, NeedLine, needs_curves, needs_errors
from cellaxes.pl._noise_curve import PALETTE, noise_curve

__all__ = [
    "PALETTE",
    "ErrorLine",
    "NeedLine",
    "budget_line",
    "gains",
    "kept",
    "needs_curves",
    "needs_errors",
    "noise_curve",
]
