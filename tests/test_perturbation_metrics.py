"""Metrics of predicted responses: each against a loop, at its best value and at chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import average_precision_score

import cellaxes as cx
from cellaxes.perturbation import metrics as m


@pytest.fixture(scope="module")
def world():
    """40 rows of two contexts, 60 genes, a shared response, a tenth of the values missing."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=60) * 2
    truth = shared + rng.normal(size=(40, 60)) * 2
    guess = 0.5 * truth + rng.normal(size=(40, 60))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    context = np.repeat(["B", "Myeloid"], [25, 15])
    return truth, guess, context, shared


# errors -----------------------------------------------------------------------------------------


def test_mrrmse_equals_a_double_loop(world):
    truth, guess, _, _ = world
    weights = np.arange(40) % 3
    total = 0.0
    for i in range(40):
        square, n = 0.0, 0
        for j in range(60):
            if not np.isnan(truth[i, j]):
                square, n = square + (truth[i, j] - guess[i, j]) ** 2, n + 1
        total += weights[i] * (square / n) ** 0.5
    assert m.mrrmse(truth, guess, weights=weights) == pytest.approx(
        total / weights.sum(), rel=0, abs=1e-12
    )


def test_a_masked_value_is_as_a_missing_one(world):
    truth, guess, context, shared = world
    mask = np.random.default_rng(1).random(truth.shape) < 0.7
    gone = np.where(mask, truth, np.nan)
    asked = {"context": context, "train_mean": shared}
    a = m.score(truth, guess, mask=mask, **asked)
    pd.testing.assert_frame_equal(a, m.score(gone, guess, **asked))
    assert a.loc["mrmae", "value"] == pytest.approx(np.nanmean(np.abs(gone - guess), axis=1).mean())


def test_a_masked_row_is_as_if_it_were_not_there(world):
    truth, guess, context, shared = world
    rows = np.arange(40) % 4 > 0
    holed = np.where(rows[:, None], truth, np.nan)
    a = m.score(holed, guess, context=context, train_mean=shared, mask=rows)
    b = m.score(truth[rows], guess[rows], context=context[rows], train_mean=shared)
    pd.testing.assert_frame_equal(a, b)
    assert np.isnan(m.rmse(holed, guess, mask=rows)[~rows]).all()


def test_doubling_the_weight_is_as_doubling_the_row(world):
    truth, guess, _, shared = world
    weights = np.ones(40)
    weights[:5] = 2
    twice = np.r_[np.arange(40), np.arange(5)]
    names = [name for name in m.show()["name"] if not name.startswith(("pds", "gene_spearman"))]
    a = m.score(truth, guess, names, train_mean=shared, weights=weights)["value"]
    b = m.score(truth[twice], guess[twice], names, train_mean=shared)["value"]
    pd.testing.assert_series_equal(a, b)


# association ------------------------------------------------------------------------------------


@pytest.mark.parametrize("axis", ["row", "gene"])
def test_correlations_are_those_of_scipy(world, axis):
    truth, guess, _, _ = world
    lines = zip(truth, guess, strict=True) if axis == "row" else zip(truth.T, guess.T, strict=True)
    expected = []
    for a, b in lines:
        known = ~np.isnan(a)
        a, b = a[known], b[known]
        cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        expected.append([pearsonr(a, b).statistic, spearmanr(a, b).statistic, cosine])
    found = [f(truth, guess, axis=axis) for f in (m.pearson, m.spearman, m.cosine)]
    np.testing.assert_allclose(np.transpose(found), expected, atol=1e-12)


def test_a_constant_prediction_has_no_correlation_and_gets_zero(world):
    truth = world[0]
    for value in (0.0, 0.1, -1e8):
        guess = np.full(truth.shape, value)
        for axis in ("row", "gene"):
            assert (m.pearson(truth, guess, axis=axis) == 0).all()
            assert (m.spearman(truth, guess, axis=axis) == 0).all()
    assert (m.cosine(truth, np.zeros(truth.shape)) == 0).all()


def test_centring_takes_the_shared_response_away(world):
    truth, _, _, shared = world
    mean = np.tile(shared, (40, 1))
    assert m.pearson(truth, mean).mean() > 0.5
    for f in (m.pearson, m.spearman, m.cosine):
        assert (f(truth, mean, centre=shared) == 0).all()
    a, b = (m.pearson(truth, world[1], axis="gene", centre=c) for c in (shared, None))
    np.testing.assert_allclose(a, b, atol=1e-12)


