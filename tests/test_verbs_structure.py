"""Ordering an embedding from coarse to fine, from AnnData to folder, by call and by command."""

import json
from functools import partial

import anndata
import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes.cli._app import app
from cellaxes.verbs import _structure, _structure_compare, _structure_inputs

TYPES = {
    "naive B cell": "CL:0000788",
    "memory B cell": "CL:0000787",
    "CD8-positive, alpha-beta T cell": "CL:0000625",
    "classical monocyte": "CL:0000860",
    "fibroblast": "CL:0000057",
    "type II pneumocyte": "CL:0002063",
}
FILES = {
    "report.html", "results.json", "tree.csv", "tree.json", "report.csv", "accuracy.csv",
    "confusion.csv", "embedding.npy", "cells.parquet", "adapter",
}  # fmt: skip


def embedded(n_cells=360, n_donors=4, loud=0, apart=1.0, random_state=0):
    """Cells of six types whose centroids differ in 16 dimensions; ``loud`` more are noise."""
    draw = np.random.default_rng(random_state)
    kind = np.arange(n_cells) % len(TYPES)
    z = apart * draw.normal(size=(len(TYPES), 16))[kind] + draw.normal(size=(n_cells, 16))
    z = np.hstack([z, 6 * draw.normal(size=(n_cells, loud))])
    obs = pd.DataFrame(
        {
            "cell_type": np.array(list(TYPES))[kind],
            "id": np.array(list(TYPES.values()))[kind],
            "donor": [f"d{i // len(TYPES) % n_donors}" for i in range(n_cells)],
        },
        index=[f"cell{i}" for i in range(n_cells)],
    )
    counts = draw.poisson(np.exp(z[:, :16] / 2) * 20).astype(np.float32)
    return anndata.AnnData(X=counts, obs=obs, obsm={"X_z": z.astype(np.float32)})


def run(adata, out, **said):
    wanted = {
        "group": "donor", "method": "lda", "baselines": ["pca"], "n_seeds": 1, "progress": False,
    }  # fmt: skip
    return cx.verbs.structure(adata, "X_z", "cell_type", out=out, **(wanted | said))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    adata, out = embedded(), tmp_path_factory.mktemp("structure") / "out"
    return adata, run(adata, out, n_seeds=3, ontology_id="id"), out


def run_command(*words):
    from typer.testing import CliRunner

    return CliRunner().invoke(app, [str(word) for word in words])


def test_the_folder_holds_page_tables_adapter_and_embedding(made):
    adata, report, out = made
    assert {path.name for path in out.iterdir()} == FILES
    z = adata.obsm["X_z"]
    adapter = cx.hierarchy.load_adapter(out / "adapter")
    kept = np.load(out / "embedding.npy")
    assert kept.dtype == np.float32
    np.testing.assert_array_equal(kept, adapter.transform(z))
    np.testing.assert_array_equal(adata.obsm["X_structure"], kept)
    assert list(adata.uns["structure"]["dims"]) == list(adapter.dims)
    assert list(adata.uns["structure"]["levels"]) == ["level1", "level2", "level3", "level4"]
    cells = pd.read_parquet(out / "cells.parquet")
    assert list(cells.index) == list(adata.obs_names)
    assert (cells["level4"].astype(str) == adata.obs["cell_type"]).all()
    assert (cells["group"].astype(str) == adata.obs["donor"]).all()
    tree = cx.hierarchy.Tree.from_dict(json.loads((out / "tree.json").read_text()))
    assert tree.levels.equals(report.tree.levels)
    found = json.loads((out / "results.json").read_text())
    assert found["schema"] == "cellaxes.structure/1"
    table = pd.read_csv(out / "accuracy.csv")
    assert len(table) == len(found["accuracy"]) == 3 * 4 * 4, "embeddings, levels, prefixes"
    assert set(table["embedding"]) == {"identity", "lda", "pca"}
    confusion = pd.read_csv(out / "confusion.csv")
    calls = confusion.drop(columns=["embedding", "true"]).to_numpy().sum()
    assert calls == 2 * 3 * adata.n_obs, "two embeddings, three seeds, every cell held out once"


