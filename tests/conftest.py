"""What the tests share."""

from pathlib import Path

import anndata
import matplotlib
import pytest
from hypothesis import settings

import cellaxes as cx

matplotlib.use("Agg")
# The same examples in every run: a bound on an estimate is met by most seeds, not by all.
settings.register_profile("cellaxes", derandomize=True)
settings.load_profile("cellaxes")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder of the large real data, which live beside the repository."""
    if not _SHARED.is_dir():
        pytest.skip(f"needs the shared data in {_SHARED}")
    return _SHARED


@pytest.fixture(scope="session")
def cells() -> anndata.AnnData:
    """600 simulated cells with counts, types and proteins; copy before changing."""
    return cx.datasets.simulated_counts(random_state=1)


@pytest.fixture(scope="session")
def cells_file(cells: anndata.AnnData, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same cells as a file."""
    path = tmp_path_factory.mktemp("data") / "cells.h5ad"
    cells.write_h5ad(path)
    return path
