"""Models without networks: the Gaussian process, trees, the recommender, what to measure next."""

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import ExtraTreesRegressor

from cellaxes._core.errors import InputError
from cellaxes.perturbation import few_shot_context, metrics, predict_baseline
from cellaxes.perturbation._campaign import simulate_campaigns
from cellaxes.perturbation._models import _evidence, _kernels, _levels
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._forest import forest_of
from cellaxes.perturbation._models._gp import KernelGP
from cellaxes.perturbation._models._protocol import Fitted, FittedWithSd, Predictor
from cellaxes.perturbation._models._recommender import Recommender
from cellaxes.perturbation._models._registry import load_model, make_model, save_model
from cellaxes.perturbation._models._trees import TreesOnComponents, flat
from cellaxes.perturbation._next import measure_next
from cellaxes.perturbation._simulate import simulate_responses

MODELS = {
    "gp": KernelGP(n_steps=15),
    "boosted": TreesOnComponents(n_components=10, n_trees=20),
    "extra": TreesOnComponents("extra", n_components=10, n_trees=10),
    "recommender": Recommender(),
}


@pytest.fixture(scope="module")
def made():
    return simulate_responses(4, 40, 60)


@pytest.fixture(scope="module")
def split(made):
    return few_shot_context(made.rows, "context 3", 8)


@pytest.fixture(scope="module")
def whole(made):
    """All rows, a twentieth of values missing, fingerprints of most compounds."""
    rng = np.random.default_rng(0)
    Y = made.t.copy()
    Y[rng.random(Y.shape) < 0.05] = np.nan
    names = sorted(set(made.rows["compound"]))[:35]
    bits = pd.DataFrame((rng.random((35, 64)) < 0.2).astype(int), index=names)
    untreated = pd.DataFrame(rng.normal(size=(5, 20)), index=[f"context {i}" for i in range(5)])
    weights = rng.uniform(0.3, 1, len(Y))
    return TrainingData(Y, made.rows, weights, bits, untreated)