# discrimination ---------------------------------------------------------------------------------


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
def test_discrimination_equals_a_double_loop(world, distance):
    truth, guess, context, _ = world
    expected = []
    for p in range(40):
        d = {}
        for q in np.flatnonzero(context == context[p]):
            known = ~np.isnan(truth[q])
            a, b = guess[p, known], truth[q, known]
            d[q] = {
                "l1": np.abs(a - b).mean(),
                "l2": np.sqrt(((a - b) ** 2).mean()),
                "cosine": 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b),
            }[distance]
        expected.append(1 - sum(other < d[p] for other in d.values()) / (len(d) - 1))
    np.testing.assert_allclose(m.discrimination(truth, guess, context, distance=distance), expected)


@given(
    st.lists(st.integers(2, 9), min_size=1, max_size=5),
    st.floats(-1e3, 1e3),
    st.sampled_from(["l1", "l2", "cosine"]),
    st.integers(0, 10**6),
)
def test_what_is_the_same_for_every_row_discriminates_at_one_half_exactly(
    sizes, level, distance, seed
):
    rng = np.random.default_rng(seed)
    context = np.repeat(np.arange(len(sizes)), sizes)
    truth = rng.normal(size=(len(context), 700)).round(rng.integers(0, 4))
    truth[rng.random(truth.shape) < 0.2] = np.nan
    truth[1] = truth[0]  # a tie
    by_context = rng.normal(size=(len(sizes), 700)) + level
    for guess in (by_context[context], np.full(truth.shape, level), 0 * truth[:1] + by_context[:1]):
        guess = np.broadcast_to(np.nan_to_num(guess), truth.shape)
        assert m.pds(truth, guess, context, distance=distance) == 0.5


def test_discrimination_counts_ties_half_and_leaves_lone_rows_out():
    truth = [[0.0, 1.0], [0.0, 1.0], [9.0, 9.0], [1.0, 1.0]]
    found = m.discrimination(truth, truth, ["B", "B", "B", "T"])
    np.testing.assert_array_equal(found, [0.75, 0.75, 1, np.nan])
    assert m.pds(truth, truth, ["B", "B", "B", "T"]) == pytest.approx(2.5 / 3)
    with pytest.raises(cx.InputError, match="no context holds two rows"):
        m.pds(truth, truth, ["a", "b", "c", "d"])


@pytest.mark.parametrize("distance", ["l1", "l2", "cosine"])
def test_a_row_that_shares_no_gene_with_a_prediction_does_not_beat_it(distance):
    nan = np.nan
    truth = np.array([[1.0, 2.0, nan, nan], [nan, nan, 3.0, 1.0]])
    found = m.discrimination(truth, -truth, ["B", "B"], distance=distance)
    np.testing.assert_array_equal(found, [1, 1])


# genes that respond -----------------------------------------------------------------------------


def test_auprc_is_that_of_sklearn_and_prevalence_where_nothing_is_known(world):
    truth, guess, _, _ = world
    guess = guess.round(0)  # ties
    expected = [
        average_precision_score(np.abs(t[~np.isnan(t)]) > 2, np.abs(g[~np.isnan(t)]))
        for t, g in zip(truth, guess, strict=True)
    ]
    np.testing.assert_allclose(m.de_auprc(truth, guess), expected)
    np.testing.assert_allclose(m.de_auprc(truth, 0 * guess), m.prevalence(truth))


def test_overlap_is_one_at_its_best_and_chance_for_a_constant(world):
    truth, guess, _, _ = world
    whole = np.nan_to_num(truth.round(0))  # ties in truth
    assert m.de_overlap(whole, whole, k=20) == pytest.approx(1)
    assert m.de_overlap(guess, 0 * guess, k=20) == pytest.approx(20 / 60)
    assert m.de_overlap(guess, -guess, k=20) == pytest.approx(1)
    assert m.de_overlap([[3.0, 2.0, 1.0, 0.0]], [[0.0, 5.0, 4.0, 1.0]], k=2) == 0.5


def test_direction_is_judged_where_truth_has_moved():
    truth = [[5.0, -5.0, 3.0, 0.1], [0.5, 0.5, 0.5, 0.5]]
    guess = [[1.0, 1.0, 0.0, -9.0], [1.0, 1.0, 1.0, 1.0]]
    np.testing.assert_array_equal(m.de_direction(truth, guess), [0.5, np.nan])


