"""Splits of responses: what they hold out, and whether they tell the truth about what leaks."""

import dataclasses
import importlib.util

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes import perturbation as p


@pytest.fixture(scope="module")
def rows():
    """60 compounds in four contexts and two donors, some missing, with scaffolds and targets."""
    rng = np.random.default_rng(0)
    table = pd.MultiIndex.from_product(
        [["B", "CD4", "Myeloid", "NK"], [f"c{i:02}" for i in range(60)], ["d1", "d2"]],
        names=["context", "compound", "donor"],
    ).to_frame(index=False)
    number = table["compound"].str[1:].astype(int)
    table["scaffold"] = "s" + (number % 20).astype(str)
    targets = [f"t{i % 12}" if i % 5 else f"t{i % 12}; t{(i + 1) % 12}" for i in range(60)]
    table["moa"] = [targets[i] if i < 45 else None for i in number]
    return table[rng.random(len(table)) < 0.9].reset_index(drop=True)


ALL = {
    "random": lambda rows, seed=0: p.random_rows(rows, random_state=seed),
    "few": lambda rows, seed=0: p.few_shot_context(rows, ["B", "NK"], 10, random_state=seed),
    "zero": lambda rows, seed=0: p.zero_shot_context(rows, "B"),
    "compound": lambda rows, seed=0: p.leave_compound(rows, random_state=seed),
    "scaffold": lambda rows, seed=0: p.leave_scaffold(rows, random_state=seed),
    "moa": lambda rows, seed=0: p.leave_moa(
        rows.assign(moa=rows["moa"].str[:3]), random_state=seed
    ),
    "donor": lambda rows, seed=0: p.leave_group(rows, "donor", 0.5, random_state=seed),
    "joint": lambda rows, seed=0: p.joint(rows, ["B"], by="scaffold", random_state=seed),
}


@pytest.mark.parametrize("kind", ALL)
def test_what_a_split_says_of_its_leakage_is_true(rows, kind):
    split = ALL[kind](rows)
    assert not (split.train & split.test).any()
    train, test = rows[split.train], rows[split.test]
    for column in ("context", "compound", "scaffold", "donor"):
        assert split.seen(column) == pytest.approx(test[column].isin(train[column]).mean())
    pairs = [set(zip(t["context"], t["compound"], strict=True)) for t in (train, test)]
    seen = [pair in pairs[0] for pair in zip(test["context"], test["compound"], strict=True)]
    assert split.seen("pair") == pytest.approx(np.mean(seen))
    assert list(split.to_frame()["column"]) == [
        "context", "compound", "pair", "scaffold", "moa", "donor",
    ]  # fmt: skip
    assert f"{split.test.sum()} test" in repr(split)
    assert pd.Series(split.to_dict()["roles"]).eq("test").to_numpy().tolist() == split.test.tolist()


@pytest.mark.parametrize(
    ("kind", "column"),
    [("zero", "context"), ("compound", "compound"), ("scaffold", "scaffold"), ("moa", "moa"),
     ("donor", "donor"), ("joint", "context"), ("joint", "scaffold"), ("joint", "compound"),
     ("few", "pair"), ("scaffold", "compound")],
)  # fmt: skip
def test_what_is_held_out_is_not_in_train(rows, kind, column):
    assert ALL[kind](rows).seen(column) == 0


@pytest.mark.parametrize("kind", ALL)
def test_the_same_seed_gives_the_same_split_and_another_another(rows, kind):
    a, b, c = ALL[kind](rows), ALL[kind](rows), ALL[kind](rows, 1)
    np.testing.assert_array_equal(a.roles, b.roles)
    if kind not in ("zero", "donor"):  # one draws nothing, the other one of two
        assert (a.roles != c.roles).any()


@pytest.mark.parametrize("kind", ["few", "compound", "scaffold", "moa", "joint"])
def test_the_order_of_rows_does_not_change_what_is_held_out(rows, kind):
    order = np.random.default_rng(2).permutation(len(rows))
    shuffled = ALL[kind](rows.iloc[order])
    np.testing.assert_array_equal(shuffled.roles, ALL[kind](rows).roles[order])


