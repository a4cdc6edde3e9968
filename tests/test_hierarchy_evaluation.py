"""Evaluation: nothing is learnt from test cells, metrics are right, and a loss is called one."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.hierarchy import Split, evaluate, metrics, split_by

TYPES = ["CD4-positive, alpha-beta T cell", "CD8-positive, alpha-beta T cell", "T cell", "B cell",
         "classical monocyte", "vein endothelial cell", "fibroblast"]  # fmt: skip
TREE = cx.hierarchy.tree(TYPES, levels=3)


def cells(n: int = 420, seed: int = 0):
    """Embedding whose first half is the coarse level: z, levels, donors."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(TYPES), n)
    levels = TREE.expand(np.array(TYPES)[kind])
    coarse = levels["level1"].cat.codes.to_numpy()
    top, leaf = rng.normal(size=(len(TYPES), 8)), rng.normal(size=(len(TYPES), 8))
    z = np.hstack([4 * top[coarse], 1.5 * leaf[kind]]) + 0.9 * rng.normal(size=(n, 16))
    donor = np.array(["d1", "d2", "d3", "d4", "d5"])[rng.integers(0, 5, n)]
    return z, levels, donor


Z, LEVELS, DONOR = cells()
CODES = pd.factorize(LEVELS["level3"].astype(str), sort=True)[0]


@dataclass(frozen=True)
class Cut:
    """An adapter that keeps the first dimensions, and remembers whom it saw."""

    dims: tuple[int, ...]

    def transform(self, z):
        return z[:, : self.dims[-1]]


# ---- splits -------------------------------------------------------------------------------------


def test_each_group_is_left_out_once():
    splits = split_by(DONOR, name="donor")
    assert [split.name for split in splits] == [f"donor=d{i}" for i in range(1, 6)]
    assert (np.sum([split.test for split in splits], axis=0) == 1).all()
    for split in splits:
        assert set(DONOR[split.test]) == {split.name.removeprefix("donor=")}
        assert not (split.train & split.test).any()
        assert not set(DONOR[split.train]) & set(DONOR[split.test])


def test_halves_are_random_and_the_same_for_the_same_seed():
    splits = split_by(None, 101, repeats=2)
    assert [split.test.sum() for split in splits] == [51, 50, 51, 50]
    assert (splits[0].train == splits[1].test).all()
    assert (splits[0].train != splits[2].train).any()
    again, other = split_by(None, 101, repeats=2), split_by(None, 101, repeats=2, random_state=1)
    assert (splits[0].train == again[0].train).all()
    assert (splits[0].train != other[0].train).any()


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ([True, True, False], [False, True, True], "1 cells are on both sides"),
        ([True, False, False], [False, False, False], "empty side"),
        ([True, False], [False, True, True], "shapes"),
        ([1, 0, 0], [0, 1, 1], "masks of True and False"),
    ],
)
def test_a_split_that_leaks_or_is_none_is_refused(train, test, said):
    with pytest.raises(InputError, match=said):
        Split("bad", np.array(train), np.array(test))


# ---- metrics ------------------------------------------------------------------------------------

LABELLED = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=60)


@settings(max_examples=50, deadline=None)
@given(LABELLED)
def test_flat_metrics_agree_with_scikit_learn(pairs):
    truth, said = np.array(pairs).T
    assert metrics.accuracy(truth, said) == pytest.approx(sk.accuracy_score(truth, said))
    recall = sk.recall_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0)
    assert metrics.balanced_accuracy(truth, said) == pytest.approx(recall)
    f1 = sk.f1_score(truth, said, labels=np.unique(truth), average="macro", zero_division=0)
    assert metrics.macro_f1(truth, said) == pytest.approx(f1)


