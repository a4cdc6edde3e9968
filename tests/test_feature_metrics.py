"""Metrics of sparse features, and the controls to read them beside."""

import inspect

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import special_ortho_group
from sklearn.metrics import f1_score, roc_auc_score

import cellaxes as cx
from cellaxes.features import metrics as m


@pytest.fixture(scope="module")
def planted():
    """1,200 cells of six types in two lineages and four donors; one feature per type."""
    rng = np.random.default_rng(0)
    kind = rng.integers(6, size=1200)
    labels = np.array([f"type{k}" for k in kind])
    strength = rng.gamma(4, 0.5, size=1200)
    x = np.zeros((1200, 8), dtype=np.float32)
    x[np.arange(1200), kind] = strength
    x[:, 6] = np.maximum(rng.normal(size=1200), 0)  # noise; feature 7 is dead
    donors = np.array(["d1", "d2", "d3", "d4"])[rng.integers(4, size=1200)]
    parents = {f"type{k}": f"lineage{k // 3}" for k in range(6)}
    return sp.csr_matrix(x), labels, donors, parents


# sparsity ---------------------------------------------------------------------------------------


def test_firing_tells_dead_rare_and_dense_features_apart():
    x = np.zeros((4000, 4))
    x[:3, 1], x[:3000, 2], x[:400, 3] = 1, 5, 2
    for form in (x, sp.csr_matrix(x)):
        found = m.firing(form)
        states = found.to_frame()["state"].tolist()
        assert states == ["dead", "rare", "dense", ""]
        assert found.l0 == m.l0(form) == pytest.approx(3403 / 4000)
        assert found.to_dict() == {
            "features": 4,
            "l0": found.l0,
            "dead": 1,
            "rare": 1,
            "dense": 1,
        }
        assert found.peak.tolist() == [0, 1, 5, 2]


def test_stored_zeros_and_negative_values_do_not_fire():
    x = sp.csr_matrix((np.array([0.0, -1.0, 2.0]), ([0, 1, 2], [0, 0, 0])), shape=(3, 1))
    assert m.l0(x) == pytest.approx(1 / 3)
    assert m.l0(x.toarray()) == pytest.approx(1 / 3)


def test_unexplained_variance_is_one_for_the_mean_and_grows_with_the_error():
    x = np.random.default_rng(0).normal(size=(200, 5)) + 7
    mean = np.broadcast_to(x.mean(axis=0), x.shape)
    assert m.fvu(x, x) == 0
    assert m.fvu(x, mean) == pytest.approx(1)
    assert m.fvu(x, 0.5 * (x + mean)) == pytest.approx(0.25)


# matching ---------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 1000),
    sparse_a=st.booleans(),
    sparse_b=st.booleans(),
    shift=st.sampled_from([0.0, 1e4]),
)
def test_correlations_are_those_of_numpy_in_every_container(seed, sparse_a, sparse_b, shift):
    rng = np.random.default_rng(seed)
    a = np.maximum(rng.normal(size=(50, 37)) - 0.5, 0)
    b = rng.normal(size=(50, 3)) + shift
    truth = np.corrcoef(a.T, b.T)[:37, 37:]
    found = m.correlations(sp.csr_matrix(a) if sparse_a else a, sp.csr_matrix(b) if sparse_b else b)
    assert found == pytest.approx(truth, abs=1e-9)


def test_constant_columns_correlate_with_nothing():
    a = np.array([[0.1, 0.0, 1.0]] * 3 + [[0.1, 0.0, 2.0]], dtype=np.float32)
    for form in (a, sp.csr_matrix(a)):
        assert m.correlations(form, a).tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 1]]


def test_matching_is_one_to_one_and_best_shows_what_was_taken():
    rng = np.random.default_rng(0)
    truth = pd.DataFrame(rng.normal(size=(500, 2)), columns=["t1", "t2"])
    one = truth["t1"].to_numpy()
    x = np.column_stack([one + truth["t2"], rng.normal(size=500)])
    found = m.matched_correlation(x, truth)
    assert sorted(found.feature) == [0, 1]
    assert (found.best > 0.6).all()
    assert np.abs(found.r).min() < 0.2
    assert found.to_frame()["truth"].tolist() == ["t1", "t2"]


