"""The noise law on images and protein sequences, and what their noise costs to make.

    python benchmarks/modalities.py SHARED_DATA_FOLDER OUT

Blood-cell crops and scikit-learn's digits with Gaussian noise and averaged blocks; spike
sequences with their lineage and beta-lactamase mutants with their fitness, residues replaced.
Prints R² of the law on each coordinate, its parameters with intervals, and the information at the
strongest noise; the pages are left in OUT. What is there already is not measured again.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, set_modality

SPIKE = "proteins/pango-consensus-sequences_S-aa.fasta.zst"
STUDIES = {
    # name: file, signal, kinds of noise, models
    "blood cells": (
        "images/bccd_crops28.npz",
        "label:label",
        ("gaussian", "pooling"),
        ("pixel_pca",),
    ),
    "digits": (
        "digits",
        "label:label",
        ("gaussian", "pooling", "photons"),
        ("pixel_pca", "cnn:label_key=label"),
    ),
    "spike": (SPIKE, "label:lineage_3", ("substitution",), ("kmer", "one_hot")),
    "beta-lactamase": (
        "proteins/P62593.fasta",
        "measurement:value",
        ("substitution",),
        ("kmer", "one_hot"),
    ),
    "beta-lactamase, language model": (
        "proteins/P62593.fasta",
        "measurement:value",
        ("substitution",),
        ("protein_lm:checkpoint=random,window=286",),
    ),
    "spike, language model": (
        SPIKE,
        "label:lineage_3",
        ("substitution",),
        ("protein_lm:checkpoint=random,window=254,overlap=16",),
    ),
}


def digits() -> anndata.AnnData:
    """Return the 1,797 digits of scikit-learn, 8 x 8 pixels."""
    found = load_digits()
    adata = anndata.AnnData(found.data.astype(np.float32))
    adata.obs["label"] = found.target.astype(str)
    set_modality(adata, Images(8, 8, 1, 0.0, 16.0))
    return adata


def study(name: str, noise: str, shared: Path, out: Path) -> None:
    """Measure one data set under one noise, and print what the law says."""
    file, signal, _, models = STUDIES[name]
    start = time.perf_counter()
    report = cx.verbs.measure(
        digits() if file == "digits" else shared / file,
        [signal],
        out=out / f"{name} {noise}".replace(",", "").replace(" ", "_"),
        models=models,
        noise=noise,
        n_seeds=3,
        n_jobs=1,
        progress=False,
        name=name,
    )
    print(f"\n{name}, {noise}: {len(report.runs)} runs, {len(report.failures)} failed")
    print(f"{report.facts.seconds:.0f} s of runs, {time.perf_counter() - start:.0f} s here")
    table = report.to_frame()
    for _, row in table.iterrows():
        print(
            f"  {row['model']:30} {row['coordinate']:24} R2 {row['r_squared']:.4f}  I_max "
            f"{row['I_max']:.3f} ({row['I_max_low']:.3f} to {row['I_max_high']:.3f}) bits  u_bar "
            f"{row['u_bar']:.4g} ({row['u_bar_low']:.4g} to {row['u_bar_high']:.4g})"
            + ("" if row["identified"] else "  NOT IDENTIFIED")
        )
    runs = report.runs[report.runs["status"] == "done"]
    for model, last in runs[runs["fraction"] == runs["fraction"].min()].groupby("model"):
        mean, se = last["information"].mean(), ((last["high"] - last["low"]) / 3.92).mean()
        half = 1.96 * np.hypot(se, last["information"].std() / np.sqrt(len(last)))
        print(
            f"  {model:30} at the strongest noise: {mean:.4f} bits, interval over replicates "
            f"{mean - half:.4f} to {mean + half:.4f}"
        )


def _seconds(make: Callable[[], Any]) -> float:
    start = time.process_time()
    make()
    return time.process_time() - start


def throughput() -> None:
    """Print how fast each noise is made on this core."""
    rng = np.random.default_rng(0)
    pixels, images = rng.random((20_000, 784), dtype=np.float32), Images(28, 28, 1, 0.0, 1.0)
    codes = rng.integers(1, 21, (60_000, 1273)).astype(np.uint8)
    sequences = Sequences(RESIDUES, 1273)
    rates = {}
    for name, make, size in (
        ("gaussian", lambda: cx.noise.gaussian_noise(pixels, images, sigma=0.5), pixels.nbytes),
        ("pooling", lambda: cx.noise.pool(pixels, images, factor=4), pixels.nbytes),
        ("photons 10", lambda: cx.noise.photon_noise(pixels, images, photons=10), pixels.nbytes),
        ("photons 1e4", lambda: cx.noise.photon_noise(pixels, images, photons=1e4), pixels.nbytes),
        ("substitution", lambda: cx.noise.substitute(codes, sequences, p=0.3), codes.nbytes),
        ("blosum62", lambda: cx.noise.substitute(codes, sequences, p=0.3, by="blosum62"), 0),
        ("masking", lambda: cx.noise.mask(codes, sequences, p=0.3), codes.nbytes),
        ("truncation", lambda: cx.noise.truncate(codes, sequences, p=0.3), codes.nbytes),
    ):
        _seconds(make)  # compiles
        took = min(_seconds(make) for _ in range(3))
        rates[name] = {"CPU seconds": took, "MB/s": (size or codes.nbytes) / 1e6 / took}
    print("20,000 images of 28 x 28 (float32); 60,000 sequences of 1,273 residues, with their SNR")
    print(pd.DataFrame(rates).T.round(2).to_string())


def main(shared: Path, out: Path) -> None:
    """Run everything."""
    throughput()
    for name, (_, _, noises, _) in STUDIES.items():
        for noise in noises:
            study(name, noise, shared, out)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
