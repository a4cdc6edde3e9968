"""Writing a backed AnnData block by block, so that memory holds one block at a time."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import scipy.sparse as sp

from cellaxes._core import keys
from cellaxes._core.errors import InputError
from cellaxes._core.files import file_atomic
from cellaxes._core.matrix import row_sums

_CHUNK = 1 << 17
"""Stored values per chunk on disk."""


def write_blocks(
    shell: anndata.AnnData, blocks: Iterable[sp.csr_matrix], path: Path, dtype: Any
) -> anndata.AnnData:
    """Write ``shell`` with the CSR ``blocks`` as its ``X`` and return it backed.

    ``obs["umis_per_cell"]`` is measured on the way. The file appears whole or not at all.
    """
    if path.exists():
        raise InputError(f"{path} exists already: choose another out= or remove it.")
    with file_atomic(path) as temporary:
        _write(shell, blocks, temporary, dtype)
    return anndata.read_h5ad(path, backed="r")


def _write(shell: anndata.AnnData, blocks: Iterable[sp.csr_matrix], path: Path, dtype: Any) -> None:
    totals, pointers = [], [np.zeros(1, dtype=np.int64)]
    with h5py.File(path, "w") as file:
        # The CSR group of anndata's file format, grown block by block in large chunks: the
        # small chunks of a data set that starts empty cost gigabytes of index.
        group = file.create_group("X")
        for name, kind in (("data", dtype), ("indices", np.int32)):
            group.create_dataset(name, shape=(0,), maxshape=(None,), chunks=(_CHUNK,), dtype=kind)
        for block in blocks:
            for name in ("data", "indices"):
                values = getattr(block, name)
                dataset = group[name]
                dataset.resize(dataset.shape[0] + len(values), axis=0)
                dataset[dataset.shape[0] - len(values) :] = values
            pointers.append(pointers[-1][-1] + block.indptr[1:].astype(np.int64))
            totals.append(row_sums(block))
        group["indptr"] = np.concatenate(pointers)
        group.attrs["shape"] = (shell.n_obs, shell.n_vars)
        group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        shell.obs[keys.umis_per_cell()] = np.concatenate(totals)
        for slot in ("obs", "var"):
            anndata.io.write_elem(file, slot, getattr(shell, slot))
        for slot in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
            anndata.io.write_elem(file, slot, dict(getattr(shell, slot)))
        file.attrs["encoding-type"], file.attrs["encoding-version"] = "anndata", "0.1.0"
