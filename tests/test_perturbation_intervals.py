"""Intervals hold what they promise, and a model says where it is no better than a mean."""

import numpy as np
import pandas as pd
import pytest

from cellaxes._core.errors import InputError
from cellaxes.perturbation._honesty import abstentions, coverage_by_context, gains
from cellaxes.perturbation._intervals import conformal
from cellaxes.perturbation._jackknife import jackknife_plus
from cellaxes.perturbation._stack import fit_slopes


@pytest.fixture(scope="module")
def world():
    """Two contexts of other noise, genes of other variance: calibration rows and new rows."""
    rng = np.random.default_rng(0)
    spread = np.repeat([0.5, 1.0, 2.0, 6.0], 25)
    context = np.array(["A"] * 150 + ["B"] * 150)
    sd = np.where(context == "A", 1.0, 3.0)[:, None] * spread
    return spread, context, sd, rng


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("level", [0.5, 0.9])
def test_conformal_intervals_cover_in_each_context_and_bin(world, normalised, level):
    spread, context, sd, rng = world
    # heavy tails that no Gaussian sd would cover
    first, new = (rng.standard_t(3, size=sd.shape) * sd for _ in range(2))
    told = sd if normalised else None
    learned = conformal(
        first, np.zeros(sd.shape), context, sd=told, variance=spread**2, level=level
    )
    low, high = learned.of(np.zeros(sd.shape), context, told)
    found = coverage_by_context(new, low, high, context=context)
    assert found["coverage"].to_numpy() == pytest.approx(level, abs=0.035)
    for genes in np.split(np.arange(100), 4):
        inside = (new >= low) & (new <= high)
        assert inside[:, genes].mean() == pytest.approx(level, abs=0.045)
    assert found.loc["B", "width"] > 2 * found.loc["A", "width"]


def test_a_context_of_few_rows_borrows_and_an_unknown_one_rests_on_all(world):
    spread, context, sd, rng = world
    truth = rng.normal(size=sd.shape)
    where = context.astype(object)
    where[:3], truth[:3] = "few", 40.0
    learned = conformal(truth, np.zeros(sd.shape), where, variance=spread**2)
    halves = dict(zip((*learned.contexts, "other"), learned.halves[:, 0], strict=True))
    assert halves["A"] == pytest.approx(1.65, abs=0.2)
    assert halves["few"] > halves["A"]
    assert halves["other"] == pytest.approx(1.65, abs=0.2)
    low, high = learned.of(np.zeros((1, 100)), ["nowhere"])
    np.testing.assert_allclose((high - low)[0] / 2, learned.halves[-1][learned.bins])


def test_missing_values_do_not_count_and_misuse_is_said(world):
    _, context, sd, rng = world
    truth = rng.normal(size=sd.shape)
    gaps = np.where(rng.random(truth.shape) < 0.3, np.nan, truth)
    learned = conformal(gaps, np.zeros(sd.shape), context)
    assert learned.halves == pytest.approx(np.full(learned.halves.shape, 1.66), abs=0.2)
    with pytest.raises(InputError, match="without an sd"):
        learned.of(truth, context, sd)
    with pytest.raises(InputError, match="do not fit"):
        conformal(truth, truth[:5], context)
    with pytest.raises(InputError, match="must have shape"):
        learned.of(truth[:, :5], context)


