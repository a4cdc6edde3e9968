"""Baselines on real responses in the shape of the competition, and what its full size costs.

    OMP_NUM_THREADS=1 python benchmarks/perturbation_baselines.py SHARED_DATA_FOLDER [PART …]

Parts: tggates, splits, size, full; --quick: less of each. Open TG-GATEs (146 compounds, 6 contexts
without those of 2 h, 196 genes, signed −log10 p); High@24h and Middle@24h are held out but for 17
bridge compounds.
"""

import importlib
import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_ndtr, ndtri_exp

import cellaxes as cx
from cellaxes.perturbation import metrics
from records import quick, record

Array = NDArray[np.float64]

CONTEXTS = ["High@24h", "Middle@24h"]
N_BRIDGE = 17
PUBLISHED = {
    "raw": {"zero": 4.704, "gene_mean": 4.685, "compound_mean": 4.398},
    "clipped": {"zero": 1.357, "gene_mean": 1.320, "additive_ridge": 1.247},
}
"""Mean MRRMSE of seeds 0 to 2 that others measured on the same rows."""


def responses(shared: Path) -> tuple[pd.DataFrame, Array]:
    """Return the rows without those of 2 h, and their profiles."""
    folder = shared / "perturbation" / "tggates_human_hepatocyte"
    table = pd.read_parquet(folder / "de_signed_log10_p.parquet").query("duration_h != 2")
    rows = table[["context", "compound"]].merge(pd.read_csv(folder / "compounds.csv"), "left")
    return rows, table.iloc[:, 4:].to_numpy(float)


def published_draw(rows: pd.DataFrame, seed: int) -> list[str]:
    """Return the bridge compounds that the published numbers were measured with."""
    names = sorted(set(rows["compound"]))
    return [str(name) for name in np.random.default_rng(seed).choice(names, 17, replace=False)]


def tggates(shared: Path) -> None:
    """MRRMSE and cosine of every baseline over three seeds, raw and clipped, and in t space."""
    rows, raw = responses(shared)
    bits = fingerprints(rows)
    for draw in ("published draw",) if SMALL else ("published draw", "own draw"):
        held = []
        for seed in range(3):
            bridge = published_draw(rows, seed) if draw[0] == "p" else N_BRIDGE
            held.append(cx.perturbation.few_shot_context(rows, CONTEXTS, bridge, random_state=seed))
        models = {"ridge_recommender in t": recommend_in_t, "nearest + recommender": mixture}
        start = time.perf_counter()
        board = cx.perturbation.evaluate(raw, rows, held, models=models, fingerprints=bits)
        print(f"{draw}, {time.perf_counter() - start:.1f} s:\n{board}")
        table = pd.DataFrame(
            {
                (scale, metric): board.ranked(scale=scale, metric=metric)["value"]
                for scale in ("raw", "clipped")
                for metric in ("mrrmse", "cosine", "pearson_centred", "pds_cosine")
            }
        )
        print(table.sort_values(("raw", "mrrmse")).round(4).to_string())
        for scale, told in PUBLISHED.items():
            for name, value in told.items():
                found = float(board.ranked(scale=scale).loc[name, "value"])
                if draw[0] == "p":
                    record(f"{name}, {scale}: relative difference of MRRMSE",
                           abs(found / value - 1), 0.01, "table of others", better="within",
                           note=f"{found:.4f}, told {value}; three draws")  # fmt: skip
        halves = board.ranked(metric="pds_cosine").query("value == 0.5").index
        print(f"  discrimination of 0.5 exactly: {', '.join(halves)}")


def fingerprints(rows: pd.DataFrame) -> Array | None:
    """Return Morgan fingerprints of the rows, ``(n_rows, 2048)``, where RDKit is installed."""
    try:
        chem = importlib.import_module("rdkit.Chem")
        maker = importlib.import_module("rdkit.Chem.rdFingerprintGenerator")
    except ImportError:
        return None
    of = maker.GetMorganGenerator(radius=2, fpSize=2048)
    made = {
        text: of.GetFingerprintAsNumPy(chem.MolFromSmiles(text))
        for text in set(rows["SMILES"].dropna())
    }
    nothing = np.zeros(2048, dtype=np.uint8)
    return np.array([made.get(text, nothing) for text in rows["SMILES"]])


def to_t(y: Array) -> Array:
    """Return the normal quantile of a signed log10 p, however large."""
    return -np.sign(y) * ndtri_exp(-np.abs(y) * np.log(10) - np.log(2))


