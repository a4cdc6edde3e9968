"""The cell-number law on the published curves, and whether any start beats its optimum.

    python benchmarks/cell_law.py SHARED_DATA_FOLDER

Prints fits at full quality, how many of the 120 curves are identified, and by how much the best
of 50 random starts of a general optimiser lies below the sum of squares of our fit.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

import cellaxes as cx


def challenged(n: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> float:
    """Return the least sum of squares of 50 random starts."""
    low, high = np.array([-40.0, np.log(1e-2), -5.0]), np.array([600.0, np.log(10.0), 500.0])
    best = np.inf
    for _ in range(50):
        start = [rng.uniform(-5, 15), rng.uniform(-4.5, 2), rng.uniform(0.5, 10)]
        found = least_squares(
            lambda p: p[2] - np.exp(np.clip(np.exp(p[1]) * (p[0] - np.log(n)), -50, 50)) - y,
            start,
            bounds=(low, high),
        )
        best = min(best, 2 * found.cost)
    return best


def main(shared: Path) -> None:
    """Fit all curves."""
    table = pd.read_csv(shared / "noise_scaling" / "mi_results.csv")
    rng = np.random.default_rng(0)
    fits, seconds, beaten = [], 0.0, []
    for name, curve in table.groupby(["signal", "algorithm", "umis_per_cell"]):
        n, y = curve["size"].to_numpy(float), curve["mi_value"].to_numpy()
        start = time.process_time()
        fit = cx.scaling.fit_cell_law(n, y)
        seconds += time.process_time() - start
        least = float(((y - fit.law(n)) ** 2).sum())
        beaten.append(1 - challenged(n, y, rng) / least)
        fits.append((*name, fit))
        deepest = table.loc[table["signal"] == name[0], "umis_per_cell"].max()
        if name[2] == deepest:
            print(
                f"{name[0]:15} {name[1]:17} n_0 {fit.law.n_0:9.3g}  s {fit.law.s:.3f}  "
                f"I_inf {fit.law.I_inf:6.2f} [{fit.I_inf_low:.2f}, {fit.I_inf_high:.2f}]  "
                f"R2 {fit.r_squared:5.2f}  {fit.reason}",
                flush=True,
            )
    known = [fit for *_, fit in fits if fit.identified]
    print(
        f"{len(fits)} curves in {seconds:.1f} CPU s; {len(known)} identified, mean R2 "
        f"{np.mean([fit.r_squared for fit in known]):.3f}; a random start was better by at most "
        f"{max(beaten):.1e} of the sum of squares"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
