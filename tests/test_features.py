"""Sparse autoencoders: invariants of training, reading, saving; recovery of what is known."""

import itertools
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import safetensors.numpy
import scipy.sparse as sp
import torch

import cellaxes as cx
from cellaxes._core.matrix import log_normalise
from cellaxes.features import Config
from cellaxes.features._active import compress, largest
from cellaxes.features._finish import finish
from cellaxes.features._forward import activate, decode, jump, losses, revive
from cellaxes.features._rows import BLOCK, Rows
from cellaxes.features._standard import standardise
from cellaxes.features._step import by_autograd, by_hand, waking
from cellaxes.features._target import Expression
from cellaxes.features._train import Trained, train

CPU = torch.device("cpu")
SHORT = {"steps": 300, "batch_size": 256}


@pytest.fixture(scope="module")
def known():
    """8,000 embeddings made of 24 known directions, two active in the mean cell."""
    rng = np.random.default_rng(0)
    atoms = rng.normal(size=(24, 16))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    codes = rng.exponential(size=(8000, 24)) * (rng.random((8000, 24)) < 2 / 24)
    z = codes @ atoms + 0.02 * rng.normal(size=(8000, 16)) + 7
    return z.astype(np.float32), codes, atoms


@pytest.fixture(scope="module", params=sorted(cx.features.ARCHS))
def trained(request, known):
    """A short training of each architecture."""
    config = Config(arch=request.param, n_features=48, k=2, **SHORT)
    return request.param, cx.features.fit(known[0], config=config)


def trained_weights(z, config, seeds=(0,)):
    rows = Rows(z, standardise(z), np.arange(len(z)))
    return rows, train(rows, config, [(seed, config.k) for seed in seeds], device=CPU)


def one_step(config, x, w=None):
    """Loss and gradients of a batch ``(1, B, d)`` at fixed weights."""
    rng = np.random.default_rng(1)
    d, m = x.shape[-1], config.n_features
    if w is None:
        decoder = rng.normal(size=(1, m, d))
        decoder /= np.linalg.norm(decoder, axis=-1, keepdims=True)
        w = {"encoder": rng.normal(size=(1, d, m)), "encoder_bias": rng.normal(size=(1, 1, m)),
             "decoder": decoder, "decoder_bias": rng.normal(size=(1, 1, d))}  # fmt: skip
        if config.arch == "gated":
            w |= {"log_gain": np.zeros((1, 1, m)), "magnitude_bias": rng.normal(size=(1, 1, m))}
        if config.arch == "jumprelu":
            w["log_threshold"] = np.full((1, 1, m), -1.0)
    w = {name: torch.tensor(value, dtype=torch.float32) for name, value in w.items()}
    x = torch.as_tensor(x, dtype=torch.float32)
    h, f = activate(w, x, config=config, ks=[config.k])
    penalty = torch.tensor([0.1])
    return losses(w, h, f, x, config=config, ks=[config.k], penalty=penalty, variance=float(d))[0]


@pytest.mark.parametrize("m", [12, 16, 48])  # of 16 dimensions
def test_rows_of_the_decoder_have_length_one_also_when_it_is_square(known, m):
    for arch in cx.features.ARCHS:
        _, (found,) = trained_weights(known[0], Config(arch=arch, n_features=m, k=2, steps=60))
        length = np.linalg.norm(found.weights["decoder"], axis=1)
        np.testing.assert_allclose(length, 1, atol=1e-5, err_msg=arch)


def test_no_step_goes_along_the_rows_of_the_decoder(known, monkeypatch):
    from cellaxes.features import _train

    seen = []

    class Spy(_train.Adam):
        def step(self, slopes, learning_rate):
            seen.append([(s * v).sum(-1) for s, v in zip(slopes, self._values, strict=True)])
            super().step(slopes, learning_rate)

    monkeypatch.setattr(_train, "Adam", Spy)
    config = Config(arch="topk", n_features=30, k=2, steps=5)
    rows, _ = trained_weights(known[0], config)
    names = list(_train._start(rows, config, [0]))
    for along in seen:
        assert along[names.index("decoder")].abs().max() < 1e-6
        assert along[names.index("encoder")].abs().max() > 1e-4, "the encoder is free"


@pytest.mark.parametrize("arch", sorted(cx.features.ARCHS))
def test_the_loss_of_a_batch_does_not_change_when_it_is_repeated(arch):
    config = Config(arch=arch, n_features=20, k=2)
    x = np.random.default_rng(0).normal(size=(1, 64, 8))
    once, twice = one_step(config, x), one_step(config, np.concatenate([x, x], axis=1))
    torch.testing.assert_close(once, twice, rtol=1e-5, atol=1e-5)


def test_the_loss_that_revives_does_not_change_when_the_batch_is_repeated():
    rng = np.random.default_rng(0)
    h, left = (torch.tensor(rng.normal(size=(1, 40, n))).float() for n in (20, 8))
    w = {"decoder": torch.tensor(rng.normal(size=(1, 20, 8))).float()}
    dead = torch.tensor(rng.random((1, 20)) < 0.5)
    once = revive(w, h, left, dead, most=4)
    twice = revive(w, torch.cat([h, h], dim=1), torch.cat([left, left], dim=1), dead, most=4)
    assert once.item() > 0
    torch.testing.assert_close(once, twice)


def test_every_cell_of_every_batch_reaches_the_model(known, monkeypatch):
    """An epoch of training looks at all cells, not at one of each batch."""
    from cellaxes.features import _train

    seen = []
    step_of = _train.step_of

    def spy(w, x, y, **given):
        seen.append(x[0].numpy().copy())
        return step_of(w, x, y, **given)

    monkeypatch.setattr(_train, "step_of", spy)
    z = known[0][:1000]
    rows, _ = trained_weights(z, Config(n_features=24, k=2, steps=4, batch_size=250))
    looked = np.concatenate(seen)
    order = np.lexsort(looked.T), np.lexsort(rows.read(rows.rows)[0].T)
    np.testing.assert_array_equal(looked[order[0]], rows.read(rows.rows)[0][order[1]])