def test_matching_counts_flipped_features_and_truths_without_a_feature():
    truth = np.random.default_rng(0).normal(size=(300, 3))
    found = m.matched_correlation(-truth[:, [2, 0]], truth)
    assert found.feature.tolist() == [1, -1, 0]
    assert found.r == pytest.approx([-1, 0, -1])
    assert found.mean == pytest.approx(2 / 3)
    assert found.n_recovered == 2


def test_dictionary_scores_ignore_order_sign_and_length():
    truth = special_ortho_group(8, seed=0).rvs()
    rng = np.random.default_rng(0)
    shuffled = truth[rng.permutation(8)] * rng.uniform(0.5, 2, size=(8, 1))
    assert m.mcc(-shuffled, truth) == pytest.approx(1)
    assert m.mmcs(shuffled, truth) == pytest.approx(1)
    assert m.mmcs(-shuffled, truth) < 0.2  # a direction and its opposite are two features
    assert m.mcc(truth[:4], truth) == pytest.approx(0.5)  # what is missing counts


def test_features_that_share_a_truth_are_not_unique():
    truth = np.eye(4)
    assert m.uniqueness(m.cosines(truth, truth)) == 1
    assert m.uniqueness(m.cosines(truth[[0, 0, 0, 1]], truth)) == 0.5
    assert m.uniqueness(m.cosines(np.zeros((4, 4)), truth)) == 0


# held-out cells and concepts --------------------------------------------------------------------


def test_donors_are_held_out_whole():
    donors = np.random.default_rng(0).choice(list("abcdefg"), size=700)
    out = m.hold_out(700, groups=donors, fraction=0.3, random_state=4)
    assert not set(donors[out]) & set(donors[~out])
    assert 0.15 < out.mean() < 0.45
    assert (out == m.hold_out(700, groups=donors, fraction=0.3, random_state=4)).all()
    assert m.hold_out(701, fraction=0.3).sum() == 210


def test_a_giant_donor_still_leaves_cells_on_both_sides():
    donors = ["a"] * 98 + ["b", "c"]
    for seed in range(5):
        out = m.hold_out(100, groups=donors, random_state=seed)
        assert 0 < out.sum() < 100


def test_auroc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", "c"], size=400)
    x = np.round(rng.normal(size=(400, 40)) + (labels == "b")[:, None], 1)
    x[:, ::2] = np.maximum(x[:, ::2], 0)
    truth = np.array([[roc_auc_score(labels == c, f) for c in "abc"] for f in x.T])
    assert m.auroc(x, labels) == pytest.approx(truth)
    assert m.auroc(sp.csr_matrix(x), labels) == pytest.approx(truth)


def test_concept_f1_finds_the_feature_of_each_type(planted):
    x, labels, donors, _ = planted
    out = m.hold_out(1200, groups=donors)
    for form in (x, x.toarray()):
        found = m.concept_f1(form, labels, out)
        assert found.feature.tolist() == [0, 1, 2, 3, 4, 5]
        assert found.f1 == pytest.approx(np.ones(6))
        assert found.auroc == pytest.approx(np.ones(6))
    assert found.to_dict()["concepts_found"] == 6
    assert len(found.to_frame()) == 6


def test_threshold_and_feature_are_chosen_on_the_cells_not_held_out():
    # of the first half only cells above half the peak are of the type; later all that fire are
    x = np.array([1.0, 1.0, 0.5, 0.5, 0, 0, 0.5, 0.5, 0.5, 0.5, 0, 0])[:, None]
    x = np.hstack([x, np.zeros_like(x)])
    inside = np.array([1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0])[:, None]
    out = np.arange(12) >= 6
    found = m.concept_f1(x, inside, out)
    assert found.threshold[0] == 0.5
    assert found.f1_chosen[0] == 1
    assert found.f1[0] == 0  # the peak is that of the choosing cells: nothing fires
    assert m.concept_f1(x, inside, ~out).f1[0] == pytest.approx(2 * 2 / (4 + 2))


