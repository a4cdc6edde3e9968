"""How fast adapters train, and millions of cells from order to evaluation.

    OMP_NUM_THREADS=1 python benchmarks/adapters_scale.py loop [--quick]
    OMP_NUM_THREADS=2 python benchmarks/adapters_scale.py scale FOLDER [N_CELLS]

loop: cells per second of the published training loop (one item at a time through a data set that
stacks dictionaries, four passes through the head per step, three masks of the margin), written here
from its specification, beside ours at equal epochs; 203 types in 4 levels, 128 dimensions.
scale: order, fit (every cell drawn once on average), transform and evaluation on 100,000 queries of
simulated cells that lie in FOLDER as a memory map; seconds, and the peak of resident memory.
"""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from numpy.typing import NDArray

import cellaxes as cx
from cellaxes.hierarchy._ingest._columns import Column
from records import quick, record

SIZES = (8, 17, 161, 203)
DIMS = 128
QUERIES, REFERENCE = 100_000, 20_000


def simulate(rng: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the group of each type at each level, ``(203, 4)``, and the centre of each type."""
    place = np.arange(SIZES[-1])
    table = np.stack([place * size // SIZES[-1] for size in SIZES], axis=1)
    centres = np.zeros((SIZES[-1], DIMS))
    for at, size in enumerate(SIZES):
        centres += (0.5**at * rng.normal(size=(size, DIMS)))[table[:, at]]
    return table, centres.astype(np.float32)


def draw_types(n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the type of each cell, as uneven as in an atlas."""
    share = 1 / np.arange(1, SIZES[-1] + 1)
    return rng.choice(SIZES[-1], n_cells, p=share / share.sum())


def published_loop(Z: NDArray[np.float32], codes: NDArray[np.int64], epochs: int) -> float:
    """Train as published and return cells per second."""
    import torch
    from torch import nn
    from torch.nn.functional import cross_entropy, gelu, normalize, pad
    from torch.utils.data import DataLoader, Dataset

    generator = np.random.default_rng(0)

    class Items(Dataset):  # type: ignore[type-arg]
        def __init__(self) -> None:
            self.z, self.codes = torch.from_numpy(Z), torch.from_numpy(codes)
            self.members: list[dict[int, list[int]]] = []
            for level in range(codes.shape[1]):
                found: dict[int, list[int]] = {}
                for i in range(len(Z)):
                    found.setdefault(self.codes[i, level].item(), []).append(i)
                self.members.append(found)

        def __len__(self) -> int:
            return len(self.z)

        def __getitem__(self, i: int) -> dict[str, torch.Tensor]:
            item = {"anchor": self.z[i]}
            for level, members in enumerate(self.members):
                label = self.codes[i, level].item()
                item[f"label{level}"] = self.codes[i, level]
                item[f"positive{level}"] = self.z[int(generator.choice(members[int(label)]))]
            return item

    class Head(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into = nn.Linear(DIMS, 128)
            self.norms = nn.ModuleList([nn.LayerNorm(128) for _ in range(2)])
            self.attend = nn.MultiheadAttention(128, 8, dropout=0.1, batch_first=True)
            self.up, self.down = nn.Linear(128, 512), nn.Linear(512, 128)
            self.drop = nn.Dropout(0.1)
            self.scales = nn.ModuleList(
                [nn.Sequential(nn.LayerNorm(128), nn.Linear(128, 32)) for _ in SIZES]
            )
            self.last = nn.LayerNorm(128)
            self.top = nn.Sequential(nn.LayerNorm(128), nn.Linear(128, SIZES[0]))
            self.leaf = nn.Sequential(nn.LayerNorm(128), nn.Linear(128, SIZES[-1]))

        def forward(self, v: torch.Tensor) -> list[torch.Tensor]:
            x = first = self.into(v)[:, None]
            found = []
            for s, scale in enumerate(self.scales):
                n = self.norms[0](x)
                x = x + self.attend(n, n, n, need_weights=False)[0]
                x = x + self.drop(self.down(self.drop(gelu(self.up(self.norms[1](x))))))
                x = x + 0.1 / (1 + 0.3 * s) * first
                found.append(scale(x[:, 0]))
            return found

        def full(self, outputs: list[torch.Tensor]) -> torch.Tensor:
            return normalize(self.last(torch.cat(outputs, 1)), dim=1)

    def prefix(outputs: list[torch.Tensor], n: int) -> torch.Tensor:
        kept = torch.cat(outputs[:n], 1)
        return normalize(pad(kept, (0, 128 - kept.shape[1])), dim=1)

    def contrast(a: torch.Tensor, p: torch.Tensor) -> torch.Tensor:
        return cross_entropy(a @ p.T / 0.07, torch.arange(len(a)))

    def margin(e: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        alike = e @ e.T
        same = y[:, None] == y[None]
        own, other = same & ~torch.eye(len(y), dtype=torch.bool), ~same
        near = (alike * own).sum(1) / own.sum(1).clamp(min=1)
        far = (alike * other).sum(1) / other.sum(1).clamp(min=1)
        return torch.relu(far - near + 0.2).mean()

    head = Head()
    adam = torch.optim.AdamW(head.parameters(), lr=1e-4, weight_decay=0.01)
    items = Items()
    start = time.process_time()
    for _ in range(epochs):
        for batch in DataLoader(items, 256, shuffle=True, drop_last=True):
            keep = torch.rand(256, 4) < torch.tensor([0.95, 0.9, 0.8, 0.7])
            outputs = [b * keep[:, s, None] for s, b in enumerate(head(batch["anchor"]))]
            z = head.full(outputs)
            y = batch["label3"]
            loss = contrast(z, head.full(head(batch["positive3"]))) + 0.5 * margin(z, y)
            loss = loss + cross_entropy(head.leaf(z), y)
            lengths = generator.choice(4, 256, p=[0.4, 0.3, 0.2, 0.1])
            level = int(np.bincount(lengths).argmax())
            short = prefix(head(batch["anchor"]), level + 1)
            other = head.full(head(batch[f"positive{level}"]))
            part = contrast(short, other) + 0.5 * margin(short, batch[f"label{level}"])
            if level in (0, 3):
                said = (head.leaf if level else head.top)(short)
                part = part + cross_entropy(said, batch[f"label{level}"])
            adam.zero_grad()
            (loss + 0.6 * part).backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(head.parameters(), 1.0)
            adam.step()
    return epochs * (len(items) // 256 * 256) / (time.process_time() - start)


def loop(n_cells: int) -> None:
    """Print cells per second, published and ours, and what a whole fit takes."""
    import torch

    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    table, centres = simulate(rng)
    leaf = draw_types(n_cells, rng)
    Z = centres[leaf] + rng.standard_normal((len(leaf), DIMS), dtype=np.float32)
    Z /= np.linalg.norm(Z, axis=1, keepdims=True)
    codes = table[leaf]
    levels = pd.DataFrame(codes, columns=[f"level{k}" for k in range(1, 5)])
    base = published_loop(Z, codes, 1)
    print(f"published loop: {base:,.0f} cells/s (CPU)")
    steps = len(Z) // 256 * 5
    for method in ("prefix", "matryoshka", "supcon", "hce", "v5"):
        cx.hierarchy.fit_adapter(Z[:2000], levels[:2000], method=method, steps=2)
        start = time.process_time()
        cx.hierarchy.fit_adapter(Z, levels, method=method, steps=steps)
        speed = steps * 256 / (time.process_time() - start)
        record(f"training of {method}, {n_cells:,} x 128, 203 types", speed, base,
               "the fractal head's loop", unit="cells per CPU s", better="higher",
               note="the loop is written anew from its specification")  # fmt: skip
    start = time.process_time()
    found = cx.hierarchy.fit_adapter(Z, levels)
    print(
        f"residual, all of it: {time.process_time() - start:.1f} s for {n_cells:,} cells ({found})"
    )
    print(f"20 epochs of the published loop: {20 * len(Z) / base:.0f} s")


class Peak:
    """Largest memory of this process, anonymous and with mapped files, sampled."""

    def __init__(self) -> None:
        self.own = self.all = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        me = psutil.Process()
        while not self._done.wait(0.2):
            now = me.memory_info()
            self.own, self.all = max(self.own, now.rss - now.shared), max(self.all, now.rss)

    def __str__(self) -> str:
        return f"peak {self.own / 1e9:.2f} GB, {self.all / 1e9:.2f} GB with mapped files"


def scale(folder: Path, n_cells: int) -> None:
    """Order, fit, transform and evaluate millions of cells."""
    cells = prepare(folder / "cells", n_cells, np.random.default_rng(0))
    peak, begun = Peak(), time.perf_counter()

    def said(what: str, start: float) -> float:
        print(f"{what}: {time.perf_counter() - start:.0f} s; {peak}", flush=True)
        return time.perf_counter()

    names = [f"level{at}" for at in range(1, 5)]
    levels = pd.DataFrame({name: cells.labels(name) for name in names})
    start = time.perf_counter()
    cx.hierarchy.stratify(cells.codes(names[-1]))
    start = said("order", start)
    adapter = cx.hierarchy.fit_adapter(
        cells.z[QUERIES:],
        levels.iloc[QUERIES:],
        groups=cells.codes("donor")[QUERIES:],
        steps=n_cells // 256,
    )
    print(adapter)
    start = said("fit on all but the queries", start)
    adapted = cx.hierarchy.write_cells(adapter.transform_cells(cells), folder / "adapted")
    start = said("transform", start)
    some = np.arange(3 * QUERIES)  # cells lie in random order
    split = cx.hierarchy.Split("held out", some >= QUERIES, some < QUERIES)
    found = cx.hierarchy.evaluate(
        {"untouched": cells.z[: len(some)], "ours": adapted.z[: len(some)]},
        levels.iloc[: len(some)],
        splits=[split],
        dims=(adapter.dims[0], adapter.dims[-1]),
        max_reference=REFERENCE,
    )
    said("evaluation of 100,000 queries on 20,000 cells", start)
    print(found)
    print(found.summary().round(4).to_string())
    print(f"all: {time.perf_counter() - begun:.0f} s; {peak}")


def prepare(path: Path, n_cells: int, rng: np.random.Generator) -> "cx.hierarchy.Cells":
    """Write simulated cells of 20 donors, unless they are there."""
    if path.exists():
        return cx.hierarchy.open_cells(path)
    table, centres = simulate(rng)
    donor = rng.integers(0, 20, n_cells)
    shift = 0.3 * rng.standard_normal((20, DIMS), dtype=np.float32)
    leaf = draw_types(n_cells, rng)
    columns = {}
    for at, size in enumerate(SIZES):
        named = tuple(f"{at}.{k:03d}" for k in range(size))
        columns[f"level{at + 1}"] = Column(table[leaf, at].astype(np.int16), named)
    columns["donor"] = Column(donor.astype(np.int16), tuple(f"donor {k:02d}" for k in range(20)))

    def blocks() -> Iterator[NDArray[np.float32]]:
        for start in range(0, n_cells, 65_536):
            part = slice(start, start + 65_536)
            noise = rng.standard_normal((len(leaf[part]), DIMS), dtype=np.float32)
            yield centres[leaf[part]] + shift[donor[part]] + noise

    stream = cx.hierarchy.CellStream(
        n_cells, DIMS, np.dtype(np.float32), columns, "a simulation", blocks
    )
    return cx.hierarchy.write_cells(stream, path)


if __name__ == "__main__":
    small = quick()
    if sys.argv[1] == "loop":
        loop(5000 if small else 20_000)
    else:
        scale(Path(sys.argv[2]), int((sys.argv[3:] or ["8000000"])[0]))
