"""Hands on features: what an edit does and leaves alone, decoders, batches, new cells, matches."""

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes.features._hands._decoders import decode
from cellaxes.features._hands._knn import distances_to, neighbours_of, vote_accuracy
from cellaxes.features._standard import Standard

N, D, GENES = 3000, 12, 90
PROGRAMME, BATCH = 5, 8


@dataclass
class World:
    """Cells of five types with three programmes and a batch, each a direction of the embedding.

    Features are the directions themselves, and three that see nothing but noise.
    """

    z: np.ndarray
    codes: np.ndarray
    types: np.ndarray
    batch: np.ndarray
    counts: sp.csr_matrix
    genes: np.ndarray
    atoms: np.ndarray
    model: cx.features.SparseFeatures

    def own(self, feature):
        """The ten genes of a feature."""
        return self.genes[10 * feature : 10 * feature + 10]


def features_along(atoms, centre, scale=0.5):
    """A model whose features are given directions, without training."""
    m, d = atoms.shape
    ones, zeros = np.ones(m, np.float32), np.zeros(m, np.float32)
    return cx.features.SparseFeatures(
        standard=Standard(np.full(d, centre) if np.isscalar(centre) else centre, np.full(d, scale)),
        encoder=atoms.astype(np.float32),
        decoder=atoms.astype(np.float32),
        decoder_bias=np.zeros(d, np.float32),
        gate_bias=zeros,
        magnitude_bias=zeros,
        gain=ones,
        threshold=0.1 * ones,
        level=np.zeros(m, np.int64),
        loadings=None,
        config=cx.features.Config(arch="batchtopk", n_features=m, k=3),
        random_state=0,
        history=np.zeros((1, 4)),
        n_train=N,
        n_dropped=0,
    )


@pytest.fixture(scope="module")
def world():
    rng = np.random.default_rng(0)
    kind, batch = rng.integers(5, size=N), rng.integers(2, size=N)
    codes = np.zeros((N, 9))
    codes[np.arange(N), kind] = rng.gamma(20, 0.15, size=N)
    codes[:, 5:8] = rng.gamma(4, 0.5, size=(N, 3)) * (rng.random((N, 3)) < 0.25)
    codes[:, BATCH] = batch * rng.gamma(20, 0.1, size=N)
    atoms = np.linalg.qr(rng.normal(size=(D, D)))[0]
    z = (codes @ atoms[:9] + 0.15 * rng.normal(size=(N, D)) + 3).astype(np.float32)
    loadings = np.kron(np.eye(9), np.ones(10)) * rng.uniform(0.5, 1, size=90)
    counts = sp.csr_matrix(rng.poisson(np.exp(0.5 * codes @ loadings + 1)).astype(np.float32))
    types, batches = np.array([f"type{i}" for i in kind]), np.array(["a", "b"])[batch]
    genes = np.array([f"g{i}" for i in range(GENES)])
    return World(z, codes, types, batches, counts, genes, atoms, features_along(atoms, 3.0))


@pytest.fixture(scope="module")
def linear(world):
    return cx.features.LinearDecoder.fit(world.z, world.counts, world.genes)


# steering ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("edit", [("scale", 1.0), ("clamp", 0.0, np.inf)])
def test_an_edit_that_changes_nothing_gives_the_embedding_to_the_last_bit(world, edit, dtype):
    z = world.z.astype(dtype)
    found = cx.features.steer(world.model, z, dict.fromkeys(range(world.model.n_features), edit))
    assert found.z.dtype == dtype
    assert found.z.tobytes() == z.tobytes()
    assert found.z is not z
    assert found.n_changed == 0
    assert not found.change.any()
    assert found.in_distribution