@given(seed=st.integers(0, 200))
def test_held_out_f1_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    inside = rng.random(80) < 0.4
    x = np.maximum(rng.normal(size=(80, 3)) + inside[:, None], 0)
    out = m.hold_out(80, random_state=seed)
    found = m.concept_f1(x, inside[:, None], out)
    peak = x[~out, found.feature[0]].max()
    said = x[out, found.feature[0]] > found.threshold[0] * peak
    assert found.f1[0] == pytest.approx(f1_score(inside[out], said))
    assert found.f1_always[0] == pytest.approx(f1_score(inside[out], np.ones(out.sum())))
    assert found.to_dict()["concepts_found"] == (found.f1[0] > 0.5)
    chosen = [roc_auc_score(inside[~out], column) for column in x[~out].T]
    assert found.auroc_feature[0] == np.argmax(chosen)
    held_out = roc_auc_score(inside[out], x[out, found.auroc_feature[0]])
    assert found.auroc[0] == pytest.approx(held_out)


def test_a_type_of_one_donor_is_left_open_not_scored(planted):
    x, labels, donors, _ = planted
    labels = np.where((labels == "type5") & (donors != "d1"), None, labels)
    found = m.concept_f1(x, labels, m.hold_out(1200, groups=donors))
    assert np.isnan(found.f1[5])
    assert np.isnan(found.threshold[5])
    assert found.feature[5] == -1
    assert found.to_dict()["concepts"] == 5


def test_overlapping_concepts_are_scored_each_by_itself(planted):
    x, labels, donors, _ = planted
    table = pd.DataFrame({"type0": labels == "type0", "not5": labels != "type5"})
    found = m.concept_f1(x, table, m.hold_out(1200, groups=donors))
    assert found.names == ("type0", "not5")
    assert found.f1[0] == 1
    assert found.f1_always[1] > 0.85


# probes and absorption --------------------------------------------------------------------------


