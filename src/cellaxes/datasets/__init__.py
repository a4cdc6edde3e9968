"""Real data by name, and simulations whose truth is known."""

from cellaxes.datasets._pancreas import pancreas
from cellaxes.datasets._simulate import gaussian_channel, simulated_counts

__all__ = ["gaussian_channel", "pancreas", "simulated_counts"]