def test_the_untouched_embedding_has_the_accuracy_of_plain_evaluation(made):
    adata, report, _ = made
    labels = adata.obs["cell_type"].to_numpy()
    plain = cx.hierarchy.evaluate(
        {"z": adata.obsm["X_z"]}, report.tree.expand(labels), groups=adata.obs["donor"].to_numpy()
    ).summary()
    table = report.accuracy[report.accuracy["full"]]
    mine = table[table["embedding"] == "identity"].set_index("level")["accuracy"]
    np.testing.assert_allclose(mine, plain.set_index("level").loc[mine.index, "accuracy"])


def test_no_adapter_sees_the_group_it_is_asked_about(tmp_path, monkeypatch):
    adata, seen = embedded(), []
    fit = _structure_compare.fit_adapter

    def watched(z, levels, **said):
        seen.append((len(z), frozenset(said["groups"])))
        return fit(z, levels, **said)

    monkeypatch.setattr(_structure_compare, "fit_adapter", watched)
    report = run(adata, tmp_path / "out")
    donors = frozenset(f"d{i}" for i in range(4))
    assert len(seen) == 4 * 3, "donors, methods"
    assert {donors - groups for _, groups in seen} == {frozenset({d}) for d in donors}
    assert {n for n, _ in seen} == {270}
    assert report.facts.groups == dict.fromkeys(sorted(donors), 90)


def test_a_tree_from_the_data_is_learnt_from_training_cells_alone(tmp_path, monkeypatch):
    adata, grown = embedded(), []
    adata.obs["cell_type"] = "my " + adata.obs["cell_type"].astype(str)
    grow = _structure_inputs.tree_from_embedding

    def watched(z, labels, levels):
        grown.append(len(z))
        return grow(z, labels, levels)

    monkeypatch.setattr(_structure_inputs, "tree_from_embedding", watched)
    report = run(adata, tmp_path / "out", tree="data", levels=3)
    assert grown[0] == 360, "what is asked"
    assert set(grown[1:]) == {270}, "what is learnt"
    assert "grown from this embedding" in repr(report)
    assert "--signal label:cell_type" in report.facts.measure
    assert "and levels cannot be" in report.to_html()
    with pytest.raises(cx.InputError, match="leave --study away"):
        run(adata, tmp_path / "out", tree="data", study=tmp_path)


def test_words_say_who_is_above_and_who_is_not(tmp_path):
    """Where noise is louder than the types discriminants help; on pure noise nothing does."""
    found = run(embedded(loud=16), tmp_path / "loud", n_seeds=2).to_dict()
    first = found["conclusions"][0]
    assert "the lda adapter is above the untouched embedding at level 1" in first
    assert "is below" not in first
    rows = {(r["embedding"], r["level"]): r for r in found["differences"]}
    assert rows["lda", "level4"]["low"] > 0.05
    assert rows["lda", "level4"]["verdict"] == "above"
    nothing = embedded()
    nothing.obsm["X_z"] = np.random.default_rng(1).normal(size=(360, 16)).astype(np.float32)
    said = run(nothing, tmp_path / "noise").to_dict()["conclusions"][0]
    assert "not above the untouched embedding at any level" in said


def test_a_prefix_that_lost_level_1_is_told(tmp_path):
    kept = run(embedded(apart=3), tmp_path / "kept").to_dict()
    assert kept["conclusions"][1].startswith("Prefix 1 (4 of 16 dimensions)")
    assert ": yes (" in kept["conclusions"][1]
    report = run(embedded(loud=16), tmp_path / "out", method="pca", baselines=[])
    assert ": no (" in report.to_dict()["conclusions"][1]
    row = report.prefix.set_index("embedding").loc["pca"]
    assert row["high"] < 0
    table = report.accuracy.query("embedding == 'pca' and level == 'level1'").set_index("prefix")
    assert row["accuracy"] == pytest.approx(table["accuracy"].iloc[0])
    assert row["difference"] == pytest.approx(
        table["accuracy"].iloc[0] - table["accuracy"].iloc[-1]
    )


