"""Sparse features where the truth is known: programmes, a dictionary, a batch; and their speed.

    OMP_NUM_THREADS=1 python benchmarks/features.py SHARED_DATA_FOLDER OUT [--quick] [PART …]

Parts: dictionary, programmes, drvi, batch, speed, map. Embeddings are made once and kept in OUT
(scVI: a quarter of an hour). Times are CPU seconds. --quick: PCA in place of scVI, one seed, and of
classical peers ICA, varimax and NMF (the last of every fourth cell, 60 rounds).
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

import cellaxes as cx
import peers
from cellaxes.features import metrics
from records import quick, record, version_of

BIOLOGICAL = 32
"""Programmes of the simulation that are biology; the others are batches."""
SCVI = {"n_latent": 32, "max_cells_seen": 5e5}
SMALL = quick()
"""Whether the reduced size is asked for."""


class Simulation:
    """The simulated programmes, and embeddings of them."""

    def __init__(self, shared: Path, out: Path) -> None:
        self.adata = anndata.read_h5ad(shared / "features" / "simulated_programmes.h5ad")
        activity = self.adata.obsm["truth_activity"]
        self.truth = np.asarray(activity.todense() if hasattr(activity, "todense") else activity)
        self.out = out

    def embedding(self, name: str) -> NDArray[np.float32]:
        """Return an embedding by name, from OUT where it is."""
        path = self.out / f"{name}.npy"
        if not path.exists():
            batch = self.adata.obs["batch"].astype(str).to_numpy() if name == "scvi_batch" else None
            if name.startswith("pca"):
                size = int(name.removeprefix("pca"))
                model = cx.embed.make("pca", n_components=size, n_top_genes=2000)
                model.fit(self.adata.X)
            else:
                model = cx.embed.SCVI(**SCVI).fit(self.adata.X, batch=batch)
            np.save(path, model.transform(self.adata.X))
        found: NDArray[np.float32] = np.load(path)
        return found

    def mean_match(self, activations: object, rows: slice = slice(None)) -> float:
        """Return the mean |r| of the best one-to-one match with the truth."""
        truth = self.truth[rows, :BIOLOGICAL]
        return float(np.abs(metrics.matched_correlation(activations, truth).r).mean())

    def matched(self, activations: object) -> str:
        """Say how well activations match the truth."""
        found = metrics.matched_correlation(activations, self.truth[:, :BIOLOGICAL])
        r = np.abs(found.r)
        return (
            f"matched |r| {r.mean():.3f}, above .8: {(r > 0.8).sum()} of {len(r)}, lineages "
            f"{r[:4].mean():.2f}, types {r[4:20].mean():.2f}, activity {r[20:].mean():.2f}"
        )


def dictionary(shared: Path, out: Path) -> None:
    """Known directions: MCC, silent features, seconds."""
    found = np.load(shared / "features" / "sparse_dictionary_100k.npz")
    for settings in ({}, {"steps": 1000, "batch_size": 1024, "learning_rate": 3e-3}):
        config = cx.features.Config(arch="topk", n_features=192, k=4, **settings)
        start = time.process_time()
        model = cx.features.fit(found["x"], config=config)
        seconds = time.process_time() - start
        score = metrics.mcc(model.directions(), found["atoms"])
        print(f"dictionary {settings}: MCC {score:.4f}, {model.n_dropped} dead, {seconds:.1f} s")


def few_programmes(shared: Path, out: Path) -> None:
    """Known programmes by ours and by classical factorisations of the same PCA, and of counts."""
    from sklearn.decomposition import NMF

    from cellaxes._core.matrix import log_normalise

    simulation = Simulation(shared, out)
    z, counts = simulation.embedding("pca32"), simulation.adata.X
    start = time.process_time()
    model = cx.features.fit(z, counts=counts)
    spent = time.process_time() - start
    f = model.encode(z)
    ours = simulation.mean_match(f)
    what = "32 programmes from PCA: mean match |r|"
    told = {"raw dimensions": z, "random dictionary": metrics.random_relu(z, 128, 8.0)}
    told |= {name: metrics.signed_halves(x) for name, x in metrics.peers(z, 32).items()}
    names = {"ica": "ICA", "nmf": "NMF"}
    for name, found in told.items():
        version = f"(scikit-learn {version_of('scikit-learn')})" if name == "ica" else ""
        record(what, ours, simulation.mean_match(found), names.get(name, name), version=version,
               better="higher", note="one seed")  # fmt: skip
    log = log_normalise(counts)[::4]
    start = time.process_time()
    W = NMF(64, init="nndsvda", max_iter=60, tol=1e-3, random_state=0).fit_transform(log)
    theirs = time.process_time() - start
    peer = {"version": f"(scikit-learn {version_of('scikit-learn')})"}
    record(what, ours, simulation.mean_match(W, slice(None, None, 4)), "NMF of expression, 64",
           better="higher", note="NMF: every fourth cell, 60 rounds", **peer)  # fmt: skip
    record("seconds for that", spent, theirs, "NMF of expression, 64", unit="CPU s",
           note="ours learns from all cells, NMF from a fourth", **peer)  # fmt: skip
    record(what, ours, 0.9, "asked", better="reach")
    weights = np.asarray(simulation.adata.varm["truth_weights"])[:, :BIOLOGICAL]
    record("genes of programmes: AUROC", genes(simulation, f, weights), 0.97, "asked",
           better="reach")  # fmt: skip


def drvi_by_its_package(x: Any, concepts: NDArray[np.int64], out: Path) -> None:
    """Record differences of the scores from drvi-py's own, and seconds of both."""
    x = x.toarray() if sp.issparse(x) else np.asarray(x)
    start = time.process_time()
    found = metrics.drvi(x, concepts).to_frame()
    ours = time.process_time() - start
    np.savez(out / "drvi.npz", x=x, concepts=concepts)
    script = Path(__file__).with_name("drvi_peer.py")
    command = [str(peers.python("drvi")), str(script), str(out / "drvi.npz")]
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=clean)
    told = json.loads(done.stdout.splitlines()[-1])
    peer = {"version": peers.version_of("drvi")}
    for score, row in told["scores"].items():
        off = max(abs(found.loc[score, name] - value) for name, value in row.items())
        print(f"{score}: largest difference {off:.2e}")
        if score != "SPN":  # it breaks ties in a random order of its own; tests give it ours
            record(f"disentanglement, {score}: largest difference", off, 1e-6, "drvi-py",
                   better="within", **peer)  # fmt: skip
    record(f"nine scores, {len(x):,} x {x.shape[1]}", ours, told["seconds"], "drvi-py",
           unit="CPU s", **peer)  # fmt: skip


