"""Judging predictions of responses, from tables to folder, by call and by command."""

import importlib.util
import json

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p
from cellaxes.cli._app import app
from cellaxes.report import PredictReport
from cellaxes.verbs import _predict
from cellaxes.verbs._predict_nearest import likenesses
from cellaxes.verbs._predict_splits import Asked, make_splits

FILES = {"report.html", "results.json", "leaderboard.csv", "rows.csv", "by_context.csv"}
QUICK = {
    "n_boot": 100,
    "metrics": ["mrrmse", "cosine"],
    "clip": None,
    "progress": False,
    "n_seeds": 1,
}
GENES = [f"G{i}" for i in range(40)]


def responses(n_compounds=24, contexts="ABCD"):
    """Responses of contexts that share most of what a compound does, and the truth behind them."""
    rng = np.random.default_rng(0)
    names = [f"c{i:02}" for i in range(n_compounds)]
    rows = pd.MultiIndex.from_product([list(contexts), names]).to_frame(
        index=False, name=["context", "compound"]
    )
    number = rows["compound"].str[1:].astype(int).to_numpy()
    truth = 2 * rng.normal(size=(n_compounds, len(GENES)))[number]
    truth += 0.7 * rng.normal(size=truth.shape)
    t = truth + 0.5 * rng.normal(size=truth.shape)
    rows["median_cells"] = np.where(number % 8 == 3, 4.0, 100.0)
    return p.PerturbationTable(rows=rows, genes=np.array(GENES), signed_log10_p=t), truth


def wide(table, values, path, columns=GENES):
    """Write values of the rows of a table as a wide file."""
    frame = table.rows[["context", "compound"]].join(pd.DataFrame(values, columns=GENES)[columns])
    frame.to_parquet(path)
    return path


def run(table, out, *said, **more) -> PredictReport:
    return cx.verbs.evaluate_predictions(table, *(said or ("few-shot", "D")), out=out,
                                         **(QUICK | more))  # fmt: skip


@pytest.fixture(scope="module")
def table():
    return responses()[0]


@pytest.fixture(scope="module")
def truth():
    return responses()[1]


@pytest.fixture(scope="module")
def made(table, truth, tmp_path_factory):
    folder = tmp_path_factory.mktemp("predict")
    sd = wide(table, np.full(truth.shape, 0.5), folder / "sd.parquet")
    report = run(
        table, folder / "out", "few-shot", "D", bridge=6, clip=4.0,
        n_seeds=None,
        predictions={"oracle": wide(table, truth, folder / "oracle.parquet")},
        sds={"oracle": sd},
        models={"zeros": lambda y, train, wanted: np.zeros((len(wanted), y.shape[1]))},
    )  # fmt: skip
    return report, folder / "out"


def test_the_folder_holds_the_page_and_its_tables(made):
    report, out = made
    assert {path.name for path in out.iterdir()} == FILES | {"calibration.csv"}
    found = json.loads((out / "results.json").read_text())
    assert found["schema"] == "cellaxes.predict/1"
    board = pd.read_csv(out / "leaderboard.csv")
    assert len(board) == len(found["leaderboard"]) == len(report.board.table)
    assert set(board["rows"]) == {"all", "trusted"}
    calibration = pd.read_csv(out / "calibration.csv")
    assert set(calibration["model"]) == {"oracle"}
    held = calibration[(calibration["context"] == "all") & (calibration["level"] == 0.8)]
    assert held["coverage"].iloc[0] == pytest.approx(0.8, abs=0.05)


def test_scores_are_those_of_the_leaderboard_room(made, table, truth):
    report, _ = made
    judged = table.judged()
    rows = judged.described()
    split = p.few_shot_context(rows, "D", 6, random_state=0)
    plain = p.evaluate(
        table.signed_log10_p, rows, split, models={"oracle": truth}, suspect=judged.suspect,
        metrics=QUICK["metrics"], n_boot=100,
    )  # fmt: skip
    for scale in ("raw", "clipped"):
        for subset in ("all", "trusted"):
            mine = report.board.ranked(scale=scale, rows=subset)
            other = plain.ranked(scale=scale, rows=subset)
            np.testing.assert_allclose(mine.loc[other.index, "value"], other["value"])
    assert report.facts.seeds == (0,), "one draw, where predictions are ready"


