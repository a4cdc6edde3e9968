"""Are calls right as often as promised, and are unknown types noticed? And the funnel's recall.

    OMP_NUM_THREADS=1 python benchmarks/annotation.py SHARED_DATA_FOLDER OUT [--quick]

Lung (Tabula Sapiens, 3 donors) and pancreas (11 donors). Each donor is called from the others; then
each type is taken out of the reference and its cells are called: by others of the same donors, and
by other donors alone. Beside it stand scikit-learn's nearest neighbours, which call by the share
of votes, and its exact search. A minute on one core.
"""

import sys
import time
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier, NearestNeighbors

import cellaxes as cx
from cellaxes._core.matrix import highly_variable, log_normalise
from records import quick, record, version_of

LUNG = "single_cell/lung_cl/tabula_sapiens_lung.h5ad"


class Cells:
    """Embedding, tree, levels and donors of a set."""

    def __init__(self, adata: anndata.AnnData, z: np.ndarray) -> None:
        self.z = np.asarray(z)
        self.tree = cx.hierarchy.tree(
            adata.obs["cell_type"], adata.obs["cell_type_ontology_term_id"]
        )
        self.levels = self.tree.expand(adata.obs["cell_type"]).astype(str)
        self.type = self.levels.iloc[:, -1].to_numpy()
        self.donor = adata.obs["donor_id"].astype(str).to_numpy()
        up = {t: {self.tree.names[a] for a in self.tree.ancestors(t)} for t in self.tree.labels}
        self.fits = {t: up[t] | set(self.tree.levels.loc[t]) for t in self.tree.labels}

    def call(self, query: np.ndarray, reference: np.ndarray, by_donor: bool) -> pd.DataFrame:
        """Call the cells of one mask from those of another."""
        groups = self.donor[reference] if by_donor else None
        if groups is not None and len(set(groups)) < 2:
            groups = None
        return cx.hierarchy.annotate(
            self.z[query], self.z[reference], self.levels[reference], groups=groups
        ).to_frame()


def pca(adata: anndata.AnnData) -> np.ndarray:
    """Return 50 principal components of 2,000 genes."""
    log = log_normalise(adata.X)
    dense = log[:, highly_variable(log, 2000)].toarray()
    return PCA(50, svd_solver="full").fit_transform(dense)


def sets(shared: Path) -> dict[str, Cells]:
    """Return the sets by name."""
    lung, pancreas = anndata.read_h5ad(shared / LUNG), cx.datasets.pancreas()
    return {
        "lung scVI": Cells(lung, lung.obsm["X_scvi"]),
        "lung PCA": Cells(lung, pca(lung)),
        "pancreas PCA": Cells(pancreas, pca(pancreas)),
    }


def new_donors(cells: Cells, name: str, by_donor: bool) -> pd.DataFrame:
    """Call each donor from the others: and say whether the called level is right."""
    rows = []
    for donor in np.unique(cells.donor):
        query = cells.donor == donor
        found = cells.call(query, ~query, by_donor)
        truth = cells.levels[query].reset_index(drop=True)
        called = ~found["rejected"].to_numpy()
        right = np.array(
            [
                ok and call == truth.at[i, level]
                for i, (ok, call, level) in enumerate(
                    zip(called, found["call"], found["level"], strict=True)
                )
            ]
        )
        leaf = truth.columns[-1]
        rows.append(
            {
                "set": name,
                "held out": "donors" if by_donor else "cells",
                "donor": donor,
                "n": len(found),
                "called": called.mean(),
                "to the leaf": (found["level"] == leaf).mean(),
                "right of called": right[called].mean() if called.any() else np.nan,
                "promised": found["confidence"].mean(),
                "leaf right": (found[leaf] == truth[leaf]).mean(),
                "leaf promised": found[f"{leaf}_confidence"].mean(),
                "leaf off": miscalibration(found[f"{leaf}_confidence"], found[leaf] == truth[leaf]),
            }
            | votes(cells, query)
        )
    return pd.DataFrame(rows)


def miscalibration(promised: object, right: object, bins: int = 10) -> float:
    """Return the expected calibration error: mean |promised less right| over bins of promises."""
    promised, right = np.asarray(promised, dtype=float), np.asarray(right, dtype=float)
    place = np.minimum((promised * bins).astype(int), bins - 1)
    gaps = np.bincount(place, promised - right, minlength=bins)
    return float(np.abs(gaps).sum() / len(promised))


def votes(cells: Cells, query: np.ndarray) -> dict[str, float]:
    """Call the leaf by the votes of the 15 nearest cells, as scikit-learn does."""
    model = KNeighborsClassifier(15, metric="cosine").fit(cells.z[~query], cells.type[~query])
    share = model.predict_proba(cells.z[query])
    right = model.classes_[share.argmax(axis=1)] == cells.type[query]
    sure = share.max(axis=1) >= 0.9
    return {
        "votes right": right.mean(),
        "votes off": miscalibration(share.max(axis=1), right),
        "votes called": sure.mean(),
        "votes right of called": right[sure].mean() if sure.any() else np.nan,
    }


