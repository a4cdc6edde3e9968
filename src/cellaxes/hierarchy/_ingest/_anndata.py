"""Cells of an AnnData: an object, backed or not, or a file of which only what is asked is read."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.adata import opened_h5ad, read_h5ad
from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._ingest._cells import ROWS, CellStream, storable
from cellaxes.hierarchy._ingest._columns import Column, column_of, wanted


def read_object(
    cells: anndata.AnnData, rep: str | None, labels: str | Sequence[str] | None, missing: str | None
) -> CellStream:
    """Return the cells of an AnnData; the embedding is ``obsm[rep]``, or ``X``."""
    found = cells.X if rep == "X" else cells.obsm[_rep(rep, list(cells.obsm.keys()))]
    names = wanted(labels, list(cells.obs.columns), "obs")
    columns = {name: column_of(cells.obs[name], f"obs[{name!r}]", missing) for name in names}
    z = _matrix(found, _called(rep))

    def read() -> Iterator[NDArray[Any]]:
        for start in range(0, len(cells), ROWS):
            yield _matrix(z[start : start + ROWS], _called(rep))

    return CellStream(len(cells), int(z.shape[1]), storable(z.dtype), columns, _called(rep), read)


def read_file(
    path: Path, rep: str | None, labels: str | Sequence[str] | None, missing: str | None
) -> CellStream:
    """Return the cells of an ``.h5ad`` file; the embedding is read only by blocks."""
    if not path.is_file():
        read_h5ad(path)  # says what is wrong
    with opened_h5ad(path) as file:
        obs = file["obs"]
        if not isinstance(obs, h5py.Group) or "__categories" in obs:
            return read_object(read_h5ad(path, backed=True), rep, labels, missing)  # before 0.8
        names = wanted(labels, [str(name) for name in obs.attrs["column-order"]], f"{path}: obs")
        columns: dict[str, Column] = {
            name: column_of(anndata.io.read_elem(obs[name]), f"obs[{name!r}]", missing)
            for name in names
        }
        key = "X" if rep == "X" else f"obsm/{_rep(rep, list(file['obsm']))}"
        where = f"{path}: {_called(rep)}"
        kind = file[key].attrs.get("encoding-type", "")
        if isinstance(file[key], h5py.Group):
            if kind != "dataframe":
                raise InputError(f"{where} is a {kind}, no dense matrix: an embedding (n, d) is.")
            z = _matrix(anndata.io.read_elem(file[key]), where)
            return CellStream(
                len(z), z.shape[1], storable(z.dtype), columns, where, lambda: iter([z])
            )
        shape, dtype = file[key].shape, file[key].dtype

    def read() -> Iterator[NDArray[Any]]:
        with opened_h5ad(path) as file:
            for start in range(0, shape[0], ROWS):
                yield file[key][start : start + ROWS]

    if len(shape) != 2:
        raise InputError(f"{where} must be a matrix (n_cells, d), but has shape {shape}.")
    n_cells, n_dims = shape
    return CellStream(n_cells, n_dims, storable(dtype), columns, where, read)


def _called(rep: str | None) -> str:
    return "X" if rep == "X" else f"obsm[{rep!r}]"


def _rep(rep: str | None, present: list[str]) -> str:
    if rep is None:
        raise InputError(f"name the embedding in obsm (rep=, --rep): {near('X_', present)}")
    if rep not in present:
        raise InputError(f"obsm has no {rep!r}: {near(rep, present)}")
    return rep


def _matrix(values: Any, where: str) -> Any:
    """Return what is sliced by rows, refusing what is no dense matrix of numbers."""
    if isinstance(values, pd.DataFrame):
        values = values.to_numpy()
    if sp.issparse(values) or not isinstance(values, np.ndarray | h5py.Dataset):
        kind = type(values).__name__
        raise InputError(f"{where} is a {kind}, no dense matrix: an embedding (n, d) is.")
    if values.ndim != 2 or values.dtype.kind not in "fiu":
        raise InputError(
            f"{where} must be a matrix of numbers (n_cells, d), but is {values.dtype} of shape "
            f"{values.shape}."
        )
    return values
