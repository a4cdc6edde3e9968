"""Damaged files: every reader gives what it can vouch for, or one sentence that names the file.

Run as a script this file is the server of the tests: it imports the package once and forks a child
per reader, whose memory is capped and whose crash or endless loop ends nothing but itself.
"""

import contextlib
import faulthandler
import gc
import gzip
import io
import json
import os
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes import hierarchy
from cellaxes import perturbation as p
from cellaxes._core.adata import read_h5ad
from cellaxes._core.tables import read_table as read_frame
from cellaxes.features._standard import Standard
from cellaxes.verbs._predict_pairs import read_pairs

VERSIONS = int(os.environ.get("CELLAXES_FUZZ", "24"))
"""Damaged versions of each file; set ``CELLAXES_FUZZ=500`` for a night's run."""
MEMORY = 500 << 20
"""Bytes of address space that reading a file of some kilobytes may take."""
SECONDS = 20
"""Time for one version, on a machine that does other things too."""

# ---- what is read ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reader:
    """A reader of files.

    Attributes
    ----------
    make
        Writes a small valid source into a folder and returns what is read.
    read
        Reads it; its sentence names the file.
    use
        Uses what was read; its sentence need not.
    parts
        Files below the source that are damaged in turn, if it is a folder.
    """

    make: Callable[[Path], Path]
    read: Callable[[Path], Any]
    use: Callable[[Any], object] = repr
    parts: tuple[str, ...] = ("",)


GENES = [f"G{i}" for i in range(8)]
TYPES = ["B cell", "T cell", "monocyte"]


def made_cells() -> anndata.AnnData:
    rng = np.random.default_rng(0)
    obs = pd.DataFrame(
        {
            "cell_type": pd.Categorical([TYPES[i % 3] for i in range(24)]),
            "donor": rng.integers(0, 3, 24),
            "note": [f"n{i}" for i in range(24)],
        },
        [f"c{i}" for i in range(24)],
    )
    counts = sp.csr_matrix(rng.poisson(1.0, (24, 8)).astype(np.float32))
    z = rng.normal(size=(24, 4)).astype(np.float32)
    return anndata.AnnData(counts, obs, pd.DataFrame(index=GENES), obsm={"X_z": z})


def h5ad(folder: Path) -> Path:
    made_cells().write_h5ad(folder / "cells.h5ad")
    return folder / "cells.h5ad"


def use_adata(adata: anndata.AnnData) -> None:
    counts = adata.X.toarray() if sp.issparse(adata.X) else np.asarray(adata.X)
    assert counts.shape == adata.shape
    repr(adata.obs)


def use_backed(adata: anndata.AnnData) -> None:
    with contextlib.closing(adata.file):
        repr(adata.obs)
        cx.noise.thin(adata, fraction=0.5)


def long_frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    pairs = [(a, b, g) for a in ("B", "NK") for b in ("x", "y", "z") for g in GENES]
    frame = pd.DataFrame(pairs, columns=["context", "compound", "gene"])
    return frame.assign(t=rng.normal(size=len(frame)), logFC=rng.normal(size=len(frame)))


def wide_frame() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    pairs = [(a, b) for a in ("B", "NK") for b in ("x", "y", "z")]
    values = pd.DataFrame(rng.normal(size=(6, 8)), columns=GENES)
    return pd.concat([pd.DataFrame(pairs, columns=["context", "compound"]), values], axis=1)


def kaggle_frame() -> pd.DataFrame:
    wide = wide_frame().rename(columns={"context": "cell_type", "compound": "sm_name"})
    wide.insert(2, "sm_lincs_id", "LSM-1")
    wide.insert(3, "SMILES", "CCO")
    wide.insert(4, "control", False)
    return wide


def result_frame() -> pd.DataFrame:
    return long_frame()[:8].drop(columns=["context", "compound"])


def id_map_frame() -> pd.DataFrame:
    return kaggle_frame()[["cell_type", "sm_name"]].rename_axis("id").reset_index()


def table_of(frame: Callable[[], pd.DataFrame], name: str) -> Callable[[Path], Path]:
    """Return a maker of a table in the format of its name."""

    def make(folder: Path) -> Path:
        path = folder / name
        if name.endswith(".parquet"):
            frame().to_parquet(path)
        else:
            frame().to_csv(path, index=False, sep="\t" if name.endswith("tsv") else ",")
        return path

    return make


