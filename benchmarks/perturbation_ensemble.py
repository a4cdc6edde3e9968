"""The default ensemble on real responses: errors, intervals, comparisons, seconds.

    python benchmarks/perturbation_ensemble.py SHARED_DATA_FOLDER OUT [--quick] [SEED …]

Open TG-GATEs as in `perturbation_baselines.py`: High@24h and Middle@24h are held out but for 17
bridge compounds, the draw that published numbers were measured with. `fit` has its defaults (but
no limit of time, so that a busy machine changes nothing) and knows the names of the wanted rows.
"Clipped" are responses within ±4, fitted and scored as they are. Written to OUT: row errors of the
ensemble, of its members and of all baselines by seed, then `table.csv`: mean errors and the
ensemble's error less each, with 95 % intervals over compounds. --quick: one draw as measured, the
members of `QUICK` alone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

import cellaxes as cx
from cellaxes.perturbation import metrics
from perturbation_baselines import CONTEXTS, Array, published_draw, responses
from records import quick, record

P = cx.perturbation
ENSEMBLE = "ensemble"
QUICK = ("kernel_gp", "recommender")
"""Members of the default without networks, which take most of the time."""


def measure(
    y: Array, rows: pd.DataFrame, seed: int, small: bool
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return errors of the test rows by model, and what else is worth knowing of the ensemble."""
    split = P.few_shot_context(rows, CONTEXTS, published_draw(rows, seed), random_state=seed)
    train = rows.iloc[split.train].reset_index(drop=True)
    wanted = rows.iloc[split.test].reset_index(drop=True)
    truth, genes = y[split.test], [f"g{i}" for i in range(y.shape[1])]
    table = P.PerturbationTable(train, genes, signed_log10_p=y[split.train])
    begun = time.perf_counter()
    members = {name: P.default_members()[name] for name in QUICK} if small else None
    found = P.fit(
        table, wanted, members=members, minutes=600, random_state=seed, progress=False,
        n_jobs=1 if small else None,
    )  # fmt: skip
    seconds = time.perf_counter() - begun
    predicted = found.predict(wanted)
    guesses: dict[str, Array] = {ENSEMBLE: predicted.layer("signed_log10_p")}
    for name, member in found.members.items():
        guesses[f"{name} (member)"] = P.signed_log10_p(member.predict(wanted))
    for name, made in P.baselines(y[split.train], train, wanted, random_state=seed).items():
        guesses[name] = made.values
    low, high = found.predict_interval(wanted)
    errors = pd.DataFrame({name: metrics.rmse(truth, values) for name, values in guesses.items()})
    cosine = metrics.cosine(truth, guesses[ENSEMBLE])
    covered = P.coverage_by_context(truth, low, high, context=wanted["context"])
    expected = predicted.rows["expected_error"]
    told: dict[str, object] = {
        "seconds": seconds,
        "cosine": float(np.nanmean(cosine)),
        "coverage": covered["coverage"].round(3).to_dict(),
        "spearman": float(spearmanr(expected, errors[ENSEMBLE]).statistic),
        "doubted": int((predicted.rows["doubt"] != "").sum()),
        "fit": repr(found),
    }
    return pd.concat([wanted, errors], axis=1), told


def compared(errors: pd.DataFrame, told: dict[str, Any], small: bool) -> None:
    """Record the ensemble beside its members and the baselines, and its intervals."""
    note = "without networks; the default takes 5 minutes on two cores" if small else ""
    mean = errors.drop(columns=["context", "compound"]).mean().drop(ENSEMBLE)
    own = [name for name in mean.index if name.endswith("(member)")]
    best = mean.drop(own).idxmin()
    for name in dict.fromkeys((*own, "compound_mean", best)):
        record("ensemble: MRRMSE", errors[ENSEMBLE].mean(), mean[name], name.replace("_", " "),
               note=note)  # fmt: skip
    for context, share in told["coverage"].items():
        record(f"intervals of 90 %, {context}: |coverage less .9|", abs(share - 0.9), 0.04, "asked",
               better="within", note=f"{share:.3f} covered")  # fmt: skip


def main(shared: Path, out: Path, seeds: list[int], small: bool) -> None:
    """Measure seed by seed; what is in OUT is done."""
    out.mkdir(parents=True, exist_ok=True)
    rows, raw = responses(shared)
    rows = rows[["context", "compound"]].astype(str)
    scales = {"raw": raw} if small else {"raw": raw, "clipped": np.clip(raw, -4, 4)}
    for scale, y in scales.items():
        for seed in seeds:
            path = out / f"{scale}_{seed}.csv"
            if not path.exists():
                errors, told = measure(y, rows, seed, small)
                compared(errors, told, small)
                path.with_suffix(".json").write_text(json.dumps(told, indent=1))
                errors.to_csv(path, index=False)
                print(scale, seed, round(float(errors[ENSEMBLE].mean()), 4), told, flush=True)
    lines = []
    for scale in scales:
        held = [pd.read_csv(out / f"{scale}_{seed}.csv").assign(seed=seed) for seed in seeds]
        whole = pd.concat(held, ignore_index=True)
        models = [str(c) for c in whole if c not in ("context", "compound", "seed")]
        for name in models:
            by_seed = whole.groupby("seed")[name].mean()
            line = {"scale": scale, "model": name, "error": by_seed.mean(), "sd": by_seed.std()}
            if name != ENSEMBLE:
                seen = whole[name].notna()
                paired = metrics.paired_bootstrap(
                    whole.loc[seen, ENSEMBLE], whole.loc[seen, name], whole.loc[seen, "compound"]
                )
                line |= {"less": paired.difference, "low": paired.low, "high": paired.high}
            lines.append(line)
    table = pd.DataFrame(lines)
    table.to_csv(out / "table.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    asked = quick()
    numbers = [int(word) for word in sys.argv[3:]] or ([0] if asked else [0, 1, 2])
    main(Path(sys.argv[1]), Path(sys.argv[2]), numbers, asked)
