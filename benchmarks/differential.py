"""Differential expression beside R's limma-voom, PyDESeq2, scanpy and plain t tests.

    OMP_NUM_THREADS=1 python benchmarks/differential.py SHARED_DATA_FOLDER [--quick]

R's own answers lie in the shared data: largest differences of t and of log10 p, on real counts
(pasilla) and on a plate of 264 simulated pseudobulks. Then negative binomial counts with known
genes that change, 4 against 4 samples: average precision and CPU seconds; PyDESeq2 runs in an
environment of its own (`benchmarks/peers.py`), where this script calls itself. And what to measure
next, by advice and at random.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd


def simulate(seed: int, n_genes: int) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    """Return counts (samples x genes), samples, and which genes change."""
    rng = np.random.default_rng(seed)
    mean = np.exp(rng.normal(4, 1.5, n_genes))
    dispersion = 0.05 + 2 / mean
    changed = rng.random(n_genes) < 0.1
    fold = np.where(
        changed, np.exp2(rng.choice([-1, 1], n_genes) * rng.uniform(0.5, 1.5, n_genes)), 1
    )
    treated = np.repeat([False, True], 4)
    depth = rng.lognormal(0, 0.3, (8, 1))
    expected = mean * np.where(treated[:, None], fold, 1) * depth
    counts = rng.poisson(expected * rng.gamma(1 / dispersion, dispersion, (8, n_genes)))
    names = [f"s{i}" for i in range(8)]
    samples = pd.DataFrame({"compound": np.where(treated, "drug", "DMSO")}, index=names)
    kept = counts.sum(axis=0) >= 10
    genes = [f"g{i}" for i in np.flatnonzero(kept)]
    return pd.DataFrame(counts[:, kept], names, genes), samples, changed[kept]


def as_peer(folder: Path, n_draws: int) -> None:
    """Run PyDESeq2 on the tables of a folder; print p values' files are beside."""
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    seconds = []
    for draw in range(n_draws):
        counts = pd.read_csv(folder / f"counts{draw}.csv", index_col=0)
        samples = pd.read_csv(folder / f"samples{draw}.csv", index_col=0)
        start = time.process_time()
        data = DeseqDataSet(counts=counts, metadata=samples, design="~compound", quiet=True,
                            n_cpus=1)  # fmt: skip
        data.deseq2()
        stats = DeseqStats(data, contrast=["compound", "drug", "DMSO"], quiet=True, n_cpus=1)
        stats.summary()
        seconds.append(time.process_time() - start)
        stats.results_df["pvalue"].to_csv(folder / f"p{draw}.csv")
    print(json.dumps(seconds))


def oracle(shared: Path) -> None:
    """Record differences from R's answers."""
    import cellaxes as cx
    from records import record

    P, folder = cx.perturbation, shared / "perturbation" / "limma_oracle"

    def read(name: str) -> pd.DataFrame:
        return pd.read_csv(folder / name, index_col=0, float_precision="round_trip")

    design = read("pasilla_design.csv")
    table = pd.read_csv(
        shared / "perturbation/bulk_de/pasilla_gene_counts.tsv", sep="\t", index_col=0
    )[design.index].T
    for name, robust in (("pasilla_limma_voom", False), ("pasilla_limma_voom_robust", True)):
        truth, sizes = read(f"{name}.csv"), table.sum(axis=1)
        counts = table[truth.index]
        factors = P.norm_factors(counts, library_size=sizes)
        fitted = P.voom(counts, design, library_size=sizes, norm_factors=factors)
        contrast = {"conditiontreated": 1, "conditionuntreated": -1}
        found = P.moderated_t(fitted, contrast, robust=robust).set_index(truth.index)
        told = f"pasilla{', robust' if robust else ''}: largest difference of"
        off = np.abs(found["log10_p"] - np.log10(truth["P.Value"])).max()
        peer = {"version": "limma", "better": "within", "note": "R's own numbers; no R runs here"}
        record(f"{told} t", np.abs(found["t"] - truth["t"]).max(), 1e-6, "R", **peer)
        record(f"{told} log10 p", off, 1e-6, "R", **peer)
    counts, obs = read("sim_counts.csv.gz").T, pd.read_csv(folder / "sim_obs.csv")
    start = time.process_time()
    found = P.differential_expression(
        counts, obs.set_index("sample"), control="DMSO", compound="sm",
        covariates=["donor", "plate", "row"],
    )  # fmt: skip
    seconds = time.process_time() - start
    truth = pd.read_csv(folder / "sim_limma_voom.csv.gz", float_precision="round_trip")
    pairs = pd.MultiIndex.from_product([found.rows["compound"], found.genes])
    t = truth.set_index(["sm", "gene"]).loc[pairs, "t"]
    record("plate of 42 compounds: largest difference of t", np.abs(found.t.ravel() - t).max(),
           1e-6, "R", **peer)  # fmt: skip
    record("plate, 1,500 genes x 264 x 42 contrasts", seconds, 10, "asked", unit="CPU s",
           better="within")  # fmt: skip