def written(name: str, content: str | bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)
        return folder / name

    return make


def responses(folder: Path) -> Path:
    table = p.read_long(long_frame())
    compounds = pd.DataFrame({"moa": ["a", "b", "c"]}, index=["x", "y", "z"])
    base = pd.DataFrame(np.ones((2, 8)), index=["B", "NK"], columns=GENES)
    full = p.PerturbationTable(
        table.rows, table.genes, t=table.t, compounds=compounds, contexts=base,
        measured=table.t > -9, notes=("made up",), reasons=(("tied",),) * 6,
    )  # fmt: skip
    p.write_table(full, folder / "table.h5ad")
    return folder / "table.h5ad"


def op3(folder: Path) -> Path:
    wide = kaggle_frame()
    values = wide[GENES].to_numpy()
    layers = {"sign_log10_pval": values, "t": values, "logFC": values}
    obs = wide.drop(columns=GENES).set_axis([f"r{i}" for i in range(6)])
    adata = anndata.AnnData(obs=obs, var=pd.DataFrame(index=GENES), layers=layers)
    adata.write_h5ad(folder / "de_train.h5ad")
    return folder / "de_train.h5ad"


def use_table(table: p.PerturbationTable) -> None:
    table.take(np.arange(table.n_rows)[::-1]).layer(table.stored[0])
    repr(table)


def npy(folder: Path) -> Path:
    np.save(folder / "z.npy", made_cells().obsm["X_z"])
    made_cells().obs.to_csv(folder / "labels.csv", index=False)
    return folder / "z.npy"


def beside(path: Path) -> Path:
    return path.with_name("labels.csv")


def npy_table(folder: Path) -> Path:
    return npy(folder).with_name("labels.csv")


def use_stream(stream: hierarchy.CellStream) -> None:
    cells = stream.load()
    assert cells.z.shape == (len(cells), cells.n_dims)
    for name in cells.columns:
        cells.labels(name)


def cells_folder(folder: Path) -> Path:
    hierarchy.write_cells(
        hierarchy.read_cells(made_cells(), ["cell_type"], rep="X_z"), folder / "c"
    )
    return folder / "c"


def cells_parquet(folder: Path) -> Path:
    stream = hierarchy.read_cells(made_cells(), ["cell_type", "donor"], rep="X_z")
    return hierarchy.write_parquet(stream, folder / "cells.parquet")


