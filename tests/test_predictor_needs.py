"""How many cells per well predictors of responses need, against a known truth."""

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
from cellaxes.perturbation.metrics import information
from cellaxes.scaling import depth_for, fit_noise_law
from cellaxes.verbs._needs_judge import Judge, relative
from cellaxes.verbs._needs_run import run
from cellaxes.verbs._needs_wells import Columns, levels, read_wells

RUNNER = CliRunner()
COLUMNS = Columns("compound", "control", "context", "well", ("donor",))
NAMES = {"sample": "well", "covariates": ["donor"]}
QUICK = {"n_levels": 4, "n_depths": 3, "n_seeds": 1, "progress": False}


@pytest.fixture(scope="module")
def screen():
    """Four contexts, 24 compounds and a control, three donors; 40 cells a well."""
    return p.simulate_screen(
        4, 24, 150, n_cells=40, depth=600, strength=0.5, well_sd=0, random_state=1
    )


@pytest.fixture(scope="module")
def tiny():
    """Three contexts, six compounds, 16 cells a well."""
    return p.simulate_screen(3, 6, 40, n_cells=16, depth=400, strength=1, random_state=2)


@pytest.fixture(scope="module")
def ran(screen, tmp_path_factory):
    """The report, its folder, and what was said at every level."""
    out = tmp_path_factory.mktemp("needs") / "out"
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "cellaxes.verbs._predictor_needs.run", lambda *args: kept.append(run(*args)) or kept[0]
        )
        report = cx.verbs.predictor_needs(
            screen.cells, "random", held_out=0.4, out=out, **NAMES, n_seeds=2, n_levels=5,
            n_depths=4, predictors=["compound_mean", "additive"], progress=False,
        )  # fmt: skip
    return report, out, kept[0]


@pytest.fixture(scope="module")
def made(ran):
    return ran[:2]


# ---- information -------------------------------------------------------------------------------


def test_noise_of_the_truth_is_taken_out():
    """A prediction with as much noise as response tells half a bit, however noisy the truth."""
    rng = np.random.default_rng(0)
    response = rng.normal(size=(150, 400))
    guess = response + rng.normal(size=response.shape)
    for noise in (0.2, 1.0, 2.0):
        truth, repeat = response + noise * rng.normal(size=(2, 150, 400))
        found = information(truth, guess, np.arange(150), repeat=repeat)
        assert found.corrected
        assert abs(found.bits - 0.5) < 0.05
        assert abs(found.reliability - 1 / (1 + noise**2)) < 0.03
    raw = information(truth, guess, np.arange(150))
    assert raw.bits < 0.15
    assert not raw.corrected


def test_strong_responses_do_not_decide_and_wrong_signs_are_below_zero():
    rng = np.random.default_rng(1)
    y = rng.normal(size=(30, 200))
    x = y + rng.normal(size=y.shape)
    size = rng.lognormal(0, 2, (30, 1))
    weak, strong = (information(y * s, x * s, np.arange(30)).bits for s in (1.0, size))
    assert strong == pytest.approx(weak)
    assert information(y, -x, np.arange(30)).bits == pytest.approx(-weak)


def test_where_halves_do_not_agree_nothing_is_corrected():
    rng = np.random.default_rng(2)
    truth, repeat, guess = rng.normal(size=(3, 30, 200))
    found = information(truth, guess, np.arange(30), repeat=repeat)
    assert not found.corrected
    assert found.low < 0 < found.high


def test_values_that_are_not_known_do_not_count():
    rng = np.random.default_rng(3)
    y = rng.normal(size=(10, 50))
    x = y + rng.normal(size=y.shape)
    holes = np.hstack([y, np.full((10, 7), np.nan)])
    other = np.hstack([x, 9 * rng.normal(size=(10, 7))])
    names = [f"c{i // 2}" for i in range(10)]
    assert information(holes, other, names).bits == pytest.approx(information(y, x, names).bits)
    both = information(np.stack([y, y]), np.stack([x, x]), names)
    assert both.bits == pytest.approx(information(y, x, names).bits)
    assert both.n_compounds == 5


