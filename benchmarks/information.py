"""Estimators on ground truth: which is right, which knows when it is not, and at what cost.

    python benchmarks/information.py SHARED_DATA_FOLDER [--out FOLDER] [--part PART] [--quick]

Writes `estimators.csv` (every estimate), `estimators_summary.csv` and `estimators.png` to FOLDER
(default: the current one) and prints the summary. Four parts, two processes of one thread each
(one with --quick, which also leaves out estimators, columns and pairs):

- the 20 tasks of 'Beyond Normal' that the shared data hold, n = 5,000;
- 28 tasks of our own (`ground_truth.py`), n = 5,000;
- Gaussian signals of 1 to 9 dimensions in 10 to 5,000 columns, n = 2,000, 0 to 2 bits;
- speed: 100 x 100 columns, n = 5,000, against `latentmi` where its environment is there
  (`benchmarks/peers.py`), and 16 x 228 columns, n = 27,503.
"""

import argparse
import json
import os
import subprocess
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

import cellaxes as cx
import peers
from ground_truth import TASKS, gaussian
from records import quick, record

ESTIMATORS = ("auto", "copula", "infonce", "latent", "ksg", "gaussian")
COLUMNS = (10, 100, 1000, 5000)
SHARED = (1, 3, 5, 7, 9)
BITS = (0.0, 0.5, 1.0, 1.5, 2.0)


def pairs_of(part: str, name: str, folder: Path) -> tuple[np.ndarray, np.ndarray, float]:
    """Return x, y and their information for a task."""
    if part == "Beyond Normal":
        arrays = np.load(folder / f"{name}.npz")
        truth = json.loads((folder / "tasks.json").read_text())[name]
        sides = (arrays[side].astype(float).reshape(truth["n"], -1) for side in ("x_0", "y_0"))
        return (*sides, truth["mutual_information_bits"])
    if part == "our own":
        return TASKS[name](5000, np.random.default_rng(sum(map(ord, name))))
    shared, columns, bits = json.loads(name)
    rng = np.random.default_rng([shared, columns, int(10 * bits)])
    x, y, truth = gaussian([float(np.sqrt(1 - 4 ** (-bits / shared)))] * shared, shared)(2000, rng)
    x, y = (side @ rng.standard_normal((shared, columns)) for side in (x, y))
    return x, y, truth


