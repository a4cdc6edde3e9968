"""Adapters of an embedding on real cells: within a data set, on new donors, studies, technologies.

    OMP_NUM_THREADS=1 python benchmarks/adapters.py SHARED_DATA_FOLDER OUT [--quick] [METHOD …]

Writes OUT/adapters.csv: adapter x split x level, three seeds: accuracy of the five nearest training
cells (cosine) by the whole vector and by the prefix of the level, the untouched embedding's,
and CPU seconds of the fit. Prints leaf accuracies, gains over the untouched embedding with an
interval over splits and seeds, the worst split and level, and level 1 by its prefix. --quick: one
seed, four splits, and the fractal head on the first alone.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

import cellaxes as cx
from records import quick, record

Rows = NDArray[np.int64]
Pair = tuple[NDArray[np.float32], NDArray[np.float32]]
SEEDS = (0, 1, 2)
V5 = {"steps": 800, "learning_rate": 1e-3}
"""The author's own 50 epochs at 0.0001 are too few steps for a thousand cells."""


@dataclass(frozen=True)
class Split:
    """Cells to learn from, and cells to call."""

    name: str
    kind: str
    seed: int
    train: NDArray[np.float32]
    test: NDArray[np.float32]
    levels: pd.DataFrame
    truth: pd.DataFrame
    groups: NDArray[np.str_] | None


def splits(shared: Path) -> Iterator[Split]:
    """Yield all splits, the PCA of each fitted on its training cells."""
    for seed in SEEDS:
        for part in (zeisel, pancreas, lung, cell_lines):
            yield from part(shared / "single_cell", seed)


def pca(counts: sp.csr_matrix, train: Rows, test: Rows, n_components: int) -> Pair:
    """Return the scores of both halves."""
    model = cx.embed.make("pca", n_components=n_components, n_top_genes=2000)
    model.fit(counts[train])
    return model.transform(counts[train]), model.transform(counts[test])


def cut(
    name: str,
    kind: str,
    seed: int,
    rows: tuple[Rows, Rows],
    Z: Pair,
    levels: pd.DataFrame,
    groups: NDArray[np.str_] | None = None,
) -> Split:
    """Return the split; test cells whose finest type was never seen are left out."""
    train, test = rows
    inside, outside = levels.iloc[train], levels.iloc[test]
    known = outside.iloc[:, -1].isin(set(inside.iloc[:, -1])).to_numpy()
    groups = None if groups is None else groups[train]
    return Split(name, kind, seed, Z[0], Z[1][known], inside, outside[known], groups)