def test_rows_say_their_role_why_they_are_doubted_and_what_they_score(made, table):
    report, out = made
    rows = pd.read_csv(out / "rows.csv", keep_default_na=False, na_values=[""])
    split = report.board.splits[0]
    assert list(rows["split0"]) == list(split.roles)
    few = table.rows["median_cells"] < 10
    assert (rows["suspect"] == few).all()
    assert set(rows.loc[few, "reasons"]) == {"few_cells"}
    for name in (report.board.best, "oracle", "zeros"):
        scores = rows[f"raw:mrrmse:{name}"]
        assert (scores.notna() == split.test).all()
        value = report.board.ranked().loc[name, "value"]
        assert scores.mean() == pytest.approx(value)
    suspects = report.suspects
    assert len(suspects) == few.sum()
    assert set(suspects["why"]) == {"fewer than 10 cells in the median sample"}
    assert suspects["tested"].sum() == (few & split.test).sum()


def test_words_say_who_wins_and_who_does_not(made):
    report, _ = made
    first = report.to_dict()["conclusions"][0]
    assert f"baselines is {report.board.best} (mrrmse" in first
    assert "oracle beats it by" in first
    assert "; zeros is worse by" in first
    line = report.board.ranked().loc["oracle"]
    assert f"{-line['difference']:.3g}" in first
    doubts = " ".join(report.to_dict()["doubts"])
    assert "oracle: made elsewhere" in doubts
    assert "zeros: made elsewhere" not in doubts


def test_predictions_are_aligned_by_rows_and_genes(table, truth, tmp_path):
    rng = np.random.default_rng(1)
    order, genes = rng.permutation(table.n_rows), list(rng.permutation(GENES))
    ordered = wide(table, truth, tmp_path / "a.parquet")
    mixed = pd.read_parquet(ordered).iloc[order][
        [
            "compound",
            "context",
            *genes,
        ]
    ]
    mixed.assign(extra_1=1.5).to_csv(tmp_path / "b.csv", index=False)
    long = mixed.melt(["context", "compound"], var_name="gene", value_name="signed_log10_p")
    long.to_csv(tmp_path / "c.csv", index=False)
    stored = p.PerturbationTable(
        rows=table.rows.iloc[order], genes=np.array(GENES), signed_log10_p=truth[order]
    )
    p.write_table(stored, tmp_path / "d.h5ad")
    names = {"a": ordered, "b": tmp_path / "b.csv", "c": tmp_path / "c.csv"}
    names |= {"d": tmp_path / "d.h5ad", "e": stored}
    found = run(table, tmp_path / "out", predictions=names).board.ranked()["value"]
    assert found[list(names)].to_numpy() == pytest.approx([found["a"]] * 5)


def test_what_a_prediction_lacks_is_named(table, truth, tmp_path):
    short = wide(table.take(slice(0, 90)), truth[:90], tmp_path / "short.parquet")
    with pytest.raises(cx.InputError, match=r"'x' lacks \d of \d+ test rows \(D \| c\d\d"):
        run(table, tmp_path / "out", predictions={"x": short})
    lean = wide(table, truth, tmp_path / "lean.parquet", GENES[:38])
    with pytest.raises(cx.InputError, match=r"'x' lacks 2 of 40 genes \(G38, G39\)"):
        run(table, tmp_path / "out", predictions={"x": lean})
    with pytest.raises(cx.InputError, match="standard deviations of 'y' but no prediction"):
        run(table, tmp_path / "out", predictions={"x": lean}, sds={"y": lean})
    only = wide(table.take(slice(72, 96)), truth[72:], tmp_path / "only.parquet")
    report = run(table, tmp_path / "out", predictions={"x": only})
    assert report.board.ranked().loc["x", "n_rows"] == report.board.splits[0].test.sum()


def test_a_prediction_that_is_the_truth_itself_is_doubted(table, truth, tmp_path):
    names = {"leak": table, "fair": wide(table, truth, tmp_path / "fair.parquet")}
    said = " ".join(run(table, tmp_path / "out", predictions=names).to_dict()["doubts"])
    assert "leak: perfect in every row, as only the measured values are." in said