def test_a_split_concept_needs_all_its_features(planted):
    x, labels, donors, parents = planted
    lineage = [parents[name] for name in labels]
    out = m.hold_out(1200, groups=donors)
    found = m.sparse_probe(x, lineage, out, k=(1, 2, 6, 7))
    assert (np.diff(found.f1[:, :3], axis=1) > 0.05).all()
    assert found.splitting.tolist() == [6, 6]
    assert found.f1[:, 2] == pytest.approx([1, 1], abs=0.01)
    single = m.sparse_probe(x, labels, out)
    assert (single.splitting == 1).all()
    assert single.features[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert single.to_frame()["f1_k1"].tolist() == single.f1[:, 0].tolist()


def test_a_probe_of_shuffled_cells_does_no_better_than_saying_yes(planted):
    x, labels, donors, _ = planted
    out = m.hold_out(1200, groups=donors)
    found = m.sparse_probe(m.permuted(x), labels, out)
    assert found.f1.max() < 0.4


def test_the_cut_of_a_probe_suits_a_rare_concept():
    rng = np.random.default_rng(0)
    rare = rng.random(4000) < 0.03
    x = rng.normal(size=(4000, 2)) + 1.5 * rare[:, None] * [1, 0]
    found = m.sparse_probe(x, rare[:, None], m.hold_out(4000), k=(1,))
    assert found.f1[0, 0] > 0.15  # a cut at even odds never says yes


def hierarchy(*, absorbing):
    """Two lineages of three types; on type 0 the feature of its lineage may be absorbed."""
    rng = np.random.default_rng(1)
    kind = np.repeat(np.arange(6), 200)
    codes = np.zeros((1200, 8))
    codes[np.arange(1200), 2 + kind] = rng.gamma(20, 0.05, size=1200)
    codes[np.arange(1200), kind // 3] = rng.gamma(20, 0.05, size=1200)
    directions = np.eye(8)
    z = codes @ directions + 0.01 * rng.normal(size=(1200, 8))
    if absorbing:
        codes[kind == 0, 0] = 0
        directions[2, 0] = 1  # type 0 now writes its lineage too
    labels = np.array([f"type{k}" for k in kind])
    parents = {f"type{k}": f"lineage{k // 3}" for k in range(6)}
    return codes, labels, parents, directions, z


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_absorption_is_seen_where_it_was_planted_only(container):
    codes, labels, parents, decoder, z = hierarchy(absorbing=True)
    out = m.hold_out(1200)
    found = m.absorption(
        container(codes), labels, parents, decoder=decoder, embedding=z, held_out=out
    )
    assert found.main.tolist() == [[0], [1]]
    table = found.to_frame().set_index("child")
    assert table["rate"].to_dict() == pytest.approx(
        {"type0": 1, "type1": 0, "type2": 0, "type3": 0, "type4": 0, "type5": 0}, abs=0.02
    )
    assert found.rate == pytest.approx([1 / 3, 0], abs=0.03)
    clean = hierarchy(absorbing=False)
    found = m.absorption(*clean[:3], decoder=clean[3], embedding=z, held_out=out)
    assert found.rate == pytest.approx([0, 0], abs=0.01)


def test_a_silent_parent_is_not_absorbed_where_nothing_carries_the_probe():
    codes, labels, parents, decoder, z = hierarchy(absorbing=True)
    decoder[2] *= 0.1  # aligned, but far too short to stand in: lost, not absorbed
    found = m.absorption(
        codes, labels, parents, decoder=decoder, embedding=z, held_out=m.hold_out(1200)
    )
    first = found.to_frame().iloc[0]
    assert first["silent"] == first["probed"] > 80
    assert first["absorbed"] == 0


def test_a_long_feature_that_points_elsewhere_absorbs_nothing():
    """It carries the projection by its length alone: its direction is not the parent's."""
    codes, labels, parents, decoder, z = hierarchy(absorbing=True)
    z = np.column_stack([z, np.zeros(1200)])  # a dimension that no probe can use
    decoder = np.column_stack([decoder, np.zeros(8)])
    more = {"embedding": z, "held_out": m.hold_out(1200)}
    near = m.absorption(codes, labels, parents, decoder=decoder, **more).to_frame()
    decoder[2, 8] = 100.0
    far = m.absorption(codes, labels, parents, decoder=decoder, **more).to_frame()
    assert near["rate"][0] == pytest.approx(1, abs=0.02)
    assert far["rate"][0] == 0
    assert far["silent"][0] == near["silent"][0] > 80


def test_probe_and_main_features_are_chosen_on_the_cells_not_held_out():
    codes, labels, parents, decoder, z = hierarchy(absorbing=False)
    out = m.hold_out(1200)
    late = np.where(out, codes[:, 0], 0)  # tells the lineage of held-out cells alone
    codes[out, 0] = 0
    more = {"embedding": z, "held_out": out}
    codes, decoder = np.column_stack([codes, late]), np.vstack([decoder, np.eye(8)[0]])
    found = m.absorption(codes, labels, parents, decoder=decoder, **more)
    assert found.main.tolist() == [[0], [1]]
    swapped = z.copy()
    order = np.r_[np.arange(600, 1200), np.arange(600)]
    swapped[out] = z[order][out]
    more["embedding"] = swapped  # a probe that has not seen these cells is wrong about them all
    found = m.absorption(codes, labels, parents, decoder=decoder, **more)
    assert found.to_frame()["probed"].sum() < 12


def test_cells_that_the_probe_does_not_know_are_not_counted():
    codes, labels, parents, decoder, z = hierarchy(absorbing=True)
    out = m.hold_out(1200)
    odd = np.flatnonzero(out & (labels == "type1"))[:30]
    z[odd] = z[labels == "type4"][:30]
    found = m.absorption(codes, labels, parents, decoder=decoder, embedding=z, held_out=out)
    probed = found.to_frame().set_index("child")["probed"]
    assert probed["type1"] == (out & (labels == "type1")).sum() - 30


def test_parents_per_cell_are_parents_per_label():
    codes, labels, parents, decoder, z = hierarchy(absorbing=True)
    more = {"decoder": decoder, "embedding": z, "held_out": m.hold_out(1200)}
    by_label = m.absorption(codes, labels, parents, **more)
    by_cell = m.absorption(codes, labels, [parents[name] for name in labels], **more)
    assert by_label.to_frame().equals(by_cell.to_frame())
    far = m.absorption(codes, labels, parents, **(more | {"embedding": z + 50}))
    assert far.to_frame().equals(by_label.to_frame()), "nor does the origin matter"


# monosemanticity and loss recovered -------------------------------------------------------------


@given(seed=st.integers(0, 200), sparse=st.booleans())
def test_monosemanticity_is_the_sum_over_pairs(seed, sparse):
    rng = np.random.default_rng(seed)
    x = np.maximum(rng.normal(size=(30, 4)), 0 if sparse else -9)
    u = rng.normal(size=(30, 3))
    u[0] = 0
    f = (x - x.min(axis=0)) / np.ptp(x, axis=0)
    cosine = m.cosines(u, u)
    i, j = np.triu_indices(30, 1)
    weight = f[i] * f[j]
    truth = (weight * cosine[i, j][:, None]).sum(axis=0) / weight.sum(axis=0)
    found = m.monosemanticity(sp.csr_matrix(x) if sparse else x, u)
    assert found.score == pytest.approx(truth, abs=1e-9)
    assert found.baseline == pytest.approx(cosine[i, j].mean(), abs=1e-9)


def test_features_of_one_cell_or_none_have_no_monosemanticity():
    x = np.array([[1.0, 0, 1], [0, 0, 1], [0, 0, 0]])
    assert np.isnan(m.monosemanticity(x, np.eye(3)).score).tolist() == [True, True, False]


def test_loss_recovered_by_hand():
    z = np.array([[2.0], [-2.0]])
    found = m.loss_recovered(lambda a: 5 + (a - z)[:, 0] ** 2, z, 0.5 * z)
    assert (found.nats_embedding, found.nats_features, found.nats_mean) == (5, 6, 9)
    assert found.share == 0.75
    assert found.to_frame()["loss_recovered"].tolist() == [0.75]


# disentanglement as DRVI measures it ------------------------------------------------------------


def drvi_input(which):
    rng = np.random.default_rng(which)
    if which == 0:  # signed, no ties, one label per cell
        labels = rng.integers(4, size=300)
        x = rng.normal(size=(300, 8)) + 2 * (labels[:, None] == np.arange(8) % 5)
        return x, np.eye(4)[labels]
    if which == 1:  # sparse codes, concepts overlap
        truth = rng.random((500, 5)) < 0.15
        x = np.maximum(truth @ rng.normal(size=(5, 12)) + rng.normal(size=(500, 12)) - 1.0, 0.0)
        return x.astype(np.float32), truth.astype(float)
    # few values, many ties, a dead dimension, fewer dimensions than concepts
    labels = rng.integers(6, size=400)
    x = np.round(rng.normal(size=(400, 4)) + (labels[:, None] == np.arange(4)), 0)
    x[:, 3] = 0.0
    return x, np.eye(6)[labels]


# Printed by drvi-py 0.2.8 (numpy 2.4.6, scikit-learn 1.9.1): its pair scores SMI, SPN, BMMI in
# rows, its aggregations LMS, MSAS, MSGS in columns. The package shuffles cells with a generator
# of its own before it sorts them for SPN. For the same order of ties it was given the cells in
# the order of `stream(0, "spn", n_cells)` and, for SPN, each dimension as ranks by a stable sort.
DRVI = [
    [
        [0.50534256, 0.50534256, 0.13786613],
        [0.54638828, 0.54638828, 0.19548381],
        [0.41585934, 0.41585934, 0.11738485],
    ],
    [
        [0.17069867, 0.18803193, 0.04679013],
        [0.18405042, 0.18405042, 0.0447716],
        [0.1541647, 0.16302788, 0.02851541],
    ],
    [
        [0.06998691, 0.0851716, 0.06230459],
        [0.06341436, 0.0863721, 0.06121948],
        [0.04620219, 0.05507941, 0.04332957],
    ],
]


@pytest.mark.parametrize("which", [0, 1, 2])
@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix])
def test_disentanglement_is_that_of_drvi(which, container):
    x, concepts = drvi_input(which)
    found = m.drvi(container(x), concepts)
    assert found.to_frame().to_numpy() == pytest.approx(np.array(DRVI[which]), abs=1e-6)
    assert found.to_dict()["MSGS-SPN"] == pytest.approx(DRVI[which][1][2], abs=1e-6)