def recommend_in_t(y: Array, train: pd.DataFrame, wanted: pd.DataFrame) -> Array:
    """Return the recommender fitted on t and turned back to signed log10 p."""
    t = cx.perturbation.predict_baseline(to_t(y), train, wanted, name="ridge_recommender").values
    return -np.sign(t) * (log_ndtr(-np.abs(t)) + np.log(2)) / np.log(10)


def mixture(y: Array, train: pd.DataFrame, wanted: pd.DataFrame) -> Array:
    """Return the mean of two baselines."""
    names = ("nearest_context", "ridge_recommender")
    two = (cx.perturbation.predict_baseline(y, train, wanted, name=name).values for name in names)
    return np.mean(list(two), axis=0)


def splits(shared: Path) -> None:
    """Print what each split says of its own leakage."""
    rows, _ = responses(shared)
    p = cx.perturbation
    print(p.random_rows(rows), p.few_shot_context(rows, CONTEXTS),
          p.zero_shot_context(rows, CONTEXTS), p.leave_compound(rows), p.leave_moa(rows),
          p.joint(rows, CONTEXTS), sep="\n")  # fmt: skip


def size(shared: Path) -> None:
    """255 rows of 18,211 genes, a tenth missing: seconds and memory of every metric."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(255, 18_211)) * 2
    context = np.array(["B"] * 128 + ["Myeloid"] * 127)
    mean, guess = rng.normal(size=18_211), truth + rng.normal(size=truth.shape)
    for gaps in (0.0, 0.1):
        truth[rng.random(truth.shape) < gaps] = np.nan
        start = time.perf_counter()
        found = metrics.score(truth, guess, context=context, train_mean=mean)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        print(f"{gaps:.0%} missing: {len(found)} metrics and those of zero in "
              f"{time.perf_counter() - start:.1f} s, peak {peak:.2f} GB")  # fmt: skip


def full(shared: Path) -> None:
    """614 + 255 rows of the competition, 18,211 simulated genes: seconds and memory of each."""
    p, folder = cx.perturbation, shared / "perturbation" / "kaggle_op2023"
    names = {"cell_type": "context", "sm_name": "compound"}
    parts = [pd.read_csv(folder / f"{name}.csv") for name in ("train_rows_614", "test_rows_255")]
    rows = pd.concat([part.rename(columns=names)[list(names.values())] for part in parts])
    rows = rows.reset_index(drop=True)
    number = rows["compound"].astype("category").cat.codes.to_numpy()
    place = rows["context"].astype("category").cat.codes.to_numpy()
    rows["moa"] = [f"m{i % 30}" for i in number]
    rng = np.random.default_rng(0)
    latent, loads = rng.normal(size=(number.max() + 1, 10)), rng.normal(size=(6, 10, 18_211))
    y = np.stack([latent[i] @ loads[c] for i, c in zip(number, place, strict=True)])
    y += rng.normal(size=y.shape)
    bits = (rng.random((number.max() + 1, 2048)) < 0.03).astype(np.uint8)[number]
    for gaps in (0.1,) if SMALL else (0.0, 0.1):
        y[rng.random(y.shape) < gaps] = np.nan
        begun = time.process_time()
        for name in p.show_baselines()["name"]:
            start = time.perf_counter()
            p.predict_baseline(y[:614], rows[:614], rows[614:], name=name, fingerprints=bits)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
            print(f"{gaps:.0%} missing, {name}: {time.perf_counter() - start:.1f} s, "
                  f"peak {peak:.2f} GB", flush=True)  # fmt: skip
        record("all baselines, 614 + 255 rows x 18,211", time.process_time() - begun, 60, "asked",
               unit="CPU s", better="within",
               note=f"simulated values, {gaps:.0%} missing")  # fmt: skip
        record("their memory", peak, 4, "asked", unit="GB", better="within")
    if SMALL:
        return
    bridge = sorted(set(rows["compound"][:614][rows["context"][:614] == "B cells"]))
    split = p.few_shot_context(rows, ["B cells", "Myeloid cells"], bridge)
    start = time.perf_counter()
    board = p.evaluate(y, rows, split, fingerprints=bits)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(board, f"{time.perf_counter() - start:.0f} s, peak {peak:.2f} GB", sep="\n")


PARTS = {"tggates": tggates, "splits": splits, "size": size, "full": full}

SMALL = False
"""Whether `--quick` was asked for."""

if __name__ == "__main__":
    SMALL = quick()
    for part in sys.argv[2:] or list(PARTS):
        PARTS[part](Path(sys.argv[1]))
