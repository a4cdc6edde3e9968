"""Real data by name, readers of images and sequences, and simulations whose truth is known."""

from cellaxes.datasets._download import download, op3
from cellaxes.datasets._image_sets import caltech101, medmnist
from cellaxes.datasets._images import read_images
from cellaxes.datasets._lineages import expand_lineage, read_aliases
from cellaxes.datasets._open import open_data
from cellaxes.datasets._pancreas import pancreas
from cellaxes.datasets._sequences import read_sequences
from cellaxes.datasets._simulate import gaussian_channel, simulated_counts

__all__ = [
    "caltech101",
    "download",
    "expand_lineage",
    "gaussian_channel",
    "medmnist",
    "op3",
    "open_data",
    "pancreas",
    "read_aliases",
    "read_images",
    "read_sequences",
    "simulated_counts",
]