def test_aggregations_of_drvi_by_its_own_example():
    pairs = np.array([[0.9, 0.1, 1.0], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.9, 0.1]])
    assert m.msas(pairs) == pytest.approx(2.8 / 3)
    assert m.lms(pairs) == pytest.approx(0.9)
    assert m.msgs(pairs) == pytest.approx(0.3)


@given(seed=st.integers(0, 200))
def test_best_threshold_is_the_best_of_all(seed):
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=40) * 2) * (rng.random(40) < 0.7)
    inside = rng.random(40) < 0.4
    inside[:3] = [True, True, False]

    def entropy(p):
        return -sum(q * np.log(q) for q in (p, 1 - p) if q > 0)

    gains = [0.0]
    for t in np.unique(x)[:-1]:
        over = x > t
        left = (~over).mean() * entropy(inside[~over].mean())
        gains.append(entropy(inside.mean()) - left - over.mean() * entropy(inside[over].mean()))
    truth = max(gains) / entropy(inside.mean())
    assert m.bmmi(x[:, None], inside[:, None])[0, 0] == pytest.approx(truth, abs=1e-9)
    assert m.bmmi(sp.csr_matrix(x[:, None]), inside[:, None])[0, 0] == pytest.approx(truth)


def test_a_value_on_the_bound_of_two_bins_belongs_to_the_upper():
    x = np.repeat(np.arange(11.0), 4)[:, None]  # bounds at 1, 2, ... 9; ten and nine share a bin
    found = [m.smi(x, np.isclose(x, value))[0, 0] for value in (0, 1, 8, 9, 10)]
    assert found[:3] == pytest.approx([1, 1, 1])
    assert max(found[3:]) < 0.9


