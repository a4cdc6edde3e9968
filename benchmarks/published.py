"""The noise law on all published curves: cells, images and sequences.

    python benchmarks/published.py SHARED_DATA_FOLDER [--quick]

Prints how the 120 single-cell curves compare with the published fits and how long they take
with intervals, then sensitivity and capacity of the curves of other domains on their noise
coordinate, and by how much 50 random starts of a general optimiser beat any of the fits.
"""

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

import cellaxes as cx
from records import quick, record

KEYS = ["dataset", "algorithm", "signal", "size"]


def other_domains(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, noise coordinate and information (bits) of each published curve."""
    coordinate = cx.scaling.coordinate
    spike = pd.read_csv(folder / "spike_esm2.csv")
    for size, curve in spike.groupby("model_size"):
        # The stored rates are rounded; the ratio that was set, and fitted, is not.
        u = coordinate("substitution", 1 / (curve["true/error"].to_numpy() + 1))
        yield f"spike ESM2 {size}", u, curve["mutual_information"].to_numpy()
    for name, column, kind in (
        ("Gaussian", "Scale", "gaussian"),
        ("resolution", "Factor", "blocks"),
    ):
        table = pd.read_csv(folder / "caltech101" / f"Caltech101_{name}.csv")
        for label, curve in table.groupby("Class label"):
            u = coordinate(kind, curve[column])
            yield f"Caltech101 {name} class {label}", u, curve["MI"].to_numpy()
    files = sorted((folder / "tissuemnist_pixel").glob("*.csv"))
    tissue = pd.concat([pd.read_csv(file) for file in files], ignore_index=True)
    side = tissue["experiment"].str.extract(r"pix_(\d+)x")[0].astype(float)
    for column in ["mi_score", "discrete_mi", *[f"ova_mi_continuous_Class_{i}" for i in range(8)]]:
        yield f"TissueMNIST {column}", coordinate("block_area", side), tissue[column].to_numpy()


def challenged(u: np.ndarray, y: np.ndarray, rng: np.random.Generator, starts: int) -> float:
    """Return the least sum of squares of random starts."""
    best = np.inf
    for _ in range(starts):
        start = [np.log(u).mean() + rng.uniform(-6, 6), rng.uniform(0.1, 10)]
        found = least_squares(
            lambda p: cx.scaling.NoiseLaw(np.exp(p[0]), p[1])(u) - y,
            start,
            bounds=([np.log(u.min()) - 9.2, 0], [np.log(u.max()) + 9.2, y.max() + 12]),
        )
        best = min(best, 2 * found.cost)
    return best


def r_squared(y: np.ndarray, fitted: np.ndarray) -> float:
    """Return the share of variance that a curve explains."""
    return float(1 - ((y - fitted) ** 2).sum() / ((y - y.mean()) ** 2).sum())


def against_published(fits: pd.DataFrame, table: pd.DataFrame, published: pd.DataFrame) -> None:
    """Record parameters and fit of the single-cell curves beside those of their authors."""
    columns = ["dataset", "method", "metric", "size"]
    both = fits.merge(published, left_on=KEYS, right_on=columns)
    known = both[both["identified"]]
    off = (known["u_bar"] / known["fitted_u_bar"] - 1).abs().max()
    bits = (known["I_max"] - known["fitted_I_max"]).abs().max()
    n = f"{len(known)} identified of {len(fits)} curves"
    record("sensitivity, largest relative difference", off, 1e-3, "published fits",
           better="within", note=n)  # fmt: skip
    record("capacity, largest difference", bits, 1e-3, "published fits", unit="bits",
           better="within", note=n)  # fmt: skip
    explained = []
    for name, curve in table.groupby(KEYS):
        row, own = published.set_index(columns).loc[name], fits.set_index(KEYS).loc[name]
        laws = (own["u_bar"], own["I_max"]), (row["fitted_u_bar"], row["fitted_I_max"])
        u, y = curve["umis_per_cell"].to_numpy(float), curve["mi_value"].to_numpy()
        explained.append([r_squared(y, cx.scaling.NoiseLaw(*law)(u)) for law in laws])
    ours, theirs = np.mean(explained, axis=0)
    record("mean R² of the noise law on single seeds", ours, theirs, "published fits",
           better="higher", note="their parameters are rounded")  # fmt: skip


def main(shared: Path, small: bool) -> None:
    """Fit everything."""
    folder = shared / "noise_scaling"
    table = pd.read_csv(folder / "mi_results.csv")
    published = pd.read_csv(folder / "published_noise_fits.csv")
    cpu, wall = time.process_time(), time.perf_counter()
    fits = cx.scaling.fit_table(table, "umis_per_cell", "mi_value", by=KEYS)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    against_published(fits, table, published)
    record(f"{len(fits)} curves with intervals", cpu, 20, "asked", unit="CPU s", better="within")
    print(f"{wall:.1f} s of wall time")
    starts = 10 if small else 50
    rng, beaten = np.random.default_rng(0), []
    curves = [
        (" ".join(map(str, name)), c["umis_per_cell"].to_numpy(float), c["mi_value"].to_numpy())
        for name, c in table.groupby(KEYS)
    ]
    some = curves[::5] if small else curves
    for name, u, y in (*some, *other_domains(folder)):
        fit = cx.scaling.fit_noise_law(u, y)
        least = float(((y - fit.law(u)) ** 2).sum())
        beaten.append(1 - challenged(u, y, rng, starts) / least)
        if len(beaten) > len(some):
            print(f"{name:38} {fit.u_bar:12.5g} {fit.I_max:8.4f} bits  R2 {fit.r_squared:.4f}")
    record("share of the squares that random starts save", max(beaten), 1e-9,
           f"{starts} random starts", better="within",
           note=f"scipy on {len(beaten)} curves of cells, images, sequences")  # fmt: skip


if __name__ == "__main__":
    asked = quick()
    main(Path(sys.argv[1]), asked)