@pytest.mark.parametrize(
    ("edit", "becomes"),
    [
        (("ablate",), lambda a: 0 * a),
        ("ablate", lambda a: 0 * a),
        (("set", 1.5), lambda a: 0 * a + 1.5),
        (("scale", 2.0), lambda a: 2 * a),
        (("clamp", 0.5, 2.0), lambda a: np.clip(a, 0.5, 2.0)),
        (("percentile", 75), lambda a: 0 * a + np.percentile(a[a > 0], 75)),
    ],
)
def test_an_edit_moves_along_the_direction_and_keeps_what_features_leave_out(world, edit, becomes):
    i = PROGRAMME
    f = world.model.encode(world.z).toarray().astype(np.float64)
    found = cx.features.steer(world.model, world.z, {i: edit})
    wanted = f.copy()
    wanted[:, i] = becomes(f[:, i])
    moved = (wanted - f) @ world.model.directions()
    np.testing.assert_allclose(found.z, world.z + moved, atol=1e-5)
    left_out = found.z - world.model.decode(wanted)
    np.testing.assert_allclose(left_out, world.model.error(world.z), atol=1e-5)
    changed = (wanted != f).any(axis=1)
    assert found.n_changed == changed.sum()
    assert found.change[0] == pytest.approx((wanted - f)[changed, i].mean(), rel=1e-4)
    assert found.z[~changed].tobytes() == world.z[~changed].tobytes()


def test_several_edits_add_up(world):
    i, j = PROGRAMME, 0
    one, other = {i: ("set", 2.0)}, {j: ("ablate",)}
    steer = cx.features.steer
    both = steer(world.model, world.z, one | other).z - world.z
    apart = [steer(world.model, world.z, edit).z - world.z for edit in (one, other)]
    np.testing.assert_allclose(both, sum(apart), atol=1e-5)


def test_only_the_cells_asked_for_are_changed(world):
    cells = world.types == "type0"
    edit = {PROGRAMME: ("set", 1.0)}
    found = cx.features.steer(world.model, world.z, edit, cells=cells)
    assert (found.z != world.z).any(axis=1).tolist() == cells.tolist()
    assert found.n_changed == cells.sum()


def test_steering_a_programme_moves_its_own_genes(world, linear):
    i = PROGRAMME
    on = np.asarray(world.model.encode(world.z)[:, [i]].toarray().ravel() > 0)
    found = cx.features.steer(
        world.model, world.z, {i: ("ablate",)},
        cells=on, decoder=linear, markers={i: [*world.own(PROGRAMME), "unknown"]},
    )  # fmt: skip
    frame = found.to_frame()
    assert set(frame["gene"][:10]) == set(world.own(PROGRAMME))
    assert frame["own"][:10].all()
    assert (frame["log_rate_change"][:10] < 0).all()
    assert found.markers.sum() == 10
    assert found.specificity == found.on_target / found.off_target > 5
    wanted = linear.log_rates(found.z[on]) - linear.log_rates(world.z[on])
    np.testing.assert_allclose(found.log_rate_change, wanted.mean(axis=0), atol=1e-5)
    assert found.on_target == pytest.approx(
        np.abs(wanted.mean(axis=0))[found.markers].mean(), rel=1e-3
    )
    assert "own genes" in repr(found)
    assert json.loads(json.dumps(found.to_dict()))["specificity"] == found.specificity


def test_own_genes_are_those_of_the_effects_where_none_are_given(world, linear):
    i = PROGRAMME
    found = cx.features.steer(world.model, world.z, {i: ("ablate",)}, decoder=linear)
    effect = np.abs(cx.features.effects(world.model, linear, world.z, features=[i])[0])
    assert found.markers.sum() == 50
    assert effect[found.markers].min() >= effect[~found.markers].max()


def test_own_genes_of_several_features_are_those_of_each(world, linear):
    edits = dict.fromkeys([1, PROGRAMME], "ablate")
    markers = {i: world.own(i) for i in edits}
    found = cx.features.steer(world.model, world.z, edits, decoder=linear, markers=markers)
    assert set(found.genes[found.markers]) == {*world.own(1), *world.own(PROGRAMME)}