def programmes(shared: Path, out: Path) -> None:
    """Known programmes: activities, genes, and what stability says of the truth."""
    if SMALL:
        few_programmes(shared, out)
        return
    simulation = Simulation(shared, out)
    weights = np.asarray(simulation.adata.varm["truth_weights"])[:, :BIOLOGICAL]
    for name in ("pca32", "pca50", "scvi", "scvi_batch"):
        z = simulation.embedding(name)
        random = metrics.random_relu(z, 128, 8.0)
        print(f"{name}, raw: {simulation.matched(z)}")
        print(f"{name}, random dictionary: {simulation.matched(random)}")
        for told, counts in (("gene transcoder", simulation.adata.X), ("embedding alone", None)):
            models = cx.features.fit_many(z, counts=counts, seeds=(0, 1, 2, 3))
            for i, model in enumerate(models):
                f = model.encode(z)
                others = [other for other in models if other is not model]
                held = cx.features.stability(model, others, z)
                best = np.abs(metrics.correlations(f, simulation.truth)).max(axis=1)
                print(
                    f"{name}, {told}, seed {i}: {simulation.matched(f)}; stable "
                    f"{held.stable.sum()}, their truth {best[held.stable].mean():.2f}, "
                    f"correlation {np.corrcoef(held.mean, best)[0, 1]:.2f}"
                )
                if i == 0:
                    print(f"{name}, {told}, markers: AUROC {genes(simulation, f, weights):.3f}")


def genes(simulation: Simulation, f: object, weights: NDArray[np.float64]) -> float:
    """Return the mean AUROC of programme genes by the markers of the matched feature, r > .6."""
    from sklearn.metrics import roc_auc_score

    found = metrics.matched_correlation(f, simulation.truth[:, :BIOLOGICAL])
    r = cx.features.markers(f, simulation.adata.X, simulation.adata.var_names).r
    return float(
        np.mean(
            [
                roc_auc_score(weights[:, i] > 0.3, r[feature])
                for i, feature in enumerate(found.feature)
                if found.r[i] > 0.6
            ]
        )
    )