def test_the_default_adapter_is_ours(tmp_path, monkeypatch):
    for room in (_structure, _structure_compare):
        monkeypatch.setattr(room, "fit_adapter", partial(room.fit_adapter, steps=3))
    adata = embedded(120, n_donors=2)
    report = cx.verbs.structure(
        adata, "X_z", "cell_type", out=tmp_path / "out", baselines=[], n_seeds=1, progress=False
    )
    assert report.adapter.method == "residual"
    assert report.evaluation.embeddings == ["identity", "residual"]
    assert len(report.adapter.dims) == 4


def test_the_kept_adapter_is_that_of_all_cells_and_the_first_seed(tmp_path, monkeypatch):
    for room in (_structure, _structure_compare):
        monkeypatch.setattr(room, "fit_adapter", partial(room.fit_adapter, steps=3))
    adata = embedded(120)
    wanted = {"method": "supcon", "baselines": [], "random_state": 7}
    reports = [run(adata, tmp_path / name, **wanted) for name in ("one", "two")]
    levels, donor = reports[0].tree.expand(adata.obs["cell_type"]), adata.obs["donor"].to_numpy()
    own = _structure.fit_adapter(
        adata.obsm["X_z"], levels, method="supcon", groups=donor, random_state=7
    )
    np.testing.assert_array_equal(reports[0].embedding, own.transform(adata.obsm["X_z"]))
    assert reports[0].to_dict() == reports[1].to_dict()


def test_without_groups_halves_are_held_out_and_called_optimistic(tmp_path):
    adata = embedded(150)
    doubts = run(adata, tmp_path / "none", group=None).to_dict()["doubts"]
    assert any("optimistic about cells of a new donor" in said for said in doubts)
    adata.obs["donor"] = "only"
    report = run(adata, tmp_path / "one")
    assert any("one group only (donor: only)" in said for said in report.to_dict()["doubts"])
    assert report.evaluation.units is None


def test_doubts_name_rare_types_few_groups_and_unseen_cells(tmp_path):
    adata = embedded(150)
    types = adata.obs["cell_type"].to_numpy(dtype=object)
    types[0] = "mast cell"
    adata.obs["cell_type"] = types
    said = " ".join(run(adata, tmp_path / "out").to_dict()["doubts"])
    assert "Types of one cell: mast cell." in said
    assert "1 of 7 types are in one group only (donor)" in said
    assert "There are 4 groups only" in said
    assert "0.7 % of the held-out cells have a type that no training cell" in said
    assert "few cells (150)" in said


def test_many_groups_are_dealt_whole_to_five_parts_anew_for_each_seed():
    groups = np.repeat([f"d{i}" for i in range(14)], np.arange(14) * 3 + 5)
    dealt = [_structure_inputs.parts_of(groups, 5, seed) for seed in range(3)]
    for parts in dealt:
        pairs = pd.DataFrame({"group": groups, "part": parts})
        assert (pairs.groupby("group")["part"].nunique() == 1).all()
        sizes = pairs["part"].value_counts()
        assert len(sizes) == 5
        assert sizes.max() < 1.4 * len(groups) / 5
    assert any((dealt[0] != other).any() for other in dealt[1:])
    few = np.repeat(list("abcdef"), [1, 1, 1, 1, 90, 90])
    assert all(len(set(_structure_inputs.parts_of(few, 5, seed))) == 5 for seed in range(20))
    assert (_structure_inputs.parts_of(groups, 20, 0) == groups).all()


def test_only_some_cells_are_evaluated_and_all_are_fitted(tmp_path):
    report = run(embedded(), tmp_path / "out", n_cells=200)
    assert report.facts.n_evaluated == 200
    assert len(report.embedding) == 360
    assert any("Of 360 cells 200" in said for said in report.to_dict()["doubts"])


