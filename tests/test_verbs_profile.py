"""One page on an embedding: its numbers are those of the three verbs it is made of."""

import json
from functools import partial

import anndata
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import cellaxes as cx
from cellaxes import InputError
from cellaxes.cli._app import app
from cellaxes.report._words import whole
from cellaxes.verbs import _profile

HOW = {"n_levels": 3, "n_seeds": 1, "n_jobs": 1, "tree": "data", "progress": False}


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    adata = cx.datasets.simulated_counts(n_cells=300, random_state=0)
    adata.obs["donor"] = pd.Categorical(np.array(list("abc"))[np.arange(300) % 3])
    path = tmp_path_factory.mktemp("cells") / "cells.h5ad"
    adata.write_h5ad(path)
    return path


@pytest.fixture(scope="module")
def made(cells, tmp_path_factory):
    out = tmp_path_factory.mktemp("profile") / "out"
    labels = next(c for c in cx.datasets.simulated_counts(n_cells=50).obs)
    quick = partial(_profile.structure, method="lda", n_seeds=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_profile, "structure", quick)
        patch.setattr(_profile, "BESIDE", ("pca",))
        report = cx.verbs.profile(cells, labels, out=out, donor="donor", gene_sets=(), **HOW)
    return report, out, labels


def test_each_number_stands_in_the_folder_of_its_verb(cells, made):
    report, out, _ = made
    told = json.loads((out / "results.json").read_text())
    fits = pd.read_csv(out / "measure" / "fits.csv")
    bits = fits.sort_values("n_train")["information"].iloc[-1]
    assert told["signals"][0]["information"] == pytest.approx(bits)
    features = pd.read_csv(out / "explain" / "features.csv", index_col=0)
    shown = pd.DataFrame(told["features"])
    pd.testing.assert_series_equal(
        features.loc[shown.iloc[:, 0], "umis"].reset_index(drop=True).astype(float),
        shown["umis"].astype(float), check_names=False, rtol=1e-4,
    )  # fmt: skip
    accuracy = pd.read_csv(out / "structure" / "accuracy.csv")
    assert {row["accuracy"] for row in told["levels"]} <= set(accuracy["accuracy"].round(12))
    page = (out / "report.html").read_text()
    for part in ("measure", "explain", "structure"):
        assert f'href="{part}/report.html"' in page
        assert (out / part / "report.html").is_file()
    assert "leaks batch" not in page  # no batch was named
    maker = cx.embed.load(out / "model")
    cells = anndata.read_h5ad(cells)
    np.testing.assert_array_equal(
        maker.transform(cells.X), cx.embed.embed(cells, "pca", copy=True).obsm["X_pca"]
    )
    assert report.story[0][0].isupper()
    ends = shown["umis"].astype(float).dropna().agg(["min", "max"])
    assert all(f"needs {whole(umis)}" in " ".join(report.story) for umis in ends)


def test_an_embedding_of_ones_own_is_measured_as_it_is_and_beside_the_model(
    cells, tmp_path, monkeypatch
):
    adata = anndata.read_h5ad(cells)
    adata.obsm["X_mine"] = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    adata.raw = adata
    adata.write_h5ad(tmp_path / "mine.h5ad")
    asked = {}

    def stand_in(verb):
        def call(*words, **more):
            asked[verb] = (words[1:], more)

        return call

    for verb in ("measure", "explain", "structure"):
        monkeypatch.setattr(_profile, verb, stand_in(verb))
    monkeypatch.setattr(_profile.ProfileReport, "write", lambda *_: None)
    monkeypatch.setattr(_profile.ProfileReport, "story", ["so it is"])
    words = ["profile", str(tmp_path / "mine.h5ad"), "--labels", "cell_type", "--rep", "X_mine"]
    words += [
        "--counts",
        "raw",
        "--donor",
        "donor",
        "--gene-sets",
        "none",
        "--out",
        str(tmp_path / "out"),
    ]
    told = CliRunner().invoke(app, words)
    assert told.exit_code == 0, told.output
    assert "so it is" in told.output
    assert asked["measure"][0] == (["hierarchy:cell_type"],)
    assert asked["measure"][1]["models"] == ["pca", "precomputed:X_mine"]
    assert asked["explain"][0] == ("X_mine",)
    assert asked["explain"][1]["model"] is None
    assert {asked[verb][1]["layer"] for verb in ("measure", "explain")} == {"raw"}
    assert asked["explain"][1]["groups"] == asked["structure"][1]["group"] == "donor"
    assert asked["structure"][0] == ("X_mine", "cell_type")
    assert asked["structure"][1]["study"] == tmp_path / "out" / "measure"


def test_a_missing_column_is_one_sentence_and_leaves_nothing(cells, tmp_path):
    with pytest.raises(InputError, match="no_such"):
        cx.verbs.profile(cells, "no_such", out=tmp_path / "out", **HOW)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="tree must be"):
        cx.verbs.profile(cells, "no_such", out=tmp_path / "out", tree="oak")