def test_a_split_cannot_be_changed(rows):
    split = p.random_rows(rows)
    with pytest.raises(dataclasses.FrozenInstanceError):
        split.name = "strict"
    with pytest.raises(ValueError, match="read-only"):
        split.test[0] = True


def test_random_rows_are_labelled_optimistic(rows):
    split = p.random_rows(rows, 0.25)
    assert split.test.mean() == pytest.approx(0.25, abs=0.01)
    assert "optimistic" in repr(split)
    assert split.seen("compound") == 1
    assert split.seen("pair") > 0.6  # the other donor has the same response


def test_few_shot_keeps_the_bridge_and_tests_what_is_known_elsewhere(rows):
    split = ALL["few"](rows)
    here = rows["context"].isin(["B", "NK"]).to_numpy()
    bridge = set(rows["compound"][here & split.train])
    assert len(bridge) == 10
    for context in ("B", "NK"):  # a bridge stands in every held-out context
        assert bridge <= set(rows["compound"][(rows["context"] == context) & split.train])
    assert split.train[~here].all()
    assert split.seen("compound") == 1
    named = p.few_shot_context(rows, ["B", "NK"], sorted(bridge))
    np.testing.assert_array_equal(named.roles, split.roles)


def test_a_compound_that_is_nowhere_else_is_put_aside(rows):
    lone = pd.concat([rows, pd.DataFrame({"context": ["B"], "compound": ["new"]})])
    for split in (p.few_shot_context(lone, "B", 5), p.zero_shot_context(lone, "B")):
        assert split.roles[-1] == "aside"
        assert split.seen("compound") == 1
        assert "1 rows of compounds that are nowhere else" in repr(split)


def test_targets_of_one_compound_are_held_out_together():
    rows = pd.DataFrame(
        {
            "context": "A",
            "compound": list("uvwxyz"),
            "moa": ["a; b", "b;c", "c", "d", None, "d; e"],
        }
    )
    split = p.leave_moa(rows, ["a"])
    assert split.roles.tolist() == ["test"] * 3 + ["train", "aside", "train"]
    assert split.held_out == ("a", "b", "c")
    assert split.seen("moa") == 0
    loose = p.leave_compound(rows, ["u"])
    assert loose.seen("moa") == 1  # b is in train with v
    with pytest.raises(cx.InputError, match="tied to them"):
        p.leave_moa(rows, ["a", "d"])


def test_joint_keeps_half_known_rows_out_of_both(rows):
    split = p.joint(rows, ["B"], ["c00", "c01"])
    other = (rows["context"] == "B") ^ rows["compound"].isin(["c00", "c01"])
    np.testing.assert_array_equal(split.roles == "aside", other)
    assert (split.seen("context"), split.seen("compound"), split.seen("pair")) == (0, 0, 0)


