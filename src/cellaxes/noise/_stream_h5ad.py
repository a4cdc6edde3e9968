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
from cellaxes._core.files import part_of, storing
from cellaxes._core.matrix import row_sums


def write_blocks(
    shell: anndata.AnnData, blocks: Iterable[sp.csr_matrix], path: Path, dtype: Any
) -> anndata.AnnData:
    """Write ``shell`` with the CSR ``blocks`` as its ``X`` and return it backed.

    ``obs["umis_per_cell"]`` is measured on the way. The file appears whole or not at all.
    """
    if path.exists():
        raise InputError(f"{path} exists already: choose another out= or remove it.")
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = part_of(path)
        try:
            _write(shell, blocks, temporary, dtype)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return anndata.read_h5ad(path, backed="r")


def _write(shell: anndata.AnnData, blocks: Iterable[sp.csr_matrix], path: Path, dtype: Any) -> None:
    totals: list[Any] = []
    with h5py.File(path, "w") as file:
        anndata.io.write_elem(file, "X", sp.csr_matrix((0, shell.n_vars), dtype=dtype))
        on_disk = anndata.io.sparse_dataset(file["X"])
        for block in blocks:
            on_disk.append(block)
            totals.append(row_sums(block))
        shell.obs[keys.umis_per_cell()] = np.concatenate(totals)
        for slot in ("obs", "var", "obsm", "varm", "obsp", "varp", "layers", "uns"):
            value = getattr(shell, slot)
            anndata.io.write_elem(file, slot, value if slot in ("obs", "var") else dict(value))
        file.attrs["encoding-type"] = "anndata"
        file.attrs["encoding-version"] = "0.1.0"
