"""Speed against named peers, each pair in one process and in turns, CPU seconds of one thread.

    python benchmarks/speed.py [--quick]

Thinning against ``scanpy.pp.downsample_counts`` and one binomial draw per stored value by NumPy;
KSG against the k-d tree search of ``sklearn.feature_selection.mutual_info_regression``; the noise
of images and sequences against NumPy; time to import; wall time of a whole study, and of tokens.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import anndata
import numpy as np
import scanpy
import scipy.sparse as sp
from scipy.special import digamma
from sklearn.feature_selection import mutual_info_regression
from sklearn.neighbors import KDTree, NearestNeighbors
from threadpoolctl import threadpool_limits

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences
from cellaxes.embed._tokens import FIRST_GENE, Vocabulary, gene_medians, tokenise
from records import alternate, quick, record, speed, version_of


def thinning(repeats: int) -> None:
    """Thin real and shallow counts at three fractions."""
    rng = np.random.default_rng(0)
    shallow = sp.csr_matrix(rng.poisson(rng.gamma(0.3, 2, (4000, 2000))).astype(np.float32))
    for name, counts in {"pancreas": sp.csr_matrix(cx.datasets.pancreas().X),
                         "shallow": shallow}.items():  # fmt: skip
        depth = float(np.median(np.asarray(counts.sum(axis=1))))
        molecules = counts.data.astype(np.int64)
        for fraction in (0.1, 0.3, 0.7):
            target = int(depth * fraction)
            calls = {
                "ours": lambda c=counts, f=fraction: cx.noise.thin(c, fraction=f),
                "scanpy downsample_counts": lambda c=counts, t=target: scanpy.pp.downsample_counts(
                    anndata.AnnData(c.copy()), counts_per_cell=t, random_state=0
                ),
                "numpy binomial": lambda m=molecules, f=fraction: rng.binomial(m, f),
            }
            told = alternate(calls, repeats)
            for peer in list(calls)[1:]:
                record(
                    f"thin {name}, {depth:,.0f} UMIs, to {fraction}",
                    np.median(told["ours"]),
                    np.median(told[peer]),
                    peer,
                    version=version_of(peer.split()[0]),
                    unit="CPU s",
                    ratio=float(np.median(told[peer] / told["ours"])),
                    note="draws only: no new matrix, no seeds by block" if "num" in peer else "",
                )


def _tree_ksg(x: np.ndarray, y: np.ndarray, k: int) -> float:
    """KSG with scikit-learn's trees, as mutual_info_regression does it in one dimension."""
    joint = np.hstack([x, y])
    radius = NearestNeighbors(metric="chebyshev", n_neighbors=k).fit(joint).kneighbors()[0][:, -1]
    radius = np.nextafter(radius, 0)
    counts = [
        KDTree(side, metric="chebyshev").query_radius(side, radius, count_only=True)
        for side in (x, y)
    ]
    return float(digamma(k) + digamma(len(x)) - sum(digamma(c).mean() for c in counts)) / np.log(2)


def neighbours() -> None:
    """KSG at equal n and k."""
    from cellaxes.information._data import make_pairs
    from cellaxes.information._ksg import ksg

    rng = np.random.default_rng(0)
    for d in (1, 2, 5, 16):
        x = rng.standard_normal((5000, d))
        y = x + rng.standard_normal((5000, d))
        x, y = x / x.std(axis=0), y / y.std(axis=0)
        ours = {"ours": lambda x=x, y=y: ksg(make_pairs(x, y), 3)}
        trees = {"scikit-learn trees": lambda x=x, y=y: _tree_ksg(x, y, 3)}
        name = f"KSG, 5,000 pairs, {d} + {d} dimensions"
        speed(name, ours | trees, package="scikit-learn", repeats=3)
        if d == 1:
            whole = {"mutual_info_regression": lambda x=x, y=y: mutual_info_regression(x, y[:, 0])}
            speed(name, ours | whole, package="scikit-learn", repeats=3)


