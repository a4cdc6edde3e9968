"""Planning from a table: the verb, its page, and the commands that start from tables."""

import json
import re
import sys

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import cellaxes as cx
from cellaxes.cli import main

COSTS = cx.scaling.Costs(per_cell=0.1, per_umi=1e-4)
ROBUST = cx.scaling.JointLaw(200, 100, 2.0, s=0.6)
ABLE = cx.scaling.JointLaw(2000, 300, 3.0, s=0.6)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    rows = []
    for model, law in (("robust", ROBUST), ("<able>", ABLE)):
        for size in (100, 300, 1000, 3000):
            for level, depth in enumerate(np.geomspace(20, 5000, 6)):
                for seed in (0, 1):
                    measured = depth * np.exp(0.01 * rng.standard_normal())
                    bits = law(depth, size) + 0.03 * rng.standard_normal()
                    rows.append(("type", model, size, level, seed, measured, bits))
    names = ["signal", "model", "n_train", "fraction", "seed", "umis_per_cell", "information"]
    return pd.DataFrame(rows, columns=names)


@pytest.fixture(scope="module")
def planned(table, tmp_path_factory):
    out = tmp_path_factory.mktemp("plan")
    report = cx.verbs.plan(
        table,
        COSTS,
        1000,
        by=["signal", "model"],
        level="fraction",
        targets=[("bits", 1.5), ("share_of_states", 0.9), ("bits", 2.6)],
        out=out,
        name="<pilot>",
    )
    return report, out


def run(*words, code=0):
    sys.argv = ["cellaxes", *map(str, words)]
    with pytest.raises(SystemExit) as stop:
        main()
    assert (stop.value.code or 0) == code


def test_every_model_has_its_plan_targets_and_crossing(planned):
    report, _ = planned
    assert [model.name for model in report.models] == ["type, <able>", "type, robust"]
    able, robust = (model.plan for model in report.models)
    assert able.depth > robust.depth
    for plan, law in ((able, ABLE), (robust, ROBUST)):
        line = plan.to_frame()
        truth = law(line["depth"], line["n_cells"])
        assert law(plan.depth, plan.n_cells) > 0.98 * truth.max()
    targets = report.targets.set_index(["target", "model"])["depth"]
    assert targets["bits 1.5", "type, robust"] < targets["bits 1.5", "type, <able>"]
    assert targets["bits 2.6", "type, robust"] == np.inf
    assert set(report.targets["n_cells"]) == {3000}
    assert pytest.approx(ROBUST(targets["bits 1.5", "type, robust"], 3000), abs=0.05) == 1.5
    (crossing,) = report.crossings.to_dict("records")
    at = np.geomspace(10, 1e4, 20_000)
    meet = at[np.abs(ROBUST(at, 3000) - ABLE(at, 3000)).argmin()]
    assert crossing["low"] <= meet <= crossing["high"]


def test_page_and_tables_say_what_the_plan_says(planned):
    report, out = planned
    page = (out / "report.html").read_text()
    assert "&lt;able&gt;" in page
    assert "<able>" not in page
    assert not re.search(r"(src|href)=.http", page)
    assert "no depth reaches bits 2.6" in page
    results = json.loads((out / "results.json").read_text())
    assert results["schema"] == "cellaxes.plan/1"
    table = pd.read_csv(out / "plan.csv")
    for model, written, row in zip(
        report.models, results["models"], table.to_dict("records"), strict=True
    ):
        assert written["plan"]["n_cells"] == row["n_cells"] == model.plan.n_cells
        assert row["gain_depth"] == pytest.approx(model.plan.gains["depth"][0])
        assert written["summary"] in page.replace("&lt;", "<").replace("&gt;", ">")
    assert set(pd.read_csv(out / "line.csv")["model"]) == set(table["model"])
    assert len(pd.read_csv(out / "targets.csv")) == 6
    assert len(pd.read_csv(out / "crossings.csv")) == 1