@pytest.mark.parametrize("held", [None, 3 * BLOCK])
def test_every_cell_is_dealt_once_per_epoch_to_every_seed(held, monkeypatch):
    """Also where only three blocks fit into memory at a time."""
    from cellaxes.features import _rows

    z = np.arange(8 * BLOCK + 100, dtype=np.float32)[:, None] * np.ones(4, np.float32)
    if held:
        monkeypatch.setattr(_rows, "BUFFER", held * 4)
    chosen = np.flatnonzero(np.arange(len(z)) % 3)
    rows = Rows(z, replace(standardise(z), centre=np.zeros(4, "f"), scale=np.ones(4, "f")), chosen)
    deal = rows.batches([0, 5], 500)
    epochs = []
    for _ in range(2):
        seen = []
        for x, y, ends in itertools.islice(deal, 2 * len(chosen) // 500):
            assert y is x
            assert 0 < x.shape[1] <= 500
            seen.append(x[..., 0].numpy())
            if ends:
                break
        assert ends
        dealt = np.concatenate(seen, axis=1)
        assert not np.array_equal(dealt[0], dealt[1])
        for one in dealt:
            np.testing.assert_array_equal(np.sort(one), chosen)
        epochs.append(dealt)
    assert not np.array_equal(*epochs), "in a new order every time"


def test_what_training_returns_is_a_copy_of_the_weights(known, monkeypatch):
    from cellaxes.features import _train

    live = []
    descend = _train._descend
    monkeypatch.setattr(
        _train, "_descend", lambda adam, w, *given, **more: (
            live.append(w), descend(adam, w, *given, **more)))  # fmt: skip
    _, (found,) = trained_weights(known[0], Config(arch="gated", n_features=30, k=2, steps=3))
    with torch.no_grad():
        for value in live[-1].values():
            value.fill_(7)
    assert not any((value == 7).all() for value in found.weights.values())


def test_what_training_returns_is_not_written_to_any_more(known):
    config = Config(n_features=30, k=2, steps=20)
    rows, (found,) = trained_weights(known[0], config)
    before = {name: value.copy() for name, value in found.weights.items()}
    model = finish(found, rows, config, seed=0, expression=None)
    model.decoder[:] = 0
    trained_weights(known[0], config)
    for name, value in found.weights.items():
        np.testing.assert_array_equal(value, before[name])


def test_as_many_features_are_active_as_asked_whatever_the_batch(trained, known):
    arch, model = trained
    z = known[0]
    f = model.encode(z)
    assert f.dtype == np.float32
    assert f.nnz == (f.data > 0).sum()
    if arch == "topk":
        assert np.diff(f.indptr).max() <= 2
    elif arch in ("batchtopk", "matryoshka", "jumprelu"):
        assert f.nnz / len(z) == pytest.approx(2, rel=0.05)
    else:
        assert f.nnz / len(z) == pytest.approx(2, rel=0.5)
    full = np.argsort(-np.diff(f.indptr), kind="stable")[:40]  # a batch of such cells alone
    for rows in (np.array([5, 4000, 17]), full, full[:1]):
        np.testing.assert_allclose(
            model.encode(z[rows]).toarray(), f[rows].toarray(), rtol=1e-4, atol=1e-4
        )


@pytest.mark.parametrize("factor", [0.01, 300.0])
def test_units_and_origin_of_the_embedding_do_not_matter(known, factor):
    z = known[0].astype(np.float64)
    config = Config(n_features=32, k=2, steps=100)
    one = cx.features.fit(z, config=config)
    other = cx.features.fit(z * factor - 5, config=config)
    a, b = one.encode(z).toarray(), other.encode(z * factor - 5).toarray()
    assert a.shape == b.shape
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.99


def test_one_scale_for_all_dimensions_unless_asked_otherwise():
    """Dimensions keep their share of the variance: scaling each would blow up noise."""
    z = np.random.default_rng(0).normal(size=(500, 3)) * [1, 3, 9] + [5, -20, 0]
    whole, apart = standardise(z), standardise(z, per_dimension=True)
    for standard in (whole, apart):
        x = standard.apply(z).astype(np.float64)
        np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-5)
        assert (x**2).sum(axis=1).mean() == pytest.approx(3, rel=1e-5)
        np.testing.assert_allclose(standard.undo(standard.apply(z)), z, atol=1e-4)
    assert np.unique(whole.scale).size == 1
    np.testing.assert_allclose(apart.apply(z).std(axis=0), 1, rtol=1e-5)


def test_steps_grow_then_shrink_to_nothing_and_are_never_long(known, monkeypatch):
    from cellaxes.features import _train

    config = Config(steps=1000, learning_rate=1e-3, warmup=0.05, decay=0.3)
    rate = np.array([_train._rate(config, step) for step in range(1000)])
    assert rate.max() == pytest.approx(1e-3)
    assert rate[0] < 5e-5
    assert np.all(rate[51:700] == 1e-3)
    assert np.all(np.diff(rate[:51]) > 0)
    assert np.all(np.diff(rate[701:]) < 0)
    assert rate[-1] < 5e-6

    lengths = []

    class Spy(_train.Adam):
        def step(self, slopes, learning_rate):
            lengths.append(sum(s.flatten(1).square().sum(1) for s in slopes).sqrt())
            super().step(slopes, learning_rate)

    monkeypatch.setattr(_train, "Adam", Spy)
    monkeypatch.setattr(_train, "CLIP", 0.02)
    trained_weights(known[0], Config(arch="topk", n_features=30, k=2, steps=5), seeds=(0, 1))
    for length in lengths:  # every model by itself
        torch.testing.assert_close(length, torch.full((2,), 0.02))


def test_features_start_along_what_varies_and_read_what_they_write(known):
    from cellaxes.features import _train

    z = np.c_[known[0], np.full(len(known[0]), 3.0, np.float32)]
    config = Config(n_features=20, k=2)
    w = _train._start(Rows(z, standardise(z), np.arange(len(z))), config, [0, 1])
    torch.testing.assert_close(w["encoder"], w["decoder"].transpose(1, 2))
    assert not w["decoder"][..., -1].any()
    assert (w["decoder"][0] - w["decoder"][1]).abs().max() > 0.1
    x = np.r_[np.zeros((60, 3)), np.full((40, 3), 10.0)].astype(np.float32)
    np.testing.assert_allclose(_train._middle(x), 0, atol=0.05)  # the mean is pulled to 4