def other_noise(share: float) -> None:
    """Noise of images and sequences, whose signal to noise ours measures too."""
    rng = np.random.default_rng(0)
    n_images, n_sequences = int(20_000 * share), int(60_000 * share)
    pixels, images = rng.random((n_images, 784), dtype=np.float32), Images(28, 28, 1, 0.0, 1.0)
    codes = rng.integers(1, 21, (n_sequences, 1273), dtype=np.uint8)
    sequences = Sequences(RESIDUES, 1273)

    def gaussian() -> np.ndarray:
        return pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * np.float32(0.5)

    def blocks() -> np.ndarray:
        mean = pixels.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4), dtype=np.float32)
        return mean.repeat(4, axis=1).repeat(4, axis=2)

    def photons() -> np.ndarray:
        return (rng.poisson(10 * pixels) / 10).astype(np.float32)

    def residues() -> np.ndarray:
        hit = rng.random(codes.shape, dtype=np.float32) < 0.3
        return np.where(hit, rng.integers(1, 21, codes.shape, dtype=np.uint8), codes)

    for name, ours, peer in (
        ("Gaussian noise", lambda: cx.noise.gaussian_noise(pixels, images, sigma=0.5), gaussian),
        ("blocks of 4 averaged", lambda: cx.noise.pool(pixels, images, factor=4), blocks),
        ("photons", lambda: cx.noise.photon_noise(pixels, images, photons=10), photons),
        ("residues replaced", lambda: cx.noise.substitute(codes, sequences, p=0.3), residues),
    ):
        size = f"{n_sequences:,} x 1,273" if peer is residues else f"{n_images:,} images 28 x 28"
        speed(f"{name}, {size}", {"ours": ours, "numpy": peer}, repeats=3,
              note="ours returns the measured ratio of signal and noise too")  # fmt: skip


def importing() -> None:
    """Seconds of an import, in processes of their own."""
    code = "import time; s = time.process_time(); import cellaxes; print(time.process_time() - s)"
    words = [sys.executable, "-c", code]
    seconds = min(
        float(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        for _ in range(3)
    )
    record("import cellaxes", seconds, 0.5, "asked", unit="CPU s", better="within",
           note="rooms are loaded when they are first used")  # fmt: skip


def tokens() -> None:
    """Rank tokens of 10,000 cells x 20,000 genes."""
    counts = sp.random(10_000, 20_000, 0.05, "csr", np.float32, 0)
    counts.data = np.ceil(counts.data * 5)
    start = time.process_time()
    every = np.arange(FIRST_GENE, FIRST_GENE + counts.shape[1])
    tokenise(counts, Vocabulary(every, gene_medians(counts)), n_tokens=2048)
    record("rank tokens of 10,000 x 20,000", time.process_time() - start, 5, "asked", unit="CPU s",
           better="within")  # fmt: skip


def study(n_seeds: int) -> None:
    """Wall time of 2 models x 10 depths on 5,000 cells, two workers."""
    adata = cx.datasets.simulated_counts(5000, 2000, n_types=12, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        adata.write_h5ad(Path(folder) / "cells.h5ad")
        start = time.perf_counter()
        spec, material = cx.study.prepare(Path(folder) / "cells.h5ad", ["label:cell_type"])
        out = Path(folder) / "out"
        cx.study.run(spec, out, material=material, n_jobs=2, progress=False)
        seconds = time.perf_counter() - start
    name = f"study of 2 models x 10 depths x {n_seeds} seeds, 5,000 cells, 2 workers"
    record(name, seconds, 180, "asked", unit="s", better="within", note="wall time")


if __name__ == "__main__":
    small = quick()
    with threadpool_limits(1):
        importing()
        thinning(3 if small else 5)
        neighbours()
        other_noise(0.2 if small else 1.0)
        tokens()
    study(3)
