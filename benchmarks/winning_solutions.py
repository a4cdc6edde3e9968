"""The winners of 2023, mended, on real responses in the competition's shape, beside all baselines.

    OMP_NUM_THREADS=1 python benchmarks/winning_solutions.py SHARED_DATA_FOLDER OUT [PART …]

Open TG-GATEs as in `perturbation_models.py`: three draws of 17 bridge compounds; "raw" is fitted
to t statistics, "clipped" to responses within ±4. Parts: house (the settings of this package),
okon1 and okon2 (the third place's tables, one network of each model in place of ten; okon2 on the
first draw), kouagou (the winner's widths and epochs, one network of each head, first draw as
measured: minutes each). What is in
OUT is not computed again; the table is made of all that is there.
"""

import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cellaxes as cx
from cellaxes.perturbation import metrics
from perturbation_baselines import CONTEXTS, Array, fingerprints, published_draw, responses
from perturbation_models import SEEDS

P = cx.perturbation
SCALES = ("raw", "clipped")
HEADS = ("conv1d", "gru", "lstm")
STAGE_1 = {f"okon1 {each.name}": each for each in P.presets("okon-stage1")}
STAGE_2 = {f"okon2 {each.name}": each for each in P.presets("okon-stage2")}
KOUAGOU = {f"kouagou {each.name}": each for each in P.presets("kouagou-initial")}
PLAIN = {
    "kernel_gp": P.make_model("kernel_gp"),
    "recommender": P.make_model("recommender"),
    "embedding_mlp": P.make_model("embedding_mlp"),
    **{f"target_encoding_net {head}": P.make_model("target_encoding_net", head=head)
       for head in HEADS},
    "token_transformer": P.make_model("token_transformer"),
    "tensor_factorization": P.make_model("tensor_factorization"),
    "dual_encoder": P.make_model("dual_encoder"),
    "trees boosted": P.make_model("trees"),
    "trees extra": P.make_model("trees", kind="extra"),
    "trees 4th": P.make_model(
        "trees", n_components=52, n_trees=1000, rate=0.01, depth=10, max_features=0.2, sigma=0.21
    ),
}  # fmt: skip
JOINT: dict[str, dict[str, float]] = {
    "1st: three heads": {f"target_encoding_net {head}": 1.0 for head in HEADS},
    "1st: three heads, its sizes": dict.fromkeys(KOUAGOU, 1.0),
    "3rd: stage 1": {name: each.weight for name, each in STAGE_1.items()},
    "3rd: stage 2": {name: each.weight for name, each in STAGE_2.items()},
}
"""Weights that their authors gave; the winner's heads are averaged."""


@dataclass(frozen=True, eq=False)
class Draw:
    """Rows that train, rows that are asked for, and what is true of them."""

    seed: int
    scale: str
    train: pd.DataFrame
    wanted: pd.DataFrame
    known: Array
    truth: Array
    bits: Array | None

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"{self.scale} {self.seed}"


@dataclass(frozen=True)
class Store:
    """Predictions of signed log10 p that are computed once, and the seconds each took."""

    folder: Path

    def get(self, name: str, draw: Draw) -> Array | None:
        """Return what is there."""
        path = self._path(name, draw)
        return np.load(path).astype(float) if path.is_file() else None

    def seconds(self, name: str, draw: Draw) -> float:
        """Return the seconds of CPU that it took."""
        return float(json.loads(self._path(name, draw).with_suffix(".json").read_text()))

    def make(self, name: str, draw: Draw, settings: Any, pseudo: Array | None = None) -> None:
        """Fit, predict and keep, unless it is there."""
        path = self._path(name, draw)
        if path.is_file():
            return
        start = time.process_time()
        found = fit_predict(settings, draw, pseudo)
        spent = time.process_time() - start
        path.with_suffix(".json").write_text(json.dumps(spent))
        np.save(path, found.astype(np.float32))
        print(f"{name}, {draw.name}: {metrics.mrrmse(draw.truth, found):.3f}, {spent:.1f} s",
              flush=True)  # fmt: skip

    def _path(self, name: str, draw: Draw) -> Path:
        return self.folder / f"{name}, {draw.name}.npy"


def draws(shared: Path) -> list[Draw]:
    """Return the published draws, as measured and clipped."""
    rows, raw = responses(shared)
    bits = fingerprints(rows)
    columns = [name for name in ("context", "compound", "moa") if name in rows]
    rows = rows[columns]
    found = []
    for seed in SEEDS:
        split = P.few_shot_context(rows, CONTEXTS, published_draw(rows, seed), random_state=seed)
        train, wanted = (
            rows[mask].reset_index(drop=True) for mask in (split.train, split.test)
        )  # fmt: skip
        both = None if bits is None else np.concatenate([bits[split.train], bits[split.test]])
        for scale in SCALES:
            y = raw if scale == "raw" else np.clip(raw, -4, 4)
            held = (y[split.train], y[split.test])
            found.append(Draw(seed, scale, train, wanted, *held, both))
    return found