def test_one_class_is_refused_with_the_mend():
    quiet, loud = np.full((2, 5), 0.5), np.full((2, 5), 9.0)
    for f in (m.de_direction, m.de_auprc):
        with pytest.raises(cx.InputError, match=r"above 2 \(the largest is 0.5\): lower threshold"):
            f(quiet, quiet)
    with pytest.raises(cx.InputError, match="one class only: raise threshold"):
        m.de_auprc(loud, loud)
    assert np.isnan(m.score(loud, loud, ["de_auprc"]).loc["de_auprc", "value"])


# size, intervals --------------------------------------------------------------------------------


def test_slope_mends_predictions_that_are_too_small(world):
    truth, guess, _, _ = world
    assert m.slope(truth, truth / 4) == pytest.approx(4)
    assert m.norm_ratio(truth, truth / 4) == pytest.approx(0.25)
    mended = m.slope(truth, guess) * guess
    assert m.slope(truth, mended) == pytest.approx(1)
    assert np.isnan(m.slope(truth, 0 * guess))
    assert m.norm_ratio(truth, 0 * guess) == 0


def test_calibration_knows_honest_from_overconfident_and_ranks_rows():
    rng = np.random.default_rng(0)
    sd = np.repeat(rng.uniform(0.5, 3, size=(60, 1)), 500, axis=1)
    truth = rng.normal(size=sd.shape) * sd
    context = np.repeat(["a", "b"], 30)
    honest = m.calibration(truth, 0 * truth, sd, context=context)
    table = honest.to_frame().set_index(["context", "level"])
    np.testing.assert_allclose(table["coverage"], table.index.get_level_values(1), atol=0.02)
    assert honest.rank > 0.95
    assert table.loc[("all", 0.95), "width"] == pytest.approx(2 * 1.96 * sd.mean(), rel=1e-3)
    bold = m.calibration(truth, 0 * truth, sd / 3)
    assert bold.coverages[2].coverage < 0.6
    assert bold.crps > honest.crps == pytest.approx(sd.mean() / np.sqrt(np.pi), rel=0.02)
    z = 1.6448536
    assert m.coverage(truth, -z * sd, z * sd) == pytest.approx(0.9, abs=0.01)
    with pytest.raises(cx.InputError, match="swap them"):
        m.coverage(truth, sd, -sd)
    with pytest.raises(cx.InputError, match="sd must be positive"):
        m.calibration(truth, truth, 0 * sd)


# table, scale, comparison -----------------------------------------------------------------------


def test_every_metric_reaches_its_stated_best_on_the_truth_and_only_there(world):
    truth, guess, context, shared = world
    whole = np.nan_to_num(truth)
    found = m.score(truth, whole, context=context, train_mean=shared)
    assert list(found.index) == list(m.show()["name"])
    np.testing.assert_allclose(found["value"], found["best"], atol=1e-12)
    np.testing.assert_allclose(found["best"], m.show()["best"])
    worse = m.score(truth, guess, context=context, train_mean=shared)
    assert (np.abs(worse["value"] - worse["best"]) > 1e-3).drop(["pds_l2", "pds_l1"]).sum() >= 17
    zero = found["zero"]
    assert zero["pds_l1"] == 0.5
    assert zero["de_direction"] == 0.5
    assert zero["de_auprc"] == pytest.approx(m.prevalence(truth).mean())


def test_the_table_takes_what_it_is_given_and_says_what_it_lacks(world):
    truth, guess, _, _ = world
    names = set(m.score(truth, guess).index)
    assert not any("pds" in name or "centred" in name for name in names)
    with pytest.raises(cx.InputError, match="pds_l1 needs context="):
        m.score(truth, guess, ["pds_l1"])
    with pytest.raises(cx.InputError, match="did you mean 'pearson'"):
        m.score(truth, guess, ["pearsn"])
    with pytest.raises(cx.InputError, match="one number of all rows"):
        m.row_scores(truth, guess, ["slope"])
    rows = m.row_scores(truth, guess)
    assert rows["mrrmse"].mean() == pytest.approx(m.mrrmse(truth, guess))


def test_the_scale_runs_from_the_best_average_to_the_replicate():
    baselines = {"zero": {"mrrmse": 4.7, "slope": 0.5}, "mean": {"mrrmse": 4.4, "slope": 2.5}}
    ceiling = {"mrrmse": 2.4, "slope": 0.9}
    for name, there in (("baseline", 0), ("ceiling", 1)):
        values = {"mrrmse": 4.4, "slope": 0.5} if name == "baseline" else ceiling
        found = m.scale(values, baselines, ceiling)
        assert list(found["scaled"]) == [there, there]
        assert list(found["baseline"]) == ["mean", "zero"]
    assert m.scaled(4.9, 4.4, 2.4, best=0) == -0.25
    with pytest.raises(cx.InputError, match="no better than the baseline"):
        m.scaled(1, 0.5, 0.4, best=1)
    assert np.isnan(m.scale({"mrrmse": 1}, {"zero": {"mrrmse": 2}}, {"mrrmse": 3})["scaled"].item())
    assert np.isnan(m.scale({"mrrmse": 1}, {"zero": {"mrrmse": 2}}, {})["scaled"].item())


