"""Embeddings with labels at scale: reading, writing, ordering and dealing, time and peak memory.

    OMP_NUM_THREADS=1 python benchmarks/ingest.py OUT [--quick] [N_CELLS]

Data: 1,000,000 x 128 float32 with 203 types in four levels, sizes as of a power law. Each step runs
three times in a process of its own, on one thread, files in the cache of the operating system; the
fastest counts, in CPU seconds, so that neither memory that is touched for the first time nor other
work on the machine does. Reading cell by cell (``as_py``) is timed on 20,000 cells and scaled, as
are shuffled rows of an h5ad file.
OUT gets ``ingest.csv``; the data (about 4 GB) live in a temporary folder below it.
"""

import csv
import json
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata
import h5py
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

import cellaxes as cx
from records import quick, record, version_of

D, TYPES, SAMPLE, MANY = 128, 203, 20_000, 8_000_000
COLUMNS = ("level1", "level2", "level3", "level4")
LINKS = 160


def codes_of(n: int) -> np.ndarray:
    """Return the type of each cell."""
    share = 1 / np.arange(1, TYPES + 1)
    return np.random.default_rng(0).choice(TYPES, n, p=share / share.sum()).astype(np.int16)


def blocks(n: int):
    """Yield the embedding."""
    rng = np.random.default_rng(1)
    for start in range(0, n, 65_536):
        z = rng.standard_normal((min(65_536, n - start), D), dtype=np.float32)
        yield z / np.linalg.norm(z, axis=1, keepdims=True)


def make(folder: Path, n: int) -> None:
    """Write the data as a NumPy file with a table, and as an index with labels."""
    z = np.lib.format.open_memmap(folder / "z.npy", "w+", np.float32, (n, D))
    start = 0
    for block in blocks(n):
        z[start : start + len(block)] = block
        start += len(block)
    codes = codes_of(n)
    groups = [codes % k for k in (8, 17, 161, TYPES)]
    table = pa.table(
        {
            c: pa.array([f"type {k}" for k in g.tolist()])
            for c, g in zip(COLUMNS, groups, strict=True)
        }
    )
    pa.csv.write_csv(table, folder / "labels.csv")
    (folder / "model").mkdir()
    (folder / "model" / "reference_labels.tsv").write_text(
        "".join(f"type {k}\n" for k in codes.tolist())
    )
    vector = 4 + 4 * LINKS
    label = vector + 4 * D
    kind = np.dtype(
        {
            "names": ["z", "label"],
            "formats": [("<f4", (D,)), "<u8"],
            "offsets": [vector, label],
            "itemsize": label + 8,
        }
    )
    with (folder / "model" / "labelled_kNN.bin").open("wb") as file:
        file.write(
            struct.pack("<6QiI3QdQ", 0, n, n, label + 8, label, vector, 0, 0, 80, 160, 80, 0.2, 1)
        )
        for start in range(0, n, 65_536):
            part = np.zeros(min(65_536, n - start), kind)
            part["z"] = z[start : start + len(part)]
            part["label"] = np.arange(start, start + len(part))
            file.write(part.tobytes())
        file.write(bytes(4 * n))