@pytest.fixture(scope="module")
def fitted(whole, split):
    return {name: model.fit(whole.take(split.train)) for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def wanted(made, split):
    """Rows that are asked for, and rows of names that were never heard of."""
    rows = made.rows[split.test][["context", "compound"]]
    new = pd.DataFrame(
        {
            "context": ["context 0", "nowhere", "context 4", "nowhere"],
            "compound": ["unheard", "compound 001", "compound 002", "unheard"],
        }
    )
    return pd.concat([rows, new], ignore_index=True)


@pytest.mark.parametrize("name", MODELS)
def test_targets_of_other_rows_change_nothing(name, whole, split, fitted, wanted):
    rng = np.random.default_rng(1)
    noise = whole.Y.copy()
    noise[~split.train] = rng.normal(size=noise[~split.train].shape) * 100
    data = TrainingData(noise, whole.rows, whole.weights, whole.compounds, whole.contexts)
    again = MODELS[name].fit(data.take(split.train))
    np.testing.assert_array_equal(again.predict(wanted), fitted[name].predict(wanted))


@pytest.mark.parametrize("name", MODELS)
def test_a_prediction_depends_on_its_own_row_alone(name, fitted, wanted):
    model = fitted[name]
    assert isinstance(MODELS[name], Predictor)
    assert isinstance(model, Fitted)
    found = model.predict(wanted)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    each = np.concatenate([model.predict(wanted[i : i + 1]) for i in range(len(wanted))])
    np.testing.assert_allclose(found, each, atol=2e-5)
    order = np.random.default_rng(0).permutation(len(wanted))
    np.testing.assert_allclose(model.predict(wanted.iloc[order]), found[order], atol=2e-5)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_predicts_the_same(name, fitted, wanted, tmp_path):
    save_model(fitted[name], tmp_path / "model")
    again = load_model(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(wanted), fitted[name].predict(wanted))
    if isinstance(fitted[name], FittedWithSd):
        np.testing.assert_array_equal(again.predict_sd(wanted), fitted[name].predict_sd(wanted))
    assert not any(path.suffix in (".pkl", ".joblib") for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("name", ["gp", "recommender"])
def test_the_order_of_training_rows_does_not_matter(name, whole, split, fitted, wanted):
    order = np.random.default_rng(2).permutation(np.flatnonzero(split.train))
    again = MODELS[name].fit(whole.take(order)).predict(wanted)
    exact = name == "gp"  # its rows have an order of their own
    np.testing.assert_allclose(
        again, fitted[name].predict(wanted), rtol=0, atol=0 if exact else 1e-4
    )


def test_models_are_made_by_name_and_beat_the_mean_of_the_compound(made, split):
    data = TrainingData(made.t, made.rows, np.ones(len(made.t)))
    train, test = data.take(split.train), made.rows[split.test]
    truth = made.truth[split.test]
    mean = predict_baseline(train.Y, train.rows, test, name="compound_mean").values
    base = metrics.mrrmse(truth, mean)
    zero = metrics.mrrmse(truth, np.zeros_like(truth))
    least = {"kernel_gp": 0.9 * base, "trees": 0.95 * base, "recommender": zero}
    for name, bound in least.items():
        assert metrics.mrrmse(truth, make_model(name).fit(train).predict(test)) < bound


def test_slopes_of_the_evidence_are_those_of_finite_differences(whole, split):
    data = whole.take(np.flatnonzero(split.train)[::4])
    levels = _levels.levels_of(data)
    Y = np.nan_to_num(data.Y.astype(float))
    start = _levels.first_kernel(Y, levels, ranks=(2, 3), strength=0.5, random_state=0)
    products, noise = Y @ Y.T / Y.shape[1], 1 / data.weights
    c, s = levels.context, levels.compound

    def loss(x):
        kernel = start.unpack(x)
        covariance = kernel.between(c, s, c, s) + np.diag(kernel.noise * noise)
        inv, half = _evidence.inverse(covariance)
        by_value = (inv - inv @ products @ inv) / 2
        return half + np.trace(inv @ products) / 2, kernel.slopes(by_value, c, s, noise)

    x = start.pack()
    _, slopes = loss(x)
    for i in [*range(12), *np.linspace(12, len(x) - 1, 25).astype(int)]:
        step = np.zeros(len(x))
        step[i] = 1e-5
        numeric = (loss(x + step)[0] - loss(x - step)[0]) / 2e-5
        assert slopes[i] == pytest.approx(numeric, rel=1e-4, abs=1e-5)


def test_groups_left_out_are_predicted_as_if_they_had_not_been_measured(fitted, whole, split):
    model, rows = fitted["gp"], whole.rows[split.train].reset_index(drop=True)
    groups = rows["compound"].to_numpy()
    found, variance = model.leave_out(groups)
    kept = groups != "compound 005"
    c, s = model.codes(rows)
    noise = np.empty(len(rows))
    noise[model.order] = model.noise
    covariance = model.kernel.between(c, s, c, s) + np.diag(model.kernel.noise * noise)
    Y = covariance @ model.alpha[np.argsort(model.order)]
    k = covariance[np.ix_(~kept, kept)]
    own = np.linalg.inv(covariance[np.ix_(kept, kept)])
    np.testing.assert_allclose(found[~kept], model.mean + k @ own @ Y[kept], atol=1e-3)
    left = np.diag(covariance[np.ix_(~kept, ~kept)] - k @ own @ k.T)
    np.testing.assert_allclose(variance[~kept], left, rtol=1e-6)


def test_the_process_knows_how_wrong_it_is(made, split):
    data = TrainingData(made.t, made.rows, np.ones(len(made.t)))
    model, test = KernelGP().fit(data.take(split.train)), made.rows[split.test]
    sd = model.predict_sd(test)
    told = metrics.calibration(made.t[split.test], model.predict(test), sd, levels=(0.9,))
    assert told.rank > 0.35
    assert 0.8 < told.coverages[0].coverage < 0.97
    unheard = pd.DataFrame({"context": ["context 0"], "compound": ["unheard"]})
    assert model.predict_sd(unheard).mean() > model.predict_sd(made.rows[split.train]).mean()


def test_chemistry_tells_of_compounds_without_rows():
    made = simulate_responses(3, 60, 80, n_moa=6)
    moa = made.rows.drop_duplicates("compound").set_index("compound")["moa"]
    rng = np.random.default_rng(0)
    bits = np.repeat(np.eye(6, dtype=int)[[int(m[4:]) for m in moa]], 8, axis=1)
    bits |= rng.random(bits.shape) < 0.05
    chemistry = pd.DataFrame(bits, index=moa.index)
    new = made.rows["compound"].isin([f"compound {i:03}" for i in range(0, 60, 6)]).to_numpy()
    errors = []
    for known in (chemistry, None):
        data = TrainingData(made.t, made.rows, np.ones(len(made.t)), known)
        fitted = KernelGP(n_steps=60).fit(data.take(~new))
        errors.append(metrics.mrrmse(made.truth[new], fitted.predict(made.rows[new])))
    assert errors[0] < 0.95 * errors[1]


def test_likeness_is_that_of_tanimoto_for_bits_and_of_distance_otherwise():
    bits = np.array([[1.0, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])
    expected = [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 1]]
    np.testing.assert_allclose(_kernels.likeness(bits), expected)
    found = _kernels.likeness(np.random.default_rng(0).normal(size=(20, 5)))
    assert np.linalg.eigvalsh(found).min() > -1e-9
    np.testing.assert_allclose(np.diag(found), 1)


def test_encodings_of_trees_do_not_see_their_own_row(fitted, whole, split):
    model = fitted["boosted"]
    told = flat(model.features.of(whole.rows))
    assert told.shape[1] == 2 * 10 + 3 + 10
    sure = TreesOnComponents(n_components=3, n_trees=400, rate=0.1, depth=12)
    noise = np.random.default_rng(0).normal(size=whole.Y.shape).astype(np.float32)
    data = TrainingData(noise, whole.rows, whole.weights)
    guess = sure.fit(data.take(split.train)).predict(whole.rows[split.test])
    assert metrics.mrrmse(noise[split.test], guess) < 1.2  # of noise, the mean has 1


@pytest.mark.parametrize("kind", ["boosted", "extra"])
def test_trees_grow_on_nothing_that_tells_a_row_its_own_target(kind, monkeypatch):
    """Rows of pure noise: within contexts, no encoding may go with the target, or against it."""
    seen = {}
    grow = getattr(TreesOnComponents, f"_{kind}")

    def look(self, x, y, data):
        seen.update(x=x, y=y)
        return grow(self, x, y, data)

    monkeypatch.setattr(TreesOnComponents, f"_{kind}", look)
    rows = pd.MultiIndex.from_product([range(4), range(60)], names=["context", "compound"])
    rows = rows.to_frame(index=False).astype(str)
    noise = np.random.default_rng(0).normal(size=(240, 6)).astype(np.float32)
    settings = TreesOnComponents(kind, n_components=6, n_trees=1, sigma=0.0)
    settings.fit(TrainingData(noise, rows, np.ones(240)))
    told = seen["x"].reshape(240, 2, 6)
    for encoding in np.moveaxis(told, 1, 0):
        for one, target in zip(encoding.T, seen["y"].T, strict=True):
            gaps = [
                v - pd.Series(v).groupby(rows["context"]).transform("mean") for v in (one, target)
            ]
            sizes = [np.sqrt((gap**2).sum()) for gap in gaps]
            assert abs((gaps[0] * gaps[1]).sum()) <= 0.3 * max(sizes[0] * sizes[1], 1e-3)


def test_a_forest_of_arrays_predicts_as_the_trees_it_was_made_of():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(80, 5)).astype(np.float32), rng.normal(size=(80, 3))
    trees = ExtraTreesRegressor(7, random_state=0).fit(x, y)
    forest = forest_of(list(trees.estimators_), 1 / 7)
    new = rng.normal(size=(40, 5)).astype(np.float32)
    np.testing.assert_allclose(forest.predict(new), trees.predict(new), atol=1e-6)
    one = ExtraTreesRegressor(3, random_state=0).fit(x, y[:, 0])
    guess = forest_of(list(one.estimators_), 1 / 3).predict(new)
    np.testing.assert_allclose(guess[:, 0], one.predict(new), atol=1e-6)


def test_advice_is_the_covariance_that_measuring_takes_away(fitted, wanted):
    model, pairs = fitted["gp"], wanted[:20]
    found = measure_next(model, pairs, n=5)
    assert found.at[0] not in found.at[1:]
    cov = model.covariance(pairs, pairs)
    taken = cov**2 / (np.diag(cov) + model.kernel.noise)
    assert found.at[0] == np.argmax(taken.sum(axis=0))
    at, noise = found.at, model.kernel.noise
    inner = np.linalg.inv(cov[np.ix_(at, at)] + noise * np.eye(5))
    total = np.trace(cov[:, at] @ inner @ cov[at]) / np.trace(cov)
    assert found.reduction.sum() == pytest.approx(total, rel=1e-6)
    assert (np.diff(found.reduction) < 1e-12).all()
    assert measure_next(model, pairs[:1], n=3, repeats=True).at.tolist() == [0, 0, 0]
    with pytest.raises(InputError, match="knows nothing of"):
        measure_next(model, wanted)


def test_following_the_advice_beats_chance():
    found = simulate_campaigns(3, 20, n_draws=2, model=KernelGP(n_steps=25))
    assert found.won >= 2 / 3
    assert (found.table["random"] < found.table["before"]).all()