def test_doses_must_be_told_apart(table, truth, tmp_path):
    two = pd.concat([table.rows.assign(dose=1), table.rows.assign(dose=10)], ignore_index=True)
    twice = p.PerturbationTable(
        rows=two, genes=table.genes, signed_log10_p=np.vstack([table.signed_log10_p] * 2)
    )
    with pytest.raises(cx.InputError, match=r"more than once by context, compound.*dose stands in"):
        run(twice, tmp_path / "out", predictions={"x": wide(table, truth, tmp_path / "x.parquet")})
    frame = two.assign(dose=two["dose"].astype(float))[["context", "compound", "dose"]]
    frame.join(pd.DataFrame(np.vstack([truth] * 2), columns=GENES)).to_csv(tmp_path / "y.csv")
    report = run(twice, tmp_path / "out", predictions={"y": tmp_path / "y.csv"})
    assert "y" in report.board.ranked().index


def test_the_context_is_chosen_where_none_is_named(tmp_path):
    table, _ = responses()
    kept = table.take(~((table.rows["context"] != "B") & (table.rows["compound"] > "c17")))
    splits, how = make_splits(kept.rows, Asked("few-shot"), range(3))
    assert [split.held_out for split in splits] == [("A",)] * 3
    assert "of 4 contexts it has the most compounds" in how
    assert "4 bridge compounds (a quarter of 18)" in how
    lone = table.take(table.rows["context"].to_numpy() == "A")
    with pytest.raises(cx.InputError, match="no compound was measured in two contexts"):
        run(lone, tmp_path / "none", "few-shot", None)
    assert not (tmp_path / "none").exists()


SPLITS = {
    ("random",): ("random rows", 3),
    ("zero-shot", "D"): ("zero-shot context", 1),
    ("zero-shot", "C,D"): ("zero-shot context", 1),
    ("leave-compound",): ("leave compound", 3),
    ("moa",): ("leave moa", 3),
    ("joint", "D"): ("joint context and compound", 3),
    ("donor",): ("leave donor", 3),
    ("plate",): ("leave plate", 3),
}


@pytest.mark.parametrize("asked", SPLITS, ids=str)
def test_every_split_has_a_name(asked, table):
    number = table.rows["compound"].str[1:].astype(int)
    rows = table.rows.assign(
        moa=[f"m{i % 6}" for i in number],
        donor=[f"d{i % 3}" for i in range(len(number))],
        plate=[f"p{i % 4}" for i in range(len(number))],
    )
    made, how = make_splits(rows, Asked(*asked), range(3))
    assert (made[0].name, len(made)) == SPLITS[asked]
    assert ("drawn by chance" in how) == (len(made) > 1)


NAMED = {
    "leave-compound": "c01,c02",
    "moa": ["m1"],
    "donor": "d2",
    "plate": ["p0", "p1"],
}


@pytest.mark.parametrize("name", NAMED)
def test_what_is_named_is_held_out_once(name, table):
    number = np.arange(table.n_rows)
    rows = table.rows.assign(
        moa=[f"m{i % 6}" for i in table.rows["compound"].str[1:].astype(int)],
        donor=[f"d{i % 3}" for i in number],
        plate=[f"p{i % 4}" for i in number],
    )
    (split,), how = make_splits(rows, Asked(name, held_out=NAMED[name]), range(3))
    assert set(split.held_out) == set(
        ",".join([NAMED[name]] if isinstance(NAMED[name], str) else NAMED[name]).split(",")
    )
    assert how.startswith("Held out as asked")
    with pytest.raises(cx.InputError, match="there is no"):
        make_splits(rows, Asked(name, held_out="nowhere"), range(3))


@pytest.mark.skipif(importlib.util.find_spec("rdkit") is None, reason="needs RDKit")
def test_compounds_bring_mechanisms_fingerprints_and_scaffolds(table, tmp_path, monkeypatch):
    names = [f"c{i:02}" for i in range(23)]
    frame = pd.DataFrame(
        {"sm_name": names, "moa": [f"m{i % 5}; m{(i + 1) % 5}" for i in range(23)]}
    )
    frame["SMILES"] = [f"C1CC{'C' * i}1" for i in range(23)]
    frame.to_csv(tmp_path / "compounds.csv", index=False)
    report = run(table, tmp_path / "out", compounds=tmp_path / "compounds.csv")
    assert "23 of 24 compounds have fingerprints" in report.facts.chemistry
    assert {"fingerprint_knn", "moa_mean"} <= set(report.board.ranked().index)
    assert any("1 compounds of the rows are not in" in note for note in report.facts.notes)
    by = pd.read_csv(tmp_path / "out" / "by_moa.csv")
    assert set(by["moa"]) == {f"m{i}" for i in range(5)}
    report = run(table, tmp_path / "out", "scaffold", compounds=tmp_path / "compounds.csv")
    assert report.board.splits[0].name == "scaffold"
    frame.drop(columns="moa").to_csv(tmp_path / "compounds.csv", index=False)
    find = importlib.util.find_spec

    def without_rdkit(name, *said):
        return None if name == "rdkit" else find(name, *said)

    monkeypatch.setattr(importlib.util, "find_spec", without_rdkit)
    report = run(table, tmp_path / "out", compounds=tmp_path / "compounds.csv")
    assert "RDKit is not installed" in report.facts.chemistry
    assert not (tmp_path / "out" / "by_moa.csv").exists(), "what an earlier report left"


