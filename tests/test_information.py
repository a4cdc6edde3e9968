"""Estimates against closed forms, against a peer, and what they say of themselves."""

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.feature_selection import mutual_info_classif, mutual_info_regression

import cellaxes as cx
from cellaxes._core.random import stream
from cellaxes.information import _classifier, _copula, _neighbours
from cellaxes.information._charts import view
from cellaxes.information._classifier import entropy_bits, stratified_folds
from cellaxes.information._data import make_pairs
from cellaxes.information._gaussian import gaussian
from cellaxes.information._ksg import ksg, ross
from cellaxes.information._resample import half_width


def gaussian_pair(rho, n=2000, seed=0, d=1):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal((n, d))


def copula(pairs, learn=False):
    return _copula.copula(view(pairs), 3, stream(0, "test"), learn=learn)


def truth(rho, d=1):
    return -0.5 * d * np.log2(1 - rho**2)


@pytest.mark.parametrize("name", ["ksg", "gaussian", "copula"])
@pytest.mark.parametrize("rho", [0.0, 0.6, 0.95])
def test_gaussian_information_is_recovered_within_its_interval(name, rho):
    found = cx.information.estimate(*gaussian_pair(rho), name)
    assert found.bits == pytest.approx(truth(rho), abs=0.08)
    assert found.low - 0.02 <= truth(rho) <= found.high + 0.02
    assert abs(found.null) < 0.03
    assert found.n == 2000
    assert found.reliable, found.reason


@pytest.mark.parametrize("k", [1, 3, 10])
def test_ksg_equals_its_definition(k):
    x, y = gaussian_pair(0.7, n=150, d=2)
    pairs = make_pairs(x, y)
    a, b = (side / side.std(axis=0) for side in (x, y))
    dx = np.abs(a[:, None] - a[None]).max(axis=-1)
    dy = np.abs(b[:, None] - b[None]).max(axis=-1)
    joint = np.maximum(dx, dy)
    np.fill_diagonal(joint, np.inf)
    radius = np.sort(joint, axis=1)[:, k - 1][:, None]
    from scipy.special import digamma

    nx, ny = (dx < radius).sum(axis=1) - 1, (dy < radius).sum(axis=1) - 1
    nats = digamma(k) + digamma(150) - (digamma(nx + 1) + digamma(ny + 1)).mean()
    assert ksg(pairs, k) == pytest.approx(nats / np.log(2), abs=1e-9)


def test_ksg_and_ross_agree_with_scikit_learn():
    x, y = gaussian_pair(0.7)
    peer = mutual_info_regression(x, y[:, 0], n_neighbors=3, random_state=0)[0] / np.log(2)
    assert ksg(make_pairs(x, y)) == pytest.approx(peer, abs=1e-6)
    codes = np.digitize(y[:, 0], [-0.5, 0.5])
    peer = mutual_info_classif(x, codes, n_neighbors=3, random_state=0)[0] / np.log(2)
    assert ross(make_pairs(x, codes)) == pytest.approx(peer, abs=1e-6)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_trees_and_scans_find_the_same_neighbours(d, monkeypatch):
    points = np.round(np.random.default_rng(d).standard_normal((400, d)), 1)
    found = []
    for tree in (True, False):
        monkeypatch.setattr(_neighbours, "_prefers_tree", lambda _, tree=tree: tree)
        radius = _neighbours.kth_distance(points, 3)
        found.append((radius, _neighbours.count_closer(points, radius)))
    np.testing.assert_array_equal(found[0], found[1])
    apart = np.abs(points[:, None] - points[None]).max(axis=-1)
    closer = (apart < radius[:, None]) | (apart == 0)
    np.testing.assert_array_equal(found[0][1], closer.sum(axis=1))


def test_ksg_is_unbiased_where_there_is_nothing():
    nulls = [ksg(make_pairs(*gaussian_pair(0, n=500, seed=seed))) for seed in range(40)]
    assert abs(np.mean(nulls)) < 4 * np.std(nulls) / np.sqrt(40)


def test_gaussian_estimate_is_unbiased_in_many_dimensions():
    found = [
        gaussian(make_pairs(*gaussian_pair(0.5, n=200, seed=seed, d=10))) for seed in range(60)
    ]
    assert np.mean(found) == pytest.approx(truth(0.5, d=10), abs=4 * np.std(found) / np.sqrt(60))