def test_silhouette_agrees_with_scikit_learn():
    found = metrics.silhouette(Z, CODES)
    assert found == pytest.approx(sk.silhouette_score(Z, CODES, metric="cosine"))
    alone = np.r_[np.full(len(Z) - 1, 0), 1]
    assert metrics.silhouette(Z, alone) == pytest.approx(
        sk.silhouette_score(Z, alone, metric="cosine")
    )
    assert np.isnan(metrics.silhouette(Z, np.zeros(len(Z), dtype=int)))
    sample = metrics.silhouette(Z, CODES, n_cells=200, random_state=1)
    assert sample == metrics.silhouette(Z, CODES, n_cells=200, random_state=1)
    assert sample == pytest.approx(found, abs=0.08)


def test_hierarchical_f_forgives_near_misses_and_flat_accuracy_does_not():
    table = TREE.levels.loc[TYPES]
    sets = metrics.ancestor_sets(table)
    truth = np.zeros(10, dtype=int)
    near, far = np.ones(10, dtype=int), np.full(10, 5)
    assert metrics.accuracy(truth, near) == metrics.accuracy(truth, far) == 0
    assert metrics.hierarchical_f(truth, near, sets).f > metrics.hierarchical_f(truth, far, sets).f
    assert metrics.hierarchical_f(truth, far, sets).f == 0
    assert metrics.hierarchical_f(truth, truth, sets).f == 1


def test_hierarchical_precision_and_recall_by_hand():
    sets = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 0, 1]])
    found = metrics.hierarchical_f([0, 2], [1, 0], sets)  # overlaps 1 and 2
    assert found.precision == pytest.approx(3 / (1 + 3))
    assert found.recall == pytest.approx(3 / (3 + 3))


def test_a_subtype_of_the_label_is_right_and_a_supertype_is_not():
    above = TREE.ancestor_matrix()
    order = TREE.labels
    t, cd4 = order.index("T cell"), order.index("CD4-positive, alpha-beta T cell")
    assert metrics.subtype_accuracy([t], [cd4], above) == 1
    assert metrics.subtype_accuracy([cd4], [t], above) == 0
    steps = TREE.distance_matrix()
    assert metrics.error_distance([t, cd4], [cd4, cd4], steps) == steps[t, cd4]
    assert metrics.error_distance([t], [t], steps) == 0


def test_an_interval_over_donors_is_wider_than_one_over_cells():
    rng = np.random.default_rng(0)
    donor = np.repeat(np.arange(6), 200)
    right = rng.random(1200) < np.linspace(0.5, 1, 6)[donor]
    cell, group = metrics.bootstrap_ratio(right), metrics.bootstrap_ratio(right, donor)
    assert cell.value == group.value == pytest.approx(right.mean())
    assert group.high - group.low > 3 * (cell.high - cell.low)
    expected = 1.96 * np.sqrt(right.mean() * (1 - right.mean()) / 1200)
    assert (cell.high - cell.low) / 2 == pytest.approx(expected, rel=0.1)
    assert (cell.n_units, group.n_units) == (1200, 6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: metrics.accuracy([0, 1], [0]), "shapes"),
        (lambda: metrics.accuracy(["a"], ["a"]), "codes of labels"),
        (lambda: metrics.macro_f1([], []), "shapes"),
        (lambda: metrics.hierarchical_f([0], [3], np.eye(2)), "code 3"),
        (lambda: metrics.error_distance([0], [0], np.ones((2, 3))), "labels by labels"),
        (lambda: metrics.silhouette(Z, CODES[1:]), "codes must be one"),
        (lambda: metrics.silhouette(np.zeros((3, 2)), [0, 1, 1]), "zero"),
        (lambda: metrics.bootstrap_ratio([]), "one number per cell"),
        (lambda: metrics.bootstrap_ratio([1, 0], ["a", "b"]), "units must be"),
    ],
)
def test_metrics_name_what_they_cannot_use(call, said):
    with pytest.raises(InputError, match=said):
        call()


# ---- evaluation ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    noise = np.random.default_rng(1).normal(size=Z.shape)
    return evaluate(
        {"original": Z, "half": lambda _: Cut((4, 8)), "noise": noise},
        LEVELS,
        groups=DONOR,
        dims=(8, 16),
        tree=TREE,
    )