def fit_predict(settings: Any, draw: Draw, pseudo: Array | None = None) -> Array:
    """Return predicted signed log10 p; pseudo-labels are of the wanted rows."""
    y, rows = draw.known, draw.train[["context", "compound"]]
    if pseudo is not None:
        y = np.concatenate([y, pseudo])
        rows = pd.concat([rows, draw.wanted[["context", "compound"]]], ignore_index=True)
    values = P.t_statistic(y) if draw.scale == "raw" else y
    data = P.TrainingData(
        values.astype(np.float32), rows, np.ones(len(rows)), random_state=draw.seed
    )
    found = settings.fit(data).predict(draw.wanted)
    return P.signed_log10_p(found) if draw.scale == "raw" else found.astype(float)


def joined(name: str, draw: Draw, store: Store) -> tuple[Array, float] | None:
    """Return the weighted mean of the models of an ensemble and its seconds, if all are there."""
    weights = JOINT[name]
    parts = [store.get(each, draw) for each in weights]
    if any(part is None for part in parts):
        return None
    seconds = sum(store.seconds(each, draw) for each in weights)
    return np.average(parts, axis=0, weights=list(weights.values())), seconds


def compute(store: Store, held: list[Draw], parts: list[str]) -> None:
    """Fit what is asked for."""
    for draw in held:
        if "house" in parts:
            for name, settings in PLAIN.items():
                store.make(name, draw, settings)
        if "okon1" in parts:
            for name, each in STAGE_1.items():
                store.make(name, draw, one(each))
        labels = joined("3rd: stage 1", draw, store)
        if "okon2" in parts and labels is not None and draw.seed == 0:
            for name, each in STAGE_2.items():
                store.make(name, draw, one(each), labels[0])
        if "kouagou" in parts and draw.name == "raw 0":
            for name, each in KOUAGOU.items():
                store.make(name, draw, one(each))


def one(preset: P.Preset) -> Any:
    """Return the settings of a preset with one network in place of several."""
    settings = preset.settings
    return replace(settings, training=replace(settings.training, n_seeds=1))


def row_scores(store: Store, held: list[Draw]) -> pd.DataFrame:
    """Return one line per model and row: error, cosine, seconds of the fit."""
    found = []

    def add(name: str, kind: str, draw: Draw, guess: Array, seconds: float) -> None:
        found.append(
            draw.wanted[["context", "compound"]].assign(
                model=name, kind=kind, scale=draw.scale, seed=draw.seed, seconds=seconds,
                error=metrics.rmse(draw.truth, guess), cosine=metrics.cosine(draw.truth, guess),
            )
        )  # fmt: skip

    for draw in held:
        start = time.process_time()
        guesses = P.baselines(draw.known, draw.train, draw.wanted, fingerprints=draw.bits)
        spent = (time.process_time() - start) / len(guesses)
        kinds = P.show_baselines().set_index("name")["kind"]
        for name, guess in guesses.items():
            kind = "control" if "control" in kinds[name] else "baseline"
            add(name, kind, draw, guess.values, spent)
        for name in (*PLAIN, *KOUAGOU):
            guess = store.get(name, draw)
            if guess is not None:
                add(name, "model", draw, guess, store.seconds(name, draw))
        for name in JOINT:
            both = joined(name, draw, store)
            if both is not None:
                add(name, "ensemble", draw, *both)
    return pd.concat(found, ignore_index=True)


def against(rows: pd.DataFrame, name: str, other: str) -> metrics.Comparison:
    """Compare the errors of two models on the rows both were asked for, by whole compounds."""
    key = ["seed", "context", "compound"]
    one, two = (rows[rows["model"] == each].set_index(key)["error"] for each in (name, other))
    two = two.loc[one.index]
    return metrics.paired_bootstrap(
        one.to_numpy(), two.to_numpy(), one.index.get_level_values("compound")
    )


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return one line per scale and model, the best first.

    The best baseline is that of the least error on these very rows: chosen in hindsight, it is a
    harder bar than any that could be chosen before.
    """
    lines = []
    for scale, part in rows.groupby("scale"):
        own = part[part["kind"] == "baseline"].groupby("model")["error"].mean()
        best = str(own.idxmin())
        for name, each in part.groupby("model"):
            by_draw = each.groupby("seed")["error"].mean()
            line = {
                "scale": scale, "model": name, "kind": each["kind"].iloc[0],
                "draws": len(by_draw), "mrrmse": by_draw.mean(), "sd": by_draw.std(),
                "cosine": each.groupby("seed")["cosine"].mean().mean(),
                "seconds": each.groupby("seed")["seconds"].first().mean(),
            }  # fmt: skip
            for told, other in (("compound_mean", "compound_mean"), ("best", best)):
                if name != other:
                    found = against(part, str(name), other)
                    line |= {f"to_{told}": found.difference, f"low_{told}": found.low,
                             f"high_{told}": found.high}  # fmt: skip
            lines.append({**line, "best": best})
    return pd.DataFrame(lines).sort_values(["scale", "mrrmse"], ignore_index=True)


def main(shared: Path, out: Path, parts: list[str]) -> None:
    """Fit what is not there yet, write ``rows.csv`` and ``summary.csv``, print the table."""
    out.mkdir(parents=True, exist_ok=True)
    held, store = draws(shared), Store(out)
    compute(store, held, parts or ["house", "okon1", "okon2", "kouagou"])
    rows = row_scores(store, held)
    rows.to_csv(out / "rows.csv", index=False)
    found = summary(rows)
    found.to_csv(out / "summary.csv", index=False)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