def test_jackknife_plus_covers_compounds_that_were_never_measured():
    rng = np.random.default_rng(0)
    n, n_folds, n_new = 100, 10, 60
    covered = []
    for _ in range(20):
        x, new = rng.normal(size=(2, n, 1)), rng.normal(size=(n_new, 1))
        y = x[0] * [1.0, 2.0] + rng.standard_t(3, size=(n, 2))
        truth = new * [1.0, 2.0] + rng.standard_t(3, size=(n_new, 2))
        fold = np.arange(n) % n_folds
        predicted, residuals = np.empty((n_folds, n_new, 2)), np.empty((n, 2))
        for k in range(n_folds):
            kept = fold != k
            slope = np.linalg.lstsq(x[0][kept], y[kept], rcond=None)[0]
            predicted[k] = new @ slope
            residuals[~kept] = np.abs(y[~kept] - x[0][~kept] @ slope)
        low, high = jackknife_plus(predicted, residuals, fold)
        covered.append(((truth >= low) & (truth <= high)).mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_jackknife_plus_is_its_definition():
    rng = np.random.default_rng(0)
    predicted, residuals = rng.normal(size=(3, 4, 2)), rng.exponential(size=(30, 2))
    scale, fold = rng.uniform(1, 2, size=(3, 4, 2)), np.arange(30) % 3
    residuals[0, 0] = np.nan
    low, high = jackknife_plus(predicted, residuals, fold, scale=scale, level=0.8)
    for row in range(4):
        for gene in range(2):
            at = [i for i in range(30) if not np.isnan(residuals[i, gene])]
            below = [predicted[fold[i], row, gene] - residuals[i, gene] * scale[fold[i], row, gene]
                     for i in at]  # fmt: skip
            above = [predicted[fold[i], row, gene] + residuals[i, gene] * scale[fold[i], row, gene]
                     for i in at]  # fmt: skip
            k = int(np.ceil(round(0.8 * (len(at) + 1), 9)))
            assert high[row, gene] == pytest.approx(sorted(above)[k - 1])
            assert low[row, gene] == pytest.approx(sorted(below)[-k])
    few = jackknife_plus(predicted, residuals[:3], fold[:3], level=0.9)
    assert np.isinf(few[0]).all()
    assert np.isinf(few[1]).all()
    with pytest.raises(InputError, match="do not fit"):
        jackknife_plus(predicted, residuals, fold[:5])


def test_a_gain_that_other_compounds_could_undo_is_none():
    rows = pd.DataFrame({"context": "A", "compound": [f"c{i}" for i in range(30)]})
    truth = np.zeros((30, 4))
    better = np.where(np.arange(30)[:, None] % 2, 0.1, 1.8) + truth  # a little, on average
    judged = gains(truth, better, truth + 1, rows=rows)
    assert (judged["gain"] > 0).all()
    assert (judged["low"] < 0).all()
    assert not judged["better"].any()
    sure = gains(truth, truth + 0.95, truth + 1, rows=rows)  # as little, of every compound
    assert sure["better"].all()


def test_a_model_abstains_where_it_is_no_better_than_the_mean():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {"context": ["A"] * 40 + ["B"] * 40 + ["C"] * 2, "compound": [*range(40)] * 2 + [0, 1]}
    )
    truth = rng.normal(size=(82, 30))
    baseline = truth + rng.normal(size=truth.shape)
    good = truth + 0.5 * rng.normal(size=truth.shape)
    model = np.where((rows["context"] == "A").to_numpy()[:, None], good, baseline)
    model[40:80] = truth[40:80] + rng.normal(size=(40, 30))  # as good, on the whole
    judged = gains(truth, model, baseline, rows=rows)
    assert judged.loc["A", "gain"] == pytest.approx(0.5, abs=0.05)
    assert judged["better"].to_dict() == {"": True, "A": True, "B": False, "C": False}
    assert judged.loc["A", "low"] < judged.loc["A", "gain"] < judged.loc["A", "high"]
    assert np.isnan(judged.loc["C", "low"])
    told = abstentions(judged, ["A", "B", "C", "unheard"], baseline="the compound mean")
    assert [bool(reason) for reason in told] == [False, True, True, False]
    assert "no better than the compound mean here" in told[1]


def test_intervals_of_a_slope_out_of_fold_hold_in_turn():
    rng = np.random.default_rng(0)
    context = np.repeat(["A", "B"], 100)
    predicted = rng.normal(size=(200, 30))
    truth = 1.4 * predicted + rng.normal(size=predicted.shape)
    slope = fit_slopes(truth, predicted, context).reindex(context).to_numpy()[:, None]
    learned = conformal(truth, slope * predicted, context)
    fresh = 1.4 * predicted + rng.normal(size=predicted.shape)
    found = coverage_by_context(fresh, *learned.of(slope * predicted, context), context=context)
    assert found["coverage"].to_numpy() == pytest.approx(0.9, abs=0.03)


def test_a_context_borrows_the_shape_of_errors_and_not_their_size():
    rng = np.random.default_rng(0)
    context = np.array(["wild"] * 17 + ["calm"] * 300, dtype=object)
    size = np.where(context == "wild", 4.0, 1.0)[:, None]
    truth = size * rng.standard_t(4, (317, 40))
    learned = conformal(truth, np.zeros(truth.shape), context, n_bins=1)
    fresh = 4.0 * rng.standard_t(4, (500, 40))
    low, high = learned.of(np.zeros(fresh.shape), ["wild"] * 500)
    assert 0.87 <= ((fresh >= low) & (fresh <= high)).mean() <= 0.93