def test_one_row_for_each_embedding_split_level_and_prefix(found):
    frame = found.to_frame()
    assert len(frame) == 3 * 5 * 3 * 2
    keys = ["embedding", "split", "level", "prefix"]
    assert not frame.duplicated(keys).any()
    assert (frame["n_train"] + frame["n_test"] == len(Z)).all()
    last = frame["level"] == "level3"
    assert frame.loc[last, ["error_distance", "subtype_accuracy"]].notna().all(axis=None)
    assert frame.loc[~last, ["error_distance", "subtype_accuracy"]].isna().all(axis=None)
    assert (frame["subtype_accuracy"] >= frame["accuracy"])[last].all()
    assert (frame["h_f"] >= frame["accuracy"] - 1e-9).all()


def knn_accuracy(z, train, test, codes, k=5, alone=False):
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    close = unit[test] @ unit[train].T
    if alone:
        np.fill_diagonal(close, -9)
    near = codes[train][np.argsort(-close, axis=1, kind="stable")[:, :k]]
    votes = np.stack([(near == c).sum(axis=1) for c in range(codes.max() + 1)], axis=1)
    return (votes.argmax(axis=1) == codes[test]).mean()


def test_the_headline_is_the_vote_of_training_cells_and_the_legacy_one_leave_one_out(found):
    frame = found.to_frame().set_index(["embedding", "split", "level", "prefix"])
    for donor in np.unique(DONOR):
        row = frame.loc[("original", f"group={donor}", "level3", 16)]
        test = donor == DONOR
        assert row["accuracy"] == pytest.approx(knn_accuracy(Z, ~test, test, CODES))
        assert row["loo_accuracy"] == pytest.approx(knn_accuracy(Z, test, test, CODES, alone=True))
        short = frame.loc[("original", f"group={donor}", "level3", 8), "accuracy"]
        assert short == pytest.approx(knn_accuracy(Z[:, :8], ~test, test, CODES))


def test_adapters_are_fitted_for_each_split_on_its_training_cells_alone():
    seen = []

    def fit(train):
        seen.append(train)
        return Cut((16,))

    splits = split_by(DONOR)
    table = evaluate({"cut": fit}, LEVELS, splits=splits, Z=Z).to_frame()
    assert len(seen) == 5
    assert all((mask == split.train).all() for mask, split in zip(seen, splits, strict=True))
    plain = evaluate({"cut": Z}, LEVELS, splits=splits).to_frame()
    pd.testing.assert_frame_equal(table, plain)


def test_an_embedding_that_loses_is_said_to_lose(found):
    table = found.against("original").set_index(["embedding", "level"])
    assert (table.loc["noise", "high"] < 0).all()
    assert (table.loc["noise", "n_units"] == 5).all()
    assert table.loc[("half", "level3"), "high"] < 0
    summary = found.summary().set_index(["embedding", "level", "prefix"])
    row = summary.loc[("original", "level3", 16)]
    assert row["low"] < row["accuracy"] < row["high"]
    gap = summary.loc[("half", "level3", 8), "accuracy"] - row["accuracy"]
    assert table.loc[("half", "level3"), "difference"] == pytest.approx(gap)


def test_an_embedding_does_not_beat_itself():
    table = evaluate({"a": Z, "b": 3 * Z}, LEVELS, groups=DONOR).against("a")
    assert (table[["difference", "low", "high"]] == 0).all(axis=None)


def test_confusion_counts_every_test_cell_once(found):
    table = found.confusion("original", "level3")
    assert table.to_numpy().sum() == len(Z)
    pd.testing.assert_series_equal(
        table.sum(axis=1),
        LEVELS["level3"].astype(str).value_counts().sort_index(),
        check_names=False,
    )
    frame = found.to_frame().query("embedding == 'original' and level == 'level3' and prefix == 16")
    right = (frame["accuracy"] * frame["n_test"]).sum()
    assert np.trace(table.to_numpy()) == pytest.approx(right)