@given(arrays(float, (3, 3), elements=st.floats(-2, 2)), st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_gaussian_estimate_is_symmetric_and_affine_invariant(matrix, seed):
    matrix = matrix + np.diag([5.0, 6, 7])
    x, y = gaussian_pair(0.6, n=300, seed=seed, d=3)
    bits = gaussian(make_pairs(x, y))
    assert gaussian(make_pairs(y, x)) == pytest.approx(bits, abs=1e-9)
    assert gaussian(make_pairs(x @ matrix + 3, y)) == pytest.approx(bits, abs=1e-7)


@pytest.mark.parametrize("d", [1, 10, 40])
def test_copula_is_exact_for_gaussian_copulas_of_any_dimension_and_margin(d):
    found = []
    for seed in range(6):
        x, y = gaussian_pair(0.4, n=1500, seed=seed, d=d)
        found.append(copula(make_pairs(np.exp(x), y**3)))
    assert np.mean(found) == pytest.approx(truth(0.4, d=d), abs=0.03 + 4 * np.std(found) / 6**0.5)


def test_copula_sees_what_is_not_monotone():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2000, 1))
    y = np.abs(x) + 0.05 * rng.standard_normal((2000, 1))
    pairs = make_pairs(x, y)
    assert gaussian(pairs) < 0.05
    assert copula(pairs) == pytest.approx(ksg(pairs), abs=0.1)
    assert copula(pairs) > 1.5


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("shared", [1, 5])
def test_copula_finds_few_shared_dimensions_among_many(noise, shared):
    rng = np.random.default_rng(1)
    for bits in (0.0, 1.5):
        rho = np.sqrt(1 - 4.0 ** (-bits / shared))
        x, y = gaussian_pair(rho, n=1500, seed=4, d=shared)
        wide = [side @ rng.standard_normal((shared, 150)) for side in (x, y)]
        wide = [side + noise * rng.standard_normal(side.shape) for side in wide]
        assert copula(make_pairs(*wide)) == pytest.approx(bits, abs=0.12)


def test_copula_is_symmetric_and_ignores_row_order_and_scale():
    x, y = gaussian_pair(0.7, n=800, d=3)
    bits = copula(make_pairs(x, y))
    assert copula(make_pairs(y, x)) == pytest.approx(bits, abs=1e-6)
    assert copula(make_pairs(100 * x - 3, y)) == pytest.approx(bits, abs=1e-6)
    order = np.random.default_rng(0).permutation(800)
    assert copula(make_pairs(x[order], y[order])) == pytest.approx(bits, abs=0.02)
    assert copula(make_pairs(np.ones((800, 2)), y)) == 0


def test_information_far_beyond_the_copula_is_not_relied_on():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3000, 4))
    y = np.abs(x) + 0.1 * rng.standard_normal((3000, 4))
    found = cx.information.estimate(x, y, n_permutations=0)
    assert not found.reliable
    assert "the reading still rises between 1500 and 3000" in found.reason


def mixture(n=1500, seed=0):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 4, n)
    return rng.standard_normal((n, 2)) + 3 * np.eye(4)[codes][:, :2] - 3 * (
        codes[:, None] == 3
    ), codes


@functools.cache
def mixture_truth():
    x, codes = mixture(200_000, 9)
    centres = np.array([[3, 0], [0, 3], [0, 0], [-3, -3.0]])
    log = -0.5 * ((x[:, None] - centres[None]) ** 2).sum(-1)
    log -= np.log(np.exp(log).sum(axis=1, keepdims=True))
    return 2 + log[np.arange(len(x)), codes].mean() / np.log(2)


@pytest.mark.parametrize("name", ["ross", "classifier"])
def test_information_about_a_class_is_recovered(name):
    found = cx.information.estimate(*mixture(), name)
    assert found.bits == pytest.approx(mixture_truth(), abs=0.06)
    assert found.low <= mixture_truth() <= found.high
    assert abs(found.null) < 0.03


def test_classifier_reads_nothing_from_noise_and_all_from_the_answer():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 5, 800)
    noise = cx.information.estimate(rng.standard_normal((800, 16)), codes)
    assert -0.05 < noise.bits < 0.02
    told = cx.information.estimate(np.eye(5)[codes] + 1e-3 * rng.standard_normal((800, 5)), codes)
    assert told.bits == pytest.approx(entropy_bits(codes), abs=0.05)
    assert told.bits <= entropy_bits(codes)


