"""Predictions that a model must beat, and controls that it must tell itself from."""
