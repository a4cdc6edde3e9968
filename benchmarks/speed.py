"""Speed against named peers, each pair in one run, CPU seconds on one thread.

    python benchmarks/speed.py

Thinning against ``scanpy.pp.downsample_counts``; KSG against the k-d tree search of
``sklearn.feature_selection.mutual_info_regression``; wall time of a whole study.
"""

import tempfile
import time
from collections.abc import Callable
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


def cpu_seconds(function: Callable[[], object], repeats: int = 5) -> float:
    """Median CPU seconds of a call, after one that compiles."""
    function()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return float(np.median(times))


def thinning() -> None:
    """Cells per second and core at three fractions, on real and on shallow counts."""
    rng = np.random.default_rng(0)
    shallow = sp.csr_matrix(rng.poisson(rng.gamma(0.3, 2, (4000, 2000))).astype(np.float32))
    for name, counts in {"pancreas": cx.datasets.pancreas().X, "simulated": shallow}.items():
        depth = float(np.median(np.asarray(counts.sum(axis=1))))
        for fraction in (0.1, 0.3, 0.7):
            ours = cpu_seconds(lambda c=counts, f=fraction: cx.noise.thin(c, fraction=f))
            target = int(depth * fraction)
            copies = iter([anndata.AnnData(X=counts.copy()) for _ in range(6)])
            peer = cpu_seconds(
                lambda c=copies, t=target: scanpy.pp.downsample_counts(
                    next(c), counts_per_cell=t, random_state=0
                )
            )
            cells = counts.shape[0]
            print(
                f"thin {name:9} {depth:6.0f} UMIs, fraction {fraction}: "
                f"{cells / ours:9,.0f} cells/s, scanpy {cells / peer:6,.0f}, "
                f"ratio {peer / ours:.1f}"
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
        ours = cpu_seconds(lambda x=x, y=y: ksg(make_pairs(x, y), 3), 3)
        peer = cpu_seconds(lambda x=x, y=y: _tree_ksg(x, y, 3), 3)
        line = f"KSG n=5,000 k=3 {d:2} + {d:2} dims: {ours:.3f} s, trees {peer:.3f} s, "
        line += f"ratio {peer / ours:.1f}"
        if d == 1:
            whole = cpu_seconds(lambda x=x, y=y: mutual_info_regression(x, y[:, 0]), 3)
            line += f"; mutual_info_regression {whole:.3f} s, ratio {whole / ours:.1f}"
        print(line)


def study() -> None:
    """Wall time of 2 models x 10 depths x 3 seeds on 5,000 cells, two workers."""
    adata = cx.datasets.simulated_counts(5000, 2000, n_types=12, random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        adata.write_h5ad(Path(folder) / "cells.h5ad")
        start = time.perf_counter()
        spec, material = cx.study.prepare(Path(folder) / "cells.h5ad", ["label:cell_type"])
        out = Path(folder) / "out"
        cx.study.run(spec, out, material=material, n_jobs=2, progress=False)
        seconds = time.perf_counter() - start
    print(f"study 2 models x 10 depths x 3 seeds, 5,000 cells, 2 workers: {seconds:.0f} s")


if __name__ == "__main__":
    with threadpool_limits(1):
        thinning()
        neighbours()
    study()