def test_classifier_sees_a_class_only_where_it_was_trained():
    """Labels that follow the row order alone hold no information."""
    x = np.random.default_rng(1).standard_normal((500, 30))
    assert cx.information.estimate(x, np.arange(500) % 2).bits < 0.05


def test_a_fold_has_no_say_in_the_penalty_that_it_is_judged_with(monkeypatch):
    """The weaker penalty is far better in fold 0 and worse in the four others."""

    def stand_in(x, y, folds, penalty):
        if penalty == 0.1:
            return np.full(len(y), -1.0)
        return np.where(folds == 0, -0.1, -1.1)

    monkeypatch.setattr(_classifier, "_cross_fit", stand_in)
    monkeypatch.setattr(_classifier, "PENALTIES", (0.1, 1.0))
    pairs = make_pairs(np.random.default_rng(0).normal(size=(50, 2)), np.arange(50) % 2, True)
    log2 = _classifier.held_out_log2(pairs, np.random.default_rng(0))
    folds = stratified_folds(pairs.y, _classifier.N_FOLDS, np.random.default_rng(0))
    np.testing.assert_array_equal(log2[folds == 0], -1.0)
    np.testing.assert_array_equal(log2[folds != 0], -1.1)


def test_folds_deal_each_class_evenly():
    codes = np.repeat([0, 1, 2], [50, 7, 2])
    folds = stratified_folds(codes, 5, np.random.default_rng(0))
    table = pd.crosstab(codes, folds)
    assert table.loc[0].max() - table.loc[0].min() <= 1
    assert table.loc[1].max() <= 2


def test_auto_picks_by_the_kind_of_signal():
    x, codes = mixture(300)
    assert cx.information.estimate(x, codes).estimator == "classifier"
    names = np.array(["a", "b", "c", "d"])[codes]
    assert cx.information.estimate(x, names).bits == cx.information.estimate(x, codes).bits
    assert cx.information.estimate(pd.Categorical(names), x).estimator == "classifier"
    wide = cx.information.estimate(*gaussian_pair(0.5, n=300, d=8))
    assert wide.estimator == "composite"
    assert "16 joint dimensions" in wide.reason


def test_same_seed_same_result_and_row_order_does_not_matter_to_neighbours():
    x, codes = mixture(400)
    one, two = (cx.information.estimate(x, codes, random_state=3) for _ in range(2))
    assert one == two
    assert one != cx.information.estimate(x, codes, random_state=4)
    order = np.random.default_rng(0).permutation(400)
    assert ross(make_pairs(x[order], codes[order])) == pytest.approx(ross(make_pairs(x, codes)))


def test_exact_duplicates_do_not_inflate_and_are_reported():
    x, y = gaussian_pair(0.0, n=500)
    doubled = cx.information.estimate(np.tile(x, (3, 1)), np.tile(y, (3, 1)), "ksg")
    assert abs(doubled.bits) < 0.1
    assert not doubled.reliable
    assert "duplicates" in doubled.reason


def test_constant_columns_are_ignored():
    x, y = gaussian_pair(0.7, n=400)
    padded = np.hstack([x, np.ones((400, 1))])
    assert ksg(make_pairs(padded, y)) == ksg(make_pairs(x, y))
    assert gaussian(make_pairs(padded, y)) == pytest.approx(gaussian(make_pairs(x, y)))
    assert ksg(make_pairs(np.ones((400, 1)), y)) == 0
    assert gaussian(make_pairs(np.ones((400, 2)), y)) == pytest.approx(0)
    codes = (y[:, 0] > 0).astype(int)
    assert ross(make_pairs(np.ones((400, 1)), codes)) == 0
    assert abs(cx.information.estimate(np.ones((400, 1)), codes).bits) < 0.01


def test_known_failures_are_said():
    rng = np.random.default_rng(0)
    x, y = gaussian_pair(0.5, n=200, d=8)
    assert "16 dimensions" in cx.information.estimate(x, y, "ksg").reason
    close = cx.information.estimate(*gaussian_pair(0.9999999, n=200), "ksg")
    assert "at most" in close.reason
    assert "few" in cx.information.estimate(*gaussian_pair(0.5, n=50), "ksg").reason
    heavy = rng.standard_cauchy((500, 1))
    assert "not Gaussian" in cx.information.estimate(heavy, heavy + 1.0, "gaussian").reason
    assert "few" in cx.information.estimate(*gaussian_pair(0.5, n=60, d=8), "gaussian").reason
    rare = np.repeat(np.arange(60), 5)
    found = cx.information.estimate(rng.standard_normal((300, 2)), rare)
    assert not found.reliable
    assert "60 classes of fewer than 10 cells" in found.reason
    tied = np.round(rng.standard_normal((300, 1)))
    assert "share their x" in cx.information.estimate(tied, rare % 2, "ross").reason