def test_cells_pushed_out_of_the_data_are_told(world):
    i = PROGRAMME
    usual = cx.features.steer(world.model, world.z, {i: ("scale", 0.9)})
    absurd = cx.features.steer(world.model, world.z, {i: ("set", 100.0)})
    assert usual.in_distribution
    assert usual.outside < 0.03
    assert not absurd.in_distribution
    assert absurd.outside == 1
    assert "NOT among real cells" in repr(absurd)


def test_a_cell_is_not_its_own_neighbour():
    real = np.arange(40.0)[:, None]
    own = np.where(np.arange(40) % 2, np.arange(40), -1)
    found = distances_to(real, real, own)
    exact = np.sort(np.abs(real - real.T), axis=1)
    np.testing.assert_allclose(found[1::2], exact[1::2, 1:16].mean(axis=1))
    np.testing.assert_allclose(found[::2], exact[::2, :15].mean(axis=1))


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ({}, "no edit"),
        ({99: ("ablate",)}, "no feature 99"),
        ({-1: ("ablate",)}, "no feature -1"),
        ({"3": ("ablate",)}, "no feature '3'"),
        ({0: ("ablat",)}, "did you mean 'ablate'"),
        ({0: "set"}, "takes 1 numbers, not 0"),
        ({0: ()}, "which is none"),
        ({0: ("set",)}, "takes 1 numbers, not 0"),
        ({0: ("set", -1.0)}, "never negative"),
        ({0: ("scale", np.nan)}, "never negative"),
        ({0: ("set", np.inf)}, "finite"),
        ({0: ("clamp", 2.0, 1.0)}, "smaller first"),
        ({0: ("percentile", 101)}, "between 0 and 100"),
        ({0: ("set", "much")}, "holds what is no number"),
        ({0: 2.0}, r"write it as \('ablate',\)"),
    ],
)
def test_edits_that_make_no_sense_are_refused(world, edits, told):
    with pytest.raises(ValueError, match=told):
        cx.features.steer(world.model, world.z, edits)


def test_markers_and_masks_that_do_not_fit_are_refused(world, linear):
    with pytest.raises(ValueError, match="no gene of feature 0"):
        cx.features.steer(
            world.model, world.z, {0: ("ablate",)}, decoder=linear, markers={0: ["ACTB"]}
        )
    with pytest.raises(ValueError, match="cells must be a mask"):
        cx.features.steer(world.model, world.z, {0: ("ablate",)}, cells=np.arange(5))


def test_contrast_turns_cells_of_one_type_into_the_other(world):
    a, b = world.types == "type0", world.types == "type1"
    edits = cx.features.contrast(world.model, world.z, a, group_b=b, top=2)
    mean = world.model.encode(world.z[a]).mean(axis=0).A1
    assert set(edits) == {0, 1}
    assert all(edit == ("set", pytest.approx(mean[i])) for i, edit in edits.items())
    moved = cx.features.steer(world.model, world.z, edits, cells=b).z[b]
    to = [np.linalg.norm(moved.mean(axis=0) - world.z[group].mean(axis=0)) for group in (a, b)]
    assert to[0] < 0.2 * to[1]
    rest = cx.features.contrast(world.model, world.z, a)
    assert len(rest) <= 10
    assert next(iter(rest)) == 0
    with pytest.raises(ValueError, match="without a common cell"):
        cx.features.contrast(world.model, world.z, a, group_b=a)


def test_contrast_looks_at_how_far_the_embedding_moves(world):
    a, b = world.types == "type0", world.types == "type1"
    for long in (0, 1):
        decoder = world.model.decoder.copy()
        decoder[long] *= 10
        model = replace(world.model, decoder=decoder)
        assert list(cx.features.contrast(model, world.z, a, group_b=b, top=1)) == [long]


