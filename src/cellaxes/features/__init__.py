"""Sparse features of an embedding: what its axes mean, how far that can be trusted."""

from cellaxes.features import metrics

__all__ = ["metrics"]