@pytest.mark.parametrize("arch", ["topk", "batchtopk", "matryoshka"])
def test_a_batch_shares_its_activations_only_where_it_should(arch):
    x = np.random.default_rng(0).normal(size=(1, 50, 8)) * np.linspace(0.1, 3, 50)[:, None]
    config = Config(arch=arch, n_features=20, k=2)
    rng = np.random.default_rng(1)
    w = {
        "encoder": torch.tensor(rng.normal(size=(1, 8, 20))).float(),
        "encoder_bias": torch.zeros(1, 1, 20),
        "decoder_bias": torch.zeros(1, 1, 8),
    }
    _, f = activate(w, torch.tensor(x).float(), config=config, ks=[2])
    per_cell = (f > 0).sum(-1)[0]
    assert per_cell.sum() == 100
    assert bool((per_cell == 2).all()) == (arch == "topk")


def test_known_directions_are_found(known):
    z, codes, atoms = known
    for arch, least in (("batchtopk", 0.85), ("topk", 0.99)):
        config = Config(arch=arch, n_features=48, k=2, steps=1000)
        model = cx.features.fit(z, config=config)
        assert cx.features.metrics.mcc(model.directions(), atoms) > least
    control = cx.features.metrics.random_relu(z, 48, 2, random_state=0)
    found = cx.features.metrics.matched_correlation(model.encode(z), codes)
    assert found.mean > cx.features.metrics.matched_correlation(control, codes).mean + 0.3


def test_a_known_dictionary_is_found_and_nearly_no_feature_dies(shared):
    """96 directions in 32 dimensions that fire as unevenly as words do; two per direction."""
    data = np.load(shared / "features" / "sparse_dictionary_100k.npz")
    config = Config(arch="topk", n_features=192, k=4, steps=600, learning_rate=4e-3)
    model = cx.features.fit(data["x"], config=config)
    assert cx.features.metrics.mcc(model.directions(), data["atoms"]) >= 0.98
    assert model.n_dropped <= 5


def test_thresholds_learn_through_the_rectangular_kernel():
    """Equations 11 and 12 of 2407.14435, times theta: it is the logarithm that learns."""
    theta = np.array([0.5, 1.0, 2.0])
    off = np.array([[0.01, -0.03, 0.2], [0.07, 0.04, -0.02], [-0.06, -0.2, 0.049]])
    h = torch.tensor(theta + off)[None].requires_grad_(True)
    log_threshold = torch.tensor(np.log(theta))[None, None].requires_grad_(True)
    kept, on = jump(h, log_threshold, 0.1)
    np.testing.assert_allclose(kept[0].detach(), np.where(off > 0, theta + off, 0))
    np.testing.assert_array_equal(on[0].detach(), off > 0)
    (kept.sum() * 2 + on.sum() * 3).backward()
    near = np.array([[1, 1, 0], [0, 1, 1], [0, 0, 1]])  # within half of the kernel's width
    expected = theta * -(theta * 2 + 3) / 0.1 * near.sum(axis=0)
    np.testing.assert_allclose(log_threshold.grad[0, 0], expected, rtol=1e-6)
    np.testing.assert_allclose(h.grad[0], 2 * (off > 0))


def test_wide_and_narrow_decoding_agree(monkeypatch):
    from cellaxes.features import _forward

    rng = np.random.default_rng(0)
    f = torch.tensor(rng.normal(size=(2, 30, 40)) * (rng.random((2, 30, 40)) < 0.1)).float()
    f[0, 3] = 0
    decoder = torch.tensor(rng.normal(size=(2, 40, 6))).float()
    found = []
    for wide in (1, 1000):
        monkeypatch.setattr(_forward, "WIDE", wide)
        a, w = f.clone().requires_grad_(True), decoder.clone().requires_grad_(True)
        out = decode(a, w)
        out.square().sum().backward()
        found.append((out.detach(), a.grad * (f != 0), w.grad))
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)


def test_only_silent_features_are_revived():
    rng = np.random.default_rng(0)
    decoder = torch.eye(4)[None]
    h = torch.tensor(rng.random((1, 50, 4))).float().requires_grad_(True)
    left = torch.tensor(rng.normal(size=(1, 50, 4))).float().requires_grad_(True)
    dead = torch.tensor([[False, True, False, True]])
    lost = revive({"decoder": decoder}, h, left, dead, most=2)
    lost.sum().backward()
    assert (h.grad[..., [0, 2]] == 0).all()
    assert (h.grad[..., [1, 3]] != 0).any()
    assert left.grad is None, "the living do not move to meet them"
    assert revive({"decoder": decoder}, h, left, torch.zeros(1, 4, dtype=bool), most=2).item() == 0


