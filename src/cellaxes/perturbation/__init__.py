"""Responses of cells to perturbations: what to hold out, and how good a prediction is."""

from cellaxes.perturbation import metrics

__all__ = ["metrics"]