def test_rows_of_one_compound_are_drawn_together():
    """Ten copies of each row say no more than the row."""
    rng = np.random.default_rng(4)
    y = rng.normal(size=(12, 40))
    x = y * rng.uniform(0, 2, (12, 1)) + rng.normal(size=y.shape)
    once = information(y, x, np.arange(12))
    copies = information(np.repeat(y, 10, 0), np.repeat(x, 10, 0), np.repeat(np.arange(12), 10))
    assert copies.standard_error == pytest.approx(once.standard_error, rel=1e-6)


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        (np.ones((3, 4)), np.ones((3, 5)), "shape"),
        (np.zeros((3, 4)), np.ones((3, 4)), "zero in every row"),
        (np.ones((3, 4)), np.full((3, 4), np.nan), "not finite"),
    ],
)
def test_what_does_not_fit_is_refused(truth, predicted, message):
    with pytest.raises(InputError, match=message):
        information(truth, predicted, list("abc"))


# ---- the parts ---------------------------------------------------------------------------------


def test_a_large_screen_measures_its_truth():
    made = p.simulate_screen(
        2, 4, 60, n_cells=400, depth=3000, strength=1, dispersion=0.1, well_sd=0, random_state=3
    )
    sums = p.pseudobulk(made.cells, by=["context", "compound", "well"])
    found = p.from_differential_expression(
        p.differential_expression(sums, context="context", covariates=["donor"])
    )
    np.testing.assert_array_equal(
        found.rows[["context", "compound"]], made.truth.rows[["context", "compound"]]
    )
    centred = [x - np.median(x, axis=1, keepdims=True) for x in (made.truth.logFC, found.logFC)]
    sure = np.nan_to_num(np.abs(found.logFC / found.t)).mean(axis=0) < 0.1
    slope = np.polyfit(*(x[:, sure].ravel() for x in centred), 1)[0]
    assert abs(slope - 1) < 0.05
    assert made.cells.obs.groupby(["context", "well"]).size().std() > 50


def test_fewer_cells_are_some_of_more_and_never_those_kept_aside(tiny):
    wells = read_wells(tiny.cells, COLUMNS, None)
    how = {"n_cells": 3, "min_cells": 2.0, "n_depths": 3, "min_depth": 40.0}
    found = {(at.axis, at.fraction): sums for at, sums in levels(wells, 0, **how)}
    whole = p.pseudobulk(tiny.cells, by=["context", "compound", "well"]).X.toarray()
    aside, full = (found[key].X.toarray() for key in (("aside", 1.0), ("cells", 1.0)))
    np.testing.assert_array_equal(aside + full, whole)
    for axis in ("cells", "depth"):
        steps = [sums.X.toarray() for (name, _), sums in found.items() if name == axis]
        for more, fewer in zip([full, *steps], steps, strict=False):
            assert (fewer <= more).all()
    shuffled = tiny.cells[np.random.default_rng(0).permutation(tiny.cells.n_obs)]
    sizes = read_wells(shuffled, COLUMNS, None).sizes
    np.testing.assert_array_equal(sizes, wells.sizes)


def test_a_share_within_the_measured_needs_no_capacity():
    """A curve that still rises has no capacity, but nine tenths of its end it has."""
    u = np.array([1.0, 2, 4, 8, 16, 32])
    fit = fit_noise_law(u, 0.3 * np.log2(1 + u / 50))
    assert not depth_for(fit, share_of_bits=0.9).known
    found = depth_for(fit, share_of_bits=0.9, full=32)
    assert found.known
    assert fit.law(found.depth) == pytest.approx(0.9 * fit.law(32))
    with pytest.raises(InputError, match="within the depths"):
        depth_for(fit, share_of_bits=0.9, full=64)