def step(name: str, folder: Path, n: int, again: int) -> float:
    """Do one step; return its seconds, scaled to n cells where it saw a sample."""
    h = cx.hierarchy
    cache, seen, sample = folder / "cells", n, min(SAMPLE, n)
    if name == "make":
        start = time.process_time()
        make(folder, n)
    elif name == "write the memory map, from .npy and .csv":
        stream = h.read_cells(folder / "z.npy", table=folder / "labels.csv")
        start = time.process_time()
        h.write_cells(stream, cache if again == 0 else folder / f"again{again}")
    elif name.startswith("write Parquet"):
        cells, kind = h.open_cells(cache), "zstd" if "zstd" in name else "none"
        start = time.process_time()
        h.write_parquet(cells, folder / f"{kind}.parquet", compression=kind)
    elif name.startswith("read Parquet"):
        source = folder / f"{'zstd' if 'zstd' in name else 'none'}.parquet"
        start = time.process_time()
        cells = h.read_cells(source).load()
        seen = len(cells) if len(cells.columns) == 4 else 0
    elif name == "stream Parquet":
        start = time.process_time()
        seen = sum(len(z) for z in h.read_cells(folder / "none.parquet").blocks())
    elif name == "cell by cell (as_py)":
        table = pq.ParquetFile(folder / "none.parquet").read_row_group(0)
        start = time.process_time()
        vectors = table.column("embedding")
        np.stack([np.array(vectors[i].as_py(), dtype=np.float32) for i in range(sample)])
        for column in COLUMNS:
            labels = table.column(column)
            [labels[i].as_py() for i in range(sample)]
        return (time.process_time() - start) * n / sample
    elif name == "shuffled rows of h5ad":
        with h5py.File(folder / "rows.h5ad", "w") as file:
            anndata.io.write_elem(file, "X", np.asarray(h.open_cells(cache).z[:sample]))
        rows = np.random.default_rng(again).permutation(sample)
        start = time.process_time()
        with h5py.File(folder / "rows.h5ad") as file:
            for at in range(0, sample, 4096):
                file["X"][np.sort(rows[at : at + 4096])]
        return (time.process_time() - start) * n / sample
    elif name == "SCimilarity index to memory map":
        start = time.process_time()
        h.write_cells(h.read_cells(folder / "model"), folder / f"again{again}")
    elif name.startswith("stratify"):
        codes = codes_of(MANY)
        start = time.process_time()
        h.stratify(codes, random_state=42, legacy="legacy" in name)
    elif name == "deal one epoch":
        z = h.open_cells(cache).z
        start = time.process_time()
        seen = sum(len(rows) for rows, _ in h.batches(z, 4096))
    else:
        raise ValueError(name)
    seconds = time.process_time() - start
    if seen != n:
        raise ValueError(f"{name}: {seen} cells instead of {n}")
    for made in folder.glob("again*"):
        shutil.rmtree(made)
    return seconds


STEPS = (
    "write the memory map, from .npy and .csv",
    "write Parquet",
    "write Parquet, zstd",
    "cell by cell (as_py)",
    "read Parquet",
    "read Parquet, zstd",
    "stream Parquet",
    "SCimilarity index to memory map",
    "shuffled rows of h5ad",
    "deal one epoch",
    "stratify 8,000,000",
    "stratify 8,000,000, legacy",
)


QUICK = (
    STEPS[0],
    "write Parquet",
    "cell by cell (as_py)",
    "read Parquet",
    "shuffled rows of h5ad",
    "deal one epoch",
    "stratify 8,000,000",
)


def main(out: Path, n: int, steps: tuple[str, ...]) -> None:
    """Run every step in a process of its own; print and write the numbers."""
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    with tempfile.TemporaryDirectory(dir=out) as folder:
        for name in ("make", *steps):
            words = [sys.executable, __file__, "step", name, folder, str(n)]
            said = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            rows.append({"step": name, **json.loads(said)})
            print("{step:42} {seconds:8.2f} s  peak {peak_gb:.2f} GB".format(**rows[-1]))
        size = {p.name: p.stat().st_size / 1e6 for p in Path(folder).glob("*.parquet")}
        print("MB:", {name: round(mb) for name, mb in size.items()})
    seconds = {row["step"]: row["seconds"] for row in rows}
    slow, arrow = seconds["cell by cell (as_py)"], version_of("pyarrow")
    size_of = f"{n:,} x 128 and 4 labels"
    record(f"Parquet to arrays, {size_of}", seconds["read Parquet"], slow, "pyarrow as_py by row",
           version=arrow, unit="CPU s", note="as_py on 20,000 cells, scaled")  # fmt: skip
    record("times as fast as as_py", slow / seconds["read Parquet"], 50, "asked", better="reach")
    record(f"one shuffled epoch, {n:,} x 128", seconds["deal one epoch"],
           seconds["shuffled rows of h5ad"], "h5ad rows by h5py", version=version_of("h5py"),
           unit="CPU s", note="batches of 4,096; ours from a memory map; h5ad scaled")  # fmt: skip
    record("order of 8,000,000 cells", seconds["stratify 8,000,000"], 60, "asked", unit="CPU s",
           better="within")  # fmt: skip
    with (out / "ingest.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    if sys.argv[1] == "step":
        pa.set_cpu_count(1)
        pa.set_io_thread_count(1)
        name, folder, size = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
        times = 1 if name == "make" else 3
        taken = min(step(name, folder, size, again) for again in range(times))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(json.dumps({"seconds": round(taken, 3), "peak_gb": round(peak, 3)}))
    else:
        small = quick()
        default = 100_000 if small else 1_000_000
        size = int(sys.argv[2]) if len(sys.argv) > 2 else default
        main(Path(sys.argv[1]), size, QUICK if small else STEPS)