def test_sorted_cells_do_not_fake_neighbours():
    labels = np.repeat([0, 1], 500)  # cells in the order of their type, a feature always silent
    assert m.spn(np.zeros((1000, 1)), labels).max() < 0.1


# controls and peers -----------------------------------------------------------------------------


def test_the_random_dictionary_has_the_width_and_the_sparsity_asked():
    z = np.random.default_rng(0).normal(size=(3000, 8)) * [9, 5, 3, 1, 1, 1, 1, 1] + 100
    found = m.random_relu(z, 40, 3.3, random_state=1)
    assert sp.issparse(found)
    assert found.dtype == np.float32
    assert found.shape == (3000, 40)
    assert found.nnz == 9900
    assert found.data.min() > 0
    assert (found != m.random_relu(3 * z - 50, 40, 3.3, random_state=1)).nnz < 5  # units are free
    assert (found != m.random_relu(z, 40, 3.3, random_state=2)).nnz > 1000
    assert m.random_relu(z, 40, 35).nnz == 105_000
    round_ = np.random.default_rng(0).normal(size=(3000, 3))
    spread = m.random_relu(round_, 300, 150).toarray().std(axis=0)
    assert spread.max() < 1.2 * spread.min(), "no feature is longer than another"


def test_shuffled_cells_keep_the_features_and_lose_the_labels(planted):
    x, labels, donors, _ = planted
    shuffled = m.permuted(x, random_state=3)
    assert shuffled.toarray().sum(axis=0) == pytest.approx(x.toarray().sum(axis=0), rel=1e-5)
    assert np.unique(shuffled.toarray(), axis=0) == pytest.approx(np.unique(x.toarray(), axis=0))
    out = m.hold_out(1200, groups=donors)
    assert m.concept_f1(shuffled, labels, out).to_dict()["concept_f1"] < 0.3