def test_interval_covers_the_truth_as_often_as_it_says():
    covered = 0
    for seed in range(60):
        found = cx.information.estimate(
            *gaussian_pair(0.6, n=400, seed=seed), "gaussian", n_permutations=0
        )
        covered += found.low <= truth(0.6) <= found.high
    assert covered >= 52
    assert np.isnan(found.null)


def test_classifier_interval_covers_as_often_as_it_says_and_null_bounds_its_mean():
    covered = 0
    for seed in range(25):
        found = cx.information.estimate(*mixture(400, seed), "classifier", n_permutations=3)
        covered += found.low - 0.02 <= mixture_truth() <= found.high + 0.02
        assert found.null_high >= found.null
        assert 0.02 < found.high - found.low < 0.4
    assert covered >= 21


def test_too_few_pairs_for_half_samples_leave_the_interval_open():
    found = cx.information.estimate(*gaussian_pair(0.5, n=30, d=10), "gaussian")
    assert np.isnan(found.low)
    assert not found.reliable
    assert "too few for an interval" in found.reason


def test_classes_may_be_declared():
    codes = np.arange(300) % 100
    x = np.random.default_rng(0).standard_normal((300, 2))
    assert cx.information.estimate(x, codes, n_permutations=0).estimator == "copula"
    declared = cx.information.estimate(x, codes, discrete=True, n_permutations=0)
    assert declared.estimator == "classifier"


def test_half_samples_know_the_error_of_a_mean():
    values = np.random.default_rng(0).standard_normal(900)
    width = half_width(lambda rows: values[rows].mean(), 900, np.random.default_rng(1), 400)
    assert width == pytest.approx(1.96 * values.std() / 30, rel=0.15)


def test_estimates_survive_json(tmp_path):
    found = cx.information.estimate(*mixture(300), n_permutations=0)
    again = cx.information.MIEstimate.from_dict(found.to_dict())
    assert again.to_dict() == found.to_dict()
    assert found.to_frame().shape == (1, 9)
    assert found.standard_error == pytest.approx((found.high - found.bits) / 1.96)
    assert "classifier" in repr(found)


def test_unusable_pairs_are_refused_in_one_sentence():
    x, y = gaussian_pair(0.5, n=50)
    gap = y.copy()
    gap[3] = np.nan
    for args, message in [
        ((x, y[:-1]), "paired"),
        ((x, gap), "NaN or infinity in 1 of 50"),
        ((x[:5], y[:5]), "too few"),
        ((x, ["a"] * 50), "one class"),
        ((x, pd.Series(["a"] * 25 + [None] * 25)), "missing in 25"),
        ((x, np.full((50, 2), "a")), "no numbers"),
        ((np.ones((50, 2, 2)), y), "matrix"),
        ((x, y, "lmi2"), "no estimator 'lmi2'"),
        ((x, y, "ross"), "use ksg or gaussian or"),
        ((x, ["a", "b"] * 25, "ksg"), "use classifier or ross"),
        ((*gaussian_pair(0.5, n=12, d=8), "gaussian"), "more pairs than dimensions"),
    ]:
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.information.estimate(*args)
        assert "\n" not in str(caught.value)
    for k in (0, 2.5):
        with pytest.raises(cx.InputError, match="at least 1"):
            cx.information.estimate(x, y, k=k)
    with pytest.raises(cx.InputError, match="only 1 of 50 pairs differ"):
        cx.information.estimate(np.full((50, 1), 0.5), np.full((50, 1), 0.5), "ksg")
    with pytest.raises(cx.InputError, match="distinct pairs"):
        cx.information.estimate(x, y, "ksg", k=49)
    with pytest.raises(cx.InputError, match="at least 80 pairs"):
        cx.information.estimate(x, y, "latent")
    with pytest.raises(cx.InputError, match="extrapolate needs at least 20"):
        cx.information.estimate(x[:15], y[:15], "ksg", extrapolate=True)
    assert list(cx.information.show()["name"]) == [
        *("plugin", "classifier", "ross", "ksg", "gaussian"),
        *("infonce", "latent", "copula", "composite"),
    ]