def test_contexts_left_out_neither_train_nor_test(table, tmp_path):
    report = run(table, tmp_path, "zero-shot", "D", leave_out="A,B")
    assert set(report.rows["context"]) == {"C", "D"}
    assert report.facts.left_out == ("A", "B")
    with pytest.raises(cx.InputError, match="there is no context 'AA'"):
        run(table, tmp_path, "zero-shot", "D", leave_out="AA")


def test_a_folder_of_predictions_is_read_with_their_sd(table, truth, tmp_path):
    (tmp_path / "models").mkdir()
    wide(table, truth, tmp_path / "models" / "one.parquet")
    wide(table, np.ones(truth.shape), tmp_path / "models" / "one.sd.parquet")
    wide(table, 0 * truth, tmp_path / "models" / "two.parquet")
    (tmp_path / "models" / "notes.txt").write_text("mine")
    report = run(table, tmp_path / "out", predictions=tmp_path / "models")
    assert report.facts.ready == ("one", "two")
    assert list(report.board.calibrations) == ["one"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(cx.InputError, match="holds no table"):
        run(table, tmp_path / "out", predictions=tmp_path / "empty")


def test_a_replicate_is_a_ceiling_though_some_rows_have_none(table, truth, tmp_path):
    again = p.PerturbationTable(rows=table.rows, genes=table.genes, signed_log10_p=truth).take(
        slice(0, 85)
    )
    report = run(table, tmp_path, replicates=again)
    ranked = report.board.ranked()
    assert ranked.loc["replicate", "kind"] == "positive control"
    assert ranked.loc["replicate", "scaled"] == pytest.approx(1)
    assert report.to_dict()["entries"]["replicate"]["said"].startswith("the second profile")


def test_what_cannot_be_judged_is_said(table, tmp_path):
    plain = p.PerturbationTable(rows=table.rows, genes=table.genes, logFC=table.signed_log10_p)
    report = run(plain, tmp_path, layer="logFC")
    assert "no t, and none follows" in " ".join(report.to_dict()["conclusions"])
    with pytest.raises(cx.InputError, match="has no t"):
        run(plain, tmp_path, layer="t")


def test_the_context_in_training_that_responds_most_alike_is_named(table):
    values = np.array(table.signed_log10_p)
    b, d = (table.rows["context"].to_numpy() == name for name in "BD")
    values[b] = 3 * values[d]
    (near,) = likenesses(values, table.rows, p.zero_shot_context(table.rows, "D"))
    assert (near.context, near.nearest, near.n_compounds) == ("D", "B", 24)
    assert near.cosine == pytest.approx(1)


def test_doubts_a_table_came_with_are_kept(table, tmp_path):
    reasons = tuple(("tiny_library",) if i == 80 else () for i in range(table.n_rows))
    told = p.PerturbationTable(
        rows=table.rows, genes=table.genes, signed_log10_p=table.signed_log10_p, reasons=reasons
    )
    report = run(told, tmp_path)
    assert "tiny_library" in report.doubted.reasons[80]
    assert report.rows["suspect"].sum() == (table.rows["median_cells"] < 10).sum() + 1


def test_the_same_seed_gives_the_same_numbers(table, tmp_path):
    said = {"random_state": 3, "n_seeds": None, "metrics": ["mrrmse"]}
    first, second = (run(table, tmp_path / name, **said) for name in ("a", "b"))
    assert first.to_dict() == second.to_dict()
    assert first.facts.seeds == (3, 4, 5)
    assert (first.board.splits[0].roles != first.board.splits[1].roles).any()


def test_an_interrupted_run_leaves_nothing_and_spoils_nothing(table, tmp_path, monkeypatch):
    run(table, tmp_path / "old")
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "old").iterdir()}

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    for at in ((_predict.p, "evaluate"), (pd.DataFrame, "to_csv")):
        with monkeypatch.context() as patch:
            patch.setattr(*at, interrupted)
            for out in ("new", "old"):
                with pytest.raises(KeyboardInterrupt):
                    run(table, tmp_path / out)
        assert not (tmp_path / "new").exists()
        after = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "old").iterdir()}
        assert after == before


