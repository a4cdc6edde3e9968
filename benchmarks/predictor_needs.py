"""How many cells per well a predictor needs: read off half of the cells, and by the truth.

Three parts. A screen of realistic size, simulated: what predictors need, against what they need
when judged by the true fold changes. Several small screens: how often the interval of a need holds
the need by the truth. Real cells (PerturBench's development set: CRISPR in four lines, 500 genes),
whose counts are recovered from log-normalised values where every value of a cell becomes whole;
they have no replicates, so the cells of each pair are dealt into three pseudo-replicates.

    python benchmarks/predictor_needs.py ../shared/data [--quick] [screen|coverage|real]

--quick: the first part alone.
"""

import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes import verbs
from cellaxes._core.random import stream
from cellaxes.report import NeedsReport
from cellaxes.scaling import depth_for, fit_noise_law
from cellaxes.verbs import _predictor_needs as verb
from cellaxes.verbs._needs_judge import relative
from cellaxes.verbs._needs_run import Run, run
from records import quick, record

Array = NDArray[np.float64]
COLUMNS: dict[str, Any] = {"sample": "well", "covariates": ["donor"]}
REAL = "perturbation/crispr_singlecell/perturbench_devel_5961x500.h5ad"
PSEUDO = 3


def needs(cells: anndata.AnnData, *args: Any, **settings: Any) -> tuple[NeedsReport, Run]:
    """Return the report and what was said at every level."""
    kept: list[Run] = []

    def keep(*args: Any) -> Run:
        kept.append(run(*args))
        return kept[-1]

    with patch.object(verb, "run", keep):
        out = tempfile.mkdtemp()
        report = verbs.predictor_needs(cells, *args, out=out, progress=False, **settings)
    return report, kept[0]


def by_truth(screen: p.SimulatedScreen, found: Run, name: str) -> tuple[Array, Array]:
    """Return cells and bits of every draw, judged by the true fold changes."""
    unit = found.judge.unit
    truth = relative(screen.truth.layer("logFC")[found.split.test], unit)
    weight = 1 / np.nansum(relative(found.judge.reference, unit) ** 2, axis=2)
    first = min(level.seed for level, _ in found.points)
    cells, bits = [], []
    for level, said in found.points:
        if level.axis == "cells":
            guess = said.measured if name == "measurement" else said.predicted[name]
            guess, w = relative(np.nan_to_num(guess), unit), weight[level.seed - first][:, None]
            xy, xx, yy = (
                (w * a * b).sum() for a, b in ((guess, truth), (guess, guess), (truth, truth))
            )
            cells.append(level.cells)
            bits.append(-0.5 * np.log2(1 - xy**2 / (xx * yy)))
    return np.array(cells), np.array(bits)


def compare(
    screen: p.SimulatedScreen, report: NeedsReport, found: Run, names: Sequence[str]
) -> pd.DataFrame:
    """Return one row per predictor: bits and need as reported, and by the truth."""
    rows = []
    for name in names:
        cells, bits = by_truth(screen, found, name)
        fit = fit_noise_law(cells, bits)
        curve, top = report.curve(name), cells.max()
        true = depth_for(fit, share_of_bits=report.facts.share, full=top).depth
        rows.append(
            {
                "predictor": name,
                "bits": curve.full.bits,
                "bits by truth": bits[cells == top].mean(),
                "inside": curve.full.low <= bits[cells == top].mean() <= curve.full.high,
                "need": curve.need.depth,
                "low": curve.need.low,
                "high": curve.need.high,
                "need by truth": true,
                "covered": curve.need.low <= true <= curve.need.high,
            }
        )
    return pd.DataFrame(rows)


