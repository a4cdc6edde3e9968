"""Folds that ask what will be asked, weights and slopes learned out of fold."""

import numpy as np
import pandas as pd
import pytest

from cellaxes._core.errors import InputError
from cellaxes.perturbation import few_shot_context, leave_compound, metrics, random_rows
from cellaxes.perturbation._folds import (
    bridge_folds,
    cluster_folds,
    context_folds,
    group_folds,
    rich_folds,
)
from cellaxes.perturbation._folds_like import folds_like, make_folds, poor_contexts
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._trees import TreesOnComponents
from cellaxes.perturbation._out_of_fold import out_of_fold
from cellaxes.perturbation._stack import fit_slopes, stack


@pytest.fixture(scope="module")
def table():
    """40 compounds in four contexts, all measured."""
    return pd.MultiIndex.from_product(
        [list("ABCD"), [f"c{i:02}" for i in range(40)]], names=["context", "compound"]
    ).to_frame(index=False)


@pytest.fixture(scope="module")
def split(table):
    return few_shot_context(table, ["C", "D"], 9)


@pytest.fixture(scope="module")
def train(table, split):
    return table[split.train].reset_index(drop=True)


SCHEMES = ("bridge", "rich", "contexts", "kmeans", "compounds", "random")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_folds_never_test_what_they_train_on_and_are_the_same_again(train, scheme):
    Y = np.random.default_rng(0).normal(size=(len(train), 12))
    folds = make_folds(train, scheme, Y=Y)
    assert folds
    again = make_folds(train, scheme, Y=Y)
    other = make_folds(train, scheme, Y=Y, random_state=1)
    for fold, same in zip(folds, again, strict=True):
        assert not (fold.train & fold.test).any()
        np.testing.assert_array_equal(fold.roles, same.roles)
    if scheme != "contexts":
        pairs = zip(folds, other, strict=True)
        assert any((a.roles != b.roles).any() for a, b in pairs)


def test_bridge_folds_ask_each_bridge_compound_once_in_the_target_contexts_alone(train):
    folds = bridge_folds(train, ["C", "D"])
    assert len(folds) == 3
    asked = np.sum([fold.test for fold in folds], axis=0)
    np.testing.assert_array_equal(asked, train["context"].isin(["C", "D"]).astype(int))
    for fold in folds:
        np.testing.assert_array_equal(fold.train, ~fold.test)
        assert fold.seen("compound") == fold.seen("context") == 1
        here = train[fold.test]
        assert here["compound"].nunique() == 3
        assert here.groupby("compound").size().eq(2).all()  # in both contexts together
        assert fold.seen("pair") == 0


def test_rich_folds_leave_as_many_compounds_as_the_targets_have(train):
    folds = rich_folds(train, ["C", "D"])
    assert [fold.held_out for fold in folds] == [("A",), ("B",)]
    for fold, name in zip(folds, "AB", strict=True):
        here = train["context"] == name
        assert (fold.train & here).sum() == 9
        assert (fold.test == (here & ~fold.train)).all()
        assert fold.train[~here].all()
        assert fold.seen("compound") == 1
    with pytest.raises(InputError, match="smaller n_bridge"):
        rich_folds(train, ["C", "D"], n_bridge=30)


def test_kmeans_folds_hold_out_a_tenth_of_strong_and_of_weak_rows(table):
    rng = np.random.default_rng(0)
    strong = rng.random(len(table)) < 0.3
    Y = rng.normal(size=(len(table), 10)) + 20 * strong[:, None]
    folds = cluster_folds(table, Y, n_folds=10)
    for fold in folds:
        assert fold.test[strong].mean() == pytest.approx(0.1, abs=0.03)
        assert fold.test[~strong].mean() == pytest.approx(0.1, abs=0.03)
    assert np.sum([fold.test for fold in folds], axis=0).tolist() == [1] * len(table)
    few = np.zeros(len(table), dtype=bool)
    few[:12] = True  # a cluster of fewer than 20 rows stays in train
    folds = cluster_folds(table, np.where(few[:, None], 50.0, 0.0) + 0.1 * Y, n_folds=10)
    assert not np.any([fold.test[few].any() for fold in folds])


def test_group_folds_keep_tied_mechanisms_together(table):
    number = table["compound"].str[1:].astype(int)
    targets = [f"t{i % 12}" if i % 5 else f"t{i % 12}; t{(i + 1) % 12}" for i in range(40)]
    rows = table.assign(moa=[targets[i] if i < 30 else None for i in number])
    folds = group_folds(rows.assign(moa=rows["moa"].str[:3]), "moa", n_folds=3)
    for fold in folds:
        assert fold.seen("moa") == 0
        assert "put aside" in fold.doubts[0]
    asked = np.sum([fold.test for fold in folds], axis=0)
    np.testing.assert_array_equal(asked, rows["moa"].notna().astype(int))


def test_folds_like_a_split_leave_its_test_rows_aside(table, split):
    folds = folds_like(split, table)
    assert [fold.name for fold in folds].count("bridge") == 3
    assert len(folds) == 5
    for fold in folds:
        assert not (fold.train[~split.train]).any()
        assert not (fold.test[~split.train]).any()
    for made in (leave_compound(table), random_rows(table)):
        folds = folds_like(made, table)
        assert np.sum([fold.test for fold in folds], axis=0).tolist() == made.train.tolist()
        seen = np.mean([fold.seen("compound") for fold in folds])
        assert seen == pytest.approx(made.seen("compound"), abs=0.1)