@pytest.mark.parametrize("target", ["embedding", "expression"])
@pytest.mark.parametrize("arch", ["topk", "batchtopk", "matryoshka"])
def test_slopes_by_hand_are_those_of_autograd(arch, target):
    """Two models of different k; some cells repeated, so that activations tie."""
    rng = np.random.default_rng(0)
    d, m, o = 16, 70, 16 if target == "embedding" else 20
    shapes = {"encoder": (2, d, m), "encoder_bias": (2, 1, m), "decoder": (2, m, o),
              "decoder_bias": (2, 1, o)}  # fmt: skip
    if target == "expression":
        shapes["log_gain"] = (2, 1, m)
    w = {
        name: torch.tensor(rng.normal(size=shape)).float().requires_grad_(True)
        for name, shape in shapes.items()
    }
    w["encoder"] = w["encoder"].detach().mT.contiguous().mT.requires_grad_(True)
    x, y = (torch.tensor(rng.normal(size=(2, 60, size))).float() for size in (d, o))
    x, y = x.repeat(1, 2, 1), y.repeat(1, 2, 1)
    y = x if target == "embedding" else y
    config, ks = Config(arch=arch, n_features=m, k=3, target=target), [3, 5]
    hand = by_hand(w, x, y, config=config, ks=ks, variance=3.0)
    auto = by_autograd(w, x, y, config=config, ks=ks, penalty=torch.ones(2), variance=3.0)
    for name, slope in auto.slopes.items():
        torch.testing.assert_close(hand.slopes[name], slope, rtol=1e-4, atol=1e-5, msg=name)
    torch.testing.assert_close(hand.left, auto.left, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(hand.active, auto.active)
    assert torch.equal(hand.fired, auto.fired)


def test_only_columns_of_dead_features_wake():
    """As if all columns had been read, for two models with other features dead."""
    rng = np.random.default_rng(0)
    config = Config(arch="topk", n_features=12, k=2)
    shapes = {"encoder": (2, 6, 12), "encoder_bias": (2, 1, 12), "decoder": (2, 12, 6),
              "decoder_bias": (2, 1, 6)}  # fmt: skip
    w = {
        name: torch.tensor(rng.normal(size=shape)).float().requires_grad_(True)
        for name, shape in shapes.items()
    }
    x, left = (torch.tensor(rng.normal(size=(2, 40, 6))).float() for _ in range(2))
    dead = torch.zeros(2, 12, dtype=torch.bool)
    dead[0, [1, 5, 6]] = dead[1, [6, 11]] = True
    found = waking(w, x, left, dead, config=config, most=2)
    h = torch.baddbmm(w["encoder_bias"], x - w["decoder_bias"], w["encoder"])
    whole = torch.autograd.grad(revive(w, h, left, dead, most=2).sum(), list(w.values()))
    for name, slope in zip(w, whole, strict=True):
        torch.testing.assert_close(found[name], slope, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("m", "k"), [(192, 4), (130, 8), (1000, 32), (60, 7), (40, 40), (90, 60)])
def test_the_kernel_selects_as_sorting_does(m, k):
    values = np.random.default_rng(0).normal(size=(200, m)).astype(np.float32)
    values[:5], values[5:9, : m // 2] = 0, 1.5
    np.testing.assert_array_equal(largest(values, k), np.sort(values, axis=1)[:, m - k])
    f = compress(values, k).toarray()
    bound = np.sort(values, axis=1)[:, m - k, None]
    np.testing.assert_array_equal(f, np.where((values >= bound) & (values > 0), values, 0))


def test_silent_features_come_back_to_life(known, monkeypatch):
    """Half of as many features as directions start out asleep: all are needed."""
    from cellaxes.features import _train

    start = _train._start

    def asleep(*given):
        w = start(*given)
        w["encoder"][..., ::2] *= 0.01  # never among the largest
        return w

    monkeypatch.setattr(_train, "_start", asleep)
    dropped = {}
    for weight in (0.0, 1 / 32):
        config = Config(arch="topk", n_features=24, k=2, steps=1000, auxiliary=weight)
        dropped[weight] = cx.features.fit(known[0], config=config).n_dropped
    assert dropped[0.0] >= 6
    assert dropped[1 / 32] <= 2


def test_a_feature_is_dead_after_an_epoch_of_silence_not_after_a_batch(known, monkeypatch):
    from cellaxes.features import _train

    start, told = _train._start, []

    def asleep(*given):
        w = start(*given)
        w["encoder"][..., :5] = 0
        return w

    def spy(w, x, left, dead, **given):
        told.append(dead[0].nonzero().ravel().tolist())
        return waking(w, x, left, dead, **given)

    monkeypatch.setattr(_train, "_start", asleep)
    monkeypatch.setattr(_train, "waking", spy)
    steps = []
    rows = Rows(known[0][:1000], standardise(known[0][:1000]), np.arange(1000))
    config = Config(arch="topk", n_features=24, k=2, steps=5, batch_size=250)
    train(rows, config, [(0, 2)], device=CPU, tell=lambda step: steps.append(len(told)))
    assert steps == [0, 0, 0, 0, 1], "four batches are an epoch"
    assert told == [[0, 1, 2, 3, 4]]


def test_a_seed_gives_the_same_features_alone_and_among_others(known):
    config = Config(arch="matryoshka", n_features=32, k=2, **SHORT)
    alone = cx.features.fit(known[0], config=config, random_state=7)
    again = cx.features.fit(known[0], config=config, random_state=7)
    np.testing.assert_array_equal(alone.encoder, again.encoder)
    _, second = cx.features.fit_many(known[0], config=config, seeds=(3, 7), ks=(2,))
    r = cx.features.metrics.matched_correlation(
        second.encode(known[0]), alone.encode(known[0]).toarray()
    )
    assert r.mean > 0.999
    assert second.random_state == 7


def test_first_groups_of_nested_features_do_alone(known):
    config = Config(arch="matryoshka", n_features=48, k=3, groups=(0.25, 0.75), steps=800)
    nested = cx.features.fit(known[0], config=config)
    flat = cx.features.fit(known[0], config=config.but(arch="batchtopk"))

    def left(model, n):
        f = model.encode(known[0]).toarray()
        f[:, n:] = 0
        return cx.features.metrics.fvu(known[0], model.decode(f))

    n = int((nested.level == 0).sum())
    assert set(nested.level) == {0, 1}
    assert np.all(np.diff(nested.level) >= 0)
    assert left(nested, n) < left(flat, n) - 0.1


def test_decoding_what_was_encoded_leaves_the_error(trained, known):
    _, model = trained
    z = known[0]
    error = model.error(z)
    np.testing.assert_allclose(model.decode(model.encode(z)) + error, z, rtol=1e-4, atol=1e-4)
    assert cx.features.metrics.fvu(z, z - error) < 0.9
    moved = sp.csr_matrix(([1.0], ([0], [3])), shape=(1, model.n_features))
    step = model.decode(moved) - model.decode(moved * 0)
    np.testing.assert_allclose(step[0], model.directions()[3], rtol=1e-3, atol=1e-4)


def test_saved_features_read_as_before(trained, known, tmp_path):
    _, model = trained
    model.save(tmp_path / "features")
    again = cx.features.load(tmp_path / "features")
    assert repr(again) == repr(model)
    assert again.config == model.config
    assert (again.encode(known[0]) != model.encode(known[0])).nnz == 0
    np.testing.assert_array_equal(again.error(known[0]), model.error(known[0]))
    for name, value in vars(model).items():
        if isinstance(value, np.ndarray):
            assert getattr(again, name).dtype == value.dtype
            np.testing.assert_array_equal(getattr(again, name), value, err_msg=name)
    np.testing.assert_array_equal(again.standard.centre, model.standard.centre)
    np.testing.assert_array_equal(again.standard.scale, model.standard.scale)
    assert (again.n_train, again.n_dropped) == (model.n_train, model.n_dropped)
    cx.embed.RandomProjection(2).fit(sp.eye(30).tocsr()).to_artefact().save(tmp_path / "other")
    with pytest.raises(cx.InputError, match="no sparse features"):
        cx.features.load(tmp_path / "other")


def written_by_hand(folder, *, params=None, head=None, **changes):
    """Two features of two dimensions in the first layout on disk, written name by name."""
    arrays = {
        "centre": np.array([1.0, 2.0]),
        "scale": np.array([0.5, 0.5]),
        "encoder": np.array([[1, 0], [0, 2]], np.float32),
        "decoder": np.array([[1, 0], [0, 1]], np.float32),
        "decoder_bias": np.array([0.5, 0], np.float32),
        "gate_bias": np.array([0, 1], np.float32),
        "magnitude_bias": np.array([0, 1], np.float32),
        "gain": np.array([1, 3], np.float32),
        "threshold": np.array([0.25, 2], np.float32),
        "level": np.array([0, 1]),
        "history": np.zeros((1, 4)),
    } | changes
    params = {
        "config": {"arch": "batchtopk", "n_features": 2, "k": 1, "groups": [0.5, 0.5]},
        "random_state": 3,
        "n_train": 60,
        "n_dropped": 1,
    } | (params or {})
    kind = {"format": 1, "kind": "features.sparse", "params": params, "version": "0.0.1"}
    folder.mkdir()
    arrays = {name: value for name, value in arrays.items() if value is not None}
    (folder / "arrays.safetensors").write_bytes(safetensors.numpy.save(arrays))
    (folder / "artefact.json").write_text(json.dumps(kind | (head or {})))
    return folder


def test_features_saved_by_the_first_version_still_load(tmp_path):
    """Neither a renamed array nor a setting that came later may lose what was saved."""
    model = cx.features.load(written_by_hand(tmp_path / "old"))
    z = np.array([[2.0, 3.0], [1.0, 2.2], [-4.0, 8.0]], np.float32)  # x: .5 .5, 0 .1, -2.5 3
    np.testing.assert_allclose(model.encode(z).toarray(), [[0.5, 0], [0, 0], [0, 19]], rtol=1e-6)
    np.testing.assert_allclose(
        model.decode(model.encode(z)), [[3, 2], [2, 2], [2, 40]], rtol=1e-6, atol=1e-5
    )
    assert (model.random_state, model.n_train, model.n_dropped) == (3, 60, 1)
    assert model.config.steps == Config().steps
    assert model.level.tolist() == [0, 1]


DAMAGED = {
    "encoder lost": ({"encoder": None}, "'encoder'"),
    "centre lost": ({"centre": None}, "'centre'"),
    "other width": ({"decoder": np.ones((2, 3), np.float32)}, r"decoder has shape \(2, 3\)"),
    "fewer features": ({"threshold": np.ones(1, np.float32)}, r"threshold has shape \(1,\)"),
    "short centre": ({"centre": np.ones(1)}, r"centre has shape \(1,\), not \(2,\)"),
    "flat": ({"encoder": np.ones(4, np.float32)}, "not enough values"),
    "not finite": ({"gain": np.array([np.nan, 1], np.float32)}, "gain is not finite"),
    "no scale": ({"scale": np.zeros(2)}, "scale is not positive"),
    "other loadings": ({"loadings": np.ones((5, 9), np.float32)}, "loadings are of 5 features"),
    "unknown array": ({"hello": np.ones(2)}, "hello"),
    "no settings": ({"params": {"config": None}}, "damaged"),
    "no such arch": ({"params": {"config": {"arch": "vae", "groups": [1]}}}, "no arch 'vae'"),
    "later layout": ({"head": {"format": 2}}, "reads layout 1: update cellaxes"),
    "other kind": ({"head": {"kind": "embed.pca"}}, "holds embed.pca, no sparse features"),
}


@pytest.mark.parametrize("case", sorted(DAMAGED))
def test_damaged_features_are_refused(case, tmp_path):
    changes, message = DAMAGED[case]
    with pytest.raises(cx.InputError, match=message) as caught:
        cx.features.load(written_by_hand(tmp_path / "saved", **changes))
    assert "\n" not in str(caught.value)


def test_truncated_files_and_pickled_weights_are_refused(tmp_path, monkeypatch):
    def refuse(*given):
        raise AssertionError("something was unpickled")

    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    monkeypatch.setattr(torch, "load", refuse)
    pickled = pickle.dumps({"encoder": np.ones((2, 2))})
    for number, (name, change, message) in enumerate(
        (
            ("arrays.safetensors", lambda data: data[:-9], "cannot be read as a saved model"),
            ("arrays.safetensors", lambda data: b"", "cannot be read as a saved model"),
            ("arrays.safetensors", lambda data: pickled, "cannot be read as a saved model"),
            ("artefact.json", lambda data: data[:30], "cannot be read as a saved model"),
            ("artefact.json", lambda data: pickled, "cannot be read as a saved model"),
            ("artefact.json", lambda data: None, "artefact.json is missing"),
        )
    ):
        folder = written_by_hand(tmp_path / f"saved{number}")
        changed = change((folder / name).read_bytes())
        if changed is None:
            (folder / name).unlink()
        else:
            (folder / name).write_bytes(changed)
        with pytest.raises(cx.InputError, match=message):
            cx.features.load(folder)
    (tmp_path / "weights.pt").write_bytes(pickled)
    with pytest.raises(cx.InputError, match="pickled weights and those of other tools are not"):
        cx.features.load(tmp_path / "weights.pt")
    with pytest.raises(cx.InputError, match="holds no saved model"):
        cx.features.load(tmp_path / "nowhere")


def test_features_stand_in_the_order_of_their_worth_within_their_level(known):
    z = known[0]
    for arch in ("batchtopk", "matryoshka"):
        model = cx.features.fit(z, config=Config(arch=arch, n_features=32, k=2, **SHORT))
        f = model.encode(z)
        worth = np.asarray(f.multiply(f).sum(axis=0)).ravel() * f.getnnz(axis=0)
        assert np.all(np.diff(model.level) >= 0)
        for level in np.unique(model.level):
            assert np.all(np.diff(worth[model.level == level]) <= 1e-6 * worth.max())
    assert len(np.unique(model.level)) > 1


def test_the_history_tells_what_the_model_does(known):
    config = Config(arch="topk", n_features=32, k=2, steps=350, batch_size=2000)
    model = cx.features.fit(known[0], config=config)
    assert model.history[:, 0].tolist() == [100, 200, 300, 350]
    left = cx.features.metrics.fvu(known[0], known[0] - model.error(known[0]))
    assert model.history[-1, 1] == pytest.approx(left, rel=0.1)
    assert model.history[-1, 2] == pytest.approx(2, abs=0.01)
    assert model.history[-1, 3] == pytest.approx(model.n_dropped, abs=2)


@pytest.mark.parametrize("target", ["embedding", "expression"])
def test_cells_that_are_kept_aside_do_not_touch_the_model(cells, target):
    """Not by centre or scale, nor by the components that a transcoder rebuilds."""
    z = np.random.default_rng(0).normal(size=(600, 12))
    counts = cells.X.toarray()
    config = Config(n_features=20, k=2, steps=30, target=target)
    rows = np.arange(0, 600, 2)
    one = cx.features.fit(z, counts=counts, config=config, rows=rows)
    z[1::2] = 100 + 50 * z[1::2]
    counts[1::2] = counts[1::2][:, ::-1]
    other = cx.features.fit(z, counts=counts, config=config, rows=rows)
    assert one.n_train == 300
    np.testing.assert_array_equal(one.encoder, other.encoder)
    np.testing.assert_array_equal(one.history, other.history)
    if target == "expression":
        np.testing.assert_array_equal(one.loadings, other.loadings)


def test_the_gate_learns_to_rebuild_but_does_not_bend_the_decoder():
    """Of 2404.16014, equation 8: the decoder is frozen where gates rebuild by themselves."""
    rng = np.random.default_rng(0)
    w = {name: torch.tensor(rng.normal(size=shape)).float().requires_grad_(True) for name, shape in
         {"encoder": (1, 8, 20), "encoder_bias": (1, 1, 20), "decoder": (1, 20, 8),
          "decoder_bias": (1, 1, 8), "log_gain": (1, 1, 20)}.items()}  # fmt: skip
    w["magnitude_bias"] = torch.full((1, 1, 20), -99.0)  # no feature is active: gates alone
    x = torch.tensor(rng.normal(size=(1, 30, 8))).float()
    config = Config(arch="gated", n_features=20, k=2)
    h, f = activate(w, x, config=config, ks=[2])
    assert not f.any()
    given = {"config": config, "ks": [2], "penalty": torch.zeros(1), "variance": 8.0}
    loss, _ = losses(w, h, f, x, **given)
    loss.sum().backward()
    assert not w["decoder"].grad.any()
    assert w["encoder"].grad.abs().max() > 1e-3


@pytest.mark.parametrize(
    ("arch", "target"),
    [("l1", "embedding"), ("gated", "embedding"), ("topk", "embedding"), ("topk", "expression")],
)
def test_what_training_computes_is_what_is_read(known, arch, target):
    """Gains, biases and centring folded into the arrays of the model change no activation."""
    z = known[0][:500]
    rng = np.random.default_rng(0)
    config = Config(arch=arch, n_features=20, k=3, target=target, sorted_features=False)
    rows = Rows(z, standardise(z), np.arange(500), z if target == "expression" else None)
    shapes = {"encoder": (16, 20), "encoder_bias": (1, 20), "decoder": (20, 16),
              "decoder_bias": (1, 16)}  # fmt: skip
    if arch == "gated" or target == "expression":
        shapes["log_gain"] = (1, 20)
    if arch == "gated":
        shapes["magnitude_bias"] = (1, 20)
    w = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    tensors = {name: torch.from_numpy(value)[None] for name, value in w.items()}
    x = torch.from_numpy(rows.read(rows.rows)[0])[None]
    f = activate(tensors, x, config=config, ks=[3])[1][0].numpy()
    components = rng.normal(size=(16, 30)).astype(np.float32)
    expression = Expression(z, components) if target == "expression" else None
    model = finish(Trained(w, np.zeros((1, 4))), rows, config, seed=0, expression=expression)
    alive = (f > 0).any(axis=0)
    np.testing.assert_allclose(model.encode(z).toarray(), f[:, alive], rtol=1e-3, atol=1e-4)
    if expression:
        np.testing.assert_allclose(model.loadings, (w["decoder"] @ components)[alive], rtol=1e-4)


def test_a_sparsity_that_is_missed_costs_the_square_of_how_far():
    rng = np.random.default_rng(0)
    config = Config(arch="jumprelu", n_features=20, k=2)
    w = {name: torch.tensor(rng.normal(size=shape)).float() for name, shape in
         {"encoder": (1, 8, 20), "encoder_bias": (1, 1, 20), "decoder": (1, 20, 8),
          "decoder_bias": (1, 1, 8), "log_threshold": (1, 1, 20)}.items()}  # fmt: skip
    x = torch.tensor(rng.normal(size=(1, 30, 8))).float()
    h, f = activate(w, x, config=config, ks=[2])
    active = float((f > 0).sum(-1).float().mean())
    hit, missed = (
        losses(w, h, f, x, config=config, ks=[k], penalty=torch.zeros(1), variance=8.0)[0].item()
        for k in (active, 2 * active)
    )
    assert missed - hit == pytest.approx(0.25, abs=1e-4)


def test_kept_features_are_those_asked_for_in_their_order(known):
    config = Config(arch="matryoshka", n_features=24, k=2, steps=60)
    model = cx.features.fit(known[0], config=config)
    model = replace(model, loadings=np.arange(2.0 * model.n_features).reshape(-1, 2))
    order = np.array([model.n_features - 1, 0, 5])
    some = model.keep(order)
    assert some.level.tolist() == model.level[order].tolist()
    assert some.level[0] != some.level[1]
    np.testing.assert_array_equal(some.loadings, model.loadings[order])
    np.testing.assert_array_equal(some.directions(), model.directions()[order])
    assert (some.encode(known[0]) != model.encode(known[0])[:, order]).nnz == 0


def test_a_memory_map_is_read_as_an_array_is(known, tmp_path):
    np.save(tmp_path / "z.npy", known[0])
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    config = Config(n_features=32, k=2, **SHORT)
    one, other = (cx.features.fit(z, config=config) for z in (known[0], mapped))
    np.testing.assert_array_equal(one.encoder, other.encoder)
    assert (one.encode(known[0]) != other.encode(mapped)).nnz == 0


def test_a_gene_transcoder_rebuilds_expression_and_the_embedding(cells, tmp_path):
    z = cx.embed.make("pca", n_components=16).fit(cells.X).transform(cells.X)
    model = cx.features.fit(z, counts=cells.X, n_features=40, k=3)
    assert model.config.target == "expression"
    assert model.loadings.shape == (model.n_features, cells.n_vars)
    left = cx.features.metrics.fvu(z, z - model.error(z))
    assert left < 0.5
    np.testing.assert_allclose(model.error(z).mean(axis=0), 0, atol=1e-3 * z.std())
    f, logs = model.encode(z).toarray(), log_normalise(cells.X).toarray()
    said = (f - f.mean(axis=0)) @ model.loadings
    slope = (said * (logs - logs.mean(axis=0))).sum() / (said**2).sum()
    assert slope == pytest.approx(1, abs=0.3), "a unit of a feature is what its loadings say"
    model.save(tmp_path / "features")
    np.testing.assert_array_equal(cx.features.load(tmp_path / "features").loadings, model.loadings)
    labels = cells.obs["cell_type"].to_numpy()
    kind = labels[np.argmax(f[:, 0])]
    shown = np.asarray(cells.X[labels == kind].mean(axis=0) - cells.X[labels != kind].mean(axis=0))
    assert np.corrcoef(model.loadings[0], np.sign(shown.ravel()))[0, 1] > 0.2
    for counts, message in (
        (cells.X[:599], "counts have 599 cells"),
        (cells.X / 3, r"counts, row 0, column \d+ holds .* no whole number"),
        (-cells.X, "holds the negative value"),
        (cells.X * np.nan, "counts must be finite"),
        (cells.X * 0, "no gene varies"),
    ):
        with pytest.raises(cx.InputError, match=message):
            cx.features.fit(z, counts=counts)


def test_auto_follows_the_width_and_the_counts(cells):
    z = np.random.default_rng(0).normal(size=(600, 80)).astype(np.float32)

    def found(**given):
        from cellaxes.features._fit import _settings

        return _settings(given.pop("d"), 10_000, n_features=None, preset=None, **given)

    assert found(d=32, arch="auto", counts=True).target == "expression"
    assert found(d=32, arch="auto", counts=False).arch == "batchtopk"
    assert found(d=80, arch="auto", counts=True).arch == "matryoshka"
    assert found(d=80, arch="auto", counts=True).target == "embedding"
    assert (found(d=32, arch="auto", counts=False).n_features, z.shape[1]) == (128, 80)


def test_features_that_come_back_match_the_truth(known):
    z, codes, _ = known
    models = cx.features.fit_many(
        z, config=Config(arch="topk", n_features=32, k=2, steps=1000), seeds=(0, 1, 2)
    )
    found = cx.features.stability(models[0], models[1:], z)
    best = np.abs(cx.features.metrics.correlations(models[0].encode(z), codes)).max(axis=1)
    assert 15 <= found.stable.sum() < 32
    assert best[found.stable].mean() > best[~found.stable].mean() + 0.1
    assert np.all(found.worst <= found.mean)
    np.testing.assert_array_equal(found.stable, found.worst > 0.8)
    some = replace(found, found=np.array([2, 1, 0]))
    assert some.stable.tolist() == [True, False, False]
    with pytest.raises(cx.InputError, match="models of other seeds"):
        cx.features.stability(models[0], [], z)


def test_k_is_chosen_where_most_features_come_back(known):
    choice = cx.features.choose_k(known[0], ks=(1, 2, 5, 9), n_seeds=2, n_features=40, arch="topk")
    assert choice.table["k"].tolist() == [1, 2, 5]  # nine is more than half of sixteen
    assert choice.most_stable == 2
    assert choice.k == 3
    assert np.all(np.diff(choice.table["unexplained"]) < 0), "which would choose the largest"


def test_an_embedding_is_looked_at_first(known):
    rng = np.random.default_rng(0)
    z = known[0].copy()
    z[:, 4] = 2.0
    z[:500] = z[500]
    kind = known[1].argmax(axis=1)
    found = cx.features.preflight(z, {"kind": kind, "noise": rng.integers(3, size=len(z))})
    said = str(found)
    assert found.constant == (4,)
    assert found.duplicates == 500
    assert found.mean_to_spread > 5
    assert found.components_99 <= 15
    assert 5 < found.effective_rank < 15
    assert "noise can hardly be told" in said
    assert "kind can hardly be told" not in said
    assert "16 dimensions" in said
    alone = cx.features.preflight(z, {"plate": np.full(len(z), "x")})
    assert "plate: not probed" in str(alone)
    assert "nan" not in str(alone)
    axes = rng.normal(size=(300, 40))
    axes = np.linalg.qr(axes - axes.mean(axis=0))[0]
    uneven = cx.features.preflight(axes * np.r_[2.0, np.ones(39)])
    share = np.r_[4, np.ones(39)] / 43
    assert uneven.effective_rank == pytest.approx(np.exp(-(share * np.log(share)).sum()), rel=1e-6)
    few = cx.features.preflight(rng.normal(size=(160, 60)), {"noise": np.arange(160) % 2})
    assert few.probes["noise"][0] < 0.65, "judged on cells that did not train it"
    wide = cx.features.preflight(rng.normal(size=(500, 60)))
    assert wide.warnings == ()


def test_unusable_input_is_refused_with_the_mend(known, trained):
    z = known[0]
    holes = z.copy()
    holes[3, 1] = np.nan
    for call, message in (
        (lambda: cx.features.fit(z, k=8), "less than half of the 16 dimensions"),
        (lambda: cx.features.fit(z[:60], n_features=100), "100 features of 60 training cells"),
        (lambda: cx.features.fit(z[:20]), "at least 50 training cells"),
        (lambda: cx.features.fit(z[:0]), "at least 50 training cells, but have 0"),
        (lambda: cx.features.fit(holes), "NaN or infinity in 1 of 8000 rows"),
        (lambda: cx.features.fit(sp.csr_matrix(z)), "is sparse: pass it dense"),
        (lambda: cx.features.fit(z, k="8"), "k must be a number, but is '8'"),
        (lambda: cx.features.fit(z, rows=np.arange(7990, 8090)), "to 8089, .* has 8000 cells"),
        (lambda: cx.features.fit(z, rows=np.arange(-100, 100)), "run from -100 to 99"),
        (lambda: cx.features.fit(z, rows=np.ones(8000, bool)), r"pass np.flatnonzero\(mask\)"),
        (lambda: cx.features.fit_many(z, seeds=()), "name a seed and a k"),
        (lambda: cx.features.fit_many(z, ks=()), "name a seed and a k"),
        (lambda: Config(auxiliary=-1.0), "auxiliary must not be negative"),
        (lambda: cx.features.fit(np.ones((100, 8))), "the same in every cell"),
        (lambda: cx.features.fit(z[:, 0]), "must be a matrix"),
        (lambda: cx.features.fit(z, arch="topkk"), "did you mean 'topk'"),
        (lambda: cx.features.fit(z, preset="sparse"), "no preset 'sparse'"),
        (lambda: cx.features.fit(z[:, :2]), "too narrow"),
        (lambda: cx.features.fit(z, device="cuda:9"), "none that PyTorch can use"),
        (lambda: Config(arch="l1", target="expression"), "arch topk, batchtopk or matryoshka"),
        (lambda: cx.features.fit(z, config=Config(target="expression", k=2)), "needs counts="),
        (lambda: trained[1].encode(z[:, :11]), "11 dimensions, but these features .* 16"),
        (lambda: trained[1].encode(holes), "NaN or infinity in row 3"),
        (lambda: trained[1].decode(np.ones((1, 3))), "pass what encode returned"),
        (lambda: cx.features.choose_k(z, ks=(8, 9)), "a k below 8"),
        (lambda: cx.features.preflight(z, {"kind": ["a"]}), r"kind has shape \(1,\)"),
        (lambda: cx.features.preflight(z[:0]), "has no cells"),
        (lambda: trained[1].encode(sp.csr_matrix(z)), "is sparse: pass it dense"),
        (lambda: trained[1].error(z[:, :11]), "11 dimensions, but these features .* 16"),
        (
            lambda: cx.features.evaluate(trained[1], z, labels=["a", "b"]),
            r"labels have shape \(2,\), but there are 8000 cells",
        ),
    ):
        with pytest.raises(cx.InputError, match=message):
            call()


def test_a_constant_dimension_is_no_obstacle(known):
    z = np.c_[known[0], np.full(len(known[0]), 3.0, np.float32)]
    model = cx.features.fit(z, config=Config(n_features=32, k=2, **SHORT))
    np.testing.assert_allclose(z[:, -1] - model.error(z)[:, -1], 3, atol=0.2)


def test_the_recipe_of_sparsesc_is_wide_and_dense(known):
    model = cx.features.fit(known[0][:2000], preset="sparsesc", k=2)
    assert model.config.n_features == 16 * 16
    assert model.config.arch == "l1"
    assert model.encode(known[0]).nnz / len(known[0]) > 16, "more active than dimensions"


def test_the_card_is_that_of_its_metrics_on_donors_held_out(known):
    z, codes, _ = known
    model = cx.features.fit(z, config=Config(n_features=24, k=2, steps=200))
    kind, donors = codes.argmax(axis=1).astype(str), np.arange(len(z)) % 5
    card = cx.features.evaluate(model, z, labels=kind, groups=donors)
    out = cx.features.metrics.hold_out(len(z), groups=donors)
    assert card.groups
    assert card.n_held_out == out.sum()
    f = model.encode(z)
    found = cx.features.metrics.concept_f1(f, kind, out).to_dict()
    assert card.table.loc["features", "concept_f1"] == found["concept_f1"]
    assert card.table.loc["features", "auroc"] == found["concept_auroc"]
    random = card.table.loc["random dictionary"]
    assert random["active"] == pytest.approx(f.nnz / len(z), abs=1e-3)
    assert random["dimensions"] == model.n_features
    assert card.table.loc["raw dimensions", "dimensions"] == 2 * z.shape[1]


def test_labels_of_few_cells_are_not_judged(known):
    z, codes, _ = known
    model = cx.features.fit(z, config=Config(n_features=24, k=2, steps=200))
    kind = np.array([f"c{i}" for i in codes.argmax(axis=1)], dtype=object)
    kind[:3] = "rare"
    card = cx.features.evaluate(model, z, labels=kind)
    assert card.left_out == ("rare",)
    assert card.table.loc["features", "concept_f1"] > card.table.loc["permuted cells", "concept_f1"]
    alone = cx.features.evaluate(model, z, labels=np.where(np.arange(len(z)) < 5, "a", "b"))
    assert "concept_f1" not in alone.table
    assert "concept_f1" not in cx.features.evaluate(model, z).table
    decoder = cx.features.CallableDecoder(
        lambda at: np.zeros((len(at), 30)), list(map(str, range(30)))
    )
    counts = np.random.default_rng(0).poisson(2, (len(z), 30))
    card = cx.features.evaluate(model, z, counts=counts, decoder=decoder)
    assert "monosemanticity" in card.table
    assert "loss_recovered" not in card.table, "a decoder that knows nothing judges nothing"
