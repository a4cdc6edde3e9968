"""The page and the commands, used as a person would."""

import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

import cellaxes as cx
from cellaxes.cli._app import main


@pytest.fixture
def cellaxes(capsys, monkeypatch):
    """Run the command line: its exit code is as told, and what it said is returned."""

    def run(*words, code=0):
        monkeypatch.setattr(sys, "argv", ["cellaxes", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main()
        said = capsys.readouterr()
        assert (caught.value.code or 0) == code, said.err
        return said.err if code == 2 else said.out

    return run


@pytest.fixture(scope="module")
def measured(cells, tmp_path_factory):
    adata = cells.copy()
    adata.obs["<b>odd & name"] = adata.obs["cell_type"]
    out = tmp_path_factory.mktemp("measured")
    report = cx.verbs.measure(
        adata,
        ["label:cell_type", "label:<b>odd & name", "protein:protein"],
        out=out,
        models=["pca:n_components=4"],
        n_levels=5,
        n_seeds=2,
        n_permutations=1,
        n_jobs=2,
        progress=False,
    )
    return report, out


class _Loads(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attrs):
        self.found += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")]


def test_page_is_self_contained_and_escapes_names(measured):
    report, out = measured
    page = (out / "report.html").read_text()
    loads = _Loads()
    loads.feed(page)
    assert loads.found == []
    assert "<b>odd" not in page
    assert "&lt;b&gt;odd &amp; name" in page
    assert page.count("<svg") == 3
    for curve in report.curves:
        assert f"{curve.information:.2f}" in page


def test_numbers_on_the_page_are_those_of_the_tables(measured):
    report, out = measured
    results = json.loads((out / "results.json").read_text())
    assert results["schema"] == "cellaxes.measure/1"
    fits = pd.read_csv(out / "fits.csv")
    runs = pd.read_csv(out / "runs.csv")
    assert len(fits) == len(results["curves"]) == 3
    assert len(runs) == 3 * 5 * 2
    for row, curve in zip(fits.itertuples(), results["curves"], strict=True):
        assert row.information == pytest.approx(curve["information"])
        assert row.u_bar == pytest.approx(curve["fit"]["u_bar"])
        points = runs[runs["signal"] == row.signal]
        assert points[points["fraction"] == 1]["information"].mean() == pytest.approx(
            row.information
        )
    again = cx.scaling.NoiseFit.from_dict(results["curves"][0]["fit"])
    assert again == report.curves[0].fit


def test_information_falls_with_depth_and_stays_below_the_entropy(measured):
    report, _ = measured
    for signal, entropy in report.facts.entropies.items():
        information = report.levels[report.levels["signal"] == signal]["information"]
        assert information.iloc[-1] < information.iloc[0] - 0.5
        assert information.max() < entropy
    assert report.curves[0].fit.identified


def test_errors_of_the_estimates_reach_the_law(measured):
    report, _ = measured
    for curve in report.curves:
        points = report.runs[report.runs["signal"] == curve.signal]
        shared = (points["high"] - points["low"]).to_numpy() / 2
        assert (np.array(curve.fit.shift) >= shared - 1e-9).all()


def test_unrelated_columns_neither_disturb_nor_redo_a_measurement(cells, tmp_path):
    adata = cells.copy()
    adata.obs["note"] = [1, "x"] * 300
    wishes = {
        "out": tmp_path,
        "models": ["pca:n_components=4"],
        "n_levels": 1,
        "n_seeds": 1,
        "n_permutations": 0,
        "n_jobs": 1,
        "progress": False,
    }
    cx.verbs.measure(adata, ["label:cell_type"], **wishes)
    before = sorted(path.stat().st_mtime_ns for path in tmp_path.glob("runs/??/*.json"))
    adata.obs["other"] = 1
    cx.verbs.measure(adata, ["label:cell_type"], **wishes)
    assert before == sorted(path.stat().st_mtime_ns for path in tmp_path.glob("runs/??/*.json"))


def test_measuring_again_only_reads(measured, cells):
    report, out = measured
    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/??/*.json")}
    second = cx.verbs.summarise(out)
    pd.testing.assert_frame_equal(second.runs, report.runs)
    assert before == {path: path.stat().st_mtime_ns for path in out.glob("runs/??/*.json")}


@pytest.fixture(scope="module")
def apart(cells, tmp_path_factory):
    out = tmp_path_factory.mktemp("apart")
    wishes = {
        "out": out,
        "models": ["pca:n_components=4"],
        "n_levels": 3,
        "n_seeds": 2,
        "n_permutations": 0,
        "n_jobs": 1,
        "progress": False,
    }
    thin = ["both", "train", "query"]
    return cx.verbs.measure(cells, ["label:cell_type"], **wishes, thin=thin), out


def test_page_and_tables_tell_whose_loss_it_is(apart):
    report, out = apart
    page = (out / "report.html").read_text()
    told = json.loads((out / "results.json").read_text())["noise_shares"]
    table = pd.read_csv(out / "shares.csv")
    assert len(table) == len(told["rows"]) == 2
    for row, written in zip(table.itertuples(), told["rows"], strict=True):
        assert row.train_share == pytest.approx(written["train_share"])
        assert f"{row.loss:.2f}" in page
        assert f"{row.query_loss:.2f}, {100 * row.query_share:.0f} %" in page
    assert set(told["definitions"]) <= set(table.columns)
    assert all(name in page for name in told["definitions"])
    assert "Whose loss: pca:n_components=4, 300 training cells" in page
    assert "bits are lost; deeper queries alone would bring back" in page
    assert "bits are lost; deeper queries alone would bring back" in cx.report.brief(report)
    assert page.count("<svg") == 2
    assert "is limited by" in page
    assert "is limited by" in cx.report.brief(report)


def test_every_way_of_thinning_is_a_curve_that_ends_in_the_same_runs(apart):
    report, _ = apart
    assert [curve.thin for curve in report.curves] == ["both", "train", "query"]
    assert len({(curve.information, curve.low, curve.high) for curve in report.curves}) == 1
    assert all(curve.fit is not None for curve in report.curves)
    assert len(report.runs) == 2 * (1 + 3 * 2)
    assert len(report.points) == 2 * 3 * 3


def test_where_nothing_is_thinned_apart_nothing_is_said_of_it(apart, cells, measured):
    _, out = measured
    assert "Whose loss" not in (out / "report.html").read_text()
    assert not (out / "shares.csv").exists()
    report, out = apart
    cx.report.MeasureReport(
        report.facts, report.curves, report.runs, report.points, report.levels, report.shares[:0]
    ).write(out)
    assert not (out / "shares.csv").exists()
    page = (out / "report.html").read_text()
    assert "Whose loss" not in page
    assert page.count("<svg") == 1
    report.write(out)


@pytest.mark.parametrize(
    ("train", "query", "said"),
    [
        (1.60, 1.05, "deeper queries alone would bring back 0.70 (64 %), deeper training cells"),
        (1.60, 1.05, "training cells alone 0.15 (14 %)."),
        (1.60, 0.80, "deeper training cells alone would cost another 0.10."),
        (1.60, 0.90, "deeper training cells alone would change nothing."),
        (1.60, np.nan, "At 63.0 UMIs per cell 1.10 of 2.00 bits are lost; deeper queries alone "),
    ],
)
def test_a_loss_is_said_in_words(train, query, said):
    from cellaxes.report._words import loss_sentence

    row = {"depth": 63.0, "full": 2.0, "loss": 1.1}
    gains = {"deeper_queries": train - 0.9, "deeper_training": query - 0.9}
    sentence = loss_sentence(row | gains)
    assert said in sentence
    assert "–" not in sentence
    assert loss_sentence(row | gains | {"loss": -0.1}) == "At 63.0 UMIs per cell nothing is lost."


def test_sentences_name_the_limit():
    from cellaxes.report._words import sentence

    def curve(law, top, **more):
        u = np.geomspace(10, top, 8)
        fit = cx.scaling.fit_noise_law(u, law(u) + more.pop("error", 0))
        bits = law(top)
        return cx.report.Curve(
            "s", "m", 10, top, bits, bits - 0.1, bits + 0.1, 0, "ksg", False, (), fit
        )

    law = cx.scaling.NoiseLaw(1000, 3.0)
    assert "depth is a limit: it costs 0.29 bits" in sentence(curve(law, 2000), np.inf)
    assert "no limit here" in sentence(curve(law, 50_000), 3.1)
    assert "2.00 bits are missing at any depth" in sentence(curve(law, 500_000), 5.0)
    assert "not identified: the depth range ends" in sentence(curve(law, 300), 5.0)
    bent = np.array([0.6, 0.3, 0, -0.3, -0.3, 0, 0.3, 0.6])
    assert "poorly" in sentence(curve(law, 50_000, error=bent), 5.0)


def test_what_limits_a_signal_is_named_with_its_numbers():
    from cellaxes.report._limits import crossings, limits

    depths = np.geomspace(10, 3000, 8)

    def curve(model, law, n_train):
        return cx.report.Curve(
            signal="label:type",
            model=model,
            n_train=n_train,
            depth=3000,
            information=law(3000),
            low=0,
            high=9,
            null_high=0,
            estimator="classifier",
            given=False,
            doubts=(),
            fit=cx.scaling.fit_noise_law(depths, law(depths)),
        )

    law = cx.scaling.NoiseLaw
    deep = limits([curve("a", law(2500, 3.0), 100), curve("b", law(100, 2.0), 100)], 3.2)
    assert (deep.limit, deep.model) == ("depth", "a")
    assert deep.by_depth == pytest.approx(law(2500, 3.0).bits_per_doubling(3000), abs=1e-3)
    assert np.isnan(deep.by_cells)
    assert "was not measured" in deep.sentence
    few = limits([curve("a", law(50, 2.0), 100), curve("a", law(50, 2.8), 400)], 3.2)
    assert (few.limit, few.by_cells) == ("cells", pytest.approx(0.4, abs=0.01))
    rising = limits([curve("a", law(1e6, 8.0), 100), curve("a", law(1e6, 8.1), 400)], np.inf)
    assert not curve("a", law(1e6, 8.0), 100).fit.identified
    assert (rising.limit, rising.by_depth) == ("depth", pytest.approx(0.5, abs=0.05))
    done = limits([curve("a", law(50, 2.0), 100), curve("a", law(50, 2.05), 400)], 3.2)
    assert (done.limit, done.by_model) == ("model", pytest.approx(1.15, abs=0.01))
    assert "limited by model" in done.sentence
    (row,) = crossings([curve("a", law(2500, 3.0), 100), curve("b", law(100, 2.0), 100)])
    assert law(2500, 3.0)(row["depth"]) == pytest.approx(law(100, 2.0)(row["depth"]), abs=1e-3)
    (never,) = crossings([curve("a", law(100, 3.0), 100), curve("b", law(100, 2.0), 100)])
    assert never["reason"] == "a is above the other at every depth"
    assert limits([], 1.0) is None


def test_a_model_has_one_colour_and_its_smaller_training_sets_are_faint():
    from cellaxes.report._figures import looks
    from cellaxes.report._types import Curve

    def curve(model, n_train):
        return Curve("label:x", model, n_train, 9, 1, 1, 1, 0, "classifier", False, (), None)

    found = looks([curve("a", 100), curve("a", 400), curve("b", 400), curve("b", 100)])
    assert [look.faint for look in found] == [True, False, False, True]
    assert found[0].color == found[1].color != found[2].color == found[3].color


def test_plot_draws_points_law_band_and_null_on_given_axes():
    u = np.geomspace(10, 5000, 8)
    bits = cx.scaling.NoiseLaw(300, 2.0)(u)
    fit = cx.scaling.fit_noise_law(u, bits)
    ax = cx.pl.noise_curve(u, bits, fit=fit, null_high=0.1, ceiling=3.0, label="pca")
    assert isinstance(ax, Axes)
    assert ax.get_xscale() == "log"
    assert len(ax.collections) == 2
    again = cx.pl.noise_curve(u, bits, label="points", ax=ax)
    assert again is ax
    assert [text.get_text() for text in ax.legend().get_texts()] == ["pca", "points"]


def test_commands_measure_resume_and_collect(cells_file, tmp_path, cellaxes):
    words = [
        "study",
        "run",
        cells_file,
        "--signal",
        "label:cell_type",
        "--model",
        "pca:n_components=4",
        "--levels",
        4,
        "--seeds",
        1,
        "--permutations",
        0,
        "--out",
        tmp_path / "out",
        "--jobs",
        1,
    ]
    assert "done 4, failed 0, missing 0" in cellaxes(*words)
    record = next((tmp_path / "out").glob("runs/??/*.json"))
    record.unlink()
    assert "done 3, failed 0, missing 1" in cellaxes("study", "status", tmp_path / "out")
    assert "done 4" in cellaxes("study", "run", "--out", tmp_path / "out", "--jobs", 1)
    refused = cellaxes("study", "run", "--out", tmp_path / "out", "--seeds", 9, code=2)
    assert "--seeds belongs to a new study" in refused
    assert "done 7" in cellaxes(*words, "--thin", "both", "--thin", "query")
    assert "done 7" in cellaxes("study", "run", "--out", tmp_path / "out", "--jobs", 1)
    refused = cellaxes("study", "run", "--out", tmp_path / "out", "--thin", "both", code=2)
    assert "--thin belongs to a new study" in refused
    told = cellaxes("study", "collect", tmp_path / "out")
    assert re.search(r"label:cell_type\s+pca:n_components=4\s+300\s+\d\.\d\d", told)
    assert (tmp_path / "out" / "report.html").is_file()
    command = [sys.executable, "-m", "cellaxes", "measure", *map(str, words[2:])]
    done = subprocess.run(command, capture_output=True, text=True)  # in a process of its own
    assert done.returncode == 0, done.stderr
    assert "UMIs per cell" in done.stdout


def test_fit_command_writes_one_row_per_curve(tmp_path, cellaxes):
    u = np.geomspace(10, 5000, 8)
    table = pd.DataFrame(
        {
            "m": ["a"] * 8 + ["b"] * 8,
            "u": [*u, *u],
            "I": [*cx.scaling.NoiseLaw(300, 2.0)(u), *np.ones(8)],
        }
    )
    for suffix in ("csv", "tsv", "parquet"):
        path = tmp_path / f"t.{suffix}"
        if suffix == "parquet":
            pytest.importorskip("pyarrow")
            table.to_parquet(path)
        else:
            table.to_csv(path, sep="," if suffix == "csv" else "\t", index=False)
        told = cellaxes(
            "fit",
            path,
            "--depth",
            "u",
            "--information",
            "I",
            "--by",
            "m",
            "--out",
            tmp_path / suffix,
        )
        assert "2 curves, 1 identified" in told
        fits = pd.read_csv(tmp_path / suffix / "fits.csv")
        assert fits["u_bar"][0] == pytest.approx(300, rel=1e-4)
        assert {
            "u_bar_low",
            "u_bar_high",
            "I_max",
            "I_max_low",
            "I_max_high",
            "r_squared",
            "n",
            "identified",
            "reason",
        } <= set(fits)


def test_demo_measures_the_pancreas_of_the_dependency():
    try:
        adata = cx.datasets.pancreas()
    except cx.InputError as error:
        pytest.skip(str(error))
    assert adata.shape == (1411, 33053)
    assert np.median(np.asarray(adata.X.sum(axis=1))) == 10790
    assert adata.obs["cell_type"].nunique() == 8


BAD = {
    "negative": "negative value",
    "fractional": "looks log-normalised",
    "empty": "no UMI at all",
    "truncated": "truncated, damaged",
    "text": "truncated, damaged",
    "missing file": "is no file: did you mean 'negative.h5ad'",
}


@pytest.fixture(scope="module")
def bad_files(cells, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    for name, change in {
        "negative": lambda x: -x,
        "fractional": np.log1p,
        "empty": lambda x: 0 * x,
    }.items():
        adata = cells.copy()
        adata.X = change(adata.X.toarray().astype(float))
        adata.write_h5ad(folder / f"{name}.h5ad")
    whole = (folder / "negative.h5ad").read_bytes()
    (folder / "truncated.h5ad").write_bytes(whole[: len(whole) // 2])
    (folder / "text.h5ad").write_text("hello")
    return folder


@pytest.mark.parametrize("case", sorted(BAD))
def test_bad_files_end_in_one_sentence_and_code_2(case, bad_files, tmp_path, cellaxes):
    path = bad_files / ("negatives.h5ad" if case == "missing file" else f"{case}.h5ad")
    said = cellaxes(
        "measure", path, "--signal", "label:cell_type", "--out", tmp_path / "out", code=2
    )
    assert BAD[case] in said
    assert said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("signal", "more", "message"),
    [
        ("label:cell_typ", {}, "did you mean 'cell_type'"),
        ("hierarchy:cell_typ", {}, "did you mean 'cell_type'"),
        ("label:cell_type", {"models": ["precomputed:X_nope"]}, "X_nope"),
        ("label:cell_type", {"sizes": [10_000]}, "too few for 10000 training"),
    ],
)
def test_wrong_wishes_for_cells_in_memory_leave_nothing(cells, tmp_path, signal, more, message):
    with pytest.raises(cx.InputError, match=message):
        cx.verbs.measure(cells, [signal], out=tmp_path / "out", progress=False, **more)
    assert not (tmp_path / "out").exists()


def test_failed_runs_are_told_and_end_in_code_1(cells_file, tmp_path, cellaxes):
    words = [
        "measure",
        cells_file,
        "--signal",
        "label:cell_type",
        "--model",
        "pca:n_components=350",
        "--levels",
        1,
        "--seeds",
        1,
        "--jobs",
        1,
        "--out",
        tmp_path,
    ]
    said = cellaxes(*words, code=1)
    assert "1 of 1 runs failed: InputError: PCA with 350" in said


def test_bad_wishes_end_in_one_sentence_and_code_2(cells, cells_file, tmp_path, cellaxes):
    adata = cells.copy()
    adata.obs["gap"] = [None, *["a", "b"] * 299, "a"]
    adata.obs["one"] = "a"
    adata.write_h5ad(tmp_path / "cells.h5ad")
    blocked = tmp_path / "file"
    blocked.write_text("")
    for words, message in [
        ((tmp_path / "cells.h5ad", "--signal", "label:gap"), "missing in 1 of 600"),
        ((tmp_path / "cells.h5ad", "--signal", "label:one"), "one class only"),
        ((cells_file, "--signal", "label:cell_typ"), "did you mean 'cell_type'"),
        ((cells_file, "--signal", "protein:prot"), "did you mean 'protein'"),
        ((cells_file, "--signal", "label:cell_type", "--size", 900), "too few for 900"),
        ((cells_file, "--signal", "label:cell_type", "--thin", "cells"), "thin cannot be 'cells'"),
        (
            (cells_file, "--signal", "label:cell_type", "--out", blocked / "out"),
            "cannot be written",
        ),
    ]:
        out = () if "--out" in words else ("--out", tmp_path / "out")
        said = cellaxes("measure", *words, *out, code=2)
        assert said.count("\n") == 1, said
        assert message in said
    for words, message in [
        (("study", "status", tmp_path / "nowhere"), "holds no study"),
        (("fit", tmp_path / "no.csv", "--depth", "u", "--information", "I"), "is no file"),
        (("fit", blocked, "--depth", "u", "--information", "I"), "cannot be read as a table"),
    ]:
        said = cellaxes(*words, code=2)
        assert said.count("\n") == 1, said
        assert message in said


def test_help_shows_an_example_for_every_command(cellaxes):
    for words in (
        ["demo"],
        ["measure"],
        ["fit"],
        ["study", "run"],
        ["study", "status"],
        ["study", "collect"],
    ):
        assert "Example: cellaxes " + " ".join(words) in cellaxes(*words, "--help")


def test_a_hierarchy_is_measured_level_by_level(cells, tmp_path):
    """Coarse levels hold less to know and lose it later; ids reach the study with the labels."""
    adata = cells.copy()
    types = adata.obs["cell_type"].astype("category").cat.codes.to_numpy()
    terms = ["CL:0000788", "CL:0000084", "CL:0000860", "CL:0002543", "CL:0000057", "CL:0002063"]
    adata.obs["id"] = np.array(terms)[types % 6]
    adata.obs["mine"] = np.array(list("abcdef"))[types % 6]
    report = cx.verbs.measure(
        adata,
        ["hierarchy:mine,ids=id"],
        out=tmp_path,
        models=["pca:n_components=4"],
        n_levels=2,
        n_seeds=1,
        n_permutations=0,
        n_jobs=1,
        progress=False,
    )
    found = {curve.signal: curve.information for curve in report.curves}
    assert list(found) == [f"level:mine@{i},ids=id" for i in (1, 2, 3)]
    assert found["level:mine@1,ids=id"] < found["level:mine@3,ids=id"]