def compared(donors: pd.DataFrame, types: pd.DataFrame) -> None:
    """Record the calls of new donors beside those by votes, and what was asked."""
    peer = {"against": "scikit-learn kNN votes", "version": version_of("scikit-learn")}
    for name, part in donors[donors["held out"] == "donors"].groupby("set", sort=False):
        n = part["n"] / part["n"].sum()
        mean = {c: float((part[c] * n).sum()) for c in part.select_dtypes("number")}
        called = part["n"] * part["called"]
        right = float((part["right of called"] * called).sum() / called.sum())
        record(f"{name}, new donors: leaf right", mean["leaf right"], mean["votes right"],
               better="higher", **peer)  # fmt: skip
        record(f"{name}, new donors: calibration error", mean["leaf off"], mean["votes off"],
               **peer)  # fmt: skip
        record(f"{name}, new donors: right of called at 90 %", right, 0.88, "asked",
               better="reach", note=f"{mean['called']:.0%} of cells called at some level, "
               f"{mean['votes called']:.0%} by votes of 90 %")  # fmt: skip
    for (name, how), part in types.groupby(["set", "query"], sort=False):
        part = part[part["held out"] == part["held out"].iloc[0]]
        record(f"{name}, unknown types, {how}: rejected or called by an ancestor",
               part["good"].sum() / part["n"].sum(), 0.7, "asked", better="reach")  # fmt: skip


def unknown_types(cells: Cells, name: str, by_donor: bool, new_donor: bool) -> pd.DataFrame:
    """Take each type out: and say whether its cells are rejected or called by an ancestor."""
    rows = []
    for kind in np.unique(cells.type):
        own = cells.type == kind
        for donor in np.unique(cells.donor[own]) if new_donor else [None]:
            query = own & (cells.donor == donor) if new_donor else own
            reference = ~own & (cells.donor != donor) if new_donor else ~own
            found = cells.call(query, reference, by_donor)
            ancestor = found["call"].isin(cells.fits[kind]) & ~found["rejected"]
            rows.append(
                {
                    "set": name,
                    "held out": "donors" if by_donor else "cells",
                    "query": "new donor" if new_donor else "same donors",
                    "type": kind,
                    "n": len(found),
                    "rejected": found["rejected"].sum(),
                    "ancestor": ancestor.sum(),
                }
            )
    columns = ["set", "held out", "query", "type"]
    return pd.DataFrame(rows).groupby(columns, as_index=False).sum()


def funnel(out: Path, n: int) -> pd.DataFrame:
    """Measure recall and speed of the funnel: 200 clusters, coarse structure in the prefix."""
    rng = np.random.default_rng(0)
    scale = np.repeat([3.0, 1.5, 1.0, 0.7], 32)
    centres = rng.normal(size=(200, 128)) * scale
    n_query = 500
    z = centres[rng.integers(0, 200, n + n_query)] + 0.5 * scale * rng.normal(
        size=(n + n_query, 128)
    )
    z = z.astype(np.float32)
    start = time.process_time()
    full = cx.hierarchy.search(z[n:], z[:n], 5)
    exact = time.process_time() - start
    start = time.process_time()
    NearestNeighbors(n_neighbors=5, metric="cosine").fit(z[:n]).kneighbors(z[n:])
    peer = {"version": version_of("scikit-learn"), "unit": "CPU s"}
    record(f"exact neighbours of {n_query} in {n:,} cells", exact, time.process_time() - start,
           "scikit-learn brute", **peer)  # fmt: skip
    rows = [{"prefix": 128, "shortlist": n, "recall@5": 1.0, "CPU s": exact}]
    for prefix in (16, 32, 64):
        for shortlist in (100, 400):
            start = time.process_time()
            found = cx.hierarchy.search(z[n:], z[:n], 5, prefix=prefix, shortlist=shortlist)
            seconds = time.process_time() - start
            hit = (found.index[:, :, None] == full.index[:, None, :]).any(axis=1).mean()
            rows.append(
                {"prefix": prefix, "shortlist": shortlist, "recall@5": hit, "CPU s": seconds}
            )
    frame = pd.DataFrame(rows)
    best = frame[(frame["prefix"] == 32) & (frame["shortlist"] == 400)].iloc[0]
    record("prefix of 32, shortlist of 400", best["CPU s"], exact, "our exact search", unit="CPU s",
           note=f"recall of five neighbours {best['recall@5']:.3f}")  # fmt: skip
    frame.to_csv(out / "funnel.csv", index=False)
    return frame


def main(shared: Path, out: Path, small: bool) -> None:
    """Run all, write tables, print what they say."""
    out.mkdir(parents=True, exist_ok=True)
    donors, types = [], []
    for name, cells in sets(shared).items():
        if small and name == "lung PCA":
            continue
        donors += [
            new_donors(cells, name, by_donor) for by_donor in ((True,) if small else (True, False))
        ]
        ways = ((True, True),) if small else ((False, False), (True, True), (True, False))
        types += [unknown_types(cells, name, *way) for way in ways]
    donor, kind = pd.concat(donors), pd.concat(types)
    donor.to_csv(out / "donors.csv", index=False)
    kind.to_csv(out / "types.csv", index=False)
    print(donor.round(3).to_string(index=False))
    called = donor["n"] * donor["called"]
    keys = [donor["set"], donor["held out"]]
    right = (donor["right of called"] * called).groupby(keys).sum() / called.groupby(keys).sum()
    print(f"\nright of called, all donors\n{right.round(3).to_string()}")
    kind["good"] = kind["rejected"] + kind["ancestor"]
    kind["share"] = kind["good"] / kind["n"]
    compared(donor, kind)
    by = kind.groupby(["set", "held out", "query"])
    cells_good = by["good"].sum() / by["n"].sum()
    print("\nunknown types rejected or called by an ancestor")
    print(pd.DataFrame({"cells": cells_good, "types": by["share"].mean()}).round(3))
    print(f"\nfunnel\n{funnel(out, 20_000 if small else 100_000).round(3).to_string(index=False)}")


if __name__ == "__main__":
    asked = quick()
    main(Path(sys.argv[1]), Path(sys.argv[2]), asked)