def test_the_bootstrap_draws_compounds_and_not_rows():
    rng = np.random.default_rng(0)
    of_compound = np.repeat(rng.normal(0.3, 1, size=30), 20)
    base = rng.normal(size=600)
    found = m.paired_bootstrap(base + of_compound, base, np.repeat(np.arange(30), 20))
    by_row = m.paired_bootstrap(base + of_compound, base, np.arange(600))
    assert (found.high - found.low) > 3 * (by_row.high - by_row.low)
    expected = 3.92 * of_compound.std() / np.sqrt(30)
    assert found.high - found.low == pytest.approx(expected, rel=0.1)
    again = m.paired_bootstrap(base + of_compound, base, np.repeat(np.arange(30), 20))
    assert found == again
    other = m.paired_bootstrap(
        base + of_compound, base, np.repeat(np.arange(30), 20), random_state=1
    )
    assert found != other


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    inside, small = 0, 0
    for seed in range(200):
        gaps = np.repeat(rng.normal(size=40), 3)
        found = m.paired_bootstrap(
            gaps, 0 * gaps, np.repeat(np.arange(40), 3), n_boot=400, random_state=seed
        )
        inside += found.low < 0 < found.high
        small += found.p_value < 0.05
    assert 0.89 <= inside / 200 <= 0.99
    assert small / 200 <= 0.1


def test_a_row_without_a_score_is_left_out_of_both_and_few_compounds_are_told():
    a, b = np.array([1.0, np.nan, 2, 3, 4]), np.array([0.0, 5, np.nan, 1, 2])
    found = m.paired_bootstrap(a, b, list("vwxyz"))
    assert (found.n_rows, found.value, found.other) == (3, pytest.approx(8 / 3), 1)
    assert not found.reliable
    assert "FEW" in repr(found)
    with pytest.raises(cx.InputError, match="2 compounds have a score"):
        m.paired_bootstrap(a, b, list("vwxyy"))


# bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("truth", "guess", "settings", "words"),
    [
        (np.ones((3, 4)), np.ones((3, 5)), {}, "same rows and the same genes"),
        ([[1.0, np.nan], [np.nan, np.nan]], np.ones((2, 2)), {}, r"no value in 1 rows \(1\)"),
        (np.ones((2, 2)), [[1.0, 1], [1, np.nan]], {}, r"predicted is NaN .* 1 rows \(1\)"),
        ([[1.0, np.inf]], [[1.0, 1.0]], {}, "infinite in row 0"),
        ([["a"]], [[1.0]], {}, "numbers only"),
        (np.ones(3), np.ones(3), {}, "must be a matrix"),
        (np.ones((2, 2)), np.ones((2, 2)), {"mask": [1, 0]}, "mask must be true or false"),
        (np.ones((2, 2)), np.ones((2, 2)), {"mask": np.zeros(2, bool)}, "leave no row"),
        (np.ones((2, 2)), np.ones((2, 2)), {"weights": [1, -1]}, "at least 0 per row"),
        (np.ones((2, 2)), np.ones((2, 2)), {"train_mean": [1.0]}, "one value per gene"),
        (np.ones((2, 2)), np.ones((2, 2)), {"context": ["a"]}, "one label for each of 2"),
        (np.ones((2, 2)), np.ones((2, 2)), {"context": ["a", None]}, "context is missing"),
        (np.ones((2, 2)), np.ones((2, 2)), {"k": 0}, "k must be"),
    ],
)
def test_input_that_does_not_fit_is_refused_in_one_sentence(truth, guess, settings, words):
    with pytest.raises(cx.InputError, match=words):
        m.score(truth, guess, **settings)


def test_tables_whose_genes_are_in_another_order_are_refused():
    truth = pd.DataFrame(np.eye(2), columns=["a", "b"])
    with pytest.raises(cx.InputError, match="name other genes"):
        m.mrrmse(truth, truth[["b", "a"]])
    assert m.mrrmse(truth, truth) == 0