def test_at_most_a_twentieth_may_lie_outside(world):
    found = cx.features.steer(world.model, world.z, {PROGRAMME: "ablate"})
    assert replace(found, outside=0.05).in_distribution
    assert not replace(found, outside=0.06).in_distribution
    assert replace(found, outside=float("nan")).in_distribution


# decoders ---------------------------------------------------------------------------------------


def test_everything_is_decoded_as_of_the_batch_asked_for(world, linear):
    told = []

    class Listening:
        genes = linear.genes

        def log_rates(self, z, batch=None):
            told.append(batch)
            return linear.log_rates(z)

    cx.features.steer(world.model, world.z, {0: "ablate"}, decoder=Listening(), batch="b")
    cx.features.effects(world.model, Listening(), world.z, features=[0], batch="b")
    assert len(told) > 4
    assert set(told) == {"b"}


def test_a_linear_decoder_of_principal_components_gives_the_expression_back(world):
    logs = np.log1p(world.counts.toarray()[:200])
    mean = logs.mean(axis=0)
    _, _, v = np.linalg.svd(logs - mean, full_matrices=False)
    pca = cx.features.LinearDecoder(v, mean, world.genes)
    np.testing.assert_allclose(pca.log_rates((logs - mean) @ v.T), logs, atol=1e-4)
    assert isinstance(pca, cx.features.Decoder)


def test_a_fitted_linear_decoder_is_the_least_squares_one(world, linear):
    counts = world.counts.toarray()
    logs = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True))
    design = np.column_stack([np.ones(N), world.z])
    best = design @ np.linalg.lstsq(design, logs, rcond=None)[0]
    np.testing.assert_allclose(linear.log_rates(world.z), best, atol=0.02)
    assert np.abs(linear.log_rates(world.z).mean(axis=0) - logs.mean(axis=0)).max() < 1e-3


def test_the_effect_through_a_linear_decoder_is_the_step_times_the_loadings(world, linear):
    found = cx.features.effects(world.model, linear, world.z, n_cells=20)
    f = world.model.encode(world.z).toarray()
    step = np.array([np.percentile(column[column > 0], 95) for column in f.T])
    wanted = step[:, None] * (world.model.directions() @ linear.components)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert found.dtype == np.float32
    i = PROGRAMME
    assert set(world.genes[np.argsort(-found[i])[:10]]) == set(world.own(PROGRAMME))


def test_effects_of_the_same_seed_are_the_same_and_average_over_the_sample(world):
    curved = cx.features.CallableDecoder(lambda z: -(z**2), world.genes[:D])
    first, again, other = (
        cx.features.effects(world.model, curved, world.z, n_cells=9, random_state=seed)
        for seed in (1, 1, 2)
    )
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).max() > 0.01
    every = cx.features.effects(world.model, curved, world.z, features=[3], n_cells=10**9)
    f = world.model.encode(world.z)[:, [3]].toarray()
    step = np.percentile(f[f > 0], 95) * world.model.directions()[3]
    wanted = (-((world.z + step) ** 2) + world.z**2).mean(axis=0)
    np.testing.assert_allclose(every[0], wanted, atol=1e-3)


def test_a_feature_that_is_silent_in_these_cells_has_no_effect(world, linear):
    i = 0
    silent = world.z[world.model.encode(world.z)[:, [i]].toarray().ravel() == 0]
    assert not cx.features.effects(world.model, linear, silent, features=[i]).any()