def test_an_interrupted_run_leaves_nothing_and_spoils_nothing(tmp_path, monkeypatch):
    adata = embedded(150)
    run(adata, tmp_path / "old")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "old").iterdir()}

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for at in ((_structure, "fit_adapter"), (anndata.AnnData, "write_h5ad")):
        with monkeypatch.context() as patch:
            patch.setattr(*at, interrupted)
            for out in ("new", "old"):
                with pytest.raises(KeyboardInterrupt):
                    run(adata, tmp_path / out, write_cells=True)
        assert not (tmp_path / "new").exists()
        after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "old").iterdir()}
        assert after == before


def test_a_second_run_replaces_the_first(tmp_path):
    adata = embedded(150)
    run(adata, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    run(adata, tmp_path / "out", method="pca", baselines=[], write_cells=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        *FILES, "notes.txt", "cells.h5ad",
    }  # fmt: skip
    assert cx.hierarchy.load_adapter(tmp_path / "out" / "adapter").method == "pca"
    cells = anndata.read_h5ad(tmp_path / "out" / "cells.h5ad")
    np.testing.assert_array_equal(
        cells.obsm["X_structure"], np.load(tmp_path / "out" / "embedding.npy")
    )
    assert cells.uns["structure"]["params"]["method"] == "pca"


def test_curves_of_a_study_stand_on_the_page(tmp_path):
    adata = embedded(240)
    path = tmp_path / "cells.h5ad"
    adata.write_h5ad(path)
    measured = {"models": ["pca:n_components=4"], "n_levels": 2, "n_seeds": 1, "n_jobs": 1}
    measured |= {"n_permutations": 0, "progress": False, "estimator": "classifier"}
    study = cx.verbs.measure(
        path, ["level:cell_type@1", "level:cell_type@2"], out=tmp_path / "study", **measured
    )
    report = run(path, tmp_path / "out", study=tmp_path / "study")
    assert [curve.level for curve in report.curves] == [
        "level" + curve.signal.partition("@")[2] for curve in study.curves
    ]
    top = {"level" + c.signal.partition("@")[2]: c.information for c in study.curves}
    for curve in report.to_dict()["curves"]:
        assert curve["information"] == top[curve["level"]]
        assert len(curve["points"]) == 2
    anchors = run(path, tmp_path / "out", study=tmp_path / "study", anchors="cellxgene")
    assert any("anchors 'systems'" in said for said in anchors.to_dict()["doubts"])
    other = adata.copy()
    other.obs["other"] = other.obs["cell_type"]
    with pytest.raises(cx.InputError, match=r"no level of obs\['other'\].*hierarchy:other"):
        cx.verbs.structure(other, "X_z", "other", out=tmp_path / "x", study=tmp_path / "study")
    with pytest.raises(cx.InputError, match="cuts the tree into 4 levels, here there are 3"):
        run(path, tmp_path / "x", study=tmp_path / "study", levels=3)
    next((tmp_path / "study" / "runs").glob("*/*.json")).unlink()
    with pytest.raises(cx.InputError, match=r"not finished \(1 of \d+ runs are missing\)"):
        run(path, tmp_path / "x", study=tmp_path / "study")
    assert not (tmp_path / "x").exists()


def test_the_command_takes_data_first_and_keeps_its_older_sisters(tmp_path):
    embedded(150).write_h5ad(tmp_path / "cells.h5ad")
    said = run_command(
        "structure", tmp_path / "cells.h5ad", "--rep", "X_z", "--labels", "cell_type", "--group",
        "donor", "--method", "lda", "--baseline", "none", "--seeds", 1, "--levels", 3,
        "--out", tmp_path / "out",
    )  # fmt: skip
    assert said.exit_code == 0, said.output
    assert "StructureReport(150 cells of cells, X_z, 6 types)" in said.output
    assert "the lda adapter" in said.output
    assert str(tmp_path / "out" / "report.html") in said.output
    said = run_command("structure", "tree", tmp_path / "cells.h5ad", "--out", tmp_path / "tree")
    assert said.exit_code == 0, said.output
    assert (tmp_path / "tree" / "tree.csv").exists()
    assert "ingest" in run_command("structure", "--help").output
    assert "--allow-unknown" in run_command("structure", "cells", "--help").output


def damaged(name):
    """Cells that cannot be ordered, by what is wrong with them."""
    adata = embedded(60)
    match name:
        case "nan":
            adata.obsm["X_z"][3, 2] = np.nan
        case "zero":
            adata.obsm["X_z"][5] = 0
        case "one class":
            adata.obs["cell_type"] = "fibroblast"
        case "unknown":
            adata.obs["cell_type"] = adata.obs["cell_type"].replace("fibroblast", "fibroblst")
        case "missing":
            adata.obs.loc[adata.obs_names[:2], "cell_type"] = None
        case "nested":
            adata.obs["donor"] = np.where(adata.obs["cell_type"] == "fibroblast", "a", "b")
            adata = adata[adata.obs["cell_type"].isin(["fibroblast", "naive B cell"])].copy()
        case "narrow":
            adata.obsm["X_z"] = adata.obsm["X_z"][:, :2].copy()
    return adata


UNUSABLE = {
    "nan": "holds NaN or infinity in 1 of 60 rows",
    "zero": "1 of 60 rows of obsm['X_z'] are zero and have no direction, the first at row 5",
    "one class": "obs['cell_type'] has one class only ('fibroblast')",
    "unknown": "'fibroblst' (nearest: 'fibroblast'",
    "missing": "obs['cell_type'] is missing in 2 of 60 cells",
    "nested": "without a there is one class left to learn from ('naive B cell')",
    "narrow": "2 dimensions, too few for 4 prefixes",
}
WRONG = {
    ("--rep", "X_zz"): "did you mean 'X_z'",
    ("--labels", "celltype"): "did you mean 'cell_type'",
    ("--group", "doner"): "did you mean 'donor'",
    ("--ontology-id", "ids"): "did you mean 'id'",
    ("--method", "ldaa"): "there is no adapter 'ldaa': did you mean 'lda'",
    ("--method", "identity"): "choose another",
    ("--baseline", "pcaa"): "did you mean 'pca'",
    ("--tree", "date"): "did you mean 'data'",
    ("--levels", "9"): "levels must be a whole number from 2 to 6",
    ("--anchors", "sistems"): "systems",
    ("--study", "nowhere"): "nowhere holds no study",
}


@pytest.mark.parametrize("case", [*UNUSABLE, *WRONG], ids=str)
def test_what_cannot_be_ordered_ends_in_one_sentence_and_code_2(
    case, tmp_path, capsys, monkeypatch
):
    (damaged(case) if case in UNUSABLE else embedded(60)).write_h5ad(tmp_path / "cells.h5ad")
    words = {"--rep": "X_z", "--labels": "cell_type", "--group": "donor", "--method": "lda"}
    if case in WRONG:
        words |= {case[0]: case[1]}
    flat = [word for pair in words.items() for word in pair]
    path, out = str(tmp_path / "cells.h5ad"), tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["cellaxes", "structure", path, *flat, "--out", str(out)])
    with pytest.raises(SystemExit) as caught:
        cx.cli.main()
    said = capsys.readouterr().err.splitlines()[-1]
    assert caught.value.code == 2
    assert said.startswith("cellaxes: ")
    assert (UNUSABLE | WRONG)[case] in said
    assert "--allow-unknown" in said or case != "unknown"
    assert not out.exists()


def test_labels_of_no_term_are_put_apart_on_request(tmp_path):
    report = run(damaged("unknown"), tmp_path / "out", allow_unknown=True)
    assert report.tree.levels.loc["fibroblst", "level1"] == "Other"
    assert any("Labels of no term, put apart: fibroblst." in d for d in report.to_dict()["doubts"])