def test_whole_units_come_as_near_to_the_share_as_they_can(rows):
    for share in (0.1, 0.3, 0.5):
        assert p.leave_compound(rows, share).test.mean() == pytest.approx(share, abs=0.02)
    assert p.leave_compound(rows, 0.001).test.any()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda r: p.random_rows(r.rename(columns={"compound": "compoud"})), "mean 'compoud'"),
        (lambda r: p.random_rows(r.rename(columns={"context": "type"})), "no column 'context'"),
        (lambda r: p.random_rows(r.values), "must be a pandas DataFrame"),
        (lambda r: p.random_rows(r, 1.5), "share between 0 and 1"),
        (lambda r: p.random_rows(r.assign(compound=None)), "compound is missing in"),
        (lambda r: p.random_rows(r.iloc[:1]), "needs two rows"),
        (lambda r: p.zero_shot_context(r, "Myelod"), "no context 'Myelod': did you mean 'Myeloid'"),
        (lambda r: p.zero_shot_context(r, []), "no context is named"),
        (lambda r: p.zero_shot_context(r[r["context"] == "B"], "B"), "leaves no context to learn"),
        (lambda r: p.few_shot_context(r, "B", 60), "ask for fewer"),
        (lambda r: p.few_shot_context(r, "B", 0), "use zero_shot_context"),
        (lambda r: p.few_shot_context(r, "B", ["c1"]), "no bridge compound 'c1': did you mean"),
        (lambda r: p.leave_compound(r.assign(compound="c")), "one compound only"),
        (lambda r: p.leave_compound(r, "c99"), "no compound 'c99'"),
        (lambda r: p.leave_compound(r, sorted(set(r["compound"]))), "leaves no compound to learn"),
        (lambda r: p.leave_group(r, "plate"), "no column 'plate'"),
        (lambda r: p.leave_moa(r.assign(moa=None)), "moa is missing in every row"),
        (lambda r: p.leave_scaffold(r.drop(columns="scaffold")), "neither a column 'scaffold'"),
        (lambda r: p.joint(r, "B", by="target"), "by cannot be 'target'"),
        (lambda r: p.random_rows(r).seen("plate"), "made without a column 'plate'"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_refused_with_the_mend(rows, make, words):
    with pytest.raises(cx.InputError, match=words):
        make(rows)


def test_scaffolds_say_what_to_install_where_rdkit_is_not(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "rdkit" else find(name)
    )
    with pytest.raises(cx.InputError, match=r"cellaxes\[chem\]"):
        p.murcko_scaffolds(["CCO"])


def test_scaffolds_are_rings_and_what_joins_them():
    pytest.importorskip("rdkit")
    aspirin, salicylic = "CC(=O)Oc1ccccc1C(=O)O", "O=C(O)c1ccccc1O.[Na]"
    found = p.murcko_scaffolds([aspirin, salicylic, None, "CCO", "OCC", float("nan")])
    assert found == ["c1ccccc1", "c1ccccc1", None, "CCO", "CCO", None]
    with pytest.raises(cx.InputError, match=r"1 SMILES do not parse .*1: 'C1CC'"):
        p.murcko_scaffolds(["CCO", "C1CC"])
    rows = pd.DataFrame({"context": "A", "compound": list("wxyz")})
    rows["SMILES"] = [aspirin, salicylic, "CCO", None]
    split = p.leave_scaffold(rows, ["c1ccccc1"])
    assert split.roles.tolist() == ["test", "test", "train", "aside"]
    assert split.seen("scaffold") == 0


def test_few_shot_has_the_shape_of_the_competition(shared):
    folder = shared / "perturbation" / "kaggle_op2023"
    parts = [pd.read_csv(folder / name) for name in ("train_rows_614.csv", "test_rows_255.csv")]
    rows = pd.concat(parts).rename(columns={"cell_type": "context", "sm_name": "compound"})
    held = ["B cells", "Myeloid cells"]
    bridge = set(parts[0].query("cell_type in @held")["sm_name"])
    split = p.few_shot_context(rows, held, bridge)
    assert (len(bridge), split.train.sum(), split.test.sum()) == (17, 614, 255)
    np.testing.assert_array_equal(split.train, np.arange(869) < 614)


@pytest.mark.parametrize(("clip", "model", "told"), [
    (np.inf, "zero", 4.704), (np.inf, "gene", 4.685), (np.inf, "compound", 4.398),
    (4, "zero", 1.357), (4, "gene", 1.320),
])  # fmt: skip
def test_averages_on_open_tg_gates_are_the_published_ones(shared, clip, model, told):
    path = shared / "perturbation" / "tggates_human_hepatocyte" / "de_signed_log10_p.parquet"
    table = pd.read_parquet(path).query("duration_h != 2").reset_index(drop=True)
    y = table.iloc[:, 4:].clip(-clip, clip)
    names, found = sorted(set(table["compound"])), []
    for seed in range(3):
        bridge = np.random.default_rng(seed).choice(names, 17, replace=False)
        split = p.few_shot_context(table, ["High@24h", "Middle@24h"], bridge)
        mean = y[split.train].groupby(table["compound"][split.train]).mean()
        guess = {
            "zero": 0 * y[split.test],
            "gene": 0 * y[split.test] + y[split.train].mean(),
            "compound": mean.loc[table["compound"][split.test]].to_numpy(),
        }[model]
        found.append(p.metrics.mrrmse(y[split.test], guess))
    assert np.mean(found) == pytest.approx(told, rel=1e-3)