def test_a_decoder_that_does_not_fit_is_refused(world, linear):
    steer, edit = cx.features.steer, {0: ("ablate",)}
    narrow = cx.features.LinearDecoder(np.ones((7, GENES)), np.zeros(GENES), world.genes)
    with pytest.raises(ValueError, match="reads 7 dimensions, but the embedding has 12"):
        steer(world.model, world.z, edit, decoder=narrow)
    weights = np.ones((7, GENES))
    function = cx.features.CallableDecoder(lambda z: z @ weights, world.genes)
    with pytest.raises(ValueError, match="cannot read an embedding of 12 dimensions"):
        steer(world.model, world.z, edit, decoder=function)
    short = cx.features.CallableDecoder(lambda z: z, world.genes)
    with pytest.raises(ValueError, match=r"returned shape \(\d+, 12\) for \d+ cells and 90 genes"):
        cx.features.effects(world.model, short, world.z)
    endless = cx.features.CallableDecoder(lambda z: np.full((len(z), 2), -np.inf), ["a", "b"])
    with pytest.raises(ValueError, match="not finite"):
        decode(endless, world.z)
    with pytest.raises(ValueError, match="knows no batches"):
        steer(world.model, world.z, edit, decoder=linear, batch="a")
    with pytest.raises(ValueError, match="holds 3 names"):
        cx.features.LinearDecoder(np.ones((7, GENES)), np.zeros(GENES), ["a", "b", "c"])
    with pytest.raises(ValueError, match="SimpleNamespace is no decoder: wrap it in"):
        steer(world.model, world.z, edit, decoder=SimpleNamespace(module=None))
    with pytest.raises(ValueError, match="int is no decoder"):
        cx.features.effects(world.model, 3, world.z)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": lambda x: x[:10]}, "counts have 10 cells"),
        ({"counts": lambda x: x / 3}, "which is no whole number"),
        ({"counts": lambda x: -x}, "negative value"),
        ({"counts": lambda x: x * np.nan}, "must be finite"),
        ({"counts": lambda x: x[:0], "z": lambda z: z[:0]}, "no cells"),
        ({"z": lambda z: z * np.nan}, "NaN or infinity"),
    ],
)
def test_a_decoder_is_fitted_on_counts_of_the_same_cells(world, change, message):
    given = {"z": world.z, "counts": world.counts}
    given |= {name: of(given[name]) for name, of in change.items()}
    with pytest.raises(ValueError, match=message) as caught:
        cx.features.LinearDecoder.fit(given["z"], given["counts"], world.genes)
    assert isinstance(caught.value, cx.InputError)


def test_a_decoder_is_the_same_from_every_container(world, linear):
    other = cx.features.LinearDecoder.fit(world.z, world.counts.tocsc(), world.genes)
    np.testing.assert_array_equal(other.components, linear.components)


@pytest.mark.parametrize("name", ["steer", "remove_batch", "map_query", "match"])
def test_embeddings_that_do_not_fit_are_refused_by_every_hand(world, name):
    hands = {
        "steer": lambda z: cx.features.steer(world.model, z, {0: "ablate"}),
        "remove_batch": lambda z: cx.features.remove_batch(world.model, z, world.batch[: len(z)]),
        "map_query": lambda z: cx.features.map_query(world.model, z, world.z),
        "match": lambda z: cx.features.match(world.model, world.model, z),
    }
    holes = world.z.copy()
    holes[7, 2] = np.nan
    for z, message in (
        (world.z[:, :5], "has 5 dimensions, but these features .* 12"),
        (holes, "NaN or infinity in row 7"),
        (world.z[:0], "no cell|0 query|missing values only|are empty"),
    ):
        with pytest.raises(cx.InputError, match=message) as caught:
            hands[name](z)
        assert "\n" not in str(caught.value)


@pytest.fixture(scope="module")
def network(world):
    """An untrained network of scVI with two batches."""
    pytest.importorskip("scvi")
    import torch
    from scvi.module import VAE

    torch.manual_seed(0)
    return VAE(GENES, n_batch=2, n_latent=D, n_hidden=16, n_layers=1)


