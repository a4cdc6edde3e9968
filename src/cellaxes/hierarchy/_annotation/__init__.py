"""Calls of cell types with calibrated confidence."""