def test_halves_give_the_latent_back():
    z = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32) + 2
    halves = m.signed_halves(z).toarray()
    assert halves.min() == 0
    assert halves[:, :3] - halves[:, 3:] == pytest.approx(z - z.mean(axis=0), abs=1e-5)
    whole = m.signed_halves(z, centre=False).toarray()
    assert whole[:, :3] - whole[:, 3:] == pytest.approx(z, abs=1e-6)


def test_every_metric_takes_every_control(planted):
    x, labels, donors, _ = planted
    out = m.hold_out(1200, groups=donors)
    z = x.toarray() @ np.random.default_rng(0).normal(size=(8, 5))
    rows = {}
    controls = {
        "features": x,
        "raw": m.signed_halves(z),
        "random": m.random_relu(z, 8, m.l0(x)),
        "permuted": m.permuted(x),
    }
    for name, f in controls.items():
        results = [m.firing(f), m.concept_f1(f, labels, out), m.sparse_probe(f, labels, out)]
        results += [m.drvi(f, labels), m.monosemanticity(f, z)]
        rows[name] = {key: value for found in results for key, value in found.to_dict().items()}
        assert all("\n" not in repr(found) for found in results)
        assert all(isinstance(found.to_frame(), pd.DataFrame) for found in results)
    card = pd.DataFrame(rows)
    assert card.notna().all(axis=None)
    for key in ("concept_f1", "LMS-SMI", "LMS-SPN", "MSGS-BMMI", "probe_f1_k1"):
        assert card.loc[key].idxmax() == "features"


def test_peers_find_independent_sources():
    rng = np.random.default_rng(0)
    sources = rng.exponential(size=(1500, 4)) * (rng.random((1500, 4)) < 0.3)
    x = sources @ rng.uniform(size=(4, 12)) + 0.01 * rng.uniform(size=(1500, 12))
    found = m.peers(x, 4)
    assert set(found) == {"ica", "varimax", "nmf"}
    for values in found.values():
        assert values.shape == (1500, 4)
        assert values.dtype == np.float32
        assert m.matched_correlation(values, sources).mean > 0.9
    again = m.peers(sp.csr_matrix(x), 4)
    assert m.matched_correlation(again["varimax"], sources).mean > 0.95
    assert "nmf" not in m.peers(x - 1, 4)


def test_varimax_is_a_rotation():
    rotation = m.varimax(np.random.default_rng(0).normal(size=(200, 5)))
    assert rotation @ rotation.T == pytest.approx(np.eye(5), abs=1e-9)


