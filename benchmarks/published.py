"""The noise law on all published curves: cells, images and sequences.

    python benchmarks/published.py SHARED_DATA_FOLDER

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


def challenged(u: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """Return the least sum of squares of 50 random starts."""
    best = np.inf
    for _ in range(50):
        start = [np.log(u).mean() + rng.uniform(-6, 6), rng.uniform(0.1, 10)]
        found = least_squares(
            lambda p: cx.scaling.NoiseLaw(np.exp(p[0]), p[1])(u) - y,
            start,
            bounds=([np.log(u.min()) - 9.2, 0], [np.log(u.max()) + 9.2, y.max() + 12]),
        )
        best = min(best, 2 * found.cost)
    return best


def main(shared: Path) -> None:
    """Fit everything."""
    folder = shared / "noise_scaling"
    table = pd.read_csv(folder / "mi_results.csv")
    published = pd.read_csv(folder / "published_noise_fits.csv")
    keys = ["dataset", "algorithm", "signal", "size"]
    cpu, wall = time.process_time(), time.perf_counter()
    fits = cx.scaling.fit_table(table, "umis_per_cell", "mi_value", by=keys)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    both = fits.merge(published, left_on=keys, right_on=["dataset", "method", "metric", "size"])
    known = both[both["identified"]]
    off = (known["u_bar"] / known["fitted_u_bar"] - 1).abs().max()
    print(
        f"{len(fits)} curves with intervals: {cpu:.1f} CPU s, {wall:.1f} s; {len(known)} "
        f"identified, sensitivity within {off:.1e}, capacity within "
        f"{(known['I_max'] - known['fitted_I_max']).abs().max():.1e} bits of the published; "
        f"mean R2 {fits['r_squared'].mean():.4f}"
    )
    rng, beaten = np.random.default_rng(0), []
    curves = [
        (" ".join(map(str, name)), c["umis_per_cell"].to_numpy(float), c["mi_value"].to_numpy())
        for name, c in table.groupby(keys)
    ]
    for name, u, y in (*curves, *other_domains(folder)):
        fit = cx.scaling.fit_noise_law(u, y)
        least = float(((y - fit.law(u)) ** 2).sum())
        beaten.append(1 - challenged(u, y, rng) / least)
        if len(beaten) > len(curves):
            print(f"{name:38} {fit.u_bar:12.5g} {fit.I_max:8.4f} bits  R2 {fit.r_squared:.4f}")
    print(f"a random start was better by at most {max(beaten):.1e} of the sum of squares")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