def scimilarity(folder: Path) -> Path:
    """An hnswlib index as it is laid out, with the labels beside it."""
    z = made_cells().obsm["X_z"]
    n, d, links = len(z), z.shape[1], 4
    vector = 4 + 4 * links
    label = vector + 4 * d
    head = struct.pack("<6Q", 0, n, n, label + 8, label, vector)
    head += struct.pack("<iI3QdQ", 1, n - 1, links // 2, links, links // 2, 0.36, 100)
    body = b"".join(
        struct.pack("<HBx", 3, 0) + bytes(4 * links) + z[i].tobytes() + struct.pack("<Q", i)
        for i in range(n)
    )
    (folder / "model" / "annotation").mkdir(parents=True)
    inside = folder / "model" / "annotation"
    (inside / "labelled_kNN.bin").write_bytes(head + body + bytes(4 * n))
    (inside / "reference_labels.tsv").write_text(
        "".join(f"{TYPES[i % 3]}\ts{i % 2}\n" for i in range(n))
    )
    return folder / "model"


def images(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    np.savez(
        folder / "digits.npz",
        images=rng.integers(0, 256, (12, 5, 4), dtype=np.uint8),
        labels=np.arange(12) % 3,
        donor=np.arange(12),
    )
    return folder / "digits.npz"


def medmnist(folder: Path) -> Path:
    rng = np.random.default_rng(3)
    parts = {
        f"{part}_images": rng.integers(0, 256, (6, 4, 4), dtype=np.uint8)
        for part in ("train", "test")
    }
    labels = {f"{part}_labels": np.arange(6)[:, None] for part in ("train", "test")}
    np.savez_compressed(folder / "medmnist.npz", **parts, **labels)
    return folder / "medmnist.npz"


def image_folder(folder: Path) -> Path:
    from PIL import Image

    rng = np.random.default_rng(4)
    for name in ("cats/a.png", "cats/b.jpg", "dogs/a.tif", "dogs/b.bmp"):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(path)
    return folder / "images"


RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
FASTA = "".join(f">BA.{i % 3}.{i}\n{RESIDUES[i:]}{RESIDUES[:i]}\n" for i in range(1, 12))
DATED = "".join(
    f">Spike|hCoV-19/X/{i}|2021-03-{i + 1:02d}|EPI_ISL_{i}|x\n{RESIDUES}{RESIDUES[:i]}\n"
    for i in range(12)
)
MEASURED = "".join(f">variant {i}|{i / 7:.3f}\n{RESIDUES[::-1]}{RESIDUES[:i]}\n" for i in range(12))
ALIASES = json.dumps({"A": "", "B": "", "BA": "B.1.1.529", "XA": ["B.1", "B.2"]})


def lineages(folder: Path) -> Path:
    (folder / "spikes").mkdir()
    (folder / "spikes" / "s.fasta").write_text(FASTA)
    (folder / "spikes" / "alias_key.json").write_text(ALIASES)
    return folder / "spikes"


def gz(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)


def zstd(text: str) -> bytes:
    return pa.compress(text.encode(), codec="zstd", asbytes=True)


OBO = """format-version: 1.2
data-version: cl/2026

[Term]
id: CL:0
name: cell

[Term]
id: CL:1
name: T cell
synonym: "T-lymphocyte" EXACT []
is_a: CL:0 ! cell

[Term]
id: CL:2
name: B cell
alt_id: CL:0000001
is_a: CL:0 ! cell
relationship: develops_from CL:1 ! T cell

[Term]
id: CL:0000009
name: obsolete
is_obsolete: true
replaced_by: CL:2

[Typedef]
id: develops_from
name: develops from
"""
GUIDE = json.dumps(
    {
        "CL:0": {"label": "cell", "ancestors": {}, "deprecated": False},
        "CL:1": {
            "label": "T cell",
            "ancestors": {"CL:0": 1},
            "synonyms": ["t"],
            "deprecated": False,
            "replaced_by": None,
        },
        "CL:2": {"label": "B cell", "ancestors": {"CL:0": 1, "CL:1": 2}, "deprecated": False},
    },
    indent=1,
)


def use_ontology(ontology: hierarchy.Ontology) -> None:
    names = [term.name for term in ontology.terms.values()]
    hierarchy.tree(names[1:3], ontology=ontology, anchors=OWN_ANCHORS)


OWN_ANCHORS = pd.DataFrame({"level": [1], "ontology_id": ["CL:0"], "name": ["all"]})


def anchors() -> pd.DataFrame:
    return hierarchy.load_anchors("systems").to_frame()


def use_anchors(anchors: hierarchy.AnchorTable) -> None:
    hierarchy.tree(["T cell", "B cell"], anchors=anchors)


def tree_file(folder: Path) -> Path:
    grown = hierarchy.tree(["T cell", "B cell", "monocyte"])
    (folder / "tree.json").write_text(json.dumps(grown.to_dict(), indent=1))
    return folder / "tree.json"


def use_tree(grown: hierarchy.Tree) -> None:
    grown.distance_matrix()
    grown.expand(grown.labels)
    grown.to_frame()


def adapter(method: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        rng = np.random.default_rng(5)
        levels = pd.DataFrame({"coarse": np.arange(60) // 30, "fine": np.arange(60) // 15})
        z = rng.normal(size=(60, 6)) + levels["fine"].to_numpy()[:, None]
        hierarchy.fit_adapter(z, levels, method=method).save(folder / "adapter")
        return folder / "adapter"

    return make


def use_adapter(found: hierarchy.Adapter) -> None:
    found.transform(np.ones((2, found.n_dimensions)))
    repr(found)


def features(folder: Path) -> Path:
    rng = np.random.default_rng(6)
    axes = rng.normal(size=(2, 12, 6)).astype(np.float32)
    rest = {name: np.zeros(12, np.float32) for name in ("gate_bias", "magnitude_bias", "threshold")}
    cx.features.SparseFeatures(
        standard=Standard(np.zeros(6), np.ones(6)),
        encoder=axes[0],
        decoder=axes[1],
        decoder_bias=np.zeros(6, np.float32),
        gain=np.ones(12, np.float32),
        level=np.zeros(12, np.int64),
        loadings=None,
        config=cx.features.Config(arch="topk", n_features=12, k=2),
        random_state=0,
        history=np.ones((2, 4)),
        n_train=200,
        n_dropped=0,
        **rest,
    ).save(folder / "features")
    return folder / "features"


def use_features(found: cx.features.SparseFeatures) -> None:
    found.decode(found.encode(np.ones((2, found.n_dimensions), dtype=np.float32)))
    repr(found)


def model(name: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        made = cx.embed.make(name, n_components=3).fit(made_cells().X)
        made.to_artefact().save(folder / "model")
        return folder / "model"

    return make


def use_model(found: cx.embed.Model) -> None:
    found.transform(made_cells().X)
    repr(found)


def pairs_of(names: list[str]) -> pd.DataFrame:
    return pd.DataFrame([(a, b) for a in names for b in "xyzuvw"], columns=["context", "compound"])


def responses_table() -> p.PerturbationTable:
    rng = np.random.default_rng(7)
    rows = pairs_of(["B", "NK", "T", "M"])
    return p.PerturbationTable(rows, GENES, t=rng.normal(size=(24, 8)))


def predictor(folder: Path) -> Path:
    data = p.training_data(responses_table())
    fitted = p.make_model("kernel_gp", n_steps=2).fit(data)
    p.save_model(fitted, folder / "gp")
    return folder / "gp"


def ensemble(folder: Path) -> Path:
    table = responses_table()
    members = {"kernel_gp": p.KernelGP(n_steps=2), "recommender": p.Recommender()}
    p.fit(table, pairs_of(["B"]), members=members, n_jobs=1, progress=False).save(
        folder / "ensemble"
    )
    return folder / "ensemble"


def use_predictor(found: p.Fitted) -> None:
    found.predict(pairs_of(["B"]))


def use_ensemble(found: p.Ensemble) -> None:
    found.predict(pairs_of(["B"]))
    found.predict_interval(pairs_of(["new"]))
    repr(found)


def study(folder: Path) -> Path:
    cells = cx.datasets.simulated_counts(n_cells=60, n_genes=30)
    cells.write_h5ad(folder / "cells.h5ad")
    spec, material = cx.study.prepare(
        folder / "cells.h5ad",
        ["label:cell_type"],
        models=["random_projection:n_components=2"],
        n_levels=2,
        n_seeds=1,
        n_permutations=0,
    )
    cx.study.run(spec, folder / "study", material=material, n_jobs=1, progress=False)
    for number, record in enumerate(sorted((folder / "study" / "runs").glob("??/*.json"))):
        (folder / "study" / f"record{number}").symlink_to(record)
    return folder / "study"


def read_study(path: Path) -> Any:
    cx.study.status(path)
    return cx.verbs.summarise(path)


def use_page(page: Any) -> None:
    page.to_html()


def handout(folder: Path) -> Path:
    made_cells().write_h5ad(folder / "cells.h5ad")
    made = cx.study.write_thinned(folder / "cells.h5ad", folder / "out", fractions=[1.0], n_seeds=1)
    (folder / "out" / "embeddings").mkdir(exist_ok=True)
    for file in made:
        np.save(folder / "out" / "embeddings" / f"{file.stem}.npy", made_cells().obsm["X_z"])
    return folder / "out"


CURVE = pd.DataFrame(
    {
        "model": ["pca"] * 6 + ["scvi"] * 6,
        "depth": [100.0, 200, 400, 800, 1600, 3200] * 2,
        "bits": [0.4, 0.7, 1.0, 1.3, 1.5, 1.6] * 2,
    }
)


def use_curves(table: pd.DataFrame) -> None:
    cx.scaling.fit_table(table, "depth", "bits", by=["model"])


def use_zoo(table: pd.DataFrame) -> None:
    cx.report.zoo(table, "depth", "bits", model="model").to_html()


def use_sets(sets: cx.features.GeneSets) -> None:
    sets.indicator(np.array(GENES), smallest=1)


SMILES = pd.DataFrame(
    {"compound": ["x", "y", "z"], "SMILES": ["CCO", "CCN", "c1ccccc1O"], "moa": ["a", "b", "a"]}
)
GMT = "".join(f"set {i}\tabout\t" + "\t".join(GENES[i:]) + "\n" for i in range(6))
STORE = ("study.json", "facts.json", "record0", "record1")
SAVED = ("artefact.json", "arrays.safetensors")
IMAGES = ("cats/a.png", "cats/b.jpg", "dogs/a.tif", "dogs/b.bmp")


OWN = "cell_type"
READERS = {
    "h5ad": Reader(h5ad, cx.datasets.open_data, use_adata),
    "h5ad backed": Reader(h5ad, lambda path: read_h5ad(path, backed=True), use_backed),
    "images npz": Reader(images, cx.datasets.open_data, use_adata),
    "images medmnist": Reader(medmnist, cx.datasets.read_images, use_adata),
    "images folder": Reader(image_folder, cx.datasets.read_images, use_adata, IMAGES),
    "fasta": Reader(written("s.fasta", MEASURED), cx.datasets.open_data, use_adata),
    "fasta dated": Reader(written("s.fa", DATED), cx.datasets.open_data, use_adata),
    "fasta gz": Reader(written("s.fasta.gz", gz(DATED)), cx.datasets.open_data, use_adata),
    "fasta zst": Reader(written("s.faa.zst", zstd(MEASURED)), cx.datasets.open_data, use_adata),
    "lineages": Reader(
        lineages,
        lambda path: cx.datasets.read_sequences(path / "s.fasta"),
        use_adata,
        ("s.fasta", "alias_key.json"),
    ),
    "ontology obo": Reader(written("cl.obo", OBO), hierarchy.load_ontology, use_ontology),
    "ontology gz": Reader(written("cl.obo.gz", gz(OBO)), hierarchy.load_ontology, use_ontology),
    "ontology json": Reader(written("cl.json", GUIDE), hierarchy.load_ontology, use_ontology),
    "ontology zst": Reader(
        written("cl.json.zst", zstd(GUIDE)), hierarchy.load_ontology, use_ontology
    ),
    "anchors": Reader(table_of(anchors, "anchors.csv"), hierarchy.load_anchors, use_anchors),
    "tree": Reader(tree_file, hierarchy.load_tree, use_tree),
    "gene sets": Reader(written("own.gmt", GMT), cx.features.gene_sets, use_sets),
    "gene sets gz": Reader(written("own.gmt.gz", gz(GMT)), cx.features.gene_sets, use_sets),
    "cells h5ad": Reader(
        h5ad, lambda path: hierarchy.read_cells(path, [OWN], rep="X_z"), use_stream
    ),
    "cells npy": Reader(
        npy, lambda path: hierarchy.read_cells(path, [OWN], table=beside(path)), use_stream
    ),
    "cells labels": Reader(
        npy_table,
        lambda path: hierarchy.read_cells(path.with_name("z.npy"), [OWN], table=path),
        use_stream,
    ),
    "cells parquet": Reader(
        cells_parquet, lambda path: hierarchy.read_cells(path, [OWN, "donor"]), use_stream
    ),
    "cells scimilarity": Reader(
        scimilarity,
        hierarchy.read_cells,
        use_stream,
        ("annotation/labelled_kNN.bin", "annotation/reference_labels.tsv"),
    ),
    "cells folder": Reader(
        cells_folder,
        lambda path: hierarchy.open_cells(path).stream(),
        use_stream,
        ("cells.json", "embedding.npy", "codes_0.npy"),
    ),
    "adapter lda": Reader(adapter("lda"), hierarchy.load_adapter, use_adapter, SAVED),
    "adapter identity": Reader(adapter("identity"), hierarchy.load_adapter, use_adapter, SAVED),
    "features": Reader(features, cx.features.load, use_features, SAVED),
    "model pca": Reader(model("pca"), cx.embed.load, use_model, SAVED),
    "model projection": Reader(model("random_projection"), cx.embed.load, use_model, SAVED),
    "predictor": Reader(predictor, p.load_model, use_predictor, SAVED),
    "ensemble": Reader(ensemble, p.load_ensemble, use_ensemble, SAVED),
    "responses": Reader(responses, p.read_table, use_table),
    "responses op3": Reader(op3, p.read_table, use_table),
    "responses long": Reader(table_of(long_frame, "long.parquet"), p.read_table, use_table),
    "responses long csv": Reader(table_of(long_frame, "long.csv"), p.read_table, use_table),
    "responses wide": Reader(
        table_of(wide_frame, "wide.tsv"), lambda path: p.read_wide({"t": path}), use_table
    ),
    "responses kaggle": Reader(
        table_of(kaggle_frame, "de_train.parquet"), p.read_kaggle, use_table
    ),
    "responses result": Reader(
        table_of(result_frame, "one.csv"),
        lambda path: p.from_results({("B", "x"): path}),
        use_table,
    ),
    "id map": Reader(table_of(id_map_frame, "id_map.csv"), p.read_id_map),
    "compounds": Reader(table_of(lambda: SMILES, "compounds.csv"), p.read_compounds),
    "pairs": Reader(table_of(lambda: pairs_of(["B"]), "pairs.csv"), read_pairs),
    "curves": Reader(table_of(lambda: CURVE, "curves.csv"), read_frame, use_curves),
    "zoo": Reader(table_of(lambda: CURVE, "curves.parquet"), read_frame, use_zoo),
    "study": Reader(study, read_study, use_page, STORE),
    "handout": Reader(
        handout,
        lambda path: cx.study.read_embedding(path, seed=0, fraction=1.0),
        parts=("handout.json", "embeddings/full.npy"),
    ),
}

# ---- how it is damaged -------------------------------------------------------------------------

FOREIGN = {
    "text": b"hello, this is no such file\n" * 9,
    "json": b'{"a": [1, 2, {"b": null}], "c": "d"}\n',
    "list": b"[1, 2, 3]\n",
    "number": b"7\n",
    "png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x01a\x94K\x01s.",
    "gzip": gz("something else\n" * 9),
    "csv": b"a,b\n1,2\n3\n4,5,6,7\n",
}
WORST = [None, "", "\u0000", -1, 0, 2**63, 1e308, "nan", True, [], {}, [None], {"": {}}, "é" * 99]
Damage = bytes | None
"""What stands in place of a file: other bytes, or None for a folder."""


def versions(data: bytes, name: str, seed: int) -> Iterator[tuple[str, Damage]]:
    """Yield damaged versions of a file without end, what is typical first."""
    rng = np.random.default_rng(seed)
    yield "empty", b""
    yield "folder", None
    for n in (1, 8, 64, len(data) // 2, len(data) - 1):
        yield f"cut at {n}", data[:n]
    yield "zeros", bytes(len(data))
    yield "noise", rng.bytes(len(data))
    yield "shuffled", shuffled(data, 1, rng)
    yield from bombs(data, name)
    foreign = list(FOREIGN)
    for kind in rng.permutation(foreign)[:3]:
        yield f"foreign {kind}", FOREIGN[kind]
    kinds = [*HOW, *([altered] * 6 if name.endswith((".json", "record0", "record1")) else [])]
    for number in range(1 << 30):
        how = kinds[int(rng.integers(len(kinds)))]
        yield f"{how.__name__} {number}", how(data, rng)


def shuffled(data: bytes, block: int, rng: np.random.Generator) -> bytes:
    parts = [data[i : i + block] for i in range(0, len(data), block)]
    return b"".join(parts[i] for i in rng.permutation(len(parts)))


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    return data[: int(rng.integers(len(data)))]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Change some bytes, anywhere, near the start or near the end."""
    changed = bytearray(data)
    near = min(len(data), 400)
    start, stop = [(0, len(data)), (0, near), (len(data) - near, len(data))][int(rng.integers(3))]
    for place in rng.integers(start, stop, 2 ** int(rng.integers(7))):
        changed[place] = int(rng.integers(256))
    return bytes(changed)


def in_blocks(data: bytes, rng: np.random.Generator) -> bytes:
    return shuffled(data, 2 ** int(rng.integers(2, 10)), rng)


def lost(data: bytes, rng: np.random.Generator) -> bytes:
    """Leave out a piece, say it twice, or put zeros in its place."""
    start, stop = np.sort(rng.integers(0, len(data), 2))
    piece = data[start:stop]
    middle = [b"", piece + piece, bytes(len(piece)), rng.bytes(len(piece))][int(rng.integers(4))]
    return data[:start] + middle + data[stop:]


def altered(data: bytes, rng: np.random.Generator) -> bytes:
    """Put another value into a place of JSON, or leave the place out."""
    content = json.loads(data)
    here = content
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return json.dumps(WORST[int(rng.integers(len(WORST)))]).encode()
        key = keys[int(rng.integers(len(keys)))]
        if not isinstance(here[key], dict | list) or rng.random() < 0.3:
            break
        here = here[key]
    if rng.random() < 0.2:
        del here[key]
    else:
        here[key] = WORST[int(rng.integers(len(WORST)))]
    return json.dumps(content).encode()


HOW = [cut, flipped, flipped, in_blocks, lost]


def bombs(data: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield small files that say they are huge."""
    if name.endswith(".npy"):
        yield "bomb", npy_header((10**9, 10**4)) + data[-64:]
        yield "bomb of no bytes", npy_header((10**18,)) + data[-64:]
    elif name.endswith(".npz"):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w") as whole:
            whole.writestr("images.npy", npy_header((10**6, 10**4)) + bytes(64))
        yield "bomb", held.getvalue()
    elif name.endswith(".safetensors"):
        yield "bomb", struct.pack("<Q", 1 << 60) + data[8:]
        told = {"centre": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}
        head = json.dumps(told).encode()
        yield "bomb of a tensor", struct.pack("<Q", len(head)) + head + data[-64:]
    elif name.endswith(".h5ad"):
        for key in ("X", "X/data", "obsm/X_z", "layers/t", "obs/note", "obs/_index"):
            with contextlib.suppress(KeyError):
                yield f"bomb {key}", h5_bomb(data, key)
    elif name.endswith(".png"):
        body = struct.pack(">II", 60_000, 60_000) + data[24:29]
        yield "bomb", data[:16] + body + struct.pack(">I", zlib.crc32(b"IHDR" + body)) + data[33:]
    elif name.endswith(".gz"):
        yield "bomb", gzip.compress(bytes(1 << 24), 6, mtime=0) * 64
    elif name.endswith("labelled_kNN.bin"):
        yield "bomb", data[:16] + struct.pack("<Q", 1 << 40) + data[24:]


def npy_header(shape: tuple[int, ...]) -> bytes:
    held = io.BytesIO()
    told = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(held, told)
    return held.getvalue()


def h5_bomb(data: bytes, key: str) -> bytes:
    """Return the HDF5 file with a data set that says it has ten billion rows, and stores none."""
    held = io.BytesIO(data)
    with h5py.File(held, "r+") as file:
        old = file[key]
        if isinstance(old, h5py.Group):
            raise KeyError(key)
        told, kind, shape = dict(old.attrs), old.dtype, (10**10, *old.shape[1:])
        del file[key]
        made = file.create_dataset(key, shape, kind, chunks=True)
        made.attrs.update(told)
    return held.getvalue()


# ---- the server: a child per reader ------------------------------------------------------------


class TooSlow(BaseException):
    pass


def serve() -> None:
    """Answer requests ``{name, versions}``, one JSON a line, until the input ends."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    gc.freeze()  # what was imported is never touched again, and shared with the children
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what readers print is no answer
    for line in sys.stdin:
        told = json.loads(line)
        problems, start = [], 0
        while start is not None:
            found, start = attend(told["name"], told["versions"], start)
            problems += found
        print(json.dumps(problems), file=answers, flush=True)


def attend(name: str, n: int, start: int) -> tuple[list[str], int | None]:
    """Fork a child from a version on; return its problems, and where to go on if it died."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        report.touch()
        child = os.fork()
        if child == 0:
            status = 1
            try:
                trial(name, n, start, Path(folder), report)
                status = 0
            except BaseException as error:
                with report.open("a") as lines:
                    lines.write(json.dumps(["problem", f"the trial itself: {error!r}"]) + "\n")
            finally:
                os._exit(status)
        last, since = None, time.monotonic()
        while True:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                break
            size = report.stat().st_size
            if size != last:
                last, since = size, time.monotonic()
            if time.monotonic() - since > 2 * SECONDS:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                status = -1
                break
            time.sleep(0.005)
        lines = [json.loads(line) for line in report.read_text().splitlines()]
    problems = [text for kind, text in lines if kind == "problem"]
    if status == 0 or not any(kind == "version" for kind, _ in lines):
        return problems, None
    number, label = next(text for kind, text in lines[::-1] if kind == "version")
    if any(text.startswith("the trial itself") for text in problems):
        return problems, None
    died = "hangs" if status == -1 else f"dies (status {status})"
    return [*problems, f"{label}: {died}"], number + 1


def trial(name: str, n: int, start: int, folder: Path, report: Path) -> None:
    """Read damaged versions ``start`` to ``n`` and note what is no answer."""
    warnings.simplefilter("ignore")
    faulthandler.enable()
    reader = READERS[name]
    os.chdir(folder)
    source = reader.make(folder)
    reader.use(reader.read(source))
    gc.collect()
    open_files = files_open()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY,) * 2)
    signal.signal(signal.SIGALRM, _too_slow)
    files = {part: (source / part if part else source).resolve() for part in reader.parts}
    held = {part: file.read_bytes() for part, file in files.items()}
    turns = {
        part: versions(held[part], part or source.name, zlib.crc32(f"{name}/{part}".encode()))
        for part in reader.parts
    }
    for number in range(n):
        part = reader.parts[number % len(reader.parts)]
        label, damage = next(turns[part])
        if number < start:
            continue
        label = f"{part or source.name}, {label}"
        with report.open("a") as lines:
            lines.write(json.dumps(["version", [number, label]]) + "\n")
            lines.flush()
            put(files[part], damage)
            problem = attempt(reader, source)
            put(files[part], held[part])
            if problem is not None:
                lines.write(json.dumps(["problem", f"{label}: {problem}"]) + "\n")
    left = still_open(open_files)
    if left:
        with report.open("a") as lines:
            lines.write(json.dumps(["problem", f"files are left open: {left}"]) + "\n")


def files_open() -> Counter[str]:
    """Return the files that this process has open, and how often; pipes and sockets are none."""
    found: Counter[str] = Counter()
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # that of the folder itself is gone by now
            found[str(descriptor.readlink())] += 1
    return Counter({name: n for name, n in found.items() if name.startswith("/")})


def still_open(before: Counter[str], seconds: float = 5.0) -> list[str]:
    """Return what is open that was not before, given time for threads of libraries to close it."""
    end = time.monotonic() + seconds
    while True:
        gc.collect()
        left = sorted((files_open() - before).elements())
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.05)


def put(path: Path, damage: Damage) -> None:
    """Put a file or folder in the place of another, never into the old one: it may be mapped."""
    if path.is_dir():
        path.rmdir()
    path.unlink(missing_ok=True)
    if damage is None:
        path.mkdir()
    else:
        path.write_bytes(damage)


def attempt(reader: Reader, source: Path) -> str | None:
    """Read and use what is there; return what is wrong with the answer."""
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    read = False
    try:
        found = reader.read(source)
        read = True
        reader.use(found)
    except cx.CellaxesError as error:
        said = str(error)
        if "\n" in said or len(said) > 900:
            return f"is no sentence: {said!r}"
        if not read and not any(name in said for name in named(source)):
            return f"does not name the file: {said!r}"
    except TooSlow:
        return "takes too long"
    except Exception as error:
        where = "reading" if not read else "using"
        return f"{where} raises {type(error).__name__}: {str(error)[:300]!r} ({places(error)})"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def places(error: Exception) -> str:
    """Return the last place in the package that an error went through."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "cellaxes" in f.filename and "tests" not in f.filename]
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in own[::-1][:3])


def named(source: Path) -> list[str]:
    return [source.name] + [source.parent.name] * (source.parent.name == "spikes")


def _too_slow(*_: object) -> None:
    raise TooSlow


# ---- the tests ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server():
    quiet = {"MALLOC_ARENA_MAX": "2", "ARROW_DEFAULT_MEMORY_POOL": "system", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **quiet},
    )
    with process:
        yield process
        process.stdin.close()


@pytest.mark.skipif(sys.platform != "linux", reason="caps memory as Linux does")
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_read_or_refused_in_one_sentence(name, server):
    n = VERSIONS if len(READERS[name].parts) == 1 else int(1.5 * VERSIONS)
    print(json.dumps({"name": name, "versions": n}), file=server.stdin, flush=True)
    problems = json.loads(server.stdout.readline())
    assert not problems, f"{len(problems)} of {n}:\n" + "\n".join(problems)


if __name__ == "__main__":
    serve()