def test_what_is_drawn_depends_on_the_seed_alone():
    z = np.random.default_rng(0).exponential(size=(200, 6))
    labels = np.arange(200) % 3
    draws = {
        "relu": lambda seed: m.random_relu(z, 10, 2, random_state=seed).toarray(),
        "permuted": lambda seed: m.permuted(z, random_state=seed),
        "hold_out": lambda seed: m.hold_out(200, random_state=seed),
        "spn": lambda seed: m.spn(z.round(), labels, random_state=seed),
    }
    for draw in draws.values():
        assert np.array_equal(draw(1), draw(1))
        assert not np.array_equal(draw(1), draw(2))
    first, second = (m.peers(z, 2, random_state=5) for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


# what cannot be used ----------------------------------------------------------------------------

X = np.eye(4) + 0.5
OUT = np.array([True, False, True, False])
BAD = {
    "must be a matrix": lambda: m.l0(np.ones(3)),
    "are empty": lambda: m.l0(np.ones((0, 3))),
    "NaN or infinite": lambda: m.l0(np.array([[np.nan, 1]])),
    "must be numbers": lambda: m.l0(np.array([["a", "b"]])),
    "has 2 dimensions, the embedding 4": lambda: m.fvu(X, X[:, :2]),
    "nothing to explain": lambda: m.fvu(np.ones((3, 2)), np.ones((3, 2))),
    "has 3 rows for 4 cells": lambda: m.correlations(X, X[:3]),
    "truth '1' is constant": lambda: m.matched_correlation(X, X * [1, 0, 1, 1]),
    "live in 4 and 3 dimensions": lambda: m.mcc(X, X[:, :3]),
    "fraction must lie": lambda: m.hold_out(9, fraction=1.0),
    "one donor only": lambda: m.hold_out(2, groups=["a", "a"]),
    "groups are missing for 1 cells": lambda: m.hold_out(3, groups=["a", "b", None]),
    "groups must name the donor": lambda: m.hold_out(3, groups=["a", "b"]),
    "must hold 0 and 1 only": lambda: m.auroc(X, X),
    "labels are all missing": lambda: m.auroc(X, [None] * 4),
    "labels must be one per cell": lambda: m.auroc(X, "T cell"),
    "held_out must be a mask": lambda: m.concept_f1(X, list("aabb"), [0, 2]),
    "on both sides of the split.": lambda: m.concept_f1(X, list("aabb"), np.ones(4, bool)),
    "no concept has cells on both sides": lambda: m.concept_f1(X, list("abab"), OUT),
    "no concept has cells on both": lambda: m.sparse_probe(X, list("abab"), OUT),
    "thresholds must lie in": lambda: m.concept_f1(X, list("aabb"), OUT, thresholds=[1.0]),
    "k must be rising": lambda: m.sparse_probe(X, list("aabb"), OUT, k=(2, 1)),
    "needs a hierarchy of labels": lambda: m.absorption(
        X, list("aabb"), {"a": "A", "b": "B"}, decoder=X, embedding=X, held_out=OUT
    ),
    "one direction per feature": lambda: m.absorption(
        X, list("aabb"), {"a": "A", "b": "A"}, decoder=X[:2], embedding=X, held_out=OUT
    ),
    "n_main must lie": lambda: m.absorption(
        X, list("aabb"), {"a": "A"}, decoder=X, embedding=X, held_out=OUT, n_main=4
    ),
    "there is one cell": lambda: m.monosemanticity(X[:1], X[:1]),
    "concept 'b' holds 1 of 4 cells": lambda: m.drvi(X, list("aaab")),
    "there is one only": lambda: m.drvi(X[:, :1], list("aabb")),
    "a gap needs two": lambda: m.msgs([[1.0]]),
    "l0 must lie between 0": lambda: m.random_relu(X, 4, 4),
    "a dictionary needs variance": lambda: m.random_relu(np.ones((4, 2)), 4, 2),
    "n must lie between 1 and 4": lambda: m.peers(X, 5),
    "fewer than 3 directions": lambda: m.peers(np.outer(np.arange(9.0), np.ones(4)), 3),
    "one finite number for each": lambda: m.loss_recovered(np.mean, X, X),
    "not the decoder of this embedding": lambda: m.loss_recovered(lambda z: np.ones(len(z)), X, X),
}


@pytest.mark.parametrize("said", BAD)
def test_bad_input_is_one_clear_sentence(said):
    with pytest.raises(cx.InputError) as caught:
        BAD[said]()
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [n for n in m.__all__ if inspect.isfunction(getattr(m, n))])
def test_public_signature_is_a_contract(name):
    function = getattr(m, name)
    signature = inspect.signature(function)
    loose = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert len(loose) <= 3
    assert signature.return_annotation is not inspect.Signature.empty
    seed = signature.parameters.get("random_state")
    assert seed is None or (seed.kind is seed.KEYWORD_ONLY and seed.default == 0)
    assert "Parameters" in inspect.getdoc(function)
