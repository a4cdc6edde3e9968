"""Averages on real responses in the shape of the competition, and every metric at its full size.

    OMP_NUM_THREADS=1 python benchmarks/perturbation_baselines.py SHARED_DATA_FOLDER [PART …]

Parts: tggates, splits, size. Open TG-GATEs (146 compounds, 6 contexts without those of 2 h, 196
genes, signed −log10 p); High@24h and Middle@24h are held out but for 17 bridge compounds.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

import cellaxes as cx
from cellaxes.perturbation import metrics

Array = NDArray[np.float64]

CONTEXTS = ["High@24h", "Middle@24h"]
N_BRIDGE = 17
PUBLISHED = {
    "raw": {"zero": 4.704, "gene mean": 4.685, "compound mean": 4.398},
    "clipped": {"zero": 1.357, "gene mean": 1.320, "additive ridge": 1.247},
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


def averages(rows: pd.DataFrame, y: Array, split: cx.perturbation.Split) -> dict[str, Array]:
    """Return the predictions of the simplest models for the test rows."""
    train, test = rows[split.train], rows[split.test]
    known = pd.DataFrame(y[split.train])
    mean = known.mean().to_numpy()
    like = np.ones((len(test), 1))
    by = {
        column: known.groupby(train[column].to_numpy()).mean().loc[test[column]].to_numpy()
        for column in ("context", "compound")
    }
    return {
        "zero": 0 * like * mean,
        "gene mean": like * mean,
        "context mean": by["context"],
        "compound mean": by["compound"],
        "additive": by["context"] + by["compound"] - mean,
        "additive ridge": ridge(rows, y, split, penalty=3.0),
    }


def ridge(rows: pd.DataFrame, y: Array, split: cx.perturbation.Split, penalty: float) -> Array:
    """Return context plus compound effects, shrunken to the gene mean."""
    design = pd.get_dummies(rows[["context", "compound"]]).to_numpy(float)
    x, mean = design[split.train], y[split.train].mean(axis=0)
    gram = x.T @ x + penalty * np.eye(x.shape[1])
    return mean + design[split.test] @ np.linalg.solve(gram, x.T @ (y[split.train] - mean))


def tggates(shared: Path) -> None:
    """MRRMSE of the averages over three seeds, raw and clipped; then every metric of one seed."""
    rows, raw = responses(shared)
    for draw in ("published draw", "own draw"):
        for scale, y in (("raw", raw), ("clipped", raw.clip(-4, 4))):
            found = []
            for seed in range(3):
                bridge = published_draw(rows, seed) if draw[0] == "p" else N_BRIDGE
                split = cx.perturbation.few_shot_context(rows, CONTEXTS, bridge, random_state=seed)
                guesses = averages(rows, y, split)
                found.append({k: metrics.mrrmse(y[split.test], v) for k, v in guesses.items()})
                if scale == "raw":
                    print(f"{draw} {seed}: {split}")
            for name, values in pd.DataFrame(found).items():
                told = PUBLISHED[scale].get(str(name))
                off = (
                    "" if told is None else f", published {told} ({values.mean() / told - 1:+.2%})"
                )
                print(f"  {scale} {name}: {values.mean():.4f} (sd {values.std():.3f}){off}")
    whole(rows, raw)


def whole(rows: pd.DataFrame, y: Array) -> None:
    """Every metric, each average, seed 0; and the compound mean against the gene mean."""
    split = cx.perturbation.few_shot_context(rows, CONTEXTS, published_draw(rows, 0))
    test, guesses = rows[split.test], averages(rows, y, split)
    asked = {"context": test["context"].to_numpy(), "train_mean": guesses["gene mean"][0]}
    table = {k: metrics.score(y[split.test], v, **asked)["value"] for k, v in guesses.items()}
    print(pd.DataFrame(table).round(3).to_string())
    by_row = {name: metrics.rmse(y[split.test], guesses[name]) for name in guesses}
    print("compound mean against gene mean, RMSE of rows:", metrics.paired_bootstrap(
        by_row["compound mean"], by_row["gene mean"], test["compound"].to_numpy()))  # fmt: skip


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


PARTS = {"tggates": tggates, "splits": splits, "size": size}

if __name__ == "__main__":
    for part in sys.argv[2:] or list(PARTS):
        PARTS[part](Path(sys.argv[1]))