def measured(part: str, name: str, estimator: str, folder: Path, n: int) -> dict[str, object]:
    """Return one row: an estimate from the first n pairs, its truth and its cost."""
    x, y, truth = pairs_of(part, name, folder)
    x, y = x[:n], y[:n]
    with threadpool_limits(1):
        start = time.process_time()
        found = cx.information.estimate(x, y, estimator, n_permutations=0)
        seconds = time.process_time() - start
    return {
        "part": part,
        "task": name,
        "asked": estimator,
        "truth": truth,
        "seconds": seconds,
        **found.to_dict(),
    }


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return error, bias, coverage and cost per part and estimator."""
    rows = rows.assign(
        error=rows["bits"] - rows["truth"],
        covered=(rows["low"] <= rows["truth"]) & (rows["truth"] <= rows["high"]),
        per_thousand=1000 * rows["seconds"] / rows["n"],
    )
    lines = []
    for (part, asked), group in rows.groupby(["part", "asked"], sort=False):
        relied = group[group["reliable"]]
        lines.append(
            {
                "part": part,
                "estimator": asked,
                "tasks": len(group),
                "RMSE": (group["error"] ** 2).mean() ** 0.5,
                "mean |error|": group["error"].abs().mean(),
                "bias": group["error"].mean(),
                "covered": group["covered"].mean(),
                "relied on": len(relied),
                "mean |error| there": relied["error"].abs().mean(),
                "largest there": relied["error"].abs().max(),
                "covered there": relied["covered"].mean(),
                "CPU s per 1,000 pairs": group["per_thousand"].median(),
            }
        )
    return pd.DataFrame(lines)


def low_rank(rows: pd.DataFrame) -> pd.DataFrame:
    """Return slope of estimate on truth and reading at zero, by dimensions and columns."""
    rows = rows.join(
        pd.DataFrame(
            [json.loads(task) for task in rows["task"]],
            columns=["shared", "columns", "goal"],
            index=rows.index,
        )
    )
    lines = []
    for (shared, columns), group in rows.groupby(["shared", "columns"]):
        lines.append(
            {
                "shared": shared,
                "columns": columns,
                "slope": np.polyfit(group["truth"], group["bits"], 1)[0],
                "at zero": group.loc[group["truth"] == 0, "bits"].mean(),
            }
        )
    return pd.DataFrame(lines)


def draw(rows: pd.DataFrame, path: Path) -> None:
    """Draw estimate against truth for each estimator, and slopes in many columns."""
    tasks = rows[rows["part"] != "low rank"]
    figure, axes = plt.subplots(2, 3, figsize=(11, 7.4), sharex=True, sharey=True)
    for axis, name in zip(axes.ravel(), ESTIMATORS, strict=True):
        group = tasks[tasks["asked"] == name]
        axis.plot([0, 4], [0, 4], color="0.8", zorder=0)
        for relied, colour in ((True, "#1f6fb4"), (False, "#d98324")):
            part = group[group["reliable"] == relied]
            below = (part["bits"] - part["low"]).clip(lower=0)
            above = (part["high"] - part["bits"]).clip(lower=0)
            axis.errorbar(
                part["truth"],
                part["bits"],
                yerr=[below, above],
                fmt="o",
                markersize=4,
                linewidth=1,
                color=colour,
                label="relied on" if relied else "doubted",
            )
        error = (group["bits"] - group["truth"]).abs().mean()
        axis.set_title(f"{name}: mean |error| {error:.2f} bits", fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0, 0].set(xlim=(-0.2, 4.2), ylim=(-0.4, 4.4))
    axes[0, 0].legend(frameon=False, fontsize=9)
    figure.supxlabel("true information, bits")
    figure.supylabel("estimate with 95 % interval, bits")
    figure.tight_layout()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def published_slopes(folder: Path, rows: pd.DataFrame) -> None:
    """Record how far slopes of estimate on truth are from one, ours and the published LMI's."""
    table = pd.read_csv(folder / "noise_scaling" / "latent_mi_paper" / "MI_Gaussian_grids.csv")
    table = table[table["Estimator"] == "LMI"].dropna()
    told = {
        shared: np.polyfit(group["True MI"], group["Estimate"], 1)[0]
        for shared, group in table.groupby("Intrinsic dimensions")
    }
    found = low_rank(rows)
    for shared, group in found.groupby("shared"):
        columns = " and ".join(f"{c:,}" for c in group["columns"])
        record(f"{shared} dimensions in {columns} columns: |slope on truth less 1|",
               (group["slope"] - 1).abs().max(), abs(told[shared] - 1), "LMI as published",
               note="n = 2,000; the largest of ours, LMI's over 10 to 5,000 columns")  # fmt: skip
    record("reading at zero information", found["at zero"].abs().max(), 0.03, "asked", unit="bits",
           better="within")  # fmt: skip


def truth_records(rows: pd.DataFrame, note: str) -> None:
    """Record errors on the 'Beyond Normal' tasks beside those of other estimators."""
    rows = rows[rows["part"] == "Beyond Normal"]
    error = (rows["bits"] - rows["truth"]).abs()
    mean = error.groupby(rows["asked"]).mean()
    names = {"ksg": "KSG", "gaussian": "canonical correlations", "infonce": "InfoNCE",
             "latent": "latent MI, written anew", "copula": "Gaussian copula"}  # fmt: skip
    for asked, told in names.items():
        if asked in mean:
            record("'Beyond Normal', mean |error|", mean["auto"], mean[asked], told, unit="bits",
                   note=note)  # fmt: skip
    auto = rows[rows["asked"] == "auto"]
    relied = auto["reliable"].to_numpy(bool)
    record("tasks called reliable", relied.sum(), 15, "asked", better="reach", note=note)
    record("largest |error| where reliable", error[auto.index][relied].max(), 0.25, "asked",
           unit="bits", better="within", note=note)  # fmt: skip
    covered = (auto["low"] <= auto["truth"]) & (auto["truth"] <= auto["high"])
    record("95 % intervals hold the truth", covered.mean(), 0.8, "asked", better="reach",
           note=note)  # fmt: skip


