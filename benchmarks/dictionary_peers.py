"""A known dictionary: sparse features beside SAELens, dictionary-learning and sparsify.

    OMP_NUM_THREADS=1 python benchmarks/dictionary_peers.py SHARED_DATA_FOLDER OUT \
        --env saelens=PATH/bin/python --env dictionary-learning=PATH/bin/python \
        --env sparsify=PATH/bin/python

Each peer wants an environment of its own, PyTorch first, so that none replaces it:

    echo "torch==2.13.0" > constraints.txt
    for peer in sae-lens==6.54.12 dictionary-learning==0.1.0 eai-sparsify==1.3.3; do
        python -m venv $peer
        $peer/bin/pip install torch==2.13.0 setuptools
        $peer/bin/pip install -c constraints.txt $peer
    done
    dictionary-learning==0.1.0/bin/pip uninstall -y torchvision  # it clashes with PyTorch for CPUs

(with uv: ``uv venv``, ``uv pip install``, and ``UV_FIND_LINKS`` where pip has ``PIP_FIND_LINKS``).

Data: 100,000 x 32 cells made of 96 directions; all learn 192 features, 4 active, from the same
standardised cells (ours standardises them again). Every implementation is trained at every rung of
one ladder of steps and learning rates, one after another on one thread, once per seed. The arrays
that come back are scored here, all alike: the 4 largest activations of each cell are decoded.
Seconds are of training alone, CPU and wall; ours include reading all cells at the end to drop
silent features. A rung counts where every seed reaches MCC .98 and .99 of the best. OUT gets
``trainings.csv`` and ``cheapest.csv``.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from cellaxes.features import metrics

RUNGS = (
    *(f"{steps}:{rate}" for steps in (100, 150, 250) for rate in ("5e-3", "1e-2", "2e-2")),
    *(f"{size}:{rate}" for size in ("500x512", "500") for rate in ("2e-3", "5e-3", "1e-2")),
    "1000:2e-3", "1000:5e-3", "2000:2e-3", "5000:1e-3",
)  # fmt: skip
"""Steps, cells per step where not 1,024, learning rate."""
DEFAULT = "2000x512:2e-3"
"""Our own defaults."""
SEEDS = (0, 1)
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


def train(python: str, name: str, out: Path, seed: int) -> None:
    """Run all rungs of one implementation in its own environment."""
    script = Path(__file__).with_name("dictionary_trainers.py")
    rungs = (*RUNGS, DEFAULT) if name == "cellaxes" else RUNGS
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


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=PYTHON")
    told = parser.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    truth = np.load(told.shared / "features" / "sparse_dictionary_100k.npz")
    np.savez(told.out / "cells.npz", x=standardised(truth["x"]))
    pythons = {"cellaxes": sys.executable}
    for pair in told.env:
        name, _, python = pair.partition("=")
        pythons |= dict.fromkeys(VARIANTS.get(name, (name,)), python)
    for seed in SEEDS:
        for name, python in pythons.items():
            train(python, name, told.out, seed)
    trainings = read(told.out, list(pythons), truth)
    trainings.to_csv(told.out / "trainings.csv", index=False)
    table = cheapest(trainings)
    table.to_csv(told.out / "cheapest.csv", index=False)
    print(table.round(4).to_string(index=False))


if __name__ == "__main__":
    main()
