"""Estimators on ground truth: the 'Beyond Normal' tasks, and few dimensions in many columns.

    python benchmarks/information.py SHARED_DATA_FOLDER

Prints estimate and error per task and estimator, then slope of estimate on truth and bias at
zero for Gaussian signals of few dimensions embedded in many (n = 2,000, truth 0 to 2 bits).
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

import cellaxes as cx
from cellaxes.information._copula import copula
from cellaxes.information._data import make_pairs

ESTIMATORS = ("auto", "ksg", "gaussian")


def tasks(folder: Path) -> None:
    """Compare the estimators on every task."""
    truths = json.loads((folder / "tasks.json").read_text())
    errors: dict[str, list[float]] = {name: [] for name in ESTIMATORS}
    relied, covered, seconds = [], [], 0.0
    for task, facts in truths.items():
        arrays = np.load(folder / f"{task}.npz")
        truth = facts["mutual_information_bits"]
        line = f"{task:48} truth {truth:.2f}"
        for name in ESTIMATORS:
            start = time.process_time()
            found = cx.information.estimate(
                arrays["x_0"].astype(float), arrays["y_0"].astype(float), name, n_permutations=3
            )
            errors[name].append(found.bits - truth)
            line += f"  {name} {found.bits:5.2f}{' ' if found.reliable else '?'}"
            if name == "auto":
                seconds += time.process_time() - start
                relied.append(found.reliable)
                covered.append(found.low <= truth <= found.high)
                line += f" [{found.low:.2f}, {found.high:.2f}]"
        print(line, flush=True)
    for name, values in errors.items():
        error = np.abs(values)
        print(f"{name}: mean |error| {error.mean():.3f}, largest {error.max():.2f} bits")
    sure = np.abs(errors["auto"])[relied]
    print(
        f"auto calls {len(sure)} of {len(relied)} reliable: mean |error| {sure.mean():.3f}, "
        f"largest {sure.max():.2f}; intervals cover {np.mean(covered):.0%}; "
        f"{seconds / len(relied):.1f} CPU s per task with interval and 3 permutations"
    )


def low_rank() -> None:
    """Slope and bias where few of many columns' dimensions carry the signal."""
    rng = np.random.default_rng(0)
    truths = np.linspace(0, 2, 5)
    for shared in (1, 3, 5, 7, 9):
        for ambient in (10, 100, 1000):
            found = []
            for bits in truths:
                rho = np.sqrt(1 - 4.0 ** (-bits / shared))
                z = rng.standard_normal((2000, shared))
                w = rho * z + np.sqrt(1 - rho**2) * rng.standard_normal(z.shape)
                sides = [side @ rng.standard_normal((shared, ambient)) for side in (z, w)]
                sides = [side + 0.1 * rng.standard_normal(side.shape) for side in sides]
                found.append(copula(make_pairs(*sides)))
            slope = np.polyfit(truths, found, 1)[0]
            print(
                f"{shared} shared of {ambient:4} columns: slope {slope:.2f}, "
                f"at zero {found[0]:+.3f}",
                flush=True,
            )


if __name__ == "__main__":
    with threadpool_limits(1):
        tasks(Path(sys.argv[1]) / "mi_benchmark")
        low_rank()
