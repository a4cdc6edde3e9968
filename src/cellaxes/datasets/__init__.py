"""Real data by name, and simulations whose truth is known."""

from cellaxes.datasets._download import download, op3
from cellaxes.datasets._open import open_data
from cellaxes.datasets._pancreas import pancreas
from cellaxes.datasets._simulate import gaussian_channel, simulated_counts

__all__ = ["download", "gaussian_channel", "op3", "open_data", "pancreas", "simulated_counts"]
