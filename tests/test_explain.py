"""Explaining an embedding and steering it, from AnnData to folder, by call and by command."""

import json
import shutil

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes.cli._app import app
from cellaxes.features._checkpoint import Checkpoint

GMT = "one\tx\t" + "\t".join(f"gene{i}" for i in range(20)) + "\n"


@pytest.fixture(scope="module")
def embedded(cells):
    """Simulated cells with an embedding, and the model that made it."""
    adata = cells.copy()
    model = cx.embed.make("pca", n_components=16).fit(adata.X)
    adata.obsm["X_pca"] = model.transform(adata.X)
    adata.obs["donor"] = [f"d{i % 6}" for i in range(adata.n_obs)]
    types = sorted(adata.obs["cell_type"].astype(str).unique())
    adata.obs["side"] = np.where(adata.obs["cell_type"].isin(types[: len(types) // 2]), "a", "b")
    return adata, model


@pytest.fixture(scope="module")
def explained(embedded, tmp_path_factory):
    adata, model = embedded
    out = tmp_path_factory.mktemp("explained") / "out"
    gmt = out.parent / "sets.gmt"
    gmt.write_text(GMT)
    given = adata.copy()
    report = cx.verbs.explain(
        given,
        "X_pca",
        out=out,
        labels="cell_type",
        groups="donor",
        parents="side",
        gene_sets=[str(gmt)],
        model=model,
        peers=True,
        n_seeds=2,
        n_features=24,
        k=3,
        progress=False,
    )
    return given, report, out


def run_command(*words):
    from typer.testing import CliRunner

    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_folder_holds_page_tables_features_and_activations(explained):
    adata, report, out = explained
    model = cx.features.load(out / "features")
    f = sp.load_npz(out / "activations.npz")
    assert (model.encode(adata.obsm["X_pca"].astype(np.float32)) != f).nnz == 0
    table = pd.read_csv(out / "features.csv")
    assert len(table) == model.n_features == f.shape[1]
    np.testing.assert_allclose(table["frequency"], f.getnnz(axis=0) / f.shape[0])
    found = json.loads((out / "results.json").read_text())
    assert found["schema"] == "cellaxes.explain/1"
    assert found["n_other_seeds"] == 1
    assert {row["representation"] for row in found["run_card"]["rows"]} >= {
        "features", "raw dimensions", "random dictionary", "permuted cells"}  # fmt: skip
    assert "</html>" in (out / "report.html").read_text()
    assert (adata.obsm["X_sae"] != f).nnz == 0
    assert adata.uns["cellaxes_X_sae"]["params"]["use_rep"] == "X_pca"
    assert repr(report).startswith("ExplainReport(")


def test_features_beat_their_controls_on_held_out_donors(explained):
    card = explained[1].card
    assert card.groups
    f1 = card.table["concept_f1"]
    assert f1["features"] > f1["permuted cells"] + 0.3
    assert f1["features"] > f1["random dictionary"]
    assert {"ica", "varimax"} <= set(f1.index), "asked for"


def test_the_card_says_what_features_lose_and_holds_it_against_the_controls(explained):
    table = explained[1].card.table
    lost, kept, alike = (table[c] for c in ("unexplained", "loss_recovered", "monosemanticity"))
    assert lost["features"] < 0.6
    assert lost["raw dimensions"] < 1e-6, "they are the embedding"
    assert lost["permuted cells"] > 0.9
    assert kept["raw dimensions"] == pytest.approx(1, abs=1e-4)
    assert 0.7 < kept["features"] <= 1.01
    assert abs(kept["permuted cells"]) < 0.1
    assert alike["features"] > alike["permuted cells"] + 0.1
    assert (table["absorption"].dropna() >= 0).all()
    assert table.loc["features", "absorption"] <= 1


def test_the_page_says_what_a_feature_would_do_to_genes(explained):
    """The effect of a linear map is the step times the direction times the map."""
    adata, report, _ = explained
    z = adata.obsm["X_pca"].astype(np.float32)
    linear = cx.features.LinearDecoder.fit(z, adata.X, adata.var_names)
    for feature in range(3):
        active = report.activations[:, feature].toarray().ravel()
        step = np.percentile(active[active > 0], 95)
        expected = step * report.model.directions()[feature] @ linear.components
        found = report.annotation.markers.lfc[feature]
        np.testing.assert_allclose(found, expected, atol=1e-4)
        moved = report.annotation.markers.moved(feature, 3)
        ranked = np.where(report.annotation.markers.ranked, found, 0)
        assert moved["lfc"].iloc[0] == ranked.max()
        assert moved["lfc"].is_monotonic_decreasing
    assert json.loads((explained[2] / "results.json").read_text())["decoder"].startswith("a linear")


def test_a_feature_needs_fewer_umis_than_cells_have_and_more_than_none(explained, embedded):
    adata, report, _ = explained
    full = float(np.median(np.asarray(adata.X.sum(axis=1))))
    needed = report.information["umis"].dropna()
    assert len(needed) > 5
    assert needed.between(9, full * 1.01).all()
    assert needed.max() > 2 * needed.min()
    told = report.information["bits"]
    silent = told[report.information["umis"].isna()]
    assert (silent < 0.02).all()
    other = cx.embed.make("pca", n_components=16, n_top_genes=50).fit(adata.X)
    with pytest.raises(cx.InputError, match="does not give the embedding"):
        cx.verbs.feature_depths(
            adata.X, adata.obs["cell_type"], other, features=report.model,
            embedding=adata.obsm["X_pca"])  # fmt: skip


def test_a_noisier_feature_needs_more_umis(embedded, explained):
    """Of two features of one signal the one that half the genes are left for needs more."""
    from cellaxes.verbs._depths import _needed

    depth = np.geomspace(1000, 10, 6)
    law = cx.scaling.NoiseLaw
    robust = _needed(depth, law(u_bar=30.0, I_max=1.0)(depth))
    needy = _needed(depth, law(u_bar=300.0, I_max=1.0)(depth))
    assert robust["umis"] < needy["umis"] / 2
    assert robust["r_squared"] > 0.99
    assert np.isnan(_needed(depth, np.full(6, 0.001))["umis"])


def test_commands_explain_and_steer(embedded, tmp_path):
    adata, model = embedded
    adata.write_h5ad(tmp_path / "cells.h5ad")
    model.to_artefact().save(tmp_path / "model")
    words = ["explain", tmp_path / "cells.h5ad", "--rep", "X_pca", "--labels", "cell_type",
             "--groups", "donor", "--gene-sets", "none", "--features", 24, "--k", 3, "--seeds", 1,
             "--out", tmp_path / "out"]  # fmt: skip
    said = run_command(*words)
    assert said.exit_code == 0, said.output
    assert "RunCard(" in said.output
    assert str(tmp_path / "out" / "report.html") in said.output
    labels = adata.obs["cell_type"].astype(str)
    said = run_command(
        "explain", "steer", tmp_path / "cells.h5ad", "--rep", "X_pca", "--from", tmp_path / "out",
        "--edit", "0:ablate", "--edit", "1:percentile=95", "--cells", f"cell_type={labels.iloc[0]}",
        "--out", tmp_path / "steered",
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "features 0, 1" in said.output
    steered = anndata.read_h5ad(tmp_path / "steered" / "steered.h5ad")
    moved = (steered.obsm["X_pca"] != steered.obsm["X_pca_steered"]).any(axis=1)
    assert moved[(labels == labels.iloc[0]).to_numpy()].mean() > 0.5
    assert not moved[(labels != labels.iloc[0]).to_numpy()].any()
    genes = pd.read_csv(tmp_path / "steered" / "genes.csv")
    assert set(genes["gene"]) == set(adata.var_names)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rep", "X_pc"], "did you mean 'X_pca'"),
        (["--rep", "X_pca", "--labels", "celltype"], "did you mean 'cell_type'"),
        (["--rep", "X_pca", "--k", "many"], "'many' is no number"),
        (
            ["--rep", "X_pca", "--k", "9", "--gene-sets", "none"],
            "less than half of the 16 dimensions",
        ),
        (["--rep", "X_pca", "--gene-names", "symbol"], "var has no column 'symbol'"),
        (["--rep", "X_pca", "--gene-sets", "hallmarks"], "hallmark"),
        (["--rep", "X_pca"], "pass gene symbols of the same kind"),
        (
            ["--rep", "X_pca", "--gene-sets", "none", "--model", "nowhere"],
            "nowhere holds no saved model",
        ),
        (["steer", "--rep", "X_pca", "--edit", "a", "--from", "x"], "as in 12:ablate"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_a_sentence(embedded, tmp_path, words, message):
    adata, _ = embedded
    path = tmp_path / "cells.h5ad"
    adata.write_h5ad(path)
    verb = [words.pop(0), path] if words[0] == "steer" else [path]
    said = run_command("explain", *verb, *words, "--out", tmp_path / "out")
    assert isinstance(said.exception, cx.InputError)
    assert message in str(said.exception)
    assert not (tmp_path / "out").exists()


def damaged(name, adata):
    """Cells that cannot be explained, by what is wrong with them."""
    adata = adata.copy()
    match name:
        case "nan":
            adata.obsm["X_pca"][3, 2] = np.nan
        case "constant":
            adata.obsm["X_pca"][:] = 1
        case "fractions":
            adata.X = adata.X.astype(np.float32) / 3
        case "negative":
            adata.X = -adata.X.astype(np.float32)
        case "no cells":
            return adata[:0].copy()
        case "few cells":
            return adata[:30].copy()
        case "narrow":
            adata.obsm["X_pca"] = adata.obsm["X_pca"][:, :2].copy()
        case "no counts":
            return anndata.AnnData(obs=adata.obs, obsm=dict(adata.obsm))
        case "missing label":
            adata.obs.loc[adata.obs_names[3], "cell_type"] = None
    return adata


def ends_with_code_2(capsys, monkeypatch, *words):
    """Return the one sentence with which a command ends."""
    monkeypatch.setattr("sys.argv", ["cellaxes", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        cx.cli.main()
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith("cellaxes: ")
    assert said.count("\n") == 1, "and nothing was trained before"
    return said


UNUSABLE = {
    "nan": "holds NaN or infinity in 1 of 600 rows",
    "constant": "the same in every cell",
    "fractions": "which is no whole number",
    "negative": "counts cannot be negative",
    "no cells": "cells",
    "few cells": "at least 50 training cells",
    "narrow": "too narrow for sparse features",
    "no counts": "has no X",
    "missing label": "obs['cell_type'] is missing in 1 of 600 cells",
}


@pytest.mark.parametrize("case", sorted(UNUSABLE))
def test_cells_that_cannot_be_explained_end_in_one_sentence_and_code_2(
    case, embedded, tmp_path, capsys, monkeypatch
):
    damaged(case, embedded[0]).write_h5ad(tmp_path / "cells.h5ad")
    words = ["--gene-sets", "none", "--out", tmp_path / "out"]
    if case == "missing label":
        words += ["--labels", "cell_type"]
    said = ends_with_code_2(
        capsys, monkeypatch, "explain", tmp_path / "cells.h5ad", "--rep", "X_pca", *words
    )
    assert UNUSABLE[case] in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--labels", "one"], "labels has one value"),
        (["--batch", "one"], "no type has 10 cells in two batches"),
        (["--labels", "cell_type", "--batch", "cell_type"], "cannot be told apart"),
        (["--groups", "one"], "one donor only"),
        (["--labels", "cell_type", "--groups", "cell_type"], "both sides of the split"),
        (["--layer", "counts"], "layers has no 'counts'"),
        (["--groups", "donors"], "did you mean 'donor'"),
        (["--features", "700"], "700 features of 600 training cells"),
    ],
)
def test_annotations_that_say_nothing_are_refused_before_training(
    words, message, embedded, tmp_path, capsys, monkeypatch
):
    adata = embedded[0].copy()
    adata.obs["one"] = "x"
    adata.write_h5ad(tmp_path / "cells.h5ad")
    said = ends_with_code_2(
        capsys, monkeypatch, "explain", tmp_path / "cells.h5ad", "--rep", "X_pca", "--k", 3,
        "--gene-sets", "none", *words, "--out", tmp_path / "out",
    )  # fmt: skip
    assert message in said


@pytest.mark.parametrize(
    ("case", "edit", "message"),
    [
        ("", "99:ablate", "no feature 99"),
        ("", "\u00b2:ablate", "as in 12:ablate"),
        ("", "0:set=x", "'x' is no number"),
        ("", "0:ablat", "did you mean 'ablate'"),
        ("nan", "0:ablate", "NaN or infinity in 1 of 600 rows"),
        ("fractions", "0:ablate", "no whole number"),
        ("negative", "0:ablate", "cannot be negative"),
        ("no cells", "0:ablate", "no cells"),
        ("no counts", "0:ablate", "has no X"),
        ("narrow", "0:ablate", "has 2 dimensions, but these features were trained on 16"),
        ("damaged", "0:ablate", "cannot be read as a saved model"),
        ("nowhere", "0:ablate", "holds no saved model"),
    ],
)
def test_what_cannot_be_steered_ends_in_one_sentence_and_code_2(
    case, edit, message, embedded, explained, tmp_path, capsys, monkeypatch
):
    damaged(case, embedded[0]).write_h5ad(tmp_path / "cells.h5ad")
    if case != "nowhere":
        shutil.copytree(explained[2] / "features", tmp_path / "from" / "features")
    if case == "damaged":
        arrays = tmp_path / "from" / "features" / "arrays.safetensors"
        arrays.write_bytes(arrays.read_bytes()[:-50])
    said = ends_with_code_2(
        capsys, monkeypatch, "explain", "steer", tmp_path / "cells.h5ad", "--rep", "X_pca",
        "--from", tmp_path / "from", "--edit", edit, "--out", tmp_path / "out",
    )  # fmt: skip
    assert message in said
    assert not (tmp_path / "out").exists()


def test_values_that_are_no_counts_are_refused_before_training(embedded, tmp_path):
    adata = embedded[0].copy()
    adata.X = adata.X.astype(np.float32) / 3
    with pytest.raises(cx.InputError, match="X, row 0"):
        cx.verbs.explain(adata, "X_pca", out=tmp_path / "out", progress=False)


def test_parents_that_have_no_children_are_refused_before_training(embedded, tmp_path):
    adata = embedded[0].copy()
    with pytest.raises(cx.InputError, match="name the column of labels"):
        cx.verbs.explain(
            adata, "X_pca", out=tmp_path / "out", parents="side", gene_sets=(), progress=False
        )
    with pytest.raises(cx.InputError, match="no parent has two"):
        cx.verbs.explain(adata, "X_pca", out=tmp_path / "out", labels="cell_type",
                         parents="cell_type", gene_sets=(), progress=False)  # fmt: skip


def test_a_killed_training_on_other_counts_does_not_stand_in_the_way(
    embedded, tmp_path, monkeypatch
):
    adata = embedded[0].copy()
    adata.layers["other"] = adata.X + (adata.X > 0)
    how = {"out": tmp_path, "gene_sets": [], "n_features": 16, "k": 3, "n_seeds": 1}
    save = Checkpoint.save

    def killed(self, step, arrays):
        save(self, step, arrays)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "due", lambda self, *, last: True)
    monkeypatch.setattr(Checkpoint, "save", killed)
    for layer in (None, "other", "other"):
        with pytest.raises(KeyboardInterrupt):
            cx.verbs.explain(adata, "X_pca", layer=layer, **how, progress=False)
    steps = [path.name for path in sorted(tmp_path.glob(".training/*/of_features/step_*"))]
    assert sorted(steps) == ["step_000000001", "step_000000002"]
