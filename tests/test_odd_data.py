"""Odd but valid data: every room gives the answer of the plain form, or says one sentence.

Whatever holds the numbers, they are the same numbers: containers, types, orders of bytes and
views change nothing, and nothing that was handed in is changed.
"""

import copy
from functools import cache

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes import features, hierarchy, noise, signal
from cellaxes import perturbation as p
from cellaxes._core.adata import read_h5ad

N, G, D = 90, 24, 6
RNG = np.random.default_rng(0)
KIND = np.arange(N) % 3
COUNTS = RNG.poisson(1.5 + 3 * (np.arange(G) % 3 == KIND[:, None]))
COUNTS[:, 4] = 0
Z = RNG.normal(size=(N, D)) + 2 * KIND[:, None] * (np.arange(D) % 2)
Z = np.round(Z * 8) / 8 + 1 / 16  # what half floats and big-endian floats hold alike
NAMES = np.array(["B cell", "T cell", "monocyte"])[KIND]
DONOR = np.array(["d1", "d2", "d3", "d4", "d5"])[np.arange(N) // 3 % 5]
DRUG = np.where(np.arange(N) < 45, "ctrl", "x")


def same(found, expected):
    """Compare two answers, to the rounding of single floats."""
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for key, value in expected.items():
            same(found[key], value)
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            same(one, other)
    elif isinstance(expected, pd.DataFrame):
        same({str(k): v.to_numpy() for k, v in found.items()},
             {str(k): v.to_numpy() for k, v in expected.items()})  # fmt: skip
    else:
        one, other = plain(found), plain(expected)
        assert one.shape == other.shape
        if other.dtype.kind in "fc" or one.dtype.kind in "fc":
            np.testing.assert_allclose(one.astype(float), other.astype(float), 2e-4, 2e-4)
        else:
            assert (one == other).all()


def plain(values):
    if hasattr(values, "compute"):
        values = values.compute()
    values = values.toarray() if sp.issparse(values) else np.asarray(values)
    return values.astype(object) if values.dtype.kind in "OUT" else values


def state(values):
    """Return what a container holds, to see later that nobody touched it."""
    if isinstance(values, anndata.AnnData):
        return (
            None if values.isbacked else state(values.X),
            values.obs.copy(),
            values.var.copy(),
            sorted(values.obsm), sorted(values.uns), sorted(values.layers),
        )  # fmt: skip
    if sp.issparse(values) and hasattr(values, "indptr"):
        return [part.copy() for part in (values.data, values.indices, values.indptr)]
    return copy.deepcopy(values)


def untouched(values, before):
    if isinstance(values, anndata.AnnData):
        now = state(values)
        if before[0] is not None:
            same(now[0], before[0])
        pd.testing.assert_frame_equal(now[1], before[1])
        pd.testing.assert_frame_equal(now[2], before[2])
        assert now[3:] == before[3:]
    elif isinstance(before, list) and sp.issparse(values):
        for now, then in zip((values.data, values.indices, values.indptr), before, strict=True):
            np.testing.assert_array_equal(now, then)
    else:
        same(values, before)


# ---- counts, whatever holds them -----------------------------------------------------------------


def csr(dtype=np.float32, **indices):
    made = sp.csr_matrix(COUNTS.astype(dtype))
    for name, kind in indices.items():
        setattr(made, name, getattr(made, name).astype(kind))
    return made


def wide(values):
    """Return a view of every second column of an array twice as wide."""
    held = np.zeros((values.shape[0], 2 * values.shape[1]), values.dtype)
    held[:, ::2] = values
    return held[:, ::2]


def read_only(values):
    parts = (values.data, values.indices, values.indptr) if sp.issparse(values) else (values,)
    for part in parts:
        part.setflags(write=False)
    return values


def unsorted():
    made = csr()
    for row in range(N):
        part = slice(made.indptr[row], made.indptr[row + 1])
        made.indices[part] = made.indices[part][::-1].copy()
        made.data[part] = made.data[part][::-1].copy()
    made.has_sorted_indices = False
    return made


def with_zeros():
    values = COUNTS.astype(np.float32)
    values[:, 4] = 7  # stands for a zero that is stored
    made = sp.csr_matrix(values)
    made.data[made.indices == 4] = 0
    return made


def lazy(values, **how):
    da = pytest.importorskip("dask.array")
    return da.from_array(values, chunks=(37, G), **how)


FORMS = {
    "csr int64 indices": lambda: csr(indices=np.int64, indptr=np.int64),
    "csr float64": lambda: csr(np.float64),
    "csr int32": lambda: csr(np.int32),
    "csr uint16": lambda: csr(np.uint16),
    "csr unsorted": unsorted,
    "csr explicit zeros": with_zeros,
    "csr read-only": lambda: read_only(csr()),
    "csr_array": lambda: sp.csr_array(csr()),
    "csc": lambda: csr().tocsc(),
    "csc int64 read-only": lambda: read_only(
        sp.csc_matrix((csr().tocsc().data, *map(np.int64, csc_parts())), shape=(N, G))
    ),
    "dense": lambda: COUNTS.astype(np.float32),
    "dense int64": lambda: COUNTS.copy(),
    "dense uint16": lambda: COUNTS.astype(np.uint16),
    "dense bool-like uint8": lambda: COUNTS.astype(np.uint8),
    "dense Fortran": lambda: np.asfortranarray(COUNTS.astype(np.float64)),
    "dense big-endian": lambda: COUNTS.astype(">f8"),
    "dense strided": lambda: wide(COUNTS.astype(np.float32)),
    "dense reversed": lambda: np.ascontiguousarray(COUNTS[::-1].astype(np.float32))[::-1],
    "dense read-only": lambda: read_only(COUNTS.astype(np.float32)),
    "dask": lambda: lazy(COUNTS.astype(np.float32)),
    "dask of csr": lambda: lazy(csr(), asarray=False),
}


def csc_parts():
    made = csr().tocsc()
    return made.indices, made.indptr


def cells(X=None, **obs):
    """Return cells with counts; view, backed and the like are made from it."""
    frame = pd.DataFrame(
        {"cell_type": NAMES, "donor": DONOR, "drug": np.where(np.arange(N) < 45, "ctrl", "x")}
        | obs,
        index=[f"c{i}" for i in range(N)],
    )
    X = csr() if X is None else X
    var = pd.DataFrame(index=[f"G{i}" for i in range(G)])
    return anndata.AnnData(X, frame, var, obsm={"X_z": Z.astype(np.float32)})


def active():
    """Activations of three features, one for each kind of cell."""
    return sp.csr_matrix(np.eye(3, dtype=np.float32)[KIND] * (1 + np.arange(N) % 4)[:, None])


def embedded(X, name, **settings):
    made = cx.embed.embed(cells(X), name, n_components=2, copy=True, **settings).obsm[f"X_{name}"]
    return np.abs(made) if name == "pca" else made


def differences(X):
    found = p.differential_expression(X, cells().obs, compound="drug", control="ctrl")
    return found.t, found.logFC


OF_COUNTS = {
    "thin": lambda X: noise.thin(X, fraction=0.4).counts,
    "thin to a depth": lambda X: noise.thin(X, depth=20, random_state=3),
    "thin_series": lambda X: [level.counts for level in noise.thin_series(X, [0.7, 0.2])],
    "thin_genewise": lambda X: noise.thin_genewise(X, 0.5).counts,
    "batch_shift": lambda X: noise.batch_shift(X, DONOR, strength=0.5).counts,
    "pca": lambda X: embedded(X, "pca"),
    "random projection": lambda X: embedded(X, "random_projection"),
    "markers": lambda X: features.markers(active(), X, [f"G{i}" for i in range(G)]).to_frame(),
    "pseudobulk": lambda X: p.pseudobulk(cells(X), by=["cell_type", "donor"]).X,
    "differential expression": differences,
    "norm_factors": p.norm_factors,
}


@cache
def expected_of_counts(verb):
    return OF_COUNTS[verb](csr())


@pytest.mark.parametrize("verb", OF_COUNTS)
@pytest.mark.parametrize("form", FORMS)
def test_the_same_counts_give_the_same_answer(verb, form):
    X = FORMS[form]()
    before = state(X)
    if form.startswith("dask") and verb in ("thin_genewise", "batch_shift"):
        with pytest.raises(
            cx.InputError, match=r"needs all cells at once: pass counts.compute\(\)"
        ):
            OF_COUNTS[verb](X)
        return
    found = OF_COUNTS[verb](X)
    expected = expected_of_counts(verb)
    if verb == "thin to a depth":
        found, expected = found.depth, expected.depth
    same(found, expected)
    untouched(X, before)


# ---- embeddings --------------------------------------------------------------------------------

MAPS = {
    "float64": lambda path: Z.copy(),
    "float16": lambda path: Z.astype(np.float16),
    "big-endian": lambda path: Z.astype(">f4"),
    "Fortran": lambda path: np.asfortranarray(Z),
    "strided": lambda path: wide(Z.astype(np.float32)),
    "reversed": lambda path: np.ascontiguousarray(Z[::-1])[::-1],
    "read-only": lambda path: read_only(Z.astype(np.float32)),
    "memory map": lambda path: memory_map(path),
}


def memory_map(path):
    np.save(path / "z.npy", Z.astype(np.float32))
    return np.load(path / "z.npy", mmap_mode="r")


LEVELS = pd.DataFrame({"coarse": np.where(KIND == 2, "myeloid", "lymphoid"), "fine": NAMES})


def saved(z):
    config = features.Config(arch="batchtopk", n_features=12, k=2, steps=4, batch_size=32)
    made = features.fit(z, config=config)
    return made.encode(z).toarray(), made.decode(made.encode(z))


def adapted(z):
    made = hierarchy.fit_adapter(z, LEVELS, method="lda")
    return np.abs(made.transform(z))


def called(z):
    found = hierarchy.annotate(z[::2], z[1::2], LEVELS.iloc[1::2], k=5).to_frame()
    return {name: found[name].to_numpy() for name in found}


OF_MAPS = {
    "estimate": lambda z: cx.information.estimate(z[:, :2], NAMES, n_permutations=1).bits,
    "estimate of numbers": lambda z: cx.information.estimate(z[:, :1], z[:, 1:2]).bits,
    "features": saved,
    "fit_adapter": adapted,
    "tree_from_embedding": lambda z: hierarchy.tree_from_embedding(z, NAMES, 2).levels,
    "neighbours": lambda z: hierarchy.neighbours(z[:9], z[9:], 4).cosine,
    "annotate": called,
    "evaluate": lambda z: hierarchy.evaluate({"z": z}, LEVELS, groups=DONOR, k=3).to_frame(),
    "preflight": lambda z: str(features.preflight(z, {"type": NAMES})),
}


@cache
def expected_of_maps(verb):
    return OF_MAPS[verb](Z.astype(np.float32))


@pytest.mark.parametrize("verb", OF_MAPS)
@pytest.mark.parametrize("form", MAPS)
def test_the_same_embedding_gives_the_same_answer(verb, form, tmp_path):
    z = MAPS[form](tmp_path)
    before = np.array(z)
    same(OF_MAPS[verb](z), expected_of_maps(verb))
    np.testing.assert_array_equal(np.array(z), before)


# ---- labels ------------------------------------------------------------------------------------

CODES = {
    "list": list(NAMES),
    "objects": NAMES.astype(object),
    "category with unused": pd.Categorical(NAMES, [*sorted(set(NAMES)), "never seen", "α/β"]),
    "ordered, other order": pd.Categorical(
        NAMES, ["monocyte", "zzz", "T cell", "B cell"], ordered=True
    ),
    "string": pd.array(NAMES, dtype="string"),
    "arrow": pd.array(NAMES, dtype="string[pyarrow]"),
    "series": pd.Series(NAMES, index=[f"x{i}" for i in range(N)]),
    "read-only": read_only(NAMES.copy()),
}


def in_obs(labels):
    frame = cells().obs.copy()
    frame["cell_type"] = labels.to_numpy() if isinstance(labels, pd.Series) else labels
    made = cells()
    made.obs = frame
    return made


def levels_of(labels):
    values = labels.to_numpy() if isinstance(labels, pd.Series) else labels
    return pd.DataFrame({"fine": values})


def of_label(labels):
    found = signal.label(in_obs(labels), "cell_type")
    _, codes = np.unique(np.array(found.categories)[found.values], return_inverse=True)
    return codes, sorted(found.categories)


def signed(labels):
    made = p.pseudobulk(in_obs(labels), by=["cell_type", "donor"])
    made.obs["cell_type"] = made.obs["cell_type"].astype(str)  # samples follow the categories
    made = made[made.obs.sort_values(["cell_type", "donor"]).index]
    return made.X, made.obs["cell_type"].to_numpy(), made.obs["n_cells"].to_numpy()


OF_LABELS = {
    "signal.label": of_label,
    "signal.one_vs_rest": lambda y: signal.one_vs_rest(in_obs(y), "cell_type", "T cell").values,
    "signal.level": lambda y: np.sort(np.bincount(signal.level(in_obs(y), "cell_type", 2).values)),
    "estimate": lambda y: cx.information.estimate(Z[:, :2], y, n_permutations=0).bits,
    "label_scores": lambda y: features.label_scores(active(), y).to_frame(),
    "tree": lambda y: hierarchy.tree(y).levels.sort_index(),
    "tree_from_embedding": lambda y: hierarchy.tree_from_embedding(Z, y, 2).levels.sort_index(),
    "fit_adapter": lambda y: np.abs(
        hierarchy.fit_adapter(Z, levels_of(y), method="lda").transform(Z)
    ),
    "annotate": lambda y: (
        hierarchy.annotate(Z[:9], Z, levels_of(y), k=5).to_frame()["call"].astype(str).to_numpy()
    ),
    "evaluate": lambda y: hierarchy.evaluate({"z": Z}, levels_of(y), groups=DONOR, k=3).to_frame(),
    "pseudobulk": signed,
    "batch_eta_squared": lambda y: features.batch_eta_squared(active(), y)[0],
}


@cache
def expected_of_labels(verb):
    return OF_LABELS[verb](NAMES.copy())


@pytest.mark.parametrize("verb", OF_LABELS)
@pytest.mark.parametrize("form", CODES)
def test_the_same_labels_give_the_same_answer(verb, form):
    labels = copy.deepcopy(CODES[form])
    same(OF_LABELS[verb](labels), expected_of_labels(verb))
    assert list(labels) == list(NAMES)


# ---- cells that are few, empty or alike --------------------------------------------------------


def small(n=N, g=G, **changes):
    """Return some of the cells and genes, with one thing odd about them."""
    made = cells(csr(np.float32))[:n, :g].copy()
    if changes.get("constant"):
        made.X = sp.csr_matrix(np.full((n, g), 3, np.float32))
        made.obsm["X_z"] = np.ones((n, D), np.float32)
    if changes.get("empty"):
        held = made.X.toarray()
        held[::4] = 0
        made.X = sp.csr_matrix(held)
    if changes.get("one_class"):
        made.obs["cell_type"] = "B cell"
        made.obs["drug"] = "ctrl"
    if changes.get("twice"):
        made.obs_names = ["c"] * n
        made.var_names = ["G"] * g
    return made


ODD = {
    "one cell": lambda: small(1),
    "two cells": lambda: small(2),
    "one gene": lambda: small(g=1),
    "one cell of one gene": lambda: small(1, 1),
    "no cells": lambda: small(0),
    "no genes": lambda: small(g=0),
    "one class": lambda: small(one_class=True),
    "constant": lambda: small(constant=True),
    "empty rows": lambda: small(empty=True),
    "all empty": lambda: small(constant=False, empty=True)[::4].copy(),
    "names twice": lambda: small(twice=True),
}


def codes_of(made):
    return pd.DataFrame({"fine": made.obs["cell_type"].to_numpy()})


def responses(made):
    sums = p.pseudobulk(made, by=["cell_type", "drug", "donor"])
    found = p.differential_expression(
        sums, compound="drug", control="ctrl", context="cell_type", donor="donor"
    )
    return p.from_differential_expression(found)


def scaled(made):
    depths = np.asarray(made.X.sum(axis=1)).ravel()
    return cx.scaling.fit_noise_law(depths[:6], np.log2(1 + depths[:6]))


ROOMS = {
    "thin": lambda a: noise.thin(a, fraction=0.5),
    "thin_series": lambda a: noise.thin_series(a.X, [0.5, 0.1]),
    "thin_genewise": lambda a: noise.thin_genewise(a.X, 0.5),
    "batch_shift": lambda a: noise.batch_shift(a.X, a.obs["donor"], strength=0.3),
    "pca": lambda a: cx.embed.embed(a, "pca", n_components=2, copy=True),
    "projection": lambda a: cx.embed.embed(a, "random_projection", n_components=2, copy=True),
    "label": lambda a: signal.label(a, "cell_type"),
    "one_vs_rest": lambda a: signal.one_vs_rest(a, "cell_type", "B cell"),
    "level": lambda a: signal.level(a, "cell_type", 2),
    "measurement": lambda a: signal.measurement(a, "X_z", transform="raw"),
    "time": lambda a: signal.time(a.copy(), "drug"),
    "space": lambda a: signal.space(a, "X_z"),
    "clone": lambda a: signal.clone(a, "donor"),
    "estimate": lambda a: cx.information.estimate(a.obsm["X_z"], a.obs["cell_type"]),
    "estimate of numbers": lambda a: cx.information.estimate(
        a.obsm["X_z"][:, :1], a.obsm["X_z"][:, 1:2]
    ),
    "noise law": scaled,
    "features": lambda a: saved(a.obsm["X_z"]),
    "markers": lambda a: features.markers(active()[: a.n_obs], a.X, a.var_names),
    "label_scores": lambda a: features.label_scores(active()[: a.n_obs], a.obs["cell_type"]),
    "preflight": lambda a: features.preflight(a.obsm["X_z"], {"type": a.obs["cell_type"]}),
    "tree": lambda a: hierarchy.tree(a.obs["cell_type"]),
    "tree_from_embedding": lambda a: hierarchy.tree_from_embedding(
        a.obsm["X_z"], a.obs["cell_type"], 2
    ),
    "fit_adapter": lambda a: hierarchy.fit_adapter(a.obsm["X_z"], codes_of(a), method="lda"),
    "annotate": lambda a: hierarchy.annotate(a.obsm["X_z"], a.obsm["X_z"], codes_of(a), k=3),
    "evaluate": lambda a: hierarchy.evaluate({"z": a.obsm["X_z"]}, codes_of(a), k=3),
    "read_cells": lambda a: hierarchy.read_cells(a, ["cell_type"], rep="X_z").load(),
    "pseudobulk": lambda a: p.pseudobulk(a, by=["cell_type", "donor"]),
    "responses": responses,
}


@pytest.mark.filterwarnings("ignore:(Observation|Variable) names are not unique:UserWarning")
@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("form", ODD)
def test_odd_cells_give_an_answer_or_one_sentence(room, form):
    made = ODD[form]()
    before, said = state(made), ""
    try:
        ROOMS[room](made)
    except cx.CellaxesError as error:
        said = str(error)
    assert "\n" not in said
    assert len(said) < 600
    assert not said or len(said.split()) > 4
    untouched(made, before)


# ---- names ---------------------------------------------------------------------------------------

SPOKEN = np.array(["B/T cell", 'α β, "γ"', "c:\\d|e;f=g %20 <b>&amp;"])


def spoken(levels=SPOKEN):
    made = cells()
    made.obs["cell type: é"] = levels[KIND]
    made.var_names = [f"{'α/β' if i % 2 else 'HLA-DRA '}{i}" for i in range(G)]
    made.obsm["X z"] = made.obsm["X_z"]
    return made


def test_any_name_goes_through_a_measurement_and_its_page(tmp_path):
    made = spoken()
    report = cx.verbs.measure(
        made, ["label:cell type: é"], out=tmp_path / "a b" / "ü", models=["pca:n_components=2"],
        n_levels=3, n_seeds=1, n_permutations=0, n_jobs=1, progress=False,
    )  # fmt: skip
    assert report.runs["status"].eq("done").all()
    page = (tmp_path / "a b" / "ü" / "report.html").read_text(encoding="utf-8")
    assert "label:cell type: é" in page


def test_any_name_goes_through_structure_and_its_page(tmp_path):
    made = spoken()
    report = cx.verbs.structure(
        made, "X z", "cell type: é", out=tmp_path / "s", tree="data", levels=2, method="lda",
        baselines=(), n_seeds=1, progress=False,
    )  # fmt: skip
    assert sorted(report.tree.labels) == sorted(SPOKEN)
    again = hierarchy.load_tree(tmp_path / "s" / "tree.json")
    assert again.to_dict() == report.tree.to_dict()
    assert "<b>&amp;" not in (tmp_path / "s" / "report.html").read_text(encoding="utf-8")


def test_any_name_goes_through_responses_and_back(tmp_path):
    rows = pd.DataFrame(
        [(a, b) for a in SPOKEN for b in ("β-estradiol", "a/b", "a b\tc", "1,2-diol\nx")],
        columns=["context", "compound"],
    )
    genes = ["α", "a/b", "G 1", "G,2"]
    table = p.PerturbationTable(rows, genes, t=RNG.normal(size=(12, 4)))
    p.write_table(table, tmp_path / "t.h5ad")
    again = p.read_table(tmp_path / "t.h5ad")
    pd.testing.assert_frame_equal(again.rows, table.rows)
    assert list(again.genes) == genes
    fitted = p.fit(table, members={"r": p.Recommender()}, n_jobs=1, progress=False, like=rows[:2])
    fitted.save(tmp_path / "model")
    np.testing.assert_array_equal(
        p.load_ensemble(tmp_path / "model").predict(rows).t, fitted.predict(rows).t
    )


def test_counts_that_stand_in_other_files_are_read(tmp_path, monkeypatch):
    """A virtual data set stores nothing itself, and is no damage."""
    monkeypatch.setattr("cellaxes._core.hdf5.LARGE", 1)
    path = tmp_path / "cells.h5ad"
    anndata.AnnData(COUNTS.astype(np.float32)).write_h5ad(path)
    with h5py.File(path, "a") as file, h5py.File(tmp_path / "part.h5", "w") as part:
        part["X"], kept = file["X"][:], dict(file["X"].attrs)
        layout = h5py.VirtualLayout(COUNTS.shape, np.float32)
        layout[:] = h5py.VirtualSource(tmp_path / "part.h5", "X", COUNTS.shape)
        del file["X"]
        file.create_virtual_dataset("X", layout).attrs.update(kept)
    np.testing.assert_array_equal(read_h5ad(path).X, COUNTS)