def drvi(shared: Path, out: Path) -> None:
    """DRVI's scores of one-to-one disentanglement, 6,000 cells."""
    simulation = Simulation(shared, out)
    rows = np.arange(0, len(simulation.truth), len(simulation.truth) // 6000)[:6000]
    active = (simulation.truth[rows, :BIOLOGICAL] > 0).astype(int)
    z = simulation.embedding("pca32" if SMALL else "scvi_batch")
    model = cx.features.fit(z, counts=simulation.adata.X)
    f = model.encode(z)
    lms: list[float] = []
    for name, every in (
        ("gene transcoder", f),
        ("raw embedding", z),
        ("random dictionary", metrics.random_relu(z, model.n_features, metrics.l0(f))),
    ):
        scores = metrics.drvi(every[rows], active).to_frame()
        print(f"{name}: {scores}")
        lms.append(float(scores.loc["SMI", "LMS"]))
    told = "raw PCA" if SMALL else "raw scVI"
    for peer, value in ((told, lms[1]), ("random dictionary", lms[2])):
        record("LMS-SMI, 6,000 cells", lms[0], value, peer, better="higher")
    if peers.ready("drvi"):
        drvi_by_its_package(f[rows[::3]], active[::3], out)


def batch(shared: Path, out: Path) -> None:
    """Ablating the features that leak the batch of an scVI latent made without one."""
    simulation = Simulation(shared, out)
    z, obs = simulation.embedding("pca32" if SMALL else "scvi"), simulation.adata.obs
    for counts in (simulation.adata.X,) if SMALL else (simulation.adata.X, None):
        model = cx.features.fit(z, counts=counts)
        found = cx.features.remove_batch(
            model, z, obs["batch"].to_numpy(), cell_type=obs["cell_type"].to_numpy()
        )
        print(found)
        what = f"{len(found.features)} leaking features ablated"
        record(f"{what}: neighbours tell the batch", found.batch[1], found.batch[2],
               "as many random features", note=f"before {found.batch[0]:.3f}")  # fmt: skip
        record("batch left above the largest batch's share", found.batch[1] - found.majority, 0.03,
               "asked", better="within")  # fmt: skip
        record("cell type accuracy lost", found.cell_type[0] - found.cell_type[1], 0.01, "asked",
               better="within")  # fmt: skip


def speed(shared: Path, out: Path) -> None:
    """30,000 x 32, 2,000 steps."""
    z = np.random.default_rng(0).normal(size=(30_000, 32)).astype(np.float32)
    for arch in ("batchtopk", "matryoshka"):
        start = time.process_time()
        cx.features.fit(z, arch=arch)
        record(f"30,000 x 32, 2,000 steps of {arch}", time.process_time() - start, 10, "asked",
               unit="CPU s", better="within")  # fmt: skip


def mapped(shared: Path, out: Path) -> None:
    """Train on a million cells on disk: cells per second of 4,096 features of 128 dimensions."""
    path = out / "million.npy"
    if not path.exists():
        held = np.lib.format.open_memmap(path, "w+", np.float32, (1_000_000, 128))
        rng = np.random.default_rng(0)
        for start in range(0, len(held), 50_000):
            held[start : start + 50_000] = rng.normal(size=(50_000, 128))
        held.flush()
    z = np.load(path, mmap_mode="r")
    config = cx.features.Config(arch="topk", n_features=4096, k=16, steps=100, batch_size=1024)
    start = time.process_time()
    model = cx.features.fit(z, config=config)
    train = time.process_time() - start
    start = time.process_time()
    model.encode(z[:20_000])
    read = time.process_time() - start
    print(f"1 M x 128, 4,096 features: trained on {100 * 1024 / train:,.0f} cells/s (start and "
          f"end included), read {20_000 / read:,.0f} cells/s")  # fmt: skip


PARTS = {"dictionary": dictionary, "programmes": programmes, "drvi": drvi, "batch": batch,
         "speed": speed, "map": mapped}  # fmt: skip

if __name__ == "__main__":
    folder = Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for part in sys.argv[3:] or list(PARTS):
        PARTS[part](Path(sys.argv[1]), folder)
