"""Signals: labels and measurements, and what is refused."""

import re

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx


def test_labels_are_coded_without_unused_categories(cells):
    adata = cells.copy()
    adata.obs["kind"] = pd.Categorical(["b", "a", "a"] * 200, categories=["a", "unused", "b"])
    found = cx.signal.label(adata, "kind")
    assert found.categories == ("a", "b")
    assert found.kind == "discrete"
    assert list(found.values[:3]) == [1, 0, 0]
    p = np.array([2 / 3, 1 / 3])
    assert found.entropy == pytest.approx(-(p * np.log2(p)).sum())
    assert "2 classes" in repr(found)


def test_numbers_with_odd_names_are_classes(cells):
    adata = cells.copy()
    adata.obs["ä/ b"] = np.repeat([1.0, 2.0, 10.0], 200)
    assert cx.signal.parse(adata, "label:ä/ b").categories == ("1.0", "2.0", "10.0")


def test_protein_is_centred_log_ratio_per_cell(cells):
    found = cx.signal.parse(cells, "protein:protein")
    np.testing.assert_allclose(found.values.sum(axis=1), 0, atol=1e-12)
    logs = np.log1p(cells.obsm["protein"])
    np.testing.assert_allclose(found.values, logs - logs.mean(axis=1, keepdims=True))
    assert found.entropy == np.inf
    assert "3 dimensions" in repr(found)


def test_raw_measurement_and_one_protein_are_kept(cells):
    raw = cx.signal.parse(cells, "measurement:protein")
    np.testing.assert_array_equal(raw.values, cells.obsm["protein"])
    adata = cells.copy()
    adata.obsm["one"] = adata.obsm["protein"][:, 0]
    one = cx.signal.measurement(adata, "one")
    np.testing.assert_allclose(one.values[:, 0], np.log1p(adata.obsm["protein"][:, 0]))


def test_unusable_signals_are_refused_with_the_mend(cells):
    adata = cells.copy()
    adata.obs["gaps"] = adata.obs["cell_type"].astype(object)
    adata.obs.loc["cell3", "gaps"] = None
    adata.obs["same"] = "x"
    adata.obs["name"] = adata.obs_names
    adata.obs["score"] = np.linspace(0, 1, 600)
    adata.obsm["scaled"] = adata.obsm["protein"] - 50
    adata.obsm["flat"] = np.ones((600, 2))
    adata.obsm["gaps"] = np.full((600, 2), np.nan)
    for spec, message in {
        "label:gaps": "missing in 1 of 600",
        "label:same": "one class only",
        "label:name": "names cells",
        "label:score": "bin them",
        "label:celltype": "did you mean 'cell_type'",
        "protein:proteins": "did you mean 'protein'",
        "protein:scaled": "measurement:scaled",
        "measurement:flat": "same in every cell",
        "measurement:gaps": "NaN or infinity in 600",
        "cell_type": "label:OBS_KEY",
        "sister:x": "label:OBS_KEY",
    }.items():
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.signal.parse(adata, spec)
        assert "\n" not in str(caught.value)
    with pytest.raises(cx.InputError, match="'clr' or 'raw'"):
        cx.signal.measurement(adata, "protein", transform="log")


def test_a_class_against_the_rest_counts_every_cell_once(cells):
    adata = cells.copy()
    signal = cx.signal.parse(adata, "class:cell_type@type 2")
    truth = (adata.obs["cell_type"] == "type 2").to_numpy()
    np.testing.assert_array_equal(signal.values == 1, truth)
    assert signal.n_cells == 600
    assert signal.categories == ("the rest", "type 2")
    share = truth.mean()
    assert signal.entropy == pytest.approx(
        -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    )
    assert signal.name == "class:cell_type@type 2"
    specs = cx.signal.expand(adata, ["label:cell_type", "classes:cell_type"])
    assert specs == ["label:cell_type", *(f"class:cell_type@type {i}" for i in range(6))]
    assert sum(cx.signal.parse(adata, spec).values for spec in specs[1:]).tolist() == [1] * 600
    adata.obs["a@b"] = np.where(truth, "x@y,z", "other")
    assert cx.signal.expand(adata, ["classes:a@b"]) == ["class:a@b@x@y,z"]
    np.testing.assert_array_equal(cx.signal.parse(adata, "class:a@b@x@y,z").values == 1, truth)
    for spec, message in {
        "class:cell_type@type 9": "has no class 'type 9': did you mean",
        "class:cell_type": "write class:cell_type@CLASS, or classes:cell_type",
        "class:celltype@type 1": "did you mean 'cell_type'",
    }.items():
        with pytest.raises(cx.InputError, match=message):
            cx.signal.parse(adata, spec)


def test_a_rare_class_is_no_information_in_pure_noise(cells):
    adata = cells.copy()
    rng = np.random.default_rng(0)
    adata.obs["rare"] = np.where(rng.random(600) < 0.06, "in", "out")
    signal = cx.signal.one_vs_rest(adata, "rare", "in")
    found = cx.information.estimate(rng.normal(size=(600, 8)), signal.values, discrete=True)
    assert found.low <= 0.0
    assert abs(found.bits) < 0.01


