"""The one door to data on disk."""

from pathlib import Path

import anndata

from cellaxes._core.adata import read_h5ad


def open_data(path: str | Path) -> anndata.AnnData:
    """Read an ``.h5ad`` file."""
    return read_h5ad(path)