def test_a_predictor_by_name_is_the_baseline_or_the_model():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame([(c, d) for c in "AB" for d in "xyz"], columns=["context", "compound"])
    data = p.TrainingData(rng.normal(size=(5, 8)).astype(np.float32), rows[:5], np.ones(5))
    mean = p.predict_baseline(data.Y, rows[:5], rows[5:], name="compound_mean").values
    np.testing.assert_array_equal(p.predict_by("compound_mean", data, rows[5:]), mean)
    model = p.KernelGP().fit(data).predict(rows[5:])
    np.testing.assert_array_equal(p.predict_by("kernel_gp", data, rows[5:]), model)
    np.testing.assert_array_equal(p.predict_by(p.KernelGP(), data, rows[5:]), model)
    with pytest.raises(InputError, match="kernel_gp"):
        p.predict_by("kernel_pg", data, rows[5:])


def test_the_seed_draws_the_compounds_of_the_intervals():
    rng = np.random.default_rng(6)
    truth, again, guess = rng.normal(size=(1, 8, 30)) + rng.normal(size=(3, 1, 8, 30))

    def judged(seed):
        judge = Judge(truth, np.ones(30), again, list("abcdefgh"), level=0.9, random_state=seed)
        return judge.score(guess)[0]

    assert judged(1) == judged(1)
    assert judged(1).bits == judged(2).bits
    assert judged(1).low != judged(2).low


# ---- the verb ----------------------------------------------------------------------------------


def test_the_folder_holds_the_page_and_its_numbers(made):
    report, out = made
    assert {entry.name for entry in out.iterdir()} == {
        "report.html", "results.json", "needs.csv", "levels.csv", "draws.csv",
    }  # fmt: skip
    told = json.loads((out / "results.json").read_text())
    assert told["schema"] == "cellaxes.predict-needs/1"
    page = html.unescape((out / "report.html").read_text())
    for sentence in (*told["conclusions"], *told["doubts"]):
        assert sentence in page
    assert len(pd.read_csv(out / "needs.csv")) == 6
    assert repr(report) == "\n".join(told["conclusions"])
    assert "cells" in told["conclusions"][0]


def test_more_cells_and_more_molecules_never_hurt(made):
    for _, rows in made[0].levels.groupby(["axis", "predictor"]):
        bits = rows.sort_values("fraction")["bits"].to_numpy()
        assert (np.diff(bits) > -0.03 * bits.max()).all()
        assert bits[-1] > 1.2 * bits[0]


def test_needs_read_off_the_cells_kept_aside_are_those_of_the_truth(ran, screen):
    """The truth is never shown to the report: its needs must agree with the simulator's."""
    report, _, found = ran
    unit = found.judge.unit
    truth = relative(screen.truth.logFC[found.split.test], unit)
    weight = 1 / np.nansum(relative(found.judge.reference, unit) ** 2, axis=2)
    for name in ("measurement", "compound_mean", "additive"):
        cells, bits = [], []
        for level, said in found.points:
            if level.axis == "cells":
                guess = said.measured if name == "measurement" else said.predicted[name]
                guess, w = relative(np.nan_to_num(guess), unit), weight[level.seed][:, None]
                xy, xx, yy = ((w * a * b).sum() for a, b in (
                    (guess, truth), (guess, guess), (truth, truth)
                ))  # fmt: skip
                cells.append(level.cells)
                bits.append(-0.5 * np.log2(1 - xy**2 / (xx * yy)))
        curve = report.curve(name)
        assert curve.full.bits == pytest.approx(np.mean([bits[0], bits[5]]), rel=0.15)
        need = depth_for(fit_noise_law(cells, bits), share_of_bits=0.9, full=max(cells)).depth
        assert curve.need.known
        assert curve.need.depth == pytest.approx(need, rel=0.1)
        assert curve.need.low / 1.1 < need < curve.need.high * 1.1