def test_folds_like_wanted_rows_tell_their_kind(table, split, train):
    assert poor_contexts(train) == ("C", "D")
    wanted = table[split.test]
    assert [f.name for f in folds_like(wanted, train)] == [f.name for f in folds_like(split, table)]
    kinds = {"bridge", "few-shot context"}
    assert {fold.name for fold in folds_like(wanted, train)} == kinds
    new = pd.DataFrame({"context": ["A", "B"], "compound": ["new", "newer"]})
    assert {fold.name for fold in folds_like(new, train)} == {"leave compound"}
    elsewhere = pd.DataFrame({"context": ["E", "E"], "compound": ["c01", "c02"]})
    assert [f.roles.tolist() for f in folds_like(elsewhere, train)] == [
        f.roles.tolist() for f in context_folds(train)
    ]
    gaps = pd.DataFrame({"context": ["A", "B"], "compound": ["c01", "c02"]})
    assert {fold.name for fold in folds_like(gaps, train)} == {"random"}


def test_what_cannot_be_folded_is_said(train):
    with pytest.raises(InputError, match="no scheme 'brigde'"):
        make_folds(train, "brigde")
    with pytest.raises(InputError, match="pass Y"):
        make_folds(train, "kmeans")
    with pytest.raises(InputError, match="9 bridge compounds cannot make 12 folds"):
        bridge_folds(train, "C", n_folds=3 + 9)
    with pytest.raises(InputError, match="rows it was made of"):
        folds_like(random_rows(train), train[:5])
    with pytest.raises(InputError, match="there is no split"):
        folds_like("leave something", train)


def test_out_of_fold_predictions_do_not_see_the_rows_they_are_of(train):
    rng = np.random.default_rng(0)
    Y = rng.normal(size=(len(train), 6)).astype(np.float32)
    model = TreesOnComponents(n_components=4, n_trees=5)
    fold = bridge_folds(train, ["C", "D"])[:1]
    data = TrainingData(Y, train, np.ones(len(train)))
    found = out_of_fold(model, data, fold)
    np.testing.assert_array_equal(found.rows, np.flatnonzero(fold[0].test))
    noise = Y.copy()
    noise[fold[0].test] = rng.normal(size=(fold[0].test.sum(), 6)) * 50
    again = out_of_fold(model, TrainingData(noise, train, data.weights), fold)
    np.testing.assert_array_equal(found.predicted, again.predicted)
    assert found.sd is None
    with pytest.raises(InputError, match="fold 0 is of"):
        out_of_fold(model, data.take(np.arange(60)), fold)


def test_stack_finds_the_weights_of_the_least_error():
    rng = np.random.default_rng(0)
    good, weak, _ = rng.normal(size=(3, 60, 20))
    truth = 1.2 * good + 0.4 * weak + rng.normal(size=(60, 20))
    truth[rng.random(truth.shape) < 0.1] = np.nan
    models = {"good": good, "weak": weak, "bad": -good}
    found = stack(truth, models)
    assert found.weights == pytest.approx({"good": 1.2, "weak": 0.4, "bad": 0}, abs=0.07)
    assert found.loss == pytest.approx(metrics.mrrmse(truth, found.combine(models)))
    assert found.losses["good"] == pytest.approx(metrics.mrrmse(truth, good))
    best = found.loss
    for name in ("good", "weak"):  # no step along either weight helps
        for step in (-0.02, 0.02):
            moved = found.combine(models) + step * models[name]
            assert metrics.mrrmse(truth, moved) > best - 1e-9
    one = stack(truth, models, total="one")
    assert sum(one.weights.values()) == pytest.approx(1)
    assert min(one.weights.values()) >= 0
    assert one.loss > best


def test_stack_refuses_what_does_not_fit():
    with pytest.raises(InputError, match="both must be"):
        stack([[1.0]], {"a": [[1.0, 2.0]]})
    with pytest.raises(InputError, match="not finite"):
        stack([[1.0]], {"a": [[np.nan]]})
    with pytest.raises(InputError, match="is missing"):
        stack([[1.0]], {"a": [[1.0]]}).combine({"b": [[1.0]]})


def test_slopes_are_those_of_the_context_where_there_are_rows_enough():
    rng = np.random.default_rng(1)
    context = np.array(["A"] * 400 + ["B"] * 400 + ["few"])
    predicted = rng.normal(size=(801, 15))
    slope = np.where(context == "A", 1.5, 0.5)
    truth = slope[:, None] * predicted + 0.3 * rng.normal(size=predicted.shape)
    truth[-1] = -5 * predicted[-1]  # one row does not turn a context round
    found = fit_slopes(truth, predicted, context)
    assert found["A"] == pytest.approx(1.5, abs=0.1)
    assert found["B"] == pytest.approx(0.5, abs=0.1)
    assert found["few"] == pytest.approx(found[""], abs=0.3)
