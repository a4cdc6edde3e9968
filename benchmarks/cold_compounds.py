"""Does chemistry help with a compound that was never measured? Real responses, new scaffolds.

    OMP_NUM_THREADS=1 python benchmarks/cold_compounds.py SHARED_DATA_FOLDER [OUT] [ENCODER]

Open TG-GATEs without 2 h: 146 compounds, 6 contexts. Murcko scaffolds are dealt into five folds
(`REPEATS` times), so that every compound is asked for in all its contexts, and none of its
scaffold is in training. Each model that reads fingerprints is fitted with those of the compounds,
with those of other compounds (shuffled: the same numbers, which mean nothing) and, where it can do
without, with none. ENCODER is a folder or hub id of an encoder of SMILES (`embed_smiles`).
Intervals are paired, over whole compounds. --quick: as measured alone, without trees.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

import cellaxes as cx
from cellaxes.perturbation import metrics
from perturbation_baselines import Array, responses
from records import quick, record

P = cx.perturbation
REPEATS = range(1)
AVERAGES = ("zero", "gene_mean", "context_mean", "context_mean_shrunk")
CHEMICAL = ("fingerprint_knn", "fingerprint_ridge")
MODELS = {
    "kernel_gp": P.make_model("kernel_gp"),
    "trees": P.make_model("trees"),
}
SMALL = quick()
"""Whether responses are fitted as measured alone, and without trees."""
if SMALL:
    del MODELS["trees"]
ROW = "context_mean"
"""What a new compound gets where nothing is known of it: the bar."""


@dataclass(frozen=True, eq=False)
class Fold:
    """Rows that train and rows that are asked for, of one scale; responses are signed log10 p."""

    train: pd.DataFrame
    wanted: pd.DataFrame
    known: Array
    truth: Array
    clipped: bool

    def told(self, y: Array) -> Array:
        """Return what is fitted: t statistics, or responses within ±4 as they are."""
        return y if self.clipped else P.t_statistic(y)

    def answer(self, values: Array) -> Array:
        """Return signed log10 p."""
        return values.astype(float) if self.clipped else P.signed_log10_p(values)


def baseline(fold: Fold, name: str, table: pd.DataFrame | None) -> Array:
    """Return what a baseline says; fingerprints are looked up by compound."""
    bits = None
    if table is not None:
        both = pd.concat([fold.train["compound"], fold.wanted["compound"]])
        bits = table.reindex(both).fillna(0).to_numpy()
    known = fold.told(fold.known)
    guess = P.predict_baseline(known, fold.train, fold.wanted, name=name, fingerprints=bits)
    return fold.answer(guess.values)


def model(fold: Fold, name: str, table: pd.DataFrame | None, seed: int) -> Array:
    """Return what a model says that reads a table of compounds, or none."""
    data = P.TrainingData(
        fold.told(fold.known).astype(np.float32), fold.train, np.ones(len(fold.train)),
        compounds=table, random_state=seed,
    )  # fmt: skip
    return fold.answer(MODELS[name].fit(data).predict(fold.wanted))


def shuffled(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the table with each compound under the name of another."""
    order = np.random.default_rng(seed).permutation(len(table))
    return pd.DataFrame(table.to_numpy()[order], table.index, table.columns)


