"""Networks that predict responses: what the winners' code got wrong must not come back."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.perturbation import (
    DualEncoder,
    EmbeddingMLP,
    Encoding,
    TargetEncodingNet,
    TensorFactorization,
    TokenTransformer,
    Training,
    TrainingData,
)
from cellaxes.perturbation._models._fitted import build, held_out
from cellaxes.perturbation._models._losses import LOSSES, SHARES, loss
from cellaxes.perturbation._models._settings import from_params, to_params
from cellaxes.perturbation._models._targets import fit_components
from cellaxes.perturbation._models._train import loss_of, make_rows, zeroed

SHORT = Training(epochs=3, batch=16, n_seeds=2, zeroing=0.3)
SMALL = {
    "embedding_mlp": EmbeddingMLP(4, (16, 12), (0.2, 0.1), n_dim=5, training=SHORT),
    "norm first": EmbeddingMLP(4, (16,), (0.2,), norm_first=True, n_dim=5, training=SHORT),
    "conv1d": TargetEncodingNet("conv1d", 8, 8, (16, 12), n_dim=5, training=SHORT),
    "gru": TargetEncodingNet("gru", 8, 8, (16, 12), n_dim=5, training=SHORT),
    "lstm": TargetEncodingNet("lstm", 8, 8, (16, 12), n_dim=5, training=SHORT),
    "token_transformer": TokenTransformer(8, 2, 2, 16, n_dim=5, training=SHORT),
    "tensor_factorization": TensorFactorization(4, 4, 8, hidden=(16, 16), n_dim=5, training=SHORT),
    "dual_encoder": DualEncoder(16, 8, (16,), n_dim=5, training=SHORT),
}
every = pytest.mark.parametrize("settings", SMALL.values(), ids=SMALL)


def simulated(seed=0, n_genes=30, noise=0.3):
    """Return all 4 x 16 pairs of a layout whose responses differ by context and compound."""
    rng = np.random.default_rng(seed)
    contexts, compounds = [f"c{i}" for i in range(4)], [f"s{i}" for i in range(16)]
    rows = pd.DataFrame([(c, s) for c in contexts for s in compounds])
    rows.columns = ["context", "compound"]
    effect = rng.normal(size=(16, 3)) * [4, 2, 1]
    loads = rng.normal(size=(3, n_genes)) + 0.5 * rng.normal(size=(4, 3, n_genes))
    Y = np.einsum("sk,ckg->csg", effect, loads).reshape(64, n_genes)
    return rows, (Y + noise * rng.normal(size=Y.shape)).astype(np.float32)


ROWS, Y = simulated()
TRAIN = ~(ROWS["context"].eq("c3") & ROWS["compound"].isin([f"s{i}" for i in range(4, 16)]))
WANTED = ROWS[~TRAIN].reset_index(drop=True)
COMPOUNDS = pd.DataFrame(
    np.random.default_rng(5).normal(size=(17, 6)), index=[f"s{i}" for i in range(16)] + ["new"]
)
DATA = TrainingData(
    Y[TRAIN], ROWS[TRAIN].reset_index(drop=True), np.ones(TRAIN.sum()), COMPOUNDS,
    pd.DataFrame(np.random.default_rng(6).normal(size=(4, 9)), index=[f"c{i}" for i in range(4)]),
)  # fmt: skip


@pytest.fixture(scope="module")
def fitted():
    return {name: settings.fit(DATA) for name, settings in SMALL.items()}


every_fit = pytest.mark.parametrize("name", SMALL)


@every_fit
def test_a_prediction_does_not_depend_on_the_other_rows(fitted, name):
    model = fitted[name]
    whole = model.predict(WANTED)
    for i in range(0, len(WANTED), 5):
        assert np.allclose(model.predict(WANTED.iloc[[i]]), whole[[i]], atol=1e-4)
    order = np.random.default_rng(0).permutation(len(WANTED))
    assert np.allclose(model.predict(WANTED.iloc[order]), whole[order], atol=1e-4)
    twice = pd.concat([WANTED, ROWS[TRAIN][:20]])
    assert np.allclose(model.predict(twice)[: len(WANTED)], whole, atol=1e-4)
    assert np.std(whole, axis=0).max() > 1e-3  # and rows do differ


@every_fit
def test_saved_and_read_is_identical(fitted, name, tmp_path):
    model = fitted[name]
    cx.perturbation.save_model(model, tmp_path / "model")
    read = cx.perturbation.load_model(tmp_path / "model")
    assert read.settings == model.settings
    assert (read.predict(WANTED) == model.predict(WANTED)).all()
    assert read.losses == model.losses
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


@every
def test_targets_of_rows_held_out_change_nothing_that_is_fitted(settings):
    """One epoch, so that there is nothing that held-out rows could choose."""
    how = replace(settings.training, epochs=1, held_out=0.25, n_seeds=1)
    settings = replace(settings, training=how)
    out = held_out(DATA, 0.25)
    assert 10 < out.sum() < 16
    noise = np.random.default_rng(9).normal(size=DATA.Y.shape).astype(np.float32) * 50
    other = replace(DATA, Y=np.where(out[:, None], noise, DATA.Y))
    one, two = settings.fit(DATA), settings.fit(other)
    for array, same in zip(one.to_arrays()[1].items(), two.to_arrays()[1].items(), strict=True):
        assert array[0] == same[0]
        assert np.array_equal(array[1], same[1]), array[0]
    assert (one.predict(WANTED) == two.predict(WANTED)).all()


@every_fit
def test_new_names_are_predicted_from_what_is_there(fitted, name):
    model = fitted[name]
    new = pd.DataFrame({"context": ["c0", "nowhere", "nowhere"], "compound": ["new", "s1", "x"]})
    found = model.predict(new)
    assert np.isfinite(found).all()
    for i in range(3):
        assert np.allclose(model.predict(new.iloc[[i]]), found[[i]], atol=1e-4)
    other = model.predict(new.assign(compound=["x", "s1", "y"]))
    reads_chemistry = name in ("conv1d", "gru", "lstm", "token_transformer", "dual_encoder")
    assert np.allclose(other[0], found[0]) != reads_chemistry
    assert np.allclose(other[1:], found[1:], atol=1e-5)
    assert model.predict(new[:0]).shape == (0, 30)


@every_fit
def test_predictions_stay_in_the_range_of_training(fitted, name):
    found = fitted[name].predict(ROWS)
    assert (found >= DATA.Y.min(axis=0)).all()
    assert (found <= DATA.Y.max(axis=0)).all()


@pytest.mark.parametrize("name", ["embedding_mlp", "gru"])
def test_the_weights_that_are_kept_have_the_loss_that_is_told(name):
    how = Training(epochs=25, batch=8, learning_rate=0.05, schedule="constant", held_out=0.3,
                   n_seeds=2)  # fmt: skip
    settings = replace(SMALL[name], training=how)
    data = replace(DATA, Y=np.random.default_rng(3).normal(size=DATA.Y.shape).astype(np.float32))
    fitted = settings.fit(data)
    aside = data.take(held_out(data, 0.3))
    inputs = fitted.features.of(aside.rows)
    targets = fitted.components.scores(aside.Y) / fitted.scale
    rows = make_rows(inputs, targets, aside.weights)
    for i, told in enumerate(fitted.losses):
        assert loss_of(fitted._net(i, inputs), rows, "mrrmse") == pytest.approx(told, rel=1e-5)
    last = replace(settings, training=replace(how, epochs=26)).fit(data)
    assert max(last.losses) <= max(fitted.losses) + 1e-6  # more epochs cannot lose the best


def test_unknown_ids_are_the_mean_of_the_known(fitted):
    for table in ("context", "compound"):
        weight = fitted["embedding_mlp"].weights[f"0.ids.{table}.weight"]
        assert np.allclose(weight[-1], weight[:-1].mean(axis=0), atol=1e-7)


def test_features_are_set_to_zero_in_one_half_of_a_batch():
    import torch

    features = {"encoded": torch.ones(40, 2, 50), "context": torch.ones(40, dtype=torch.int64)}
    found = zeroed(features, 0.3)
    assert (found["context"] == 1).all()
    assert (found["encoded"][:20] == 1).all()
    assert 0.25 < float((found["encoded"][20:] == 0).float().mean()) < 0.35
    assert not torch.equal(found["encoded"], zeroed(features, 0.3)["encoded"])  # anew each time


def test_the_same_seed_gives_the_same_model_and_leaves_pytorch_alone():
    import torch

    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    one = SMALL["token_transformer"].fit(DATA).predict(WANTED)
    assert (torch.random.get_rng_state() == before).all()
    torch.manual_seed(4)
    assert (SMALL["token_transformer"].fit(DATA).predict(WANTED) == one).all()
    other = SMALL["token_transformer"].fit(replace(DATA, random_state=1)).predict(WANTED)
    assert not np.allclose(other, one)


def test_a_network_learns_what_context_and_compound_do():
    settings = EmbeddingMLP(8, (64,), (0.1,), n_dim=8, training=Training(60, 16, n_seeds=2))
    found = settings.fit(DATA).predict(WANTED)
    error = cx.perturbation.metrics.mrrmse(Y[~TRAIN], found)
    for name in ("gene_mean", "context_mean", "zero"):
        guess = cx.perturbation.predict_baseline(DATA.Y, DATA.rows, WANTED, name=name).values
        assert error < 0.75 * cx.perturbation.metrics.mrrmse(Y[~TRAIN], guess)


def test_gaps_are_no_zeros():
    """Responses far from zero, so that a gap taken for one is told."""
    gaps = DATA.Y + 60
    gaps[np.random.default_rng(0).random(gaps.shape) < 0.3] = np.nan
    gaps[:, 3] = np.nan  # a gene that was never measured
    settings = EmbeddingMLP(8, (64,), (0.1,), n_dim=8, training=Training(60, 16, n_seeds=1))
    data = replace(DATA, Y=gaps)
    found = settings.fit(data).predict(WANTED)
    assert (found[:, 3] == 0).all()
    rest = np.arange(30) != 3
    truth = Y[~TRAIN][:, rest]
    error = cx.perturbation.metrics.mrrmse(truth, found[:, rest] - 60)
    assert error < 0.5 * cx.perturbation.metrics.mrrmse(truth, 0 * truth)


def test_light_rows_have_little_say():
    settings = EmbeddingMLP(8, (64,), (0.1,), n_dim=8, training=Training(60, 16, n_seeds=3))
    wrong = DATA.rows["context"].eq("c0").to_numpy()
    spoilt = replace(DATA, Y=np.where(wrong[:, None], -5 * DATA.Y, DATA.Y))
    errors = [
        cx.perturbation.metrics.mrrmse(
            Y[~TRAIN], settings.fit(replace(spoilt, weights=weights)).predict(WANTED)
        )
        for weights in (np.ones(len(wrong)), np.where(wrong, 1e-4, 1.0))
    ]
    assert errors[1] < 0.9 * errors[0]


PRESETS = [
    each
    for name in ("okon-stage1", "okon-stage2", "kouagou-light", "kouagou-initial", "kouagou-heavy")
    for each in cx.perturbation.presets(name)
]


@pytest.mark.parametrize("settings", [*SMALL.values(), *(each.settings for each in PRESETS)])
def test_settings_survive_json(settings):
    told = json.loads(json.dumps(plain(to_params(settings))))
    assert from_params(told) == settings


def test_presets_are_the_published_tables():
    one, two = cx.perturbation.presets("okon-stage1"), cx.perturbation.presets("okon-stage2")
    assert (len(one), len(two), len(PRESETS)) == (7, 20, 36)
    sixth = next(each for each in one if each.name == "6").settings
    assert (sixth.emb, sixth.n_dim, sixth.norm_first) == (60, 126, True)
    assert {each.settings.training.loss for each in two if each.name[0] in "1234"} == {"mae"}
    assert {each.settings.training.epochs for each in two} == {200}
    with pytest.raises(InputError, match="okon-stage1"):
        cx.perturbation.presets("okon-stage")


@pytest.mark.parametrize("preset", PRESETS[:27], ids=lambda each: each.name)
def test_a_network_is_what_its_settings_say(fitted, preset):
    """Each share of dropout once, in order; batch norm in every block but where ids have it."""
    from torch import nn

    settings, features = preset.settings, fitted["embedding_mlp"].features
    net = build(settings, features, features.of(WANTED), settings.n_dim)
    modules = list(net.modules())
    assert tuple(m.p for m in modules if isinstance(m, nn.Dropout)) == settings.dropout
    norms = tuple(m.num_features for m in modules if isinstance(m, nn.BatchNorm1d))
    first = (2 * settings.emb,) if settings.norm_first else settings.dense[:1]
    assert norms == (*first, *settings.dense[1:])
    wide = tuple(m.out_features for m in modules if isinstance(m, nn.Linear))
    assert wide == (*settings.dense, settings.n_dim)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_is_its_loop(name):
    import torch

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 7, 5)) * 2
    known = rng.random((7, 5)) < 0.7
    known[2] = False
    weights = rng.random(7)
    total = norm = 0.0
    for i in range(7):
        values = []
        for p, t in zip(a[i][known[i]], b[i][known[i]], strict=True):
            e = p - t
            s, truth = 1 / (1 + np.exp(-p)), 1 / (1 + np.exp(-t))
            terms = {
                "mse": e**2,
                "mae": abs(e),
                "huber": e**2 / 2 if abs(e) < 1 else abs(e) - 0.5,
                "log_cosh": np.log(np.cosh(e)),
                "mrrmse": e**2,
            }
            mixture = (
                e**2, np.log(np.cosh(e / 3)), abs(e),
                -truth * np.log(s) - (1 - truth) * np.log(1 - s),
            )  # fmt: skip
            terms["mixture"] = float(np.dot(SHARES, mixture))
            values.append(terms[name])
        if values:
            mean = np.mean(values)
            total += weights[i] * (np.sqrt(mean) if name == "mrrmse" else mean)
            norm += weights[i]
    truth = torch.tensor(np.where(known, b, np.nan))
    predicted = torch.tensor(a, requires_grad=True)
    found = loss(name, predicted, truth, weights=torch.tensor(weights), known=torch.tensor(known))
    assert float(found.detach()) == pytest.approx(total / norm, rel=1e-6)
    found.backward()
    assert torch.isfinite(predicted.grad).all()
    assert not predicted.grad[torch.tensor(~known)].any()


def test_components_are_the_singular_vectors():
    rng = np.random.default_rng(0)
    for shape in ((40, 90), (90, 40)):
        values = rng.normal(size=shape) @ np.diag(np.linspace(0.2, 2, shape[1]))
        found = fit_components(values, 6)
        gaps = values - values.mean(axis=0)
        right = np.linalg.svd(gaps, full_matrices=False)[2][:6]
        assert np.allclose(np.abs(found.basis @ right.T), np.eye(6), atol=1e-4)
        best = gaps @ right.T @ right + values.mean(axis=0)
        assert np.allclose(found.back(found.scores(values)), best, atol=1e-4)
        alone = np.vstack([found.scores(values[[i]]) for i in range(5)])
        assert np.allclose(alone, found.scores(values)[:5], atol=1e-4)


def test_components_of_large_tables_are_sketched_and_the_same_again(monkeypatch):
    monkeypatch.setattr("cellaxes.perturbation._models._targets.EXACT", 30)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(60, 80)) @ np.diag(0.9 ** np.arange(80))
    one, two = (fit_components(values, 5) for _ in range(2))
    assert (one.basis == two.basis).all()
    right = np.linalg.svd(values - values.mean(axis=0), full_matrices=False)[2][:5]
    assert np.allclose(np.abs(one.basis @ right.T), np.eye(5), atol=1e-3)
    assert not (fit_components(values, 5, random_state=1).basis == one.basis).all()


def test_components_are_found_through_gaps():
    rng = np.random.default_rng(0)
    truth = (rng.normal(size=(120, 4)) * [6, 4, 3, 2]) @ rng.normal(size=(4, 200))
    seen = truth + rng.normal(size=truth.shape)
    seen[rng.random(truth.shape) < 0.2] = np.nan
    found = fit_components(seen, 8)
    error = np.sqrt(((found.back(found.scores(seen)) - truth) ** 2).mean())
    filled = np.where(np.isnan(seen), np.nanmean(seen, axis=0), seen)
    naive = fit_components(filled, 8)
    assert error < 0.45
    assert error < 0.5 * np.sqrt(((naive.back(naive.scores(filled)) - truth) ** 2).mean())


def test_more_parameters_than_values_are_shrunken():
    rng = np.random.default_rng(0)
    truth = (rng.normal(size=(120, 4)) * [6, 4, 3, 2]) @ rng.normal(size=(4, 200))
    seen = truth + rng.normal(size=truth.shape)
    seen[rng.random(truth.shape) < 0.6] = np.nan
    found = fit_components(seen, 40)
    assert np.sqrt(((found.back(found.scores(seen)) - truth) ** 2).mean()) < 0.75


def test_light_rows_have_no_say_in_components():
    rng = np.random.default_rng(0)
    values = np.vstack([np.outer(rng.normal(size=30), np.eye(20)[0]), 9 * np.eye(20)[[1] * 5]])
    light = np.where(np.arange(35) < 30, 1.0, 1e-6)
    found = fit_components(values, 1, weights=light)
    assert abs(found.basis[0, 0]) > 0.99


@pytest.mark.parametrize(
    "make",
    [
        lambda: EmbeddingMLP(dense=(8,), dropout=()),
        lambda: TargetEncodingNet("mlp"),
        lambda: TokenTransformer(width=10, heads=4),
        lambda: Training(loss="mrse"),
        lambda: Training(epochs=0),
        lambda: Training(zeroing=1.0),
        lambda: cx.perturbation.make_model("embedding_mpl"),
        lambda: cx.perturbation.make_model("embedding_mlp", embed=3),
        lambda: replace(DATA, weights=np.zeros(len(DATA.Y))),
        lambda: replace(DATA, Y=DATA.Y[:3]),
        lambda: replace(DATA, compounds=pd.DataFrame({"a": ["x"]})),
        lambda: fit_components(DATA.Y, 0),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(InputError):
        make()


def test_models_are_made_by_name():
    shown = cx.perturbation.show_models()
    for name in shown["name"]:
        assert cx.perturbation.make_model(name) is not None
    assert cx.perturbation.make_model("embedding_mlp", emb=7) == EmbeddingMLP(emb=7)
    assert cx.perturbation.make_model("dual_encoder").encoding == Encoding(("mean", "median"))