def test_dates_are_times(cells):
    adata = cells.copy()
    days = np.arange(600) // 100 * 45
    dates = np.datetime64("2020-01-31") + days
    adata.obs["date"] = pd.Categorical(dates.astype(str))
    adata.obs["stamp"] = pd.to_datetime(dates)
    adata.obs["month"] = days // 30
    for key in ("date", "stamp"):
        values = cx.signal.parse(adata, f"time:{key}").values[:, 0]
        np.testing.assert_allclose(values - values[0], days)
    assert cx.signal.parse(adata, "time:month").values[-1] == 7
    adata.obs["date"] = adata.obs["date"].astype(object)
    adata.obs.loc[adata.obs_names[7], "date"] = "2020-02-31"
    with pytest.raises(cx.InputError, match="is no date beside dates"):
        cx.signal.parse(adata, "time:date")


TYPES = ["naive B cell", "T cell", "classical monocyte", "vein endothelial cell", "fibroblast"]


@pytest.fixture
def typed(cells):
    adata = cells.copy()
    adata.obs["type"] = pd.Categorical(np.array(TYPES)[np.arange(adata.n_obs) % 5])
    return adata


def test_a_level_is_the_label_as_coarse_as_the_ontology_has_it(typed):
    coarse = cx.signal.parse(typed, "level:type@1")
    assert sorted(coarse.categories) == ["Endothelial", "Immune", "Stromal"]
    immune = np.isin(typed.obs["type"], TYPES[:3])
    assert (coarse.values[immune] == coarse.categories.index("Immune")).all()
    finest = cx.signal.parse(typed, "level:type@4")
    assert finest.entropy == pytest.approx(cx.signal.label(typed, "type").entropy)
    assert coarse.entropy < cx.signal.parse(typed, "level:type@2").entropy < finest.entropy
    assert cx.signal.level(typed, "type", 2, levels=3).name == "level:type@2,levels=3"


def test_a_hierarchy_stands_for_its_levels_that_differ(typed):
    assert cx.signal.expand(typed, ["label:type", "hierarchy:type"]) == [
        "label:type", "level:type@1", "level:type@2", "level:type@3"]  # fmt: skip
    one = typed[np.isin(typed.obs["type"], TYPES[:2])].copy()
    assert cx.signal.expand(one, ["hierarchy:type"]) == ["level:type@3"], "both are lymphoid"
    named = cx.signal.expand(typed, ["hierarchy:type,levels=2"])
    assert named == ["level:type@1,levels=2", "level:type@2,levels=2"]
    for name in named:
        assert cx.signal.parse(typed, name).name == name


def test_ids_of_an_ontology_win_over_names(typed):
    terms = {"a": "CL:0000788", "b": "CL:0000084", "c": "CL:0000057"}
    typed.obs["mine"] = np.array(list(terms))[np.arange(typed.n_obs) % 3]
    typed.obs["id"] = [terms[one] for one in typed.obs["mine"]]
    found = cx.signal.parse(typed, "level:mine@1,ids=id")
    assert sorted(found.categories) == ["Immune", "Stromal"]
    with pytest.raises(cx.InputError, match="3 of 3 labels are not in the ontology"):
        cx.signal.parse(typed, "level:mine@1")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("level:type", "names no level"),
        ("level:type@x", "names no level"),
        ("level:type@5", "has no level 5"),
        ("level:type@1,depth=2", "no setting of level"),
        ("level:nothing@1", "nothing"),
    ],
)
def test_levels_that_are_not_there_are_refused(typed, spec, message):
    with pytest.raises(cx.InputError, match=message):
        cx.signal.parse(typed, spec)


@pytest.mark.parametrize(
    ("spec", "meant"),
    [
        ("type", "did you mean 'label:type'?"),
        ("lable:type", "did you mean 'label:type'?"),
        ("hierachy:type", "did you mean 'hierarchy:type'?"),
    ],
)
def test_a_mistyped_signal_is_told_what_was_meant(typed, spec, meant):
    with pytest.raises(cx.InputError, match=re.escape(meant)):
        cx.signal.parse(typed, spec)
    with pytest.raises(cx.InputError, match=r"names no signal: write label:OBS_KEY"):
        cx.signal.parse(typed, "nothing")


def test_hierarchies_without_levels_are_refused(typed):
    with pytest.raises(cx.InputError, match="write level:type@2"):
        cx.signal.expand(typed, ["hierarchy:type@2"])
    one = typed[typed.obs["type"] == TYPES[0]].copy()
    with pytest.raises(cx.InputError, match="one class only"):
        cx.signal.expand(one, ["hierarchy:type"])
    with pytest.raises(cx.InputError, match="all cells are Immune at level 1"):
        cx.signal.parse(typed[typed.obs["type"].isin(TYPES[:3])].copy(), "level:type@1")
