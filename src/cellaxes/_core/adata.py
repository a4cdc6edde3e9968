"""Files and slots of an AnnData: what is missing is named, with its nearest neighbours."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.files import make_room
from cellaxes._core.hdf5 import check_heaps, check_sizes
from cellaxes._core.matrix import Counts, require_cells
from cellaxes._core.reading import reading

SLACK, HEADERS = 1.1, 1 << 16
"""What a file may take: of the bytes in memory, and besides."""


def read_h5ad(path: str | Path, backed: bool = False) -> anndata.AnnData:
    """Read an ``.h5ad`` file, in memory or backed, with a clear word on what is wrong with it."""
    path = Path(path)
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.h5ad")] if path.parent.is_dir() else []
        raise InputError(f"{path} is no file: {near(path.name, beside)}")
    with reading_h5ad(path):
        with opened_h5ad(path):
            pass  # it is what it says
        return anndata.read_h5ad(path, backed="r" if backed else None)


def write_h5ad(adata: anndata.AnnData, path: Path) -> None:
    """Write a new ``.h5ad`` file; a disk that has no room for it is found out before HDF5 begins.

    A write that fails leaves HDF5 2.0 in a state in which the process may crash much later.
    """
    make_room(path, int(SLACK * adata.__sizeof__()) + HEADERS)
    adata.write_h5ad(path)


def reading_h5ad(path: Path) -> AbstractContextManager[None]:
    """Turn what h5py and anndata say of a file into one sentence."""
    return reading(path, "an h5ad file", "copy or export it again")


@contextmanager
def opened_h5ad(path: Path) -> Iterator[h5py.File]:
    """Open an ``.h5ad`` file to read parts of it; what is wrong with it is one sentence."""
    with reading_h5ad(path):
        check_heaps(path)
        with h5py.File(path) as file:
            check_sizes(file)
            yield file


def counts_name(layer: str | None) -> str:
    """How messages call the matrix that ``layer`` selects."""
    if layer is None:
        return "X"
    return "raw.X" if layer == "raw" else f"layers[{layer!r}]"


def counts_of(adata: anndata.AnnData, layer: str | None = None) -> tuple[Counts, pd.Index]:
    """Return the matrix that ``layer`` selects and the names of its genes.

    ``None`` is ``X``; a name is that layer; ``"raw"`` is ``adata.raw.X`` where no layer
    has this name.
    """
    if adata.isbacked:
        with reading_h5ad(Path(adata.filename)):
            return _counts_of(adata, layer)
    return _counts_of(adata, layer)


def _counts_of(adata: anndata.AnnData, layer: str | None) -> tuple[Counts, pd.Index]:
    layers = [name for name in adata.layers if name is not None]
    if layer is None:
        if adata.X is None:
            raise InputError(f"the AnnData has no X; pass layer=, {near('counts', layers)}")
        return adata.X, adata.var_names
    if layer in layers:
        return adata.layers[layer], adata.var_names
    if layer == "raw" and adata.raw is not None:
        return adata.raw.X, adata.raw.var_names
    raise InputError(f"layers has no {layer!r}: {near(layer, layers)}")


def obs_column(adata: anndata.AnnData, key: str) -> pd.Series:
    """Return the ``obs`` column ``key``, refusing missing values."""
    if key not in adata.obs:
        raise InputError(f"obs has no column {key!r}: {near(key, adata.obs.columns)}")
    require_cells(adata.n_obs, "the AnnData")
    column: pd.Series = adata.obs[key]
    missing = int(column.isna().sum())
    if missing:
        raise InputError(
            f"obs[{key!r}] is missing in {missing} of {len(column)} cells: remove these cells "
            f"(adata[adata.obs[{key!r}].notna()]) or fill them."
        )
    return column


def obsm_matrix(adata: anndata.AnnData, key: str) -> NDArray[np.float64]:
    """Return ``obsm[key]`` as a dense, finite float64 matrix of shape ``(n_cells, d)``."""
    if key not in adata.obsm:
        raise InputError(f"obsm has no {key!r}: {near(key, adata.obsm.keys())}")
    require_cells(adata.n_obs, "the AnnData")
    return finite_matrix(adata.obsm[key], f"obsm[{key!r}]")


def finite_matrix(values: Any, where: str) -> NDArray[np.float64]:
    """Return ``values`` as a dense float64 matrix ``(n, d)``, refusing NaN and infinity."""
    if hasattr(values, "toarray"):
        values = values.toarray()
    try:
        matrix = np.array(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where} holds values that are no numbers: make it numeric.") from error
    if matrix.ndim == 1:
        matrix = matrix[:, None]
    if matrix.ndim != 2:
        raise InputError(f"{where} must be a matrix (n, d), but has shape {matrix.shape}.")
    bad = int((~np.isfinite(matrix)).any(axis=1).sum())
    if bad:
        raise InputError(
            f"{where} holds NaN or infinity in {bad} of {len(matrix)} rows: remove or fill them."
        )
    return matrix
