"""The noise law on images and protein sequences.

    python benchmarks/modalities.py SHARED_DATA_FOLDER OUT [--quick]

Blood-cell crops and scikit-learn's digits with Gaussian noise and averaged blocks; spike
sequences with their lineage and beta-lactamase mutants with their fitness, residues replaced.
Prints R² of the law on each coordinate, its parameters with intervals, and the information at the
strongest noise; the pages are left in OUT. What is there already is not measured again. --quick:
digits and beta-lactamase, one baseline and two seeds each.
"""

import sys
import time
from pathlib import Path

import anndata
import numpy as np
from sklearn.datasets import load_digits

import cellaxes as cx
from cellaxes._core.modality import Images, set_modality
from records import quick, record

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


QUICK = ("digits", "beta-lactamase")


def digits() -> anndata.AnnData:
    """Return the 1,797 digits of scikit-learn, 8 x 8 pixels."""
    found = load_digits()
    adata = anndata.AnnData(found.data.astype(np.float32))
    adata.obs["label"] = found.target.astype(str)
    set_modality(adata, Images(8, 8, 1, 0.0, 16.0))
    return adata


def study(name: str, noise: str, shared: Path, out: Path, small: bool) -> None:
    """Measure one data set under one noise, and print what the law says."""
    file, signal, _, models = STUDIES[name]
    start = time.perf_counter()
    report = cx.verbs.measure(
        digits() if file == "digits" else shared / file,
        [signal],
        out=out / f"{name} {noise}".replace(",", "").replace(" ", "_"),
        models=models[:1] if small else models,
        noise=noise,
        n_seeds=2 if small else 3,
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
    for model, rows in table.groupby("model"):
        best = rows.loc[rows["r_squared"].idxmax()]
        record(f"{name}, {noise}, {model}: R² of the law", best["r_squared"], 0.95, "asked",
               better="reach", note=f"on {best['coordinate']}")  # fmt: skip
    runs = report.runs[report.runs["status"] == "done"]
    for model, last in runs[runs["fraction"] == runs["fraction"].min()].groupby("model"):
        mean, se = last["information"].mean(), ((last["high"] - last["low"]) / 3.92).mean()
        half = 1.96 * np.hypot(se, last["information"].std() / np.sqrt(len(last)))
        print(
            f"  {model:30} at the strongest noise: {mean:.4f} bits, interval over replicates "
            f"{mean - half:.4f} to {mean + half:.4f}"
        )
        if noise != "pooling":
            record(f"{name}, {noise}, {model}: strongest noise, lower end", mean - half, 0, "asked",
                   unit="bits", better="within", note=f"{mean:.4f} bits; 0 is inside")  # fmt: skip


def main(shared: Path, out: Path, small: bool) -> None:
    """Run everything."""
    for name, (_, _, noises, _) in STUDIES.items():
        if small and name not in QUICK:
            continue
        for noise in noises:
            study(name, noise, shared, out, small)


if __name__ == "__main__":
    asked = quick()
    main(Path(sys.argv[1]), Path(sys.argv[2]), asked)