def speed(small: bool) -> None:
    """Record CPU seconds at the sizes of the published method and of a PBMC study."""
    from latentmi_peer import wide_pairs

    n = 1000 if small else 5000
    x, y, truth = wide_pairs(n)
    cx.information.estimate(x[:500], y[:500], n_permutations=0)  # imports, compiled kernels
    start = time.process_time()
    found = cx.information.estimate(x, y, n_permutations=0)
    ours = time.process_time() - start
    if peers.ready("latentmi"):
        script = Path(__file__).with_name("latentmi_peer.py")
        command = [str(peers.python("latentmi")), str(script), str(n)]
        clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
            "OMP_NUM_THREADS": "1"
        }
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean)
        peer = json.loads(done.stdout.splitlines()[-1])
        name, note = f"{n:,} pairs of 100 x 100", "all defaults, imports not counted"
        record(name, ours, peer["seconds"], "latentmi", version="0.1.3", unit="CPU s", note=note)
        record(f"{name}, |error|", abs(found.bits - truth), abs(peer["bits"] - truth), "latentmi",
               version="0.1.3", unit="bits", note=f"of {truth:.2f} bits")  # fmt: skip
    rng = np.random.default_rng(0)
    z = rng.standard_normal((27_503, 10))
    x = np.tanh(z @ rng.standard_normal((10, 16))) + 0.5 * rng.standard_normal((len(z), 16))
    y = np.log1p(rng.poisson(np.exp(0.4 * z @ rng.standard_normal((10, 228)))))
    for n_permutations in (0,) if small else (0, 5):
        start = time.process_time()
        cx.information.estimate(x, y, n_permutations=n_permutations)
        record(f"27,503 pairs of 16 x 228, {n_permutations} permutations",
               time.process_time() - start, 60, "asked", unit="CPU s",
               better="within")  # fmt: skip


def main() -> None:
    """Run all parts."""
    small = quick()
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=Path())
    parser.add_argument("--part", choices=["speed", "truth"])
    arguments = parser.parse_args()
    if arguments.part != "truth":
        with threadpool_limits(1):
            speed(small)
    if arguments.part != "speed":
        truth(arguments.shared, arguments.out, small)


def truth(shared: Path, out: Path, small: bool) -> None:
    """Measure all tasks, write the tables and the figure."""
    folder = shared / "mi_benchmark"
    n = 2000 if small else 5000
    runs = [
        (part, name, estimator, folder, n)
        for part, names in (
            ("Beyond Normal", list(json.loads((folder / "tasks.json").read_text()))),
            ("our own", [] if small else list(TASKS)),
        )
        for name in names
        for estimator in (("auto", "ksg", "gaussian") if small else ESTIMATORS)
    ]
    runs += [
        ("low rank", json.dumps([shared, columns, bits]), "auto", folder, n)
        for columns in ((100, 1000) if small else COLUMNS)
        for shared in SHARED[:: 2 if small else 1]
        for bits in BITS[:: 2 if small else 1]
    ]
    jobs = Parallel(n_jobs=1 if small else 2, verbose=1)
    rows = pd.DataFrame(jobs(delayed(measured)(*run) for run in runs))
    truth_records(rows, "first 2,000 of 5,000 pairs, three estimators" if small else "")
    published_slopes(shared, rows[rows["part"] == "low rank"])
    out.mkdir(parents=True, exist_ok=True)
    rows.to_csv(out / "estimators.csv", index=False)
    table = summary(rows)
    table.to_csv(out / "estimators_summary.csv", index=False)
    if not small:
        draw(rows, out / "estimators.png")
    print(table.round(3).to_string(index=False))
    print(low_rank(rows[rows["part"] == "low rank"]).round(3).to_string(index=False))
    auto = rows[(rows["asked"] == "auto") & (rows["part"] != "low rank")]
    print(
        auto[["task", "truth", "bits", "low", "high", "reliable"]].round(2).to_string(index=False)
    )


if __name__ == "__main__":
    main()
