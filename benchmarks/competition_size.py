"""The default ensemble at the size of the competition: seconds, memory, error on simulated values.

    python benchmarks/competition_size.py SHARED_DATA_FOLDER OUT

The layout is the real one (614 training rows, 255 asked, 18,211 genes); values are simulated
(`simulate_responses`: shared and own loadings of cell types, noise of one t). It writes the table
and runs `cellaxes predict fit` as anyone would, with its ten minutes.
"""

import resource
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd

import cellaxes as cx
from records import quick, record

P = cx.perturbation
PEERS = ("zero", "compound_mean", "additive")


def main(shared: Path, out: Path) -> None:
    """Simulate, fit, predict; print what it took and what it is worth."""
    out.mkdir(parents=True, exist_ok=True)
    folder = shared / "perturbation" / "kaggle_op2023"
    genes = (folder / "genes_18211.txt").read_text().split()
    train = pd.read_csv(folder / "train_rows_614.csv")[["cell_type", "sm_name"]]
    asked = pd.read_csv(folder / "id_map.csv")
    both = pd.concat([train, asked[["cell_type", "sm_name"]]], ignore_index=True)
    contexts, compounds = (pd.factorize(both[name])[0] for name in ("cell_type", "sm_name"))
    made = P.simulate_responses(contexts.max() + 1, compounds.max() + 1, len(genes))
    t = made.t[contexts * (compounds.max() + 1) + compounds]  # rows go by context, then compound
    rows = both.set_axis(["context", "compound"], axis=1)
    P.write_table(P.PerturbationTable(rows[:614], genes, t=t[:614]), out / "train.h5ad")
    files = [str(out / "train.h5ad"), "--wanted", str(folder / "id_map.csv")]
    words = ["predict", "fit", *files, "--out", str(out / "fit")]
    command = [sys.executable, "-m", "cellaxes", *words]
    begun = time.perf_counter()
    subprocess.run(command, check=True)
    wall = time.perf_counter() - begun
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = P.read_table(out / "fit" / "predictions.h5ad")
    truth = P.signed_log10_p(t[614:])
    ours = P.metrics.rmse(truth, found.signed_log10_p).mean()
    known, wanted = P.signed_log10_p(t[:614]), rows[614:].reset_index(drop=True)
    for name in PEERS:
        guess = P.predict_baseline(known, rows[:614], wanted, name=name)
        record("default fit, 614 + 255 rows x 18,211: MRRMSE",
               ours, P.metrics.rmse(truth, guess.values).mean(), name.replace("_", " "),
               note="simulated values")  # fmt: skip
    cpu, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
    note = f"{cpu:.0f} CPU s, largest process {memory:.2f} GB"
    record("the same, with its page", wall, 600, "asked", unit="wall s", better="within",
           note=note)  # fmt: skip


if __name__ == "__main__":
    quick()  # it has one size
    main(Path(sys.argv[1]), Path(sys.argv[2]))
