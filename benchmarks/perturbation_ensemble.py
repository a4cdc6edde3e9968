"""The default ensemble on real responses: errors, intervals, comparisons, seconds.

    python benchmarks/perturbation_ensemble.py SHARED_DATA_FOLDER OUT [SEED …]

Open TG-GATEs as in `perturbation_baselines.py`: High@24h and Middle@24h are held out but for 17
bridge compounds, the draw that published numbers were measured with. `fit` has its defaults (but
no limit of time, so that a busy machine changes nothing) and knows the names of the wanted rows.
"Clipped" are responses within ±4, fitted and scored as they are. Written to OUT: row errors of the
ensemble, of its members and of all baselines by seed, then `table.csv`: mean errors and the
ensemble's error less each, with 95 % intervals over compounds.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

import cellaxes as cx
from cellaxes.perturbation import metrics
from perturbation_baselines import CONTEXTS, Array, published_draw, responses

P = cx.perturbation
ENSEMBLE = "ensemble"


def measure(y: Array, rows: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return errors of the test rows by model, and what else is worth knowing of the ensemble."""
    split = P.few_shot_context(rows, CONTEXTS, published_draw(rows, seed), random_state=seed)
    train = rows.iloc[split.train].reset_index(drop=True)
    wanted = rows.iloc[split.test].reset_index(drop=True)
    truth, genes = y[split.test], [f"g{i}" for i in range(y.shape[1])]
    table = P.PerturbationTable(train, genes, signed_log10_p=y[split.train])
    begun = time.perf_counter()
    found = P.fit(table, wanted, minutes=600, random_state=seed, progress=False)
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


def main(shared: Path, out: Path, seeds: list[int]) -> None:
    """Measure seed by seed; what is in OUT is done."""
    out.mkdir(parents=True, exist_ok=True)
    rows, raw = responses(shared)
    rows = rows[["context", "compound"]].astype(str)
    for scale, y in (("raw", raw), ("clipped", np.clip(raw, -4, 4))):
        for seed in seeds:
            path = out / f"{scale}_{seed}.csv"
            if not path.exists():
                errors, told = measure(y, rows, seed)
                path.with_suffix(".json").write_text(json.dumps(told, indent=1))
                errors.to_csv(path, index=False)
                print(scale, seed, round(float(errors[ENSEMBLE].mean()), 4), told, flush=True)
    lines = []
    for scale in ("raw", "clipped"):
        held = [pd.read_csv(out / f"{scale}_{seed}.csv").assign(seed=seed) for seed in seeds]
        whole = pd.concat(held, ignore_index=True)
        models = [str(c) for c in whole if c not in ("context", "compound", "seed")]
        for name in models:
            by_seed = whole.groupby("seed")[name].mean()
            line = {"scale": scale, "model": name, "error": by_seed.mean(), "sd": by_seed.std()}
            if name != ENSEMBLE:
                seen = whole[name].notna()
                compared = metrics.paired_bootstrap(
                    whole.loc[seen, ENSEMBLE], whole.loc[seen, name], whole.loc[seen, "compound"]
                )
                line |= {"less": compared.difference, "low": compared.low, "high": compared.high}
            lines.append(line)
    table = pd.DataFrame(lines)
    table.to_csv(out / "table.csv", index=False)
    print(table.round(3).to_string(index=False))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), [int(word) for word in sys.argv[3:]] or [0, 1, 2])
