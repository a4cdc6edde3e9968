"""Peak memory of thinning 1,000,000 cells x 2,000 genes: backed, to a new file; and through dask.

    python benchmarks/memory.py [--quick] [N_CELLS]

Beside it ``scanpy.pp.downsample_counts``, which wants the counts in memory. --quick: 100,000 cells.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata
import h5py
import numpy as np

from records import quick, record, version_of

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
    start = time.process_time()
    _, depth = cx.noise.thin(backed, fraction=0.3, out=target)
    seconds = time.process_time() - start
    tell(seconds, depth)


def tell(seconds: float, depth: float) -> None:
    """Print the peak of this process and what it did as JSON."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"peak": peak, "seconds": seconds, "depth": depth}))


def by_scanpy(source: Path) -> None:
    """Do the same by scanpy, in memory."""
    import scanpy

    adata = anndata.read_h5ad(source)
    adata.X.indptr = adata.X.indptr.astype(np.int32)  # it fails on the file's int64
    target = int(0.3 * np.median(np.asarray(adata.X.sum(axis=1))))
    start = time.process_time()
    scanpy.pp.downsample_counts(adata, counts_per_cell=target, random_state=0)
    tell(time.process_time() - start, target)


def thin_lazily(source: Path, target: Path) -> None:
    """Thin counts that dask reads chunk by chunk, write them the same way, print the peak."""
    import cellaxes as cx

    with h5py.File(source) as file:
        lazy = anndata.experimental.read_elem_lazy(file["X"], chunks=(BLOCK, N_GENES))
        start = time.process_time()
        thinned, depth = cx.noise.thin(lazy, fraction=0.3)
        with h5py.File(target, "w") as new:
            anndata.io.write_elem(new, "X", thinned)
        seconds = time.process_time() - start
    tell(seconds, depth)


def main(n_cells: int) -> None:
    """Make the counts, thin them each way in a process of its own, record."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "cells.h5ad"
        make(source, n_cells)
        found = {}
        for way in ("file", "memory", "dask", "scanpy"):
            words = [sys.executable, __file__, way, str(source), str(Path(folder) / f"{way}.h5ad")]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            found[way] = json.loads(done.stdout.splitlines()[-1])
    what, peer = f"thin {n_cells:,} x {N_GENES:,}", ("scanpy downsample_counts",)
    told = {"version": version_of("scanpy"), "note": "peaks with all imports"}
    for way, name in (("file", "backed to file"), ("memory", "backed to memory")):
        record(f"{what}, {name}: peak", found[way]["peak"], found["scanpy"]["peak"], *peer,
               unit="GB", **told)  # fmt: skip
    record(f"{what}, backed to memory", found["memory"]["seconds"], found["scanpy"]["seconds"],
           *peer, unit="CPU s", version=version_of("scanpy"),
           note="ours reads the file in these seconds, scanpy before")  # fmt: skip
    record(f"{what}, backed to file: peak", found["file"]["peak"], 1, "asked", unit="GB",
           better="within", note="of a million cells")  # fmt: skip
    record(f"{what}, dask to file: peak", found["dask"]["peak"], 2, "asked", unit="GB",
           better="within", note="of a million cells")  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) == 4:
        source, target = map(Path, sys.argv[2:])
        ways = {
            "file": lambda: thin(source, target),
            "memory": lambda: thin(source, None),
            "dask": lambda: thin_lazily(source, target),
            "scanpy": lambda: by_scanpy(source),
        }
        ways[sys.argv[1]]()
    else:
        default = 100_000 if quick() else 1_000_000
        main(int(sys.argv[1]) if len(sys.argv) == 2 else default)