def test_scvi_decodes_every_cell_as_of_the_batch_asked_for(world, network):
    import torch

    decoder = cx.features.SCVIDecoder(network, world.genes, batches=("a", "b"))
    network.train()
    rates = decoder.log_rates(world.z[:300])
    assert network.training
    network.eval()
    with torch.no_grad():
        found = network.generative(
            z=torch.from_numpy(world.z[:300]),
            library=torch.full((300, 1), 7.0),
            batch_index=torch.zeros(300, 1, dtype=torch.int64),
        )
    np.testing.assert_allclose(rates, found["px"].scale.log().numpy(), atol=1e-5)
    assert np.exp(rates).sum(axis=1) == pytest.approx(1, abs=1e-4)
    other = decoder.log_rates(world.z[:300], "b")
    assert np.abs(other - rates).max() > 0.01
    of_b = cx.features.SCVIDecoder(SimpleNamespace(module=network), world.genes, batch=1)
    assert of_b.log_rates(world.z[:300]).tobytes() == other.tobytes()


def test_a_cell_decoded_by_scvi_does_not_depend_on_the_others(world, network):
    decoder = cx.features.SCVIDecoder(SimpleNamespace(module=network), world.genes)
    whole = decoder.log_rates(world.z[:300])
    assert decoder.log_rates(world.z[290:293]).tobytes() == whole[290:293].tobytes()


def test_scvi_that_does_not_fit_is_refused(world, network):
    decoder = cx.features.SCVIDecoder(network, world.genes, batches=("a", "b"))
    with pytest.raises(ValueError, match="reads 12 dimensions, but the embedding has 5"):
        decoder.log_rates(world.z[:, :5])
    with pytest.raises(ValueError, match="no batch 'c'; known: a, b"):
        decoder.log_rates(world.z, "c")
    with pytest.raises(ValueError, match="no batch 2: the model knows 2"):
        cx.features.SCVIDecoder(network, world.genes, batch=2)
    with pytest.raises(ValueError, match="holds 5 names"):
        cx.features.SCVIDecoder(network, world.genes[:5])
    with pytest.raises(ValueError, match="the scVI model is not fitted"):
        cx.features.SCVIDecoder(cx.embed.SCVI(), world.genes)


# batches ----------------------------------------------------------------------------------------


def test_ablating_what_leaks_takes_the_batch_and_leaves_the_type(world):
    found = cx.features.remove_batch(world.model, world.z, world.batch, cell_type=world.types)
    assert found.removed
    assert found.batch[0] > 0.95
    assert found.batch[1] <= found.majority + 0.03
    assert found.batch[2] > 0.85, "random features do not take the batch"
    assert found.cell_type[1] >= found.cell_type[0] - 0.01
    assert found.features[0] == BATCH == found.excess.argmax()
    assert list(found.excess[list(found.features)]) == sorted(
        found.excess[list(found.features)], reverse=True
    )
    wanted = cx.features.steer(world.model, world.z, dict.fromkeys(found.features, ("ablate",))).z
    np.testing.assert_allclose(found.z, wanted, atol=1e-5)
    assert found.z.dtype == world.z.dtype
    frame = found.to_frame()
    assert frame.index.tolist() == ["before", "after", "random"]
    assert frame.loc["after", "batch"] == found.steps[-1] == found.batch[1]
    assert json.loads(json.dumps(found.to_dict()))["removed"]
    assert "the cell type" in repr(found)


def test_what_many_batches_have_by_chance_is_no_leak(world):
    many = np.random.default_rng(0).permutation(np.arange(N) % 100)
    found = cx.features.remove_batch(world.model, world.z, many, eta2=0.01)
    eta2, chance, _ = cx.features.batch_eta_squared(world.model.encode(world.z), many)
    assert chance > 0.03
    np.testing.assert_allclose(found.excess, (eta2 - chance) / (1 - chance))
    assert found.features == ()


def test_random_features_are_others_than_the_ablated(world):
    model = world.model.keep(np.array([BATCH, 0]))
    for seed in range(4):
        found = cx.features.remove_batch(
            model, world.z, world.batch, cell_type=world.types, random_state=seed
        )
        assert found.features == (0,)
        assert found.batch[1] < found.batch[2] - 0.2