def command(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["cellaxes", "predict", "evaluate", *map(str, words)])
    with pytest.raises(SystemExit) as caught:
        cx.cli.main()
    return caught.value.code


def test_the_command_reads_wide_files_and_predictions(table, truth, tmp_path):
    from typer.testing import CliRunner

    path = wide(table, table.signed_log10_p, tmp_path / "y.parquet")
    ready = wide(table, truth, tmp_path / "p.parquet")
    (tmp_path / "bridge.txt").write_text("c01\nc02\nc03\n")
    words = [
        "predict", "evaluate", "--wide", f"signed_log10_p={path}", "--contexts", "C,D",
        "--bridge-file", tmp_path / "bridge.txt", "--prediction", f"good={ready}",
        "--metric", "mrrmse", "--clip", 0, "--out", tmp_path / "out",
    ]  # fmt: skip
    said = CliRunner().invoke(app, [str(word) for word in words])
    assert said.exit_code == 0, said.output
    assert "good beats it by" in said.output
    assert str(tmp_path / "out" / "report.html") in said.output
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert found["split"]["held_out"] == ["C", "D"]
    assert "The 3 bridge compounds were named." in found["data"]["how"]
    assert "evaluate" in CliRunner().invoke(app, ["predict", "--help"]).output


WRONG = {
    (
        "--split",
        "few-shots",
    ): "there is no split 'few-shots': did you mean 'few-shot' or 'zero-shot'?",
    ("--contexts", "Myeloid"): "there is no context 'Myeloid': there are 'A', 'B'",
    ("--contexts", "A,B,C,D"): "leaves no context to learn from",
    ("--held-out", "0.2"): "the split 'few-shot' takes no held-out: that is for random",
    ("--by", "scaffold"): "takes no by: that is for joint",
    ("--bridge", "24"): "24 bridge compounds are asked for, but 24 are measured",
    ("--bridge-file", "nowhere.txt"): "nowhere.txt is no file",
    ("--layer", "logfc"): "there is no layer 'logfc': did you mean 'logFC'?",
    ("--layer", "logFC"): "the table has no logFC",
    ("--prediction", "x"): "--prediction takes NAME=FILE, not 'x'",
    ("--prediction", "x=none.csv"): "none.csv is no file",
    ("--prediction", "zero=y.parquet"): "a model cannot be called 'zero'",
    ("--models-folder", "nowhere"): "nowhere is no folder of predictions",
    ("--compounds", "nowhere.csv"): "nowhere.csv is no file",
    ("--without", "A,B,C,D"): "every context is left out",
    ("--metric", "mrmse"): "did you mean 'mrrmse'",
    ("--wide", "tt=y.parquet"): "name a TABLE, or wide files",
}


@pytest.mark.parametrize("case", WRONG, ids=str)
def test_a_mistake_ends_in_one_sentence_and_code_2(case, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table, _ = responses()
    p.write_table(table, tmp_path / "table.h5ad")
    wide(table, table.signed_log10_p, tmp_path / "y.parquet")
    words = {"--contexts": "D"} | {case[0]: case[1]}
    flat = [word for pair in words.items() for word in pair]
    assert command(monkeypatch, "table.h5ad", *flat, "--out", "out") == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("cellaxes: ")
    assert WRONG[case] in said
    assert not (tmp_path / "out").exists()


def test_a_compound_of_one_context_is_put_aside_and_said(table, tmp_path):
    rows = table.rows.copy()
    rows.loc[95, "compound"] = "lone"
    odd = p.PerturbationTable(rows=rows, genes=table.genes, signed_log10_p=table.signed_log10_p)
    report = run(odd, tmp_path, "zero-shot", "D")
    assert report.board.splits[0].roles[95] == "aside"
    assert any("nowhere else are put aside" in said for said in report.to_dict()["doubts"])


def test_what_does_not_belong_together_is_refused(made):
    report, _ = made
    with pytest.raises(cx.InputError, match="not as many of each"):
        PredictReport(report.facts, report.board, report.rows.iloc[:5], report.doubted)
