"""Sparse autoencoders: invariants of training, reading, saving; recovery of what is known."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
import torch

import cellaxes as cx
from cellaxes.features import Config
from cellaxes.features._active import compress, largest
from cellaxes.features._finish import finish
from cellaxes.features._forward import activate, decode, jump, losses, revive
from cellaxes.features._rows import BLOCK, Rows
from cellaxes.features._standard import standardise
from cellaxes.features._step import by_autograd, by_hand, waking
from cellaxes.features._train import train

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


@pytest.mark.parametrize("m", [12, 48])
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
        assert along[names.index("encoder_bias")].abs().max() >= 0


@pytest.mark.parametrize("arch", sorted(cx.features.ARCHS))
def test_the_loss_of_a_batch_does_not_change_when_it_is_repeated(arch):
    config = Config(arch=arch, n_features=20, k=2)
    x = np.random.default_rng(0).normal(size=(1, 64, 8))
    once, twice = one_step(config, x), one_step(config, np.concatenate([x, x], axis=1))
    torch.testing.assert_close(once, twice, rtol=1e-5, atol=1e-5)


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
    for _ in range(2):
        seen = []
        for x, y, ends in deal:
            assert y is x
            assert 0 < x.shape[1] <= 500
            seen.append(x[..., 0].numpy())
            if ends:
                break
        dealt = np.concatenate(seen, axis=1)
        assert not np.array_equal(dealt[0], dealt[1])
        for one in dealt:
            np.testing.assert_array_equal(np.sort(one), chosen)


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
    rows = np.array([5, 4000, 17])
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


def test_known_directions_are_found(known):
    z, codes, atoms = known
    for arch, least in (("batchtopk", 0.85), ("topk", 0.99)):
        config = Config(arch=arch, n_features=48, k=2, steps=1000)
        model = cx.features.fit(z, config=config)
        assert cx.features.metrics.mcc(model.directions(), atoms) > least
    control = cx.features.metrics.random_relu(z, 48, 2, random_state=0)
    found = cx.features.metrics.matched_correlation(model.encode(z), codes)
    assert found.mean > cx.features.metrics.matched_correlation(control, codes).mean + 0.3


def test_thresholds_learn_through_the_rectangular_kernel():
    h = torch.tensor([[[0.9, 1.01, 1.2], [1.02, 0.98, -3.0]]], requires_grad=True)
    log_threshold = torch.zeros(1, 1, 3, requires_grad=True)  # thresholds of 1
    kept, on = jump(h, log_threshold, 0.1)
    assert kept.tolist() == [
        [[0, pytest.approx(1.01), pytest.approx(1.2)], [pytest.approx(1.02), 0, 0]]
    ]
    (kept.sum() * 2 + on.sum() * 3).backward()
    near = np.array([[0, 1, 0], [1, 1, 0]])  # within half of the kernel's width
    expected = -(1.0 * 2 + 3) / 0.1 * near.sum(axis=0)
    np.testing.assert_allclose(log_threshold.grad[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(h.grad[0], 2 * (h.detach()[0] > 1).numpy())


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
    left = torch.tensor(rng.normal(size=(1, 50, 4))).float()
    dead = torch.tensor([[False, True, False, True]])
    lost = revive({"decoder": decoder}, h, left, dead, most=2)
    lost.sum().backward()
    assert (h.grad[..., [0, 2]] == 0).all()
    assert (h.grad[..., [1, 3]] != 0).any()
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
    cx.embed.RandomProjection(2).fit(sp.eye(30).tocsr()).to_artefact().save(tmp_path / "other")
    with pytest.raises(cx.InputError, match="no sparse features"):
        cx.features.load(tmp_path / "other")


def test_a_memory_map_is_read_as_an_array_is(known, tmp_path):
    np.save(tmp_path / "z.npy", known[0])
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    config = Config(n_features=32, k=2, **SHORT)
    one, other = (cx.features.fit(z, config=config) for z in (known[0], mapped))
    np.testing.assert_array_equal(one.encoder, other.encoder)
    assert (one.encode(known[0]) != other.encode(mapped)).nnz == 0


def test_a_gene_transcoder_rebuilds_expression_and_the_embedding(cells):
    z = cx.embed.make("pca", n_components=16).fit(cells.X).transform(cells.X)
    model = cx.features.fit(z, counts=cells.X, n_features=40, k=3)
    assert model.config.target == "expression"
    assert model.loadings.shape == (model.n_features, cells.n_vars)
    left = cx.features.metrics.fvu(z, z - model.error(z))
    assert left < 0.5
    labels = cells.obs["cell_type"].to_numpy()
    f = model.encode(z).toarray()
    kind = labels[np.argmax(f[:, 0])]
    shown = np.asarray(cells.X[labels == kind].mean(axis=0) - cells.X[labels != kind].mean(axis=0))
    assert np.corrcoef(model.loadings[0], np.sign(shown.ravel()))[0, 1] > 0.2
    with pytest.raises(cx.InputError, match="counts have 599 cells"):
        cx.features.fit(z, counts=cells.X[:599])


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
        (lambda: cx.features.fit(holes), "NaN or infinity in 1 of 8000 rows"),
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