def test_steerability_is_the_sum_of_its_terms_and_truncation_has_some(found):
    table = found.steering
    assert table.groupby("embedding").size().to_dict() == {"original": 5, "half": 5, "noise": 5}
    np.testing.assert_allclose(table["s"], table["coarse"] + table["fine"])
    np.testing.assert_allclose(table["null_s"], table["null_coarse"] + table["null_fine"])
    own = table[table["embedding"] == "original"]
    # the prefix keeps the coarse level and loses the fine one, which is all that S rewards
    assert own["fine"].mean() > 0.1
    assert abs(own["coarse"].mean()) < 0.05


def test_labels_that_no_training_cell_has_are_counted():
    only = LEVELS["level3"].astype(str).to_numpy() == "fibroblast"
    donor = np.where(only, "d9", DONOR)
    frame = evaluate({"z": Z}, LEVELS, groups=donor).to_frame()
    row = frame.query("split == 'group=d9' and level == 'level3'").iloc[0]
    assert row["unseen"] == 1
    assert row["accuracy"] == 0
    assert row["loo_accuracy"] == 1  # leave-one-out does not notice


def test_a_reference_can_be_sampled():
    whole = evaluate({"z": Z}, LEVELS, groups=DONOR).to_frame()
    few = evaluate({"z": Z}, LEVELS, groups=DONOR, max_reference=30).to_frame()
    again = evaluate({"z": Z}, LEVELS, groups=DONOR, max_reference=30).to_frame()
    pd.testing.assert_frame_equal(few, again)
    assert few["accuracy"].mean() < whole["accuracy"].mean()
    pd.testing.assert_series_equal(few["loo_accuracy"], whole["loo_accuracy"])


def test_without_groups_halves_of_cells_are_compared():
    found = evaluate({"z": Z}, LEVELS["level3"], k=3)
    assert found.to_frame()["split"].nunique() == 6
    assert "over cells)" in repr(found)
    # every cell is tested three times and is one unit
    assert (found.summary()["n_units"] == len(Z)).all()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embeddings": {}}, "must be a dictionary"),
        ({"embeddings": {"z": Z, "w": Z[1:]}}, "'w' has 419 rows for 420 cells"),
        ({"embeddings": {"z": np.where(np.eye(420, 16) > 0, np.nan, Z)}}, "NaN or infinite"),
        ({"embeddings": {"z": np.vstack([Z[1:], np.zeros(16)])}}, "zero and have no direction"),
        ({"embeddings": {"a": lambda _: Cut((16,))}}, "need an embedding to transform"),
        ({"embeddings": {"z": Z, "a": lambda _: Cut((16, 32))}}, "dims go up to 32"),
        ({"levels": LEVELS[1:]}, "has 419 labels for 420 cells"),
        ({"levels": np.repeat("T cell", 420)}, "one class only"),
        ({"groups": DONOR[1:]}, "groups must name"),
        ({"k": 400, "groups": DONOR}, "trains on"),
        ({"splits": []}, "splits is empty"),
        ({"splits": split_by(DONOR[1:])}, "is of 419 cells"),
        ({"dims": (4, 32)}, "dims go up to 32"),
        ({"tree": cx.hierarchy.tree(["T cell", "B cell"], levels=2)}, "the tree has no label"),
    ],
)
def test_bad_input_is_named_with_its_mend(change, said):
    given_ = {"embeddings": {"z": Z}, "levels": LEVELS} | change
    embeddings, levels = given_.pop("embeddings"), given_.pop("levels")
    with pytest.raises(InputError, match=said):
        evaluate(embeddings, levels, **given_)


def test_unknown_names_are_refused(found):
    with pytest.raises(InputError, match="did you mean 'noise'"):
        found.against("nois")
    with pytest.raises(InputError, match="did you mean"):
        found.confusion("original", "level33")
    with pytest.raises(InputError, match="has no prefix 5"):
        found.confusion("original", "level3", 5)
