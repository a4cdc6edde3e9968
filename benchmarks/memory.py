"""Peak memory of thinning 1,000,000 cells x 2,000 genes: backed, to a new file; and through dask.

python benchmarks/memory.py [N_CELLS]
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata
import h5py
import numpy as np

N_GENES, PER_CELL, BLOCK = 2000, 100, 20_000


def make(path: Path, n_cells: int) -> None:
    """Write sparse counts, 100 stored values per cell, block by block."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        group = file.create_group("X")
        n_stored = n_cells * PER_CELL
        for name, kind in (("data", np.float32), ("indices", np.int32)):
            group.create_dataset(name, shape=(n_stored,), chunks=(1 << 17,), dtype=kind)
        for start in range(0, n_cells, BLOCK):
            n = min(BLOCK, n_cells - start)
            step = rng.integers(1, N_GENES // PER_CELL, (n, PER_CELL))
            values = 1 + rng.poisson(0.8, n * PER_CELL).astype(np.float32)
            here = slice(start * PER_CELL, (start + n) * PER_CELL)
            group["data"][here] = values
            group["indices"][here] = (np.cumsum(step, axis=1) - 1).ravel()
        group["indptr"] = np.arange(0, n_stored + 1, PER_CELL)
        group.attrs["shape"] = (n_cells, N_GENES)
        group.attrs["encoding-type"], group.attrs["encoding-version"] = "csr_matrix", "0.1.0"
        shell = anndata.AnnData(obs={"n": np.zeros(n_cells, dtype=np.int8)})
        anndata.io.write_elem(file, "obs", shell.obs)
        anndata.io.write_elem(file, "var", anndata.AnnData(var={"n": np.zeros(N_GENES)}).var)
        for slot in ("obsm", "varm", "obsp", "varp", "layers", "uns"):
            anndata.io.write_elem(file, slot, {})
        file.attrs["encoding-type"], file.attrs["encoding-version"] = "anndata", "0.1.0"


def thin(source: Path, target: Path | None) -> None:
    """Thin in this process and print its peak memory."""
    import cellaxes as cx

    backed = anndata.read_h5ad(source, backed="r")
    start = time.perf_counter()
    _, depth = cx.noise.thin(backed, fraction=0.3, out=target)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{'to a file' if target else 'to memory'}: {backed.n_obs:,} cells x {backed.n_vars:,} "
        f"genes, {depth:g} UMIs per cell left: "
        f"peak {peak:.2f} GB, {backed.n_obs / seconds:,.0f} cells/s"
    )


def thin_lazily(source: Path, target: Path) -> None:
    """Thin counts that dask reads chunk by chunk, write them the same way, print the peak."""
    import cellaxes as cx

    with h5py.File(source) as file:
        lazy = anndata.experimental.read_elem_lazy(file["X"], chunks=(BLOCK, N_GENES))
        start = time.perf_counter()
        thinned, depth = cx.noise.thin(lazy, fraction=0.3)
        with h5py.File(target, "w") as new:
            anndata.io.write_elem(new, "X", thinned)
        seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"dask to a file: {lazy.shape[0]:,} cells x {lazy.shape[1]:,} genes, {depth:g} UMIs per "
        f"cell left: peak {peak:.2f} GB, {lazy.shape[0] / seconds:,.0f} cells/s"
    )


if __name__ == "__main__":
    if len(sys.argv) == 4:
        thin_lazily(Path(sys.argv[1]), Path(sys.argv[2]))
    elif len(sys.argv) == 3:
        thin(Path(sys.argv[1]), None if sys.argv[2] == "memory" else Path(sys.argv[2]))
    else:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "cells.h5ad"
            make(source, int(sys.argv[1]) if len(sys.argv) == 2 else 1_000_000)
            for target in (str(Path(folder) / "thin.h5ad"), "memory"):
                subprocess.run([sys.executable, __file__, str(source), target], check=True)
            lazily = [str(Path(folder) / "lazy.h5ad"), "dask"]
            subprocess.run([sys.executable, __file__, str(source), *lazily], check=True)
