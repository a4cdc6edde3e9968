"""Adapters: maps of an embedding whose first dimensions hold the coarse levels."""

from cellaxes.hierarchy._adapters._adapter import Adapter, load_adapter
from cellaxes.hierarchy._adapters._fit import fit_adapter
from cellaxes.hierarchy._adapters._methods import show_adapters

__all__ = ["Adapter", "fit_adapter", "load_adapter", "show_adapters"]