def scored(rows: pd.DataFrame, raw: Array, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one line per model, kind of chemistry, scale, repeat and row."""
    found = []
    for seed in REPEATS:
        start = time.perf_counter()
        for split in P.folds_like("scaffold", rows, random_state=seed):
            for scale in ("raw",) if SMALL else ("raw", "clipped"):
                y = raw if scale == "raw" else np.clip(raw, -4, 4)
                held, asked = (
                    rows.loc[mask, ["context", "compound"]].reset_index(drop=True)
                    for mask in (split.train, split.test)
                )
                fold = Fold(held, asked, y[split.train], y[split.test], scale == "clipped")
                guesses = {(name, "none"): baseline(fold, name, None) for name in AVERAGES}
                for name in MODELS:
                    guesses[name, "none"] = model(fold, name, None, seed)
                for told, table in tables.items():
                    for kind, each in ((told, table), (f"{told} shuffled", shuffled(table, seed))):
                        for name in CHEMICAL if told == "ecfp" else ():
                            guesses[name, kind] = baseline(fold, name, each)
                        for name in MODELS:
                            guesses[name, kind] = model(fold, name, each, seed)
                for (name, kind), guess in guesses.items():
                    found.append(
                        asked.assign(
                            model=name, chemistry=kind, scale=scale, seed=seed,
                            error=metrics.rmse(fold.truth, guess),
                            cosine=metrics.cosine(fold.truth, guess),
                            told_apart=metrics.discrimination(
                                fold.truth, guess, context=asked["context"], distance="cosine"
                            ),
                        )
                    )  # fmt: skip
        print(f"repeat {seed}: {time.perf_counter() - start:.0f} s", flush=True)
    return pd.concat(found, ignore_index=True)


def against(rows: pd.DataFrame, one: tuple[str, str], other: tuple[str, str]) -> str:
    """Return the paired difference of errors of two models with its interval over compounds."""
    key = ["seed", "context", "compound"]
    parts = [
        rows[(rows["model"] == name) & (rows["chemistry"] == kind)].set_index(key)["error"]
        for name, kind in (one, other)
    ]
    two = parts[1].loc[parts[0].index]
    found = metrics.paired_bootstrap(
        parts[0].to_numpy(), two.to_numpy(), parts[0].index.get_level_values("compound")
    )
    return f"{found.difference:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per scale, model and chemistry."""
    lines = []
    for scale, part in rows.groupby("scale"):
        for (name, kind), each in part.groupby(["model", "chemistry"]):
            line = {
                "scale": scale, "model": name, "chemistry": kind,
                "mrrmse": each["error"].mean(), "cosine": each["cosine"].mean(),
                "told_apart": each["told_apart"].mean(),
                "to_context_mean": against(part, (str(name), str(kind)), (ROW, "none")),
            }  # fmt: skip
            if not str(kind).endswith("shuffled") and kind != "none":
                line["to_shuffled"] = against(
                    part, (str(name), str(kind)), (str(name), f"{kind} shuffled")
                )
            lines.append(line)
    return pd.DataFrame(lines).fillna("").sort_values(["scale", "mrrmse"], ignore_index=True)


def main(shared: Path, out: Path | None, encoder: str | None) -> None:
    """Print one line per model."""
    rows, raw = responses(shared)
    kept = rows["SMILES"].notna().to_numpy()
    rows, raw = rows[kept].reset_index(drop=True), raw[kept]
    rows[["context", "compound"]] = rows[["context", "compound"]].astype(str)
    each = rows.drop_duplicates("compound").set_index("compound")["SMILES"].sort_index()
    tables = {"ecfp": pd.DataFrame(P.fingerprints(each), index=each.index)}
    if encoder:
        tables["encoder"] = P.embed_smiles(each, model=encoder)
    folds = P.folds_like("scaffold", rows)
    n_scaffolds = len(set(P.murcko_scaffolds(each)))
    print(f"{len(each)} compounds, {n_scaffolds} scaffolds, {len(rows)} rows; {folds[0]}")
    found = scored(rows, raw, tables)
    table = summary(found)
    error = found.groupby(["model", "chemistry"])["error"].mean() if SMALL else pd.Series()
    for name in (*CHEMICAL, *MODELS) if SMALL else ():
        record(f"new scaffolds, {name} with fingerprints: MRRMSE", error[name, "ecfp"],
               error[ROW, "none"], "context mean", note="146 compounds, five folds")  # fmt: skip
        record(f"new scaffolds, {name} with fingerprints: MRRMSE", error[name, "ecfp"],
               error[name, "ecfp shuffled"], "fingerprints of others")  # fmt: skip
    print(table.round(3).to_string(index=False))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        found.to_csv(out / "rows.csv", index=False)
        table.to_csv(out / "summary.csv", index=False)


if __name__ == "__main__":
    more = [*sys.argv[2:], None, None]
    main(Path(sys.argv[1]), Path(more[0]) if more[0] else None, more[1])