def screen(_: str) -> None:
    """Simulate 6 contexts, 30 compounds, 3 donors, about 100 cells a well."""
    made = p.simulate_screen(random_state=1)
    begun = time.process_time()
    report, found = needs(made.cells, **COLUMNS)
    print(f"{made.cells.n_obs} cells, {time.process_time() - begun:.0f} CPU seconds")
    print(report)
    print(report.to_frame().round(3).to_string())
    print(report.levels.drop(columns="axis").round(3).to_string())
    names = ["measurement", "compound_mean", "kernel_gp"]
    told = compare(made, report, found, names)
    print(told.round(3).to_string())
    by = told.set_index("predictor")
    for peer in ("measurement", "compound_mean"):
        (need, others), (bits, told_by_others) = (
            by.loc[["kernel_gp", peer], of].to_numpy(dtype=float) for of in ("need", "bits")
        )
        record("cells a well that a Gaussian process needs", need, others, peer.replace("_", " "),
               note="for 90 % of its own bits with all cells")  # fmt: skip
        record("bits a Gaussian process tells with all cells", bits, told_by_others,
               peer.replace("_", " "), better="higher",
               note="simulated, 6 contexts, 30 compounds, 3 donors")  # fmt: skip
    record("90 % intervals of needs and bits hold the truth",
           told[["covered", "inside"]].to_numpy(dtype=float).mean(), 5 / 6, "nominal",
           better="reach", note="by the true fold changes; six intervals")  # fmt: skip


def coverage(_: str, n: int = 8) -> None:
    """Count how often the intervals hold the truth, over small screens."""
    tables = []
    for seed in range(10, 10 + n):
        made = p.simulate_screen(
            4, 24, 150, n_cells=40, depth=600, strength=0.5, well_sd=0, random_state=seed
        )
        report, found = needs(
            made.cells, "random", held_out=0.4, n_depths=1,
            predictors=["compound_mean", "additive"], random_state=seed, **COLUMNS,
        )  # fmt: skip
        names = ["measurement", "compound_mean", "additive"]
        tables.append(compare(made, report, found, names).assign(seed=seed))
        print(tables[-1].round(3).to_string(header=seed == 10), flush=True)
    every = pd.concat(tables)
    every["ratio"] = every["need"] / every["need by truth"]
    print(every.groupby("predictor")[["inside", "covered", "ratio"]].mean().round(3))
    print("over all:", every[["inside", "covered"]].mean().round(3).to_dict())


def counts_of(adata: anndata.AnnData) -> tuple[sp.csr_matrix, NDArray[np.bool_]]:
    """Return the counts behind log-normalised values, and which cells they are known of."""
    x = sp.csr_matrix(adata.X, copy=True)
    x.data = np.expm1(x.data)
    size = np.diff(x.indptr)
    unit = np.minimum.reduceat(x.data, x.indptr[:-1])  # the smallest value stands for one UMI
    x.data /= np.repeat(unit, size)
    off = np.abs(x.data - np.round(x.data))
    x.data = np.round(x.data)
    return x, np.maximum.reduceat(off, x.indptr[:-1]) < 1e-3


def real(shared: str) -> None:
    """Measure CRISPR perturbations of four lines."""
    adata = anndata.read_h5ad(Path(shared) / REAL)
    counts, known = counts_of(adata)
    print(f"counts recovered of {known.sum()} of {len(known)} cells")
    obs = adata.obs[["cell_type", "condition"]].astype(str)
    obs["pseudo-replicate"] = stream(0, "pseudo-replicates").integers(PSEUDO, size=len(obs))
    cells = anndata.AnnData(counts[known], obs=obs[known], var=adata.var[[]])
    for lines, split in ((["k562"], "leave-compound"), (["A172", "T98G", "U87MG"], "random")):
        held = cells[cells.obs["cell_type"].isin(lines)].copy()
        report, _ = needs(
            held, split, held_out=0.5, compound="condition", context="cell_type",
            sample="pseudo-replicate", predictors=["context_mean", "kernel_gp"],
        )  # fmt: skip
        print(lines, split)
        print(report)
        print(*report.doubts, sep="\n")
        print(report.to_frame().round(3).to_string())


if __name__ == "__main__":
    small = quick()
    parts = {"screen": screen, "coverage": coverage, "real": real}
    for part in sys.argv[2:] or (["screen"] if small else parts):
        parts[part](sys.argv[1])
