"""A predictor from table to folder, what it predicts and advises, by call and by command."""

import html
import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import cellaxes as cx
from cellaxes import InputError
from cellaxes import perturbation as p
from cellaxes.cli._app import app
from cellaxes.perturbation._models._train import Training

MEMBERS = {"kernel_gp": p.KernelGP(n_steps=10), "recommender": p.Recommender()}
RUNNER = CliRunner()
HOW = {"members": MEMBERS, "n_jobs": 1, "progress": False}


@pytest.fixture(scope="module")
def simulated():
    """Five contexts; in the last one nine of forty compounds were measured."""
    rng = np.random.default_rng(0)
    names = [f"drug {k:02d}" for k in range(40)]
    effect = rng.normal(size=(40, 4)) @ rng.normal(size=(4, 30)) * 2
    rows = pd.DataFrame(
        [(c, name) for c in "ABCDE" for name in names], columns=["context", "compound"]
    )
    truth = np.concatenate([effect * (0.6 + 0.3 * k) + rng.normal(size=30) for k in range(5)])
    t = truth + rng.normal(size=truth.shape)
    known = ((rows["context"] != "E") | rows["compound"].isin(names[::5])).to_numpy()
    table = p.PerturbationTable(
        rows[known].reset_index(drop=True), [f"g{i}" for i in range(30)], t=t[known]
    )
    return table, rows[~known].reset_index(drop=True), t[~known]