def known_genes(n_draws: int, n_genes: int) -> None:
    """Record average precision and seconds where the genes that change are known."""
    import anndata
    import scanpy
    from scipy.stats import ttest_ind
    from sklearn.metrics import average_precision_score

    import cellaxes as cx
    import peers
    from records import record, version_of

    seconds: dict[str, list[float]] = {}
    precision: dict[str, list[float]] = {}

    def keep(name: str, p: np.ndarray, changed: np.ndarray, spent: float) -> None:
        seconds.setdefault(name, []).append(spent)
        score = np.where(np.isfinite(p), p, 1.0)
        precision.setdefault(name, []).append(average_precision_score(changed, -score))

    def voom(counts: pd.DataFrame, samples: pd.DataFrame) -> np.ndarray:
        found = cx.perturbation.differential_expression(
            counts, samples, control="DMSO", compound="compound"
        )
        return 10.0 ** -np.abs(found.signed_log10_p[0])

    def welch(counts: pd.DataFrame, samples: pd.DataFrame) -> np.ndarray:
        x = np.log1p(1e6 * counts.to_numpy() / counts.sum(axis=1).to_numpy()[:, None])
        drug = (samples["compound"] == "drug").to_numpy()
        return ttest_ind(x[drug], x[~drug], equal_var=False).pvalue

    def wilcoxon(counts: pd.DataFrame, samples: pd.DataFrame) -> np.ndarray:
        adata = anndata.AnnData(counts.astype(np.float32), samples.astype("category"))
        scanpy.pp.normalize_total(adata)
        scanpy.pp.log1p(adata)
        scanpy.tl.rank_genes_groups(adata, "compound", groups=["drug"], reference="DMSO",
                                    method="wilcoxon")  # fmt: skip
        table = scanpy.get.rank_genes_groups_df(adata, "drug").set_index("names")
        return table["pvals"][counts.columns].to_numpy()

    methods = {"ours": voom, "Welch t test": welch, "scanpy wilcoxon": wilcoxon}
    with tempfile.TemporaryDirectory() as name:
        folder, truths = Path(name), []
        for draw in range(n_draws):
            counts, samples, changed = simulate(draw, n_genes)
            truths.append(changed)
            counts.to_csv(folder / f"counts{draw}.csv")
            samples.to_csv(folder / f"samples{draw}.csv")
            for method, call in methods.items():
                if draw == 0:
                    call(counts, samples)  # compiles
                start = time.process_time()
                p = call(counts, samples)
                keep(method, p, changed, time.process_time() - start)
        if peers.ready("pydeseq2"):
            clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
            command = [str(peers.python("pydeseq2")), __file__, "peer", name, str(n_draws)]
            done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean)
            for draw, spent in enumerate(json.loads(done.stdout.splitlines()[-1])):
                p = pd.read_csv(folder / f"p{draw}.csv", index_col=0)["pvalue"].to_numpy()
                keep("PyDESeq2", p, truths[draw], spent)
    versions = {"Welch t test": f"scipy {version_of('scipy')}", "PyDESeq2": "0.5.4",
                "scanpy wilcoxon": version_of("scanpy")}  # fmt: skip
    what = f"4 against 4 samples, {n_genes:,} genes"
    for peer in [name for name in precision if name != "ours"]:
        told = {"version": versions[peer], "note": f"{n_draws} simulations"}
        record(f"{what}: average precision", np.mean(precision["ours"]), np.mean(precision[peer]),
               peer, better="higher", **told)  # fmt: skip
        record(what, np.median(seconds["ours"]), np.median(seconds[peer]), peer, unit="CPU s",
               **told)  # fmt: skip


def advice(n_campaigns: int) -> None:
    """Record errors after 20 measurements that were advised or drawn."""
    import cellaxes as cx
    from records import record

    model = cx.perturbation.make_model("kernel_gp", n_steps=25)
    found = cx.perturbation.simulate_campaigns(n_campaigns, 20, n_draws=2, model=model)
    mean = found.table.mean()
    note = f"{n_campaigns} simulated campaigns, {found.won:.0%} of them won"
    record("error after 20 measurements by advice", mean["advice"], mean["random"],
           "chosen at random", note=note)  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1] == "peer":
        as_peer(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        from records import quick

        small = quick()
        oracle(Path(sys.argv[1]))
        known_genes(2 if small else 10, 2000 if small else 10_000)
        advice(4 if small else 20)