def test_removed_means_within_three_hundredths_of_the_largest_batch(world):
    found = cx.features.remove_batch(world.model, world.z, world.batch, cell_type=world.types)
    for above, removed in ((0.029, True), (0.031, False)):
        batch = (0.9, found.majority + above, 0.9)
        assert replace(found, batch=batch).removed == removed


def test_no_more_is_ablated_than_it_takes(world):
    found = cx.features.remove_batch(
        world.model, world.z, world.batch, cell_type=world.types, eta2=0.0
    )
    assert len(found.features) < (found.excess > 0).sum()
    assert all(score > found.majority + 0.03 for score in found.steps[:-1])


def test_an_embedding_that_does_not_know_the_batch_stays_as_it_is(world):
    shuffled = np.random.default_rng(0).permutation(world.batch)
    found = cx.features.remove_batch(world.model, world.z, shuffled, cell_type=world.types)
    assert found.features == ()
    assert found.z.tobytes() == world.z.tobytes()
    assert found.batch[0] == found.batch[1] == found.batch[2]


def test_a_batch_that_remains_is_told(world):
    found = cx.features.remove_batch(world.model, world.z, world.batch, eta2=0.99)
    assert not found.removed
    assert "REMAINS" in repr(found)
    assert np.isnan(found.cell_type).all()
    assert found.to_dict()["cell_type"]["after"] is None


def test_a_type_of_one_batch_alone_is_no_leak_where_types_are_told(world):
    """Type 0 is in batch a only: its feature tells the batch, but within types nothing does."""
    confounded = np.where(
        world.types == "type0", "a", np.random.default_rng(0).choice(["a", "b"], N)
    )
    blind = cx.features.remove_batch(world.model, world.z, confounded, eta2=0.05)
    told = cx.features.remove_batch(
        world.model, world.z, confounded, cell_type=world.types, eta2=0.05
    )
    assert 0 in blind.features
    assert told.features == ()


@pytest.mark.parametrize("typed", [True, False])
def test_cells_without_a_batch_are_corrected_but_not_measured(world, typed):
    batch = world.batch.astype(object)
    batch[::3] = None
    types = world.types if typed else None
    found = cx.features.remove_batch(world.model, world.z, batch, cell_type=types)
    known = np.arange(N) % 3 > 0
    assert found.majority == max((batch[known] == name).mean() for name in "ab")
    i = BATCH
    on = world.model.encode(world.z)[:, [i]].toarray().ravel() > 0
    assert i in found.features
    assert (found.z[on] != world.z[on]).any(axis=1).all()


def test_one_batch_or_a_bound_that_is_no_share_is_refused(world):
    with pytest.raises(ValueError, match="one batch only, 'x'"):
        cx.features.remove_batch(world.model, world.z, np.full(N, "x"))
    with pytest.raises(ValueError, match="share of variance"):
        cx.features.remove_batch(world.model, world.z, world.batch, eta2=1.0)


def test_neighbours_vote():
    z = np.array([0.0, 1, 2, 100, 101, 102] * 8)[:, None] + np.arange(48)[:, None] * 1e-3
    near = neighbours_of(z)
    assert near.shape == (48, 15)
    assert not (near == np.arange(48)[:, None]).any()
    side = (z.ravel() > 50).astype(int)
    assert vote_accuracy(near, side) == 1
    assert vote_accuracy(near, np.zeros(48, int)) == 1
    assert vote_accuracy(near, 1 - side) == 1
    one = side.copy()
    one[0] = 1
    assert vote_accuracy(near, one) == pytest.approx(47 / 48)


# new cells --------------------------------------------------------------------------------------