def halves(n_cells: int, seed: int) -> tuple[Rows, Rows]:
    """Return two random halves."""
    order = np.random.default_rng(seed).permutation(n_cells)
    return order[: n_cells // 2], order[n_cells // 2 :]


def without(column: NDArray[np.str_], values: Any, seed: int) -> tuple[Rows, Rows]:
    """Return nine tenths of the cells that have none of the values, and all that have."""
    held = np.isin(column, values)
    order = np.random.default_rng(seed).permutation(np.flatnonzero(~held))
    return order[: int(0.9 * len(order))], np.flatnonzero(held)


def zeisel(folder: Path, seed: int) -> Iterator[Split]:
    """Random halves of mouse cortex, 7 and 48 classes as published."""
    adata = anndata.read_h5ad(folder / "zeisel" / "zeisel_counts.h5ad")
    rows = halves(adata.n_obs, seed)
    levels = adata.obs[["class7", "class48"]].astype(str).reset_index(drop=True)
    yield cut("zeisel", "random", seed, rows, pca(adata.X, *rows, 128), levels)


def pancreas(folder: Path, seed: int) -> Iterator[Split]:
    """Random halves, three sets of donors, and both studies of human pancreas."""
    adata = cx.datasets.pancreas()
    counts, types = sp.csr_matrix(adata.X), adata.obs["cell_type"].astype(str)
    ids = adata.obs["cell_type_ontology_term_id"].astype(str)
    levels = cx.hierarchy.tree(types, ids, levels=3).expand(types)
    donor = adata.obs["donor_id"].to_numpy(str)
    study = adata.obs["Dataset"].to_numpy(str)
    rows = halves(adata.n_obs, seed)
    yield cut("pancreas", "random", seed, rows, pca(counts, *rows, 64), levels)
    dealt = np.random.default_rng(seed).permutation(np.unique(donor))
    for k in range(3):
        rows = without(donor, dealt[k::3], seed)
        Z = pca(counts, *rows, 64)
        yield cut(f"pancreas donors {k + 1}", "donor", seed, rows, Z, levels, donor)
    for one in np.unique(study):
        rows = without(study, [one], seed)
        name = f"pancreas {one.split()[0]}"
        yield cut(name, "study", seed, rows, pca(counts, *rows, 64), levels, donor)


def lung(folder: Path, seed: int) -> Iterator[Split]:
    """Random halves and single donors of human lung, scVI and PCA."""
    adata = anndata.read_h5ad(folder / "lung_cl" / "tabula_sapiens_lung.h5ad")
    counts, types = sp.csr_matrix(adata.X), adata.obs["cell_type"].astype(str)
    ids = adata.obs["cell_type_ontology_term_id"].astype(str)
    levels = cx.hierarchy.tree(types, ids).expand(types)
    donor = adata.obs["donor_id"].to_numpy(str)
    scvi = np.asarray(adata.obsm["X_scvi"], dtype=np.float32)
    train, test = rows = halves(adata.n_obs, seed)
    yield cut("lung scVI", "random", seed, rows, (scvi[train], scvi[test]), levels)
    for one in np.unique(donor):
        train, test = rows = without(donor, [one], seed)
        Z = scvi[train], scvi[test]
        yield cut(f"lung scVI {one}", "donor", seed, rows, Z, levels, donor)
        Z = pca(counts, train, test, 128)
        yield cut(f"lung PCA {one}", "donor", seed, rows, Z, levels, donor)


def cell_lines(folder: Path, seed: int) -> Iterator[Split]:
    """Three cell lines by two technologies; levels from the training cells."""
    tables = [folder / "cell_lines" / f"sc_{name}.h5ad" for name in ("celseq2", "dropseq")]
    adata = anndata.concat([anndata.read_h5ad(path) for path in tables], label="technology")
    counts, types = sp.csr_matrix(adata.X), adata.obs["cell_line"].astype(str)
    technology = adata.obs["technology"].to_numpy(str)
    for one in np.unique(technology):
        rows = without(technology, [one], seed)
        Z = pca(counts, *rows, 64)
        tree = cx.hierarchy.tree_from_embedding(Z[0], types.iloc[rows[0]], levels=2)
        name = f"lines {'celseq2' if one == '0' else 'dropseq'}"
        yield cut(name, "technology", seed, rows, Z, tree.expand(types))


def accuracy(pair: Pair, levels: pd.DataFrame, truth: pd.DataFrame) -> NDArray[np.float64]:
    """Return the accuracy at each level of the five nearest reference cells by cosine."""
    near = [Z / np.maximum(np.linalg.norm(Z, axis=1, keepdims=True), 1e-12) for Z in pair]
    nearest = np.argpartition(-(near[1] @ near[0].T), 5, axis=1)[:, :5]
    found = []
    for name in levels:
        names, codes = np.unique(levels[name].astype(str), return_inverse=True)
        votes = np.stack([(codes[nearest] == k).sum(axis=1) for k in range(len(names))], axis=1)
        found.append(float((names[votes.argmax(axis=1)] == truth[name].astype(str)).mean()))
    return np.array(found)


def tuned_neighbours(split: Split) -> NDArray[np.float64]:
    """Return the accuracy at each level of neighbours by cosine, their number and weights tuned."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.neighbors import KNeighborsClassifier

    grid = {"n_neighbors": [1, 3, 5, 10, 20, 40], "weights": ["uniform", "distance"]}
    found = []
    for name in split.levels:
        search = GridSearchCV(KNeighborsClassifier(metric="cosine"), grid, cv=folds(split))
        search.fit(split.train, split.levels[name].astype(str))
        found.append(search.score(split.test, split.truth[name].astype(str)))
    return np.array(found)


def folds(split: Split) -> Any:
    """Return folds of groups, or of cells where there is one group at most."""
    from sklearn.model_selection import GroupKFold, KFold

    groups = split.groups
    if groups is None or len(np.unique(groups)) < 2:
        return KFold(5, shuffle=True, random_state=split.seed)
    n = min(5, len(np.unique(groups)))
    return list(GroupKFold(n).split(split.train, groups=groups))


def logistic(split: Split) -> NDArray[np.float64]:
    """Return the accuracy of multinomial regression on types, probabilities summed upwards."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    leaf = split.levels.iloc[:, -1].astype(str)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    p = model.fit(split.train, leaf).predict_proba(split.test)
    found = []
    for name in split.levels:
        above = dict(zip(leaf, split.levels[name].astype(str), strict=True))
        parents = np.array([above[str(one)] for one in model.classes_])
        groups = np.unique(parents)
        summed = np.stack([p[:, parents == group].sum(axis=1) for group in groups], axis=1)
        called = groups[summed.argmax(axis=1)]
        found.append(float((called == split.truth[name].astype(str)).mean()))
    return np.array(found)


CALLERS = {"tuned neighbours": tuned_neighbours, "logistic": logistic}
"""Baselines that call levels without an embedding of their own."""


def measure_calls(split: Split, method: str) -> list[dict[str, object]]:
    """Return one row per level of a baseline without prefixes."""
    start = time.process_time()
    full = CALLERS[method](split)
    seconds = time.process_time() - start
    raw = accuracy((split.train, split.test), split.levels, split.truth)
    return [
        {
            "kind": split.kind,
            "split": split.name,
            "seed": split.seed,
            "method": method,
            "level": j + 1,
            "finest": j + 1 == len(full),
            "cells": len(split.test),
            "full": full[j],
            "prefix": np.nan,
            "untouched": raw[j],
            "dims": split.train.shape[1],
            "seconds": seconds,
        }
        for j in range(len(full))
    ]


def measure(split: Split, method: str) -> list[dict[str, object]]:
    """Return one row per level."""
    if method in CALLERS:
        return measure_calls(split, method)
    settings = V5 if method == "v5" else {}
    start = time.process_time()
    adapter = cx.hierarchy.fit_adapter(
        split.train,
        split.levels,
        method=method,
        groups=split.groups,
        random_state=split.seed,
        **settings,
    )
    seconds = time.process_time() - start
    pair = adapter.transform(split.train), adapter.transform(split.test)
    full = accuracy(pair, split.levels, split.truth)
    raw = accuracy((split.train, split.test), split.levels, split.truth)
    rows = []
    for j, k in enumerate(adapter.dims):
        cuts = (
            adapter.transform(split.train, truncate_dim=k),
            adapter.transform(split.test, truncate_dim=k),
        )
        rows.append(
            {
                "kind": split.kind,
                "split": split.name,
                "seed": split.seed,
                "method": method,
                "level": j + 1,
                "finest": j + 1 == len(adapter.dims),
                "cells": len(split.test),
                "full": full[j],
                "prefix": accuracy(cuts, split.levels, split.truth)[j],
                "untouched": raw[j],
                "dims": k,
                "seconds": seconds,
            }
        )
    return rows


def summary(table: pd.DataFrame) -> None:
    """Print what the table says, in per cent and percentage points."""
    table = table.assign(gain=100 * (table["full"] - table["untouched"]))
    table["family"] = table["kind"] + " " + table["split"].str.split().str[:2].str.join(" ")
    order = table["method"].unique()
    leaf = table[table["finest"]]
    shown = {
        "Finest level, whole vector, %": leaf.groupby(["family", "method"])["full"].mean() * 100,
        "Level 1, whole vector, %": table[table["level"] == 1]
        .groupby(["family", "method"])["full"]
        .mean()
        * 100,
        "Level 1, prefix 1, %": table[table["level"] == 1]
        .groupby(["family", "method"])["prefix"]
        .mean()
        * 100,
    }
    for title, values in shown.items():
        print(f"\n{title}\n{values.unstack('family').loc[order].round(1).to_string()}")
    gains = table.groupby(["kind", "method"])["gain"].agg(["mean", "sem", "min"])
    gains["low"] = gains["mean"] - 1.96 * gains["sem"]
    gains["high"] = gains["mean"] + 1.96 * gains["sem"]
    print("\nGain over the untouched embedding, all levels, percentage points")
    print(gains[["mean", "low", "high", "min"]].round(2).to_string())
    if "residual" not in order:
        return
    ours = table[table["method"] == "residual"]
    every = ours.groupby(["kind", "split", "level"])["gain"].mean()
    print(
        f"\nours: worst split and level {ours['gain'].min():.2f}, mean of seeds {every.min():.2f}"
    )
    print(ours[ours["gain"] < -0.5][["split", "seed", "level", "cells", "gain"]].to_string())
    first = ours[ours["level"] == 1].assign(lead=lambda t: 100 * (t["prefix"] - t["full"]))
    print(f"\nprefix 1 less whole, level 1: mean {first['lead'].mean():.2f}")
    print(first.groupby("split")["lead"].agg(["mean", "min"]).round(2).to_string())
    print(table.groupby("method")["seconds"].agg(["mean", "max"]).loc[order].round(1).to_string())


def few(shared: Path) -> Iterator[Split]:
    """Yield a split of random cells, of donors, of studies, and of scVI's latent."""
    folder = shared / "single_cell"
    yield next(zeisel(folder, 0))
    of_pancreas = {split.kind: split for split in pancreas(folder, 0)}
    yield of_pancreas["donor"]
    yield of_pancreas["study"]
    yield next(islice(lung(folder, 0), 1, None))


def compared(table: pd.DataFrame, note: str) -> None:
    """Record accuracies of the finest level, ours beside each other method, by split."""
    leaf = table[table["finest"]]
    for name, part in leaf.groupby("split", sort=False):
        mean = part.groupby("method", sort=False)[["full", "untouched"]].mean()
        if "residual" not in mean.index:
            continue
        ours = mean.loc["residual", "full"]
        told = {"untouched": mean.loc["residual", "untouched"], **mean["full"].drop("residual")}
        for method, theirs in told.items():
            record(f"{name}: accuracy, finest level", ours, theirs, NAMES.get(method, method),
                   better="higher", note=note)  # fmt: skip


NAMES = {
    "untouched": "the untouched embedding",
    "lda": "shrinkage LDA",
    "supcon": "supervised contrast",
    "hce": "hierarchical cross-entropy",
    "v5": "the fractal head V5",
    "logistic": "logistic regression",
}


def main(small: bool) -> None:
    """Run all methods on all splits."""
    shared, out, *wanted = sys.argv[1:]
    methods = wanted or [*cx.hierarchy.show_adapters()["name"], *CALLERS]
    rows: list[dict[str, object]] = []
    Path(out).mkdir(parents=True, exist_ok=True)
    for split in few(Path(shared)) if small else splits(Path(shared)):
        for method in methods:
            if small and method == "v5" and split.name != "zeisel":
                continue
            rows += measure(split, method)
        print(split.seed, split.kind, split.name, len(split.train), len(split.test), flush=True)
        pd.DataFrame(rows).to_csv(Path(out) / "adapters.csv", index=False)
    table = pd.DataFrame(rows)
    compared(table, "one seed" if small else f"{len(SEEDS)} seeds")
    summary(table)


if __name__ == "__main__":
    main(quick())
