"""Four models on five kinds of signal: sensitivity, capacity and fit per curve, and who is first.

    OMP_NUM_THREADS=1 python benchmarks/comparison.py SHARED_DATA_FOLDER OUT [SET …]

The paper's comparison, scaled down: hours on one core. What was finished before is kept, so it can
be stopped and started again; two processes may work at different sets at once. With everything
done it only reads, and prints the tables.
"""

import sys
from itertools import combinations
from pathlib import Path

import pandas as pd

import cellaxes as cx

MODELS = ("pca", "scvi", "rank_transformer", "random_projection")
SHORT = "rank_transformer:n_tokens=64,max_cells_seen=16000"
"""For the sets with thousands of genes: half the tokens, half the training."""
SETS = {
    "osmfish": ("osmfish/osmfish.h5ad", "space:spatial", (600, 2400), 0.5),
    "larry": ("larry/larry_counts.h5ad", "clone:clone@day", (100, 195), 0.75),
    "zeisel": ("zeisel/zeisel_counts.h5ad", "label:class48", (300, 1000), 0.5),
    "worm": ("worm_embryo/worm_embryo.h5ad", "time:embryo.time", (200, 800), 0.5),
    "pbmc": ("pbmc10k_cite/pbmc10k_cite.h5ad", "protein:protein", (300, 1000), 0.15),
}
BROAD = ("zeisel", "worm", "pbmc")
ORDER = (
    ("capacity: scVI above the transformer", "I_max", "scvi", "rank_transformer"),
    ("sensitivity: PCA needs more UMIs than the transformer", "u_bar", "pca", "rank_transformer"),
    ("sensitivity: scVI needs more UMIs than the transformer", "u_bar", "scvi", "rank_transformer"),
)


def study(shared: Path, out: Path, name: str) -> pd.DataFrame:
    """Carry one set's study out, or read it; its report is under ``out / name``."""
    path, signal, sizes, test_fraction = SETS[name]
    report = cx.verbs.measure(
        shared / "single_cell" / path,
        [signal],
        out=out / name,
        models=[SHORT if m == "rank_transformer" and name in BROAD else m for m in MODELS],
        sizes=sizes,
        n_levels=6,
        n_seeds=3,
        test_fraction=test_fraction,
        n_permutations=1 if name in ("zeisel", "pbmc") else 3,
        n_jobs=1,
        name=name,
    )
    print(f"\n{name}: {report.facts.seconds / 3600:.1f} h of runs, {len(report.failures)} failed")
    print(cx.report.brief(report), flush=True)
    curves = report.to_frame()
    return curves.assign(set=name, model=curves["model"].str.partition(":")[0])


def who_is_first(curves: pd.DataFrame) -> None:
    """Print how often the paper's ordering holds, and where intervals leave no doubt."""
    pairs = curves.set_index(["set", "n_train", "model"])
    for claim, parameter, above, below in ORDER:
        holds = sure = against = n = 0
        for (name, size), _ in curves.groupby(["set", "n_train"]):
            a, b = pairs.loc[(name, size, above)], pairs.loc[(name, size, below)]
            if not (a["identified"] and b["identified"]):
                continue
            n += 1
            holds += a[parameter] > b[parameter]
            sure += a[f"{parameter}_low"] > b[f"{parameter}_high"]
            against += a[f"{parameter}_high"] < b[f"{parameter}_low"]
        print(f"{claim}: {holds} of {n} (intervals apart: {sure} for, {against} against)")
    for size in ("smaller", "larger"):
        rows = curves[
            curves["n_train"]
            == curves.groupby("set")["n_train"].transform("min" if size == "smaller" else "max")
        ]
        best = rows.pivot(index="set", columns="model", values="information")
        print(f"\nbits at full depth, {size} training set\n{best[list(MODELS)].round(2)}")
        for one, other in combinations(MODELS, 2):
            print(f"{one} above {other}: {(best[one] > best[other]).sum()} of {len(best)}")


def main(shared: Path, out: Path, names: list[str]) -> None:
    """Carry the studies out and print their tables."""
    curves = pd.concat([study(shared, out, name) for name in names])
    curves.to_csv(out / "curves.csv", index=False)
    who_is_first(curves)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:] or list(SETS))