def test_cells_like_those_trained_on_are_known_and_others_are_not(world):
    seen = world.types != "type4"
    model = world.model.keep(np.delete(np.arange(D), 4))
    known = cx.features.map_query(model, world.z[seen][::2], world.z[seen][1::2])
    new = cx.features.map_query(model, world.z[~seen], world.z[seen])
    assert known.share_unknown < 0.03
    assert new.share_unknown > 0.9
    assert (known.activations != model.encode(world.z[seen][::2])).nnz == 0
    assert new.to_frame()["unknown"].mean() == new.share_unknown
    assert json.dumps(new.to_dict())
    assert "beyond the reference" in repr(new)


def test_the_score_is_what_features_leave_of_the_distance_from_the_centre(world):
    found = cx.features.map_query(world.model, world.z[:50], world.z)
    whole = ((world.z[:50] - world.model.standard.centre) ** 2).sum(axis=1)
    left = (world.model.error(world.z[:50]) ** 2).sum(axis=1)
    np.testing.assert_allclose(found.score, left / whole, rtol=1e-3)
    own = cx.features.map_query(world.model, world.z, world.z)
    assert own.share_unknown == pytest.approx(0.01, abs=1e-3)
    with pytest.raises(ValueError, match="0 query"):
        cx.features.map_query(world.model, world.z[:0], world.z)


# matches ----------------------------------------------------------------------------------------


def test_a_model_matches_itself_in_another_order(world):
    order = np.random.default_rng(0).permutation(world.model.n_features)
    found = cx.features.match(world.model, world.model.keep(order), world.z)
    assert order[found.partner].tolist() == list(range(world.model.n_features))
    np.testing.assert_allclose(found.r, 1, atol=1e-6)
    assert found.matched.all()
    assert found.to_dict()["mean_r"] == pytest.approx(1)


def test_features_without_a_partner_have_none(world):
    found = cx.features.match(world.model, world.model.keep(np.array([4, 2])), world.z)
    assert (found.partner >= 0).sum() == 2
    assert found.partner[[4, 2]].tolist() == [0, 1]
    assert not found.r[found.partner < 0].any()


def test_models_of_two_embeddings_are_matched_on_the_same_cells(world):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(D, D)))[0]
    order = np.random.default_rng(4).permutation(D)
    z = (world.z @ turn).astype(np.float32)
    other = features_along((world.atoms @ turn)[order], np.full(D, 3.0) @ turn, scale=0.5)
    found = cx.features.match(world.model, other, world.z, z_other=z)
    assert order[found.partner].tolist() == list(range(D))
    assert found.r.min() > 0.99
    assert "12 of 12 features found" in repr(found)
    with pytest.raises(ValueError, match="3000 and 10 cells"):
        cx.features.match(world.model, other, world.z, z_other=z[:10])


def test_a_feature_that_is_several_elsewhere_is_a_split():
    r = np.array([[0.6, 0.7, 0.1, 0.0], [0.1, 0.0, 0.95, 0.2]])
    found = cx.features.Match(r, np.array([1, 2]))
    assert found.splits() == {0: (1, 0)}
    assert found.merges() == {}
    assert found.to_frame()["splits_into"].tolist() == [(1, 0), ()]
    assert cx.features.Match(r.T, np.array([-1, 0, 1, -1])).merges() == {0: (1, 0)}


def test_loss_of_counts_is_that_of_a_multinomial():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(9, 2)).astype(np.float32)
    rates = z @ rng.normal(size=(2, 4)).astype(np.float32)
    counts = rng.poisson(5, (9, 4))
    decoder = cx.features.CallableDecoder(lambda at: rates[: len(at)], list("abcd"))
    told = cx.features.count_loss(decoder, counts)(z)
    shares = np.exp(rates) / np.exp(rates).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(told, -(counts * np.log(shares)).sum(axis=1), rtol=1e-5)
    with pytest.raises(cx.InputError, match="4 genes, but the decoder 3"):
        cx.features.count_loss(cx.features.CallableDecoder(lambda at: at, list("abc")), counts)
    with pytest.raises(cx.InputError, match="has 3 cells, but counts have 9"):
        cx.features.count_loss(decoder, counts)(z[:3])
