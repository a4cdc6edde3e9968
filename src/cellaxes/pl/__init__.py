"""Plots: they take results, draw on the axes they are given, and return them."""

from cellaxes.pl._noise_curve import PALETTE, noise_curve

__all__ = ["PALETTE", "noise_curve"]