def test_a_model_that_cannot_be_planned_with_is_kept_with_its_reason(table, tmp_path):
    one_size = table[(table["model"] == "robust") | (table["n_train"] == 100)]
    report = cx.verbs.plan(one_size, COSTS, 1000, by=["model"], level="fraction", out=tmp_path)
    able, robust = report.models
    assert able.plan is None
    assert "three different values of n_cells" in able.sentence
    assert robust.plan is not None
    assert not (tmp_path / "targets.csv").exists()
    assert "There is no plan" in (tmp_path / "report.html").read_text()
    with pytest.raises(cx.InputError, match=r"can be planned with.*--size 90"):
        cx.verbs.plan(table[table["n_train"] == 100], COSTS, 1000, by=["model"])
    with pytest.raises(cx.InputError, match="'states' is no target"):
        cx.verbs.plan(table, COSTS, 1000, level="fraction", targets=[("states", 1)])


def test_runs_with_one_side_thinned_are_no_part_of_the_curve(table, planned):
    other = table.assign(thin="query", information=9.0)
    both = pd.concat([table.assign(thin="both"), other], ignore_index=True)
    report = cx.verbs.plan(both, COSTS, 1000, by=["signal", "model"], level="fraction")
    assert [m.plan.n_cells for m in report.models] == [m.plan.n_cells for m in planned[0].models]
    some = both[both["n_train"] == 3000]
    assert cx.report.zoo(some).n_rows == 24


def test_rows_that_cannot_be_used_are_left_out_and_counted(table):
    holes = table.copy()
    holes.loc[3, "information"] = np.inf
    holes.loc[4, "fraction"] = np.nan
    holes.loc[5, "umis_per_cell"] = 0.0
    report = cx.verbs.plan(holes, COSTS, 1000, by=["model"], level="fraction")
    assert sorted(model.n_missing for model in report.models) == [0, 3]
    assert "(3 rows left out)" in report.to_html()
    with pytest.raises(cx.InputError, match="no rows"):
        cx.verbs.plan(table[:0], COSTS, 1000)


def test_budget_line_draws_the_plan_its_region_and_the_cells_above(planned):
    plan = planned[0].models[0].plan
    ax = cx.pl.budget_line(plan, label="able", ax=Figure().subplots())
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    assert marks[0].get_xdata()[0] == plan.depth
    assert marks[0].get_ydata()[0] == plan.information
    assert any(list(line.get_xdata()) == [plan.depth_low, plan.depth_high] for line in ax.lines)
    assert ax.child_axes[0].get_xlabel().startswith("cells")


def test_plan_command_writes_what_the_verb_writes(table, planned, tmp_path, capsys):
    table.to_csv(tmp_path / "pilot.csv", index=False)
    run(
        *("plan", tmp_path / "pilot.csv", "--by", "signal,model", "--level", "fraction"),
        *("--budget", 1000, "--cost-per-cell", 0.1, "--cost-per-umi", 1e-4),
        *("--target", "bits=1.5", "--out", tmp_path / "out"),
    )
    said = capsys.readouterr().out
    assert "type, robust: " in said
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    expected = [model.plan.n_cells for model in planned[0].models]
    assert [model["plan"]["n_cells"] for model in written["models"]] == expected
    assert len(written["targets"]) == 2