def test_a_prediction_is_worth_the_cells_at_which_measuring_says_as_much(made):
    curve, measured = made[0].curve("compound_mean"), made[0].curve("measurement")
    assert curve.worth.known
    assert measured.fit.law(curve.worth.depth) == pytest.approx(curve.full.bits, rel=0.01)
    assert curve.worth.low < curve.worth.depth < curve.worth.high


def test_where_no_compound_does_anything_no_number_is_named(tmp_path):
    null = p.simulate_screen(3, 14, 80, n_cells=20, depth=400, strength=0, well_sd=0)
    report = cx.verbs.predictor_needs(
        null.cells, "random", held_out=0.4, out=tmp_path, **NAMES, **QUICK,
        predictors=["compound_mean", "additive"],
    )  # fmt: skip
    for curve in report.curves:
        assert curve.full.low < 0 < curve.full.high
        assert not curve.need.known
        assert "nothing to lose" in curve.need.reason
    assert report.conclusions[0].startswith("No number of cells can be named")
    assert "no response was measured" in report.conclusions[-1]
    assert "do not agree beyond chance" in " ".join(report.doubts)


def test_molecules_count_where_counts_are_poisson_and_cells_where_cells_differ(tmp_path):
    lost = {}
    for dispersion in (0.0, 3.0):
        made = p.simulate_screen(
            2, 16, 100, n_cells=30, depth=300 if dispersion == 0 else 3000, strength=0.5,
            dispersion=dispersion, well_sd=0, random_state=4,
        )  # fmt: skip
        report = cx.verbs.predictor_needs(
            made.cells, "random", held_out=0.5, out=tmp_path / str(dispersion), **NAMES, **QUICK,
            predictors=["zero"],
        )  # fmt: skip
        lost[dispersion] = [
            report.curve("measurement", axis).halving for axis in ("cells", "depth")
        ]
        assert report.curve("zero").full.bits == 0
    poisson, varied = lost[0.0], lost[3.0]
    assert poisson[1] == pytest.approx(poisson[0], rel=0.35)
    assert varied[1] < 0.35 * varied[0]


def test_the_order_in_which_workers_end_changes_nothing(tiny, tmp_path, monkeypatch):
    how = {**NAMES, **QUICK, "predictors": ["compound_mean"], "held_out": 0.4}
    one = cx.verbs.predictor_needs(tiny.cells, "random", out=tmp_path / "one", **how)

    def backwards(n_jobs, tasks, *, kept):
        assert n_jobs == 2
        yield from [function(*arguments) for function, arguments in tasks][::-1]

    monkeypatch.setattr("cellaxes.verbs._needs_run.in_processes", backwards)
    two = cx.verbs.predictor_needs(tiny.cells, "random", out=tmp_path / "two", n_jobs=2, **how)
    pd.testing.assert_frame_equal(one.draws, two.draws)
    pd.testing.assert_frame_equal(one.levels, two.levels)


def test_by_command_as_by_call(tiny, tmp_path):
    path = tmp_path / "screen.h5ad"
    tiny.cells.write_h5ad(path)
    words = [
        "predict", "needs", str(path), "--sample", "well", "--covariate", "donor", "--split",
        "random", "--held-out", "0.4", "--predictor", "compound_mean", "--levels", "4",
        "--depths", "3", "--seeds", "1", "--out", str(tmp_path / "out"),
    ]  # fmt: skip
    told = RUNNER.invoke(app, words)
    assert told.exit_code == 0, told.output
    report = cx.verbs.predictor_needs(
        tiny.cells, "random", held_out=0.4, out=tmp_path / "call", predictors=["compound_mean"],
        **NAMES, **QUICK,
    )  # fmt: skip
    assert report.conclusions[0] in told.output
    first, again = (pd.read_csv(tmp_path / f / "levels.csv") for f in ("out", "call"))
    pd.testing.assert_frame_equal(first, again)


