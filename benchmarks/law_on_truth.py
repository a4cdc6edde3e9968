"""How often the intervals of the noise law hold the truth, on simulated Gaussian channels.

    python benchmarks/law_on_truth.py [--quick] [N_STUDIES]

Each study draws capacity and sensitivity, measures the same cells at ten depths in each of
three replicates, estimates the information with our estimators and fits the law. --quick: ten
studies with the estimator that takes least time.
"""

import sys

import numpy as np
from joblib import Parallel, delayed, parallel_config

import cellaxes as cx
from records import quick, record

DEPTHS = np.geomspace(10, 8000, 10)


def study(seed: int, estimator: str, n_cells: int, n_seeds: int) -> tuple[bool, bool, float, float]:
    """Return whether u_bar and I_max are covered, and the errors of both."""
    rng = np.random.default_rng(seed)
    capacity = rng.uniform(0.7, 3)
    sensitivity = np.exp(rng.uniform(np.log(100), np.log(2000)))
    depth, bits, error = [], [], []
    for replicate in range(n_seeds):
        y, x = cx.datasets.gaussian_channel(
            DEPTHS,
            capacity=capacity,
            sensitivity=sensitivity,
            n_cells=n_cells,
            random_state=seed * n_seeds + replicate,
        )
        for u, row in zip(DEPTHS, x, strict=True):
            found = cx.information.estimate(row, y, estimator, n_permutations=0)
            depth.append(u)
            bits.append(found.bits)
            error.append(found.standard_error)
    fit = cx.scaling.fit_noise_law(depth, bits, error=error)
    return (
        fit.u_bar_low <= sensitivity <= fit.u_bar_high,
        fit.I_max_low <= capacity <= fit.I_max_high,
        fit.u_bar / sensitivity - 1,
        fit.I_max - capacity,
    )


def main(n_studies: int, small: bool) -> None:
    """Print one line per estimator and size."""
    for estimator in ("gaussian",) if small else ("auto", "gaussian"):
        for n_cells, n_seeds in ((500, 3), (2000, 3), (2000, 1), (5000, 1))[: 1 if small else 4]:
            with parallel_config(backend="loky", inner_max_num_threads=1):
                found = Parallel(n_jobs=1 if small else 2)(
                    delayed(study)(seed, estimator, n_cells, n_seeds) for seed in range(n_studies)
                )
            table = np.array(found, dtype=float)
            both = (table[:, 0] * table[:, 1]).sum()
            print(
                f"{estimator:9} {n_cells:5} cells x {n_seeds} seeds: u_bar covered "
                f"{table[:, 0].sum():.0f}, I_max {table[:, 1].sum():.0f}, both {both:.0f} of "
                f"{n_studies}; median |error| u_bar {np.median(np.abs(table[:, 2])):.1%}, "
                f"I_max {np.median(np.abs(table[:, 3])):.3f} bits",
                flush=True,
            )
            record(f"{estimator}, {n_cells} cells x {n_seeds}: both parameters inside",
                   both / n_studies, 0.9, "asked", better="reach",
                   note=f"{n_studies} simulated studies, 95 % intervals")  # fmt: skip


if __name__ == "__main__":
    asked = quick()
    default = 10 if asked else 100
    main(int(sys.argv[1]) if len(sys.argv) == 2 else default, asked)
