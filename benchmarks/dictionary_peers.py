"""A known dictionary: sparse features beside SAELens, dictionary-learning and sparsify.

    OMP_NUM_THREADS=1 python benchmarks/dictionary_peers.py SHARED_DATA_FOLDER OUT [--quick]

Each peer wants an environment of its own, with PyTorch first, so that none replaces it, and
without torchvision, which clashes with PyTorch for CPUs: ``python benchmarks/peers.py`` makes them.
Those that are there take part.

Data: 100,000 x 32 cells made of 96 directions; all learn 192 features, 4 active, from the same
standardised cells (ours standardises them again). Every implementation is trained at every rung of
one ladder of steps and learning rates, one after another on one thread, once per seed. The arrays
that come back are scored here, all alike: the 4 largest activations of each cell are decoded.
Seconds are of training alone, CPU and wall; ours include reading all cells at the end to drop
silent features. A rung counts where every seed reaches MCC .98 and .99 of the best. OUT gets
``trainings.csv`` and ``cheapest.csv``. --quick: three rungs, one seed.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import peers
from cellaxes.features import metrics
from records import quick, record

RUNGS = (
    *(f"{steps}:{rate}" for steps in (100, 150, 250) for rate in ("5e-3", "1e-2", "2e-2")),
    *(f"{size}:{rate}" for size in ("500x512", "500") for rate in ("2e-3", "5e-3", "1e-2")),
    "1000:2e-3", "1000:5e-3", "2000:2e-3", "5000:1e-3",
)  # fmt: skip
"""Steps, cells per step where not 1,024, learning rate."""
DEFAULT = "2000x512:2e-3"
"""Our own defaults."""
SEEDS = (0, 1)
QUICK = ("250:1e-2", "500:5e-3", "1000:2e-3")
LEAST_MCC, NEAR_BEST = 0.98, 0.99
WIDTH, K = 192, 4
VARIANTS = {"dictionary-learning": ("dictionary-learning", "dictionary-learning-10M")}
"""Trainings by environment: dictionary-learning also with the dead threshold that it ships."""


def standardised(x: np.ndarray) -> np.ndarray:
    """Return cells centred and divided by one number, mean squared length d."""
    x = x.astype(np.float64) - x.mean(axis=0, dtype=np.float64)
    return (x * np.sqrt(x.shape[1] / x.var(axis=0).sum())).astype(np.float32)


def score(found: dict[str, np.ndarray], x: np.ndarray, atoms: np.ndarray) -> dict[str, float]:
    """Return how well a dictionary matches the true one, and rebuilds cells."""
    h = np.maximum(x @ found["encoder"].T + found["encoder_bias"], 0).astype(np.float32)
    f = np.where(h >= np.partition(h, -K, axis=1)[:, -K, None], h, 0)
    rebuilt = f @ found["decoder"].astype(np.float32) + found["decoder_bias"].astype(np.float32)
    best = np.abs(metrics.cosines(found["decoder"], atoms)).max(axis=0)
    return {
        "mcc": metrics.mcc(found["decoder"], atoms),
        "atoms_above_.9": float((best > 0.9).mean()),
        "dead": WIDTH - int((f > 0).any(axis=0).sum()),
        "fvu": metrics.fvu(x, rebuilt),
    }


def train(python: str, name: str, out: Path, seed: int, rungs: tuple[str, ...]) -> None:
    """Run rungs of one implementation in its own environment."""
    script = Path(__file__).with_name("dictionary_trainers.py")
    rungs = (*rungs, DEFAULT) if name == "cellaxes" else rungs
    command = [python, str(script), name, str(out / "cells.npz"), str(out), str(seed), *rungs]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if name != "cellaxes":
        environment.pop("PYTHONPATH", None)
    subprocess.run(command, check=True, env=environment)


def read(out: Path, names: list[str], truth: np.lib.npyio.NpzFile) -> pd.DataFrame:
    """Return one row per training."""
    x, atoms, rows = np.load(out / "cells.npz")["x"], truth["atoms"], []
    for name in names:
        for rung in (*RUNGS, DEFAULT):
            for seed in SEEDS:
                path = out / f"{name}.{rung.replace(':', '.')}.{seed}.npz"
                if path.exists():
                    found = dict(np.load(path))
                    rows.append(
                        {"implementation": name, "rung": rung, "seed": seed}
                        | score(found, x, atoms)
                        | {key: float(found[key]) for key in ("cpu", "wall", "imported")}
                    )
    return pd.DataFrame(rows)


def cheapest(trainings: pd.DataFrame) -> pd.DataFrame:
    """Return of each implementation its cheapest rung that is good enough, and our defaults."""
    told = trainings.groupby(["implementation", "rung"], sort=False).agg(
        mcc=("mcc", "mean"), worst=("mcc", "min"), atoms=("atoms_above_.9", "mean"),
        dead=("dead", "max"), fvu=("fvu", "mean"), cpu=("cpu", "mean"), wall=("wall", "mean"),
        imported=("imported", "mean"),
    ).reset_index()  # fmt: skip
    enough = told["worst"] >= max(LEAST_MCC, NEAR_BEST * told["mcc"].max())
    good = told[enough & (told["rung"] != DEFAULT)].sort_values("cpu")
    best = told.sort_values("mcc", ascending=False)
    kinds = {
        "cheapest good": good,
        "cheapest good, at most 5 dead": good[good["dead"] <= 5],
        "best": best,
        "5,000 steps": told[told["rung"] == "5000:1e-3"],
        "our defaults": told[told["rung"] == DEFAULT],
    }
    rows = []
    for kind, table in kinds.items():
        first = table.drop_duplicates("implementation").copy()
        ours = first.loc[first["implementation"] == "cellaxes", "cpu"]
        first["of_ours"] = first["cpu"] / ours.iloc[0] if len(ours) else np.nan
        first.insert(0, "which", kind)
        rows.append(first)
    return pd.concat(rows, ignore_index=True)


def compared(table: pd.DataFrame, note: str) -> None:
    """Record seconds to a good dictionary, and the best dictionary, beside each peer."""
    for kind, column, what in (
        ("cheapest good", "cpu", "training until the dictionary is good"),
        ("best", "mcc", "best mean match of 96 directions"),
    ):
        part = table[table["which"] == kind].set_index("implementation")
        for name in part.index.drop("cellaxes", errors="ignore"):
            if "cellaxes" in part.index:
                rungs = part["rung"].astype(str)
                steps = f"{rungs['cellaxes']} against {rungs[name]}"
                seconds = column == "cpu"
                record(what, part.at["cellaxes", column], part.at[name, column], name,
                       version=peers.version_of(name), better="lower" if seconds else "higher",
                       unit="CPU s" if seconds else "",
                       note=f"steps:rate {steps}; {note}".rstrip("; "))  # fmt: skip
    own = table[(table["which"] == "our defaults") & (table["implementation"] == "cellaxes")]
    record("our defaults: match of 96 directions", own["mcc"].iloc[0], 0.98, "asked",
           better="reach")  # fmt: skip
    record("our defaults: silent features", own["dead"].iloc[0], 5, "asked", better="within")


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    small = quick()
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    truth = np.load(told.shared / "features" / "sparse_dictionary_100k.npz")
    np.savez(told.out / "cells.npz", x=standardised(truth["x"]))
    pythons = {"cellaxes": sys.executable}
    for name in ("saelens", "dictionary-learning", "sparsify"):
        if peers.ready(name):
            variants = (name,) if small else VARIANTS.get(name, (name,))
            pythons |= dict.fromkeys(variants, str(peers.python(name)))
    for seed in SEEDS[:1] if small else SEEDS:
        for name, python in pythons.items():
            train(python, name, told.out, seed, QUICK if small else RUNGS)
    trainings = read(told.out, list(pythons), truth)
    trainings.to_csv(told.out / "trainings.csv", index=False)
    table = cheapest(trainings)
    table.to_csv(told.out / "cheapest.csv", index=False)
    print(table.round(4).to_string(index=False))
    compared(table, "one seed, three rungs of steps and rates" if small else "")


if __name__ == "__main__":
    main()