def _broken(cells, how):
    """Return the cells with one thing wrong."""
    cells = cells.copy()
    if how == "negative":
        cells.X.data[0] = -1
    if how == "not whole":
        cells.X = cells.X.astype(float) / 2
    if how == "nan":
        cells.obs["well"] = cells.obs["well"].astype(object).where(cells.obs["well"] != "well 0001")
    if how == "no control":
        here = (cells.obs["context"] == "context 1") & (cells.obs["compound"] == "control")
        cells = cells[~here].copy()
    if how == "one compound":
        cells = cells[cells.obs["compound"].isin(["control", "compound 000"])].copy()
    if how == "no compound":
        cells = cells[cells.obs["compound"] == "control"].copy()
    if how == "one context":
        cells = cells[cells.obs["context"] == "context 0"].copy()
    if how == "no replicates":
        cells.obs["well"] = "all"
    if how == "every cell a well":
        cells.obs["well"] = cells.obs_names
    return cells


@pytest.mark.parametrize(
    ("how", "wish", "message"),
    [
        ("", {"sample": "wel"}, "did you mean 'well'"),
        ("", {"control": "DMSO"}, "no cell of obs\\['compound'\\] is 'DMSO'"),
        ("", {"predictors": ["kernel_pg"]}, "did you mean 'kernel_gp'"),
        ("", {"min_cells": 9}, "too few for levels down to 9"),
        ("", {"share": 1.5}, "share must lie between 0 and 1"),
        ("", {"n_seeds": 0}, "n_seeds must be at least 1"),
        ("", {"split": "fewshot"}, "did you mean 'few-shot'"),
        ("negative", {}, "negative"),
        ("not whole", {}, "whole"),
        ("nan", {}, "obs\\['well'\\] is missing in"),
        ("no control", {}, "context 'context 1' has no cell of the control"),
        ("one compound", {}, "holds one compound besides the control"),
        ("no compound", {}, "holds no compound besides the control"),
        ("one context", {"split": "few-shot", "held_out": None}, "context"),
        ("no replicates", {"covariates": []}, "replicates"),
        ("every cell a well", {"covariates": []}, "must name wells or donors, not cells"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing(tiny, tmp_path, how, wish, message):
    asked = {"split": "random", "held_out": 0.4, **NAMES, **QUICK} | wish
    with pytest.raises(InputError, match=message) as told:
        cx.verbs.predictor_needs(_broken(tiny.cells, how), out=tmp_path / "out", **asked)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_an_interrupted_run_leaves_nothing(tiny, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("cellaxes.verbs._needs_run.say", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cx.verbs.predictor_needs(
            tiny.cells, "random", held_out=0.4, out=tmp_path / "out", **NAMES, **QUICK
        )
    assert not (tmp_path / "out").exists()


def test_a_predictor_has_one_colour_in_all_figures(made):
    page = (made[1] / "report.html").read_text()
    for figure in page.split("<svg")[1:]:
        places = [figure.index(f">{name}<") for name in ("compound mean", "additive")]
        assert places == sorted(places)


def test_the_page_fits_a_phone(made, new_browser):
    page = (made[1] / "report.html").read_text()
    script = "return { over: overflow(), svgs: all('svg').length };"
    for phone in (False, True):
        found = new_browser("").run(page, script, phone=phone)
        assert found["over"] <= 0
        assert found["svgs"] == 4


def test_a_change_of_all_genes_alike_tells_nothing():
    """Counts are relative: it is a matter of normalisation."""
    rng = np.random.default_rng(5)
    values, unit = rng.normal(size=(2, 6, 20)), rng.uniform(0.1, 1, 20)
    values[0, 0, :5] = np.nan
    moved = values + rng.normal(size=(2, 6, 1))
    np.testing.assert_allclose(relative(moved, unit), relative(values, unit), atol=1e-12)
    assert np.isnan(relative(values, unit)).sum() == 5