@pytest.fixture(scope="module")
def files(simulated, tmp_path_factory):
    table, wanted, _ = simulated
    folder = tmp_path_factory.mktemp("files")
    p.write_table(table, folder / "table.h5ad")
    wanted.assign(id=range(len(wanted))).rename(
        columns={"context": "cell_type", "compound": "sm_name"}
    ).to_csv(folder / "id_map.csv", index=False)
    table.rows[["context", "compound"]].to_csv(folder / "train.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def made(files, tmp_path_factory):
    out = tmp_path_factory.mktemp("fit") / "out"
    report = cx.verbs.fit_predictor(files / "table.h5ad", files / "id_map.csv", out=out, **HOW)
    return report, out


def test_the_folder_holds_page_model_and_predictions(made, simulated):
    out = made[1]
    wanted, truth = simulated[1:]
    assert {entry.name for entry in out.iterdir()} == {
        "report.html", "results.json", "models.csv", "contexts.csv", "next.csv", "model",
        "predictions.h5ad", "predictions.parquet", "low.parquet", "high.parquet", "rows.csv",
        "submission.csv",
    }  # fmt: skip
    found = p.read_table(out / "predictions.h5ad")
    zero = np.sqrt((truth**2).mean(axis=1)).mean()
    assert np.sqrt(((found.t - truth) ** 2).mean(axis=1)).mean() < 0.9 * zero
    sent = pd.read_csv(out / "submission.csv")
    assert sent["id"].tolist() == list(range(len(wanted)))
    np.testing.assert_allclose(sent.iloc[:, 1:], found.signed_log10_p, rtol=1e-4, atol=1e-5)
    low, high = (pd.read_parquet(out / f"{end}.parquet").iloc[:, 2:] for end in ("low", "high"))
    assert (low.to_numpy() <= high.to_numpy()).all()
    rows = pd.read_csv(out / "rows.csv", keep_default_na=False)
    assert (rows["expected_error"] > 0).all()
    assert (rows["doubt"] == "").all()


def test_the_page_says_what_results_hold(made):
    out = made[1]
    told = json.loads((out / "results.json").read_text())
    assert told["schema"] == "cellaxes.predict-fit/1"
    models = pd.DataFrame(told["models"]).set_index("name")
    assert set(models["kind"]) == {"ensemble", "model", "baseline"}
    best = models.query("kind == 'baseline'")["error"].astype(float).idxmin()
    assert best == told["baseline"]
    page = html.unescape((out / "report.html").read_text())
    for sentence in told["conclusions"]:
        assert sentence in page
    assert told["next"][0]["compound"] in page
    assert float(models.loc["ensemble", "gain"]) > 0.1
    assert len(pd.read_csv(out / "next.csv")) == 20


def test_what_to_measure_next_was_not_measured_and_is_where_little_is_known(made, simulated):
    found = pd.read_csv(made[1] / "next.csv")
    wanted = simulated[1]
    pairs = set(zip(wanted["context"], wanted["compound"], strict=True))
    assert set(zip(found["context"], found["compound"], strict=True)) <= pairs
    assert found["reduction"].is_monotonic_decreasing


def test_by_command_as_by_call(files, made, tmp_path, monkeypatch):
    fitted = made[1]
    quick = {"kernel_gp": p.KernelGP(n_steps=10), "recommender": p.Recommender()}
    monkeypatch.setattr("cellaxes.perturbation._ensemble._fit.default_members", lambda: quick)
    table, pairs = str(files / "table.h5ad"), str(files / "id_map.csv")
    words = ["predict", "fit", table, "--wanted", pairs, "--jobs", "1", "--out"]
    told = RUNNER.invoke(app, [*words, str(tmp_path / "fit")])
    assert told.exit_code == 0, told.output
    assert "Out of fold" in told.output
    first, again = (p.read_table(f / "predictions.h5ad").t for f in (fitted, tmp_path / "fit"))
    np.testing.assert_array_equal(first, again)
    told = RUNNER.invoke(
        app, ["predict", "predict", str(fitted), pairs, "--out", str(tmp_path / "predicted")]
    )
    assert told.exit_code == 0, told.output
    np.testing.assert_array_equal(
        p.read_table(tmp_path / "predicted" / "predictions.h5ad").t, first
    )
    words = ["predict", "next", str(fitted), "--measured", str(files / "train.csv"), "-n", "5"]
    told = RUNNER.invoke(app, [*words, "--out", str(tmp_path / "next")])
    assert told.exit_code == 0, told.output
    five = pd.read_csv(tmp_path / "next" / "next.csv")
    pd.testing.assert_frame_equal(five, pd.read_csv(fitted / "next.csv").head(5))


def test_predictions_can_be_judged_by_the_command_that_judges(made, simulated, tmp_path):
    """What `predict` writes is what `predict evaluate` reads."""
    table, wanted, truth = simulated
    rows = pd.concat([table.rows[["context", "compound"]], wanted], ignore_index=True)
    whole = p.PerturbationTable(rows, table.genes, t=np.concatenate([table.t, truth]))
    last = wanted["context"].iloc[0]
    bridge = sorted(set(rows["compound"]) - set(wanted["compound"]))
    report = cx.verbs.evaluate_predictions(
        whole, "few-shot", last, out=tmp_path / "judged", bridge=bridge, n_boot=100, clip=None,
        predictions={"ours": made[1] / "predictions.parquet"}, metrics=["mrrmse"], progress=False,
    )  # fmt: skip
    ranked = report.board.ranked().index.tolist()
    assert ranked.index("ours") < ranked.index("compound_mean")


def test_a_second_stage_is_kept_only_if_the_error_falls(simulated, monkeypatch):
    table, wanted, _ = simulated
    quick = p.EmbeddingMLP(dense=(16,), dropout=(0.0,), training=Training(epochs=5, n_seeds=1))
    how = {"members": {"embedding_mlp": quick}, "n_jobs": 1, "progress": False}
    kept = {}

    def equal(_, told):
        return p.Stack(dict.fromkeys(told, 1 / len(told)), 1.0, dict.fromkeys(told, 1.0))

    for better in (True, False):
        errors = iter([1.0, 0.9] if better else [1.0, 1.1])
        find = "cellaxes.perturbation._ensemble._find"
        monkeypatch.setattr(f"{find}.rmse", lambda *_, e=errors: np.array([next(e)]))
        monkeypatch.setattr(f"{find}.stack", equal)
        found = p.fit(table, wanted, **how)
        kept[better] = found
        monkeypatch.undo()
    assert "was kept" in repr(kept[True])
    assert "was left out" in repr(kept[False])
    assert set(kept[False].members) == {"embedding_mlp"}
    assert "embedding_mlp again" in kept[True].members
    assert "no second stage" in repr(p.fit(table, **how))


def test_labels_of_the_second_stage_never_hold_what_is_asked(simulated):
    """Noise in place of the test rows' values must not change what is said of them."""
    from cellaxes.perturbation._ensemble._second import one_fold_again

    table, wanted, _ = simulated
    fold = p.folds_like(wanted, table.rows)[0]
    quick = p.EmbeddingMLP(dense=(8,), dropout=(0.0,), training=Training(epochs=2, n_seeds=1))
    labels = np.zeros((int(fold.test.sum()), table.n_genes), dtype=np.float32)
    said = []
    for t in (table.t, np.where(fold.test[:, None], 99.0, table.t)):
        data = p.TrainingData(
            t.astype(np.float32), table.rows[["context", "compound"]], np.ones(table.n_rows)
        )
        said.append(one_fold_again(quick, data, fold, labels).predicted)
    np.testing.assert_array_equal(*said)


def test_doubts_tell_new_kinds_of_rows_and_contexts_without_gain(made):
    ensemble = made[0].ensemble
    new = pd.DataFrame({"context": ["nowhere"], "compound": ["unheard"]})
    assert "no such row could be tested" in ensemble.predict(new).rows["doubt"].iloc[0]
    poor = ensemble.judgement.contexts.assign(better=False)
    blind = p.Judgement(
        ensemble.judgement.models, poor, "zero", ensemble.judgement.kinds, 1, "few-shot context"
    )
    rows = pd.DataFrame({"context": ["A"], "rests_on": [ensemble.judgement.kinds[0]]})
    assert blind.doubts(rows)[0].startswith("no better than the zero here")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pd.DataFrame({"cell": ["a"], "compound": ["b"]}), "no column 'context'"),
        (pd.DataFrame({"context": ["a", "a"], "compound": ["b", "b"]}), "more than once"),
        (pd.DataFrame({"context": ["a", None], "compound": ["b", "c"]}), "missing in row 1"),
    ],
)
def test_bad_pairs_are_one_sentence_and_leave_nothing(made, frame, message, tmp_path):
    with pytest.raises(InputError, match=message):
        cx.verbs.predict_responses(made[1], frame, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_without_a_process_nothing_is_advised_and_the_page_says_so(simulated, tmp_path):
    report = cx.verbs.fit_predictor(
        simulated[0], out=tmp_path / "out", **(HOW | {"members": {"r": p.Recommender()}})
    )
    assert "no Gaussian process" in (tmp_path / "out" / "report.html").read_text()
    assert report.next.empty
    with pytest.raises(InputError, match="no Gaussian process"):
        cx.verbs.next_measurements(tmp_path / "out", out=tmp_path / "next")


def test_searched_settings_take_the_place_of_the_default_ones(simulated, tmp_path, monkeypatch):
    table, wanted, _ = simulated
    small = p.EmbeddingMLP(emb=3, dense=(8,), dropout=(0.0,), training=Training(epochs=2))
    seen = []

    def search(data, folds, *, minutes, random_state):
        seen.append((len(folds), minutes))
        return p.Search(small, pd.DataFrame({"error": [1.0]}), "random")

    monkeypatch.setattr(p, "search_settings", search)
    report = cx.verbs.fit_predictor(table, wanted, out=tmp_path / "out", search=0.5, **HOW)
    assert seen == [(7, 0.5)]
    assert "embedding_mlp" in report.models.index