def test_fit_command_covers_every_law_and_predicts(table, tmp_path):
    table.to_csv(tmp_path / "mi.csv", index=False)
    out = tmp_path / "out"
    common = ("--information", "information", "--out", out)
    depth, cells = ("--depth", "umis_per_cell"), ("--n-cells", "n_train")
    run(
        *("fit", tmp_path / "mi.csv", *depth, *common, "--by", "model,n_train"),
        *("--level", "fraction", "--at", "10000,20000"),
    )
    ahead = pd.read_csv(out / "predictions.csv")
    assert len(ahead) == 16
    assert (ahead["low"] < ahead["mean"]).all()
    fits = json.loads((out / "fits.json").read_text())
    assert (fits["schema"], fits["law"], len(fits["fits"])) == ("cellaxes.fit/1", "noise", 8)
    assert len(fits["predictions"]) == 16
    run("fit", tmp_path / "mi.csv", *depth, *cells, *common, "--by", "model", "--law", "joint")
    joint = pd.read_csv(out / "fits.csv").set_index("model")
    assert joint.loc["robust", "u_bar"] == pytest.approx(200, rel=0.3)
    run("fit", tmp_path / "mi.csv", *cells, *common, "--by", "model,fraction", "--law", "cells")
    assert {"n_0", "s", "I_inf"} < set(pd.read_csv(out / "fits.csv"))
    run(
        *("fit", tmp_path / "mi.csv", *depth, *common, "--by", "model,n_train", "--law", "forms"),
        *("--level", "fraction"),
    )
    assert not (out / "predictions.csv").exists()
    forms = pd.read_csv(out / "fits.csv")
    assert forms["reason"].str.contains("at least 7 depths, but there are 6").all()


def test_zoo_command_writes_the_page(table, tmp_path, capsys):
    some = table[(table["model"] == "robust") & (table["n_train"] == 3000)]
    some.to_csv(tmp_path / "mi.csv", index=False)
    run("zoo", tmp_path / "mi.csv", "--out", tmp_path / "zoo.html", "--title", "All of it")
    assert "Zoo(12 measurements, 1 curves, 1 identified)" in capsys.readouterr().out
    assert "<title>All of it</title>" in (tmp_path / "zoo.html").read_text()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("plan", "TABLE", "--budget", 1000), "depth must cost something"),
        (("plan", "TABLE", "--budget", 1, "--cost-per-umi", 1), "does not buy"),
        (("plan", "TABLE", "--budget", 9, "--cost-per-umi", 1, "--target", "bits"), "one number"),
        (("plan", "TABLE", "--budget", 9, "--cost-per-umi", 1, "--target", "a=b"), "takes numbers"),
        (("plan", "TABLE", "--budget", 9, "--cost-per-umi", 1, "--by", "modl"), "mean 'model'"),
        (("plan", "nowhere.csv", "--budget", 9, "--cost-per-umi", 1), "is no file"),
        (("fit", "TABLE", "--information", "information"), "column with depth"),
        (("fit", "TABLE", "--information", "information", "--law", "joined"), "mean 'joint'"),
        (
            ("fit", "TABLE", "--information", "information", "--law", "joint", "--at", "5"),
            "take --law noise or cells",
        ),
        (
            ("fit", "TABLE", "--information", "information", "--law", "cells", "--level", "seed"),
            "leave it out with --law cells",
        ),
        (("fit", "TABLE", "--information", "information", "--at", "nan"), "--at takes numbers"),
        (
            ("plan", "TABLE", "--budget", 9, "--cost-per-umi", 1, "--max-depth", "nan"),
            "max_depth must be at least",
        ),
        (("plan", "TABLE", "--budget", "nan", "--cost-per-umi", 1), "positive number"),
        (("zoo", "TABLE", "--signal", "nothing"), "no column 'nothing'"),
    ],
)
def test_bad_wishes_end_in_one_sentence_and_code_2(table, words, message, tmp_path, capsys):
    table.to_csv(tmp_path / "pilot.csv", index=False)
    given = [tmp_path / "pilot.csv" if word == "TABLE" else word for word in words]
    run(*given, "--out", tmp_path / "out", code=2)
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
    assert not (tmp_path / "out" / "report.html").exists()


def test_a_pilot_is_called_by_its_study_and_costs_read_as_words(table, tmp_path):
    study = tmp_path / "islets"
    study.mkdir()
    table.to_csv(study / "runs.csv", index=False)
    cx.verbs.plan(
        study / "runs.csv", COSTS, 1000, by=["model"], level="fraction", out=tmp_path / "out"
    )
    page = (tmp_path / "out" / "report.html").read_text()
    assert "islets: how many cells, how deep" in page
    assert re.search(r"with costs of [\d.e-]+ per cell, [\d.e-]+ (per|reads per)", page)
