"""What mutual information must obey, and what the composite estimate must not be fooled by."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import cellaxes as cx
from cellaxes._core.random import stream
from cellaxes.information import _critic, _infonce
from cellaxes.information._charts import choose, leading, view
from cellaxes.information._copula import dependence_of_products
from cellaxes.information._critic import cross_fit, deal, fitting_loss, gaussian_reading
from cellaxes.information._data import Pairs, make_pairs, ordered_once
from cellaxes.information._gaussian import canonical_coordinates, gaussian, nats_of, shrunk
from cellaxes.information._plugin import plugin_shares

NAMES = ["copula", "composite", "infonce", "latent", "ksg", "gaussian"]
few = settings(max_examples=3, deadline=None)


def gaussian_pair(rho, n=500, seed=0, d=3):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, d))
    return x, rho * x + np.sqrt(1 - rho**2) * rng.standard_normal((n, d))


def bits(x, y, name="auto", **options):
    return cx.information.estimate(x, y, name, n_permutations=0, **options).bits


def truth(rho, d=3):
    return -0.5 * d * np.log2(1 - rho**2)


@pytest.mark.parametrize("name", NAMES)
def test_every_estimator_reads_a_gaussian_signal_and_nothing_from_noise(name):
    found = cx.information.estimate(*gaussian_pair(0.7, n=1500), name, n_permutations=2)
    assert found.bits == pytest.approx(truth(0.7), abs=0.3)
    assert abs(found.null) < 0.05
    assert found.low < found.bits < found.high


@pytest.mark.parametrize("name", NAMES)
def test_row_order_and_threads_change_nothing(name):
    import torch

    x, y = gaussian_pair(0.6, n=400)
    order = np.random.default_rng(1).permutation(400)
    first = cx.information.estimate(x, y, name, n_permutations=1)
    assert cx.information.estimate(x[order], y[order], name, n_permutations=1) == first
    threads = torch.get_num_threads()
    torch.set_num_threads(2 if threads == 1 else 1)
    try:
        assert bits(x, y, name) == pytest.approx(first.bits, abs=1e-6)
        assert torch.get_num_threads() != threads
    finally:
        torch.set_num_threads(threads)


@given(arrays(float, (3, 3), elements=st.floats(-2, 2)), st.integers(0, 100))
@few
def test_symmetry_and_affine_maps_of_either_side(matrix, seed):
    matrix = matrix + np.diag([5.0, 6, 7])
    x, y = gaussian_pair(0.7, seed=seed)
    y[:, 0] = np.abs(y[:, 0])
    found = bits(x, y)
    assert bits(y, x) == pytest.approx(found, abs=0.15)
    assert bits(x @ matrix + 3, y) == pytest.approx(found, abs=0.2)
    assert bits(x, y @ matrix - 1) == pytest.approx(found, abs=0.2)


@given(st.integers(0, 1000), st.integers(1, 12))
@few
def test_no_information_reads_as_none(seed, d):
    found = cx.information.estimate(*gaussian_pair(0.0, seed=seed, d=d), n_permutations=0)
    assert abs(found.bits) < 0.1
    assert found.low < 0.03


@given(st.integers(0, 1000), st.sampled_from(["noise", "columns", "steps"]))
@few
def test_processing_does_not_add_information(seed, step):
    x, y = gaussian_pair(0.8, seed=seed)
    rng = np.random.default_rng([seed, 1])
    processed = {
        "noise": y + rng.standard_normal(y.shape),
        "columns": y[:, :2],
        "steps": np.digitize(y[:, 0], [-1, 0, 1]),
    }[step]
    assert bits(x, processed) < bits(x, y) + 0.08


@pytest.mark.parametrize("name", ["copula", "composite", "ksg"])
def test_exact_copies_do_not_inflate(name):
    x, y = gaussian_pair(0.0, n=300, d=2)
    rows = np.random.default_rng(0).integers(0, 300, 900)
    found = cx.information.estimate(x[rows], y[rows], name, n_permutations=0)
    assert abs(found.bits) < 0.08
    assert found.n == len(np.unique(rows))
    assert "exact duplicates, used once" in found.reason


def test_repeats_of_counts_are_no_copies():
    rng = np.random.default_rng(0)
    shallow, codes = 0.1 * rng.poisson(2.0, (300, 1)), rng.integers(0, 2, 300)
    assert ordered_once(make_pairs(shallow, codes)).n == 300


@pytest.mark.parametrize("flip", [0.0, 0.1, 0.5])
def test_plugin_agrees_with_the_closed_form(flip):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, 20_000)
    y = x ^ (rng.random(20_000) < flip)
    noise = [p for p in (flip, 1 - flip) if p > 0]
    closed = 1 + sum(p * np.log2(p) for p in noise)
    found = cx.information.estimate(x, y, n_permutations=3)
    assert found.estimator == "plugin"
    assert found.bits == pytest.approx(closed, abs=0.01)
    assert found.low - 0.002 <= closed <= found.high + 0.002
    names = np.array(["no", "yes"])
    assert bits(names[x], names[y]) == found.bits


def test_plugin_bias_of_counting_is_taken_off():
    rng = np.random.default_rng(0)
    found, raw = [], []
    for _ in range(30):
        x, y = rng.integers(0, 8, (2, 300))
        shares, bias = plugin_shares(make_pairs(x, y))
        raw.append(shares.mean())
        found.append(shares.mean() - bias)
    assert np.mean(raw) > 0.08
    assert np.mean(found) == pytest.approx(0, abs=0.01)
    many = cx.information.estimate(*rng.integers(0, 30, (2, 300)), n_permutations=0)
    assert "bias taken off" in many.reason


def test_functions_of_one_coordinate_are_counted_once():
    """Canonical correlations count z, z^2, z^3, … of one z each; the bound does not."""
    rng = np.random.default_rng(0)
    z, w = gaussian_pair(0.8, n=2000, d=1)
    wide = [
        np.tanh(3 * side @ rng.standard_normal((1, 40)) + rng.uniform(-2, 2, 40)) for side in (z, w)
    ]
    assert gaussian(make_pairs(*wide)) > 2 * truth(0.8, 1)
    found = cx.information.estimate(*wide, "copula", n_permutations=0)
    assert found.bits == pytest.approx(truth(0.8, 1), abs=0.25)


@pytest.mark.parametrize(("rho", "d", "n"), [(0.0, 50, 1500), (0.4, 30, 1500), (0.9, 3, 1000)])
def test_bound_plus_its_loss_is_exact_for_gaussian_pairs(rho, d, n):
    rng = np.random.default_rng(2)
    pairs = Pairs(*gaussian_pair(rho, n=n, d=d))
    bound = cross_fit(pairs, deal(n, rng)).mean()
    loss, _ = fitting_loss(pairs, rng)
    assert bound <= truth(rho, d)
    assert bound + loss == pytest.approx(truth(rho, d), abs=0.25)
    assert gaussian_reading(pairs, deal(n, rng), rng)[0] == pytest.approx(gaussian(pairs))


def test_shrunk_correlations_hold_the_unbiased_information():
    pairs = Pairs(*gaussian_pair(0.5, n=400, d=8))
    x, y = canonical_coordinates(pairs)
    rho = shrunk((x * y).mean(axis=0), 8, 8, 400)
    assert nats_of(rho).sum() / np.log(2) == pytest.approx(gaussian(pairs))
    independent = Pairs(*gaussian_pair(0.0, n=400, d=8))
    x, y = canonical_coordinates(independent)
    assert (shrunk((x * y).mean(axis=0), 8, 8, 400) ** 2).sum() < 0.1


def test_few_components_are_taken_where_few_are_needed_and_all_where_all_are():
    rng = np.random.default_rng(0)
    spread = choose(view(make_pairs(*gaussian_pair(0.4, n=3000, d=30))), stream(0, "t"))
    assert spread.narrow.x.shape[1] == 30
    x, y = gaussian_pair(0.9, n=1500, d=2)
    wide = [side @ rng.standard_normal((2, 60)) for side in (x, y)]
    wide = [side + 0.5 * rng.standard_normal(side.shape) for side in wide]
    narrow = choose(view(make_pairs(*wide)), stream(0, "t"))
    assert narrow.narrow.x.shape[1] == 8
    assert narrow.wide.x.shape[1] == 16
    assert leading(narrow.wide, 8).x.shape == narrow.narrow.x.shape


def test_dependence_that_no_reader_can_use_is_told():
    """A rotation by the squared radius hides a strong signal among 20 columns."""
    x, y = gaussian_pair(0.0, n=3000, d=20)
    y[:, :2] = 0.9 * x[:, :2] + np.sqrt(1 - 0.81) * y[:, :2]

    def turned(side):
        angle = 0.4 * (side**2).sum(axis=1)
        cosine, sine = np.cos(angle), np.sin(angle)
        first = cosine * side[:, 0] - sine * side[:, 1]
        return np.c_[first, sine * side[:, 0] + cosine * side[:, 1], side[:, 2:]]

    assert dependence_of_products(x, y) < 5.5
    hidden = cx.information.estimate(turned(x), turned(y), "composite", n_permutations=0)
    assert hidden.bits < 0.3 * truth(0.9, 2)
    assert not hidden.reliable
    assert "products of coordinates" in hidden.reason


def test_learned_critic_reads_what_neighbours_miss():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 2000, 8))
    y[:, 0] *= np.exp(1.5 * x[:, 0])
    far, near = (
        cx.information.estimate(x, y, name, n_permutations=0) for name in ("composite", "copula")
    )
    assert near.bits < 0.1
    assert far.bits > 0.3
    assert far.high > far.bits + 0.1


def test_extrapolation_and_null_are_applied_on_request_only():
    x, y = gaussian_pair(0.8, n=600, d=5)
    plain = cx.information.estimate(x, y, "ksg")
    further = cx.information.estimate(x, y, "ksg", extrapolate=True)
    assert plain.bits < further.bits < truth(0.8, 5) + 0.3
    assert further.high - further.low == pytest.approx(plain.high - plain.low)
    assert "extrapolated by +" in further.reason
    less = cx.information.estimate(x, y, "ksg", subtract_null=True)
    assert less.bits == pytest.approx(plain.bits - plain.null)
    assert "subtracted" in less.reason
    with pytest.raises(cx.InputError, match="subtract_null needs permutations"):
        cx.information.estimate(x, y, "ksg", subtract_null=True, n_permutations=0)


def test_intervals_hold_what_the_readings_may_still_lack():
    """Student tails of five dimensions: read low, but the interval reaches the truth."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(3):
        scale = np.sqrt(3 / rng.chisquare(3, (2000, 1)))
        x, y = rng.standard_normal((2, 2000, 5)) * scale
        found = cx.information.estimate(x, y, n_permutations=0)
        covered += found.low <= 0.4307 <= found.high
    assert covered >= 2


def test_critics_never_see_the_pairs_they_are_read_on(monkeypatch):
    x, y = gaussian_pair(0.5, n=300)
    pairs, folds = Pairs(x, y), deal(300, np.random.default_rng(0))
    seen = []

    class Spy:
        def __init__(self, trained, rng):
            self.trained = set(trained.x[:, 0])

        def shares(self, read):
            seen.append(self.trained & set(read.x[:, 0]))
            assert len(self.trained) == 200
            return np.zeros(read.n), np.zeros(read.n)

    monkeypatch.setattr(_infonce, "_Learned", Spy)
    _infonce.cross_fit_learned(pairs, folds, np.random.default_rng(1))
    assert seen == [set()] * 3
    fits = []
    real = _critic.GaussianCritic.fit.__func__

    def spy(cls, trained):
        fits.append(set(trained.x[:, 0]))
        return real(cls, trained)

    monkeypatch.setattr(_critic.GaussianCritic, "fit", classmethod(spy))
    cross_fit(pairs, folds)
    for fold, trained in zip(folds, fits, strict=True):
        assert not trained & set(x[fold, 0])


@pytest.mark.parametrize("name", NAMES)
def test_edges_give_an_estimate_or_one_sentence(name):
    rng = np.random.default_rng(0)
    rare = np.zeros((300, 1))
    rare[:2] = 1.5
    line = rng.standard_normal((300, 1))
    edges = [
        (rng.standard_normal((12, 3)), rng.standard_normal((12, 5))),
        (rng.standard_normal((40, 1)), rng.standard_normal((40, 1))),
        (rare, line),
        (rng.standard_normal((30, 60)), rng.standard_normal((30, 2))),
        (1e200 * line, line),
        (np.full((300, 2), 0.5), line),
    ]
    for x, y in edges:
        try:
            found = cx.information.estimate(x, y, name, n_permutations=1)
        except cx.InputError:
            continue
        assert np.isfinite(found.bits)
        assert abs(found.null) < 5
    same = cx.information.estimate(line, line, name, n_permutations=0)
    assert not same.reliable
    assert same.bits > 3


def test_whole_numbers_are_repeats_not_copies():
    rng = np.random.default_rng(0)
    rate = np.exp(0.8 * rng.standard_normal(2000))
    x, y = (rng.poisson(rate).astype(float) for _ in "xy")
    counted = cx.information.estimate(x.astype(int), y.astype(int), n_permutations=0)
    assert counted.estimator == "plugin"
    for name in ("copula", "ksg"):
        found = cx.information.estimate(x, y, name, discrete=False, n_permutations=1)
        assert found.n == 2000
        assert found.bits == pytest.approx(counted.bits, abs=0.06)
        assert abs(found.null) < 0.05
