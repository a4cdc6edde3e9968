"""Pairs of cells as a signal: sisters of a clone, neighbours in a tissue; and time."""

import anndata
import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes.study._execute import split


@pytest.fixture(scope="module")
def family():
    """240 clones on days 2, 4 and 6 with what counts say of the clone; three tissue sections."""
    rng = np.random.default_rng(0)
    n = 1200
    clone = rng.integers(240, size=n)
    kind = clone % 6
    rates = rng.lognormal(0, 1, (6, 60))
    counts = rng.poisson(400 * rates[kind] / rates.sum(axis=1)[kind, None])
    adata = anndata.AnnData(X=counts.astype(np.int32))
    adata.obs["clone"] = pd.Categorical([f"c{code}" for code in clone])
    adata.obs.loc[adata.obs_names[:200], "clone"] = np.nan
    words = adata.obs["clone"].astype(object)
    words.iloc[50:100], words.iloc[100:150], words.iloc[150:200] = "", "nan", "unknown"
    adata.obs["barcode"] = words
    adata.obs["day"] = pd.Categorical(rng.choice(["2", "4", "6"], n))
    adata.obs["section"] = np.repeat(["s1", "s2", "s3"], 400)
    adata.obsm["spatial"] = rng.random((n, 2)) * 100
    return adata


def cells_of(adata, signal, cells, seed=0):
    """Cells of each pair, as rows of the data."""
    return [(cells[left], cells[right]) for left, right in signal.pairs(cells, random_state=seed)]


@pytest.mark.parametrize("spec", ["clone:clone", "clone:clone@day", "space:spatial@section"])
def test_pairs_are_of_test_cells_alone_and_share_no_cell(family, spec):
    signal = cx.signal.parse(family, spec)
    train, test = split(1200, 500, 700, 3)
    draws = cells_of(family, signal, test)
    assert len(draws) == 5
    for x, y in draws:
        both = np.concatenate([x, y])
        assert np.isin(both, test).all()
        assert not np.isin(both, train).any()
        assert len(np.unique(both)) == len(both)
    assert len({tuple(sorted(zip(*draw, strict=True))) for draw in draws}) == 5


def test_a_pair_is_one_cell_and_a_sister_one_per_clone(family):
    signal = cx.signal.clone(family, "clone")
    test = split(1200, 500, 700, 0)[1]
    clone = family.obs["clone"]
    sizes = clone.iloc[test].value_counts()
    for x, y in cells_of(family, signal, test):
        assert (clone.iloc[x].to_numpy() == clone.iloc[y].to_numpy()).all()
        assert (clone.iloc[x].value_counts() <= 1).all()
        assert len(x) == (sizes > 1).sum()


def test_sisters_across_time_have_the_earlier_one_first(family):
    signal = cx.signal.clone(family, "clone", time="day")
    test = split(1200, 500, 700, 0)[1]
    day = family.obs["day"].astype(int).to_numpy()
    clone = family.obs["clone"].iloc[test]
    several = family.obs["day"].iloc[test].groupby(clone, observed=True).nunique() > 1
    seen = set()
    for x, y in cells_of(family, signal, test):
        assert (day[x] < day[y]).all()
        assert len(x) == several.sum()
        seen |= set(zip(day[x], day[y], strict=True))
    assert seen == {(2, 4), (2, 6), (4, 6)}


def test_every_sister_has_her_turn():
    """Of a clone of four cells each ordered pair is drawn equally often."""
    adata = anndata.AnnData(X=np.ones((400, 1)))
    adata.obs["clone"] = np.arange(400) // 4
    signal = cx.signal.clone(adata, "clone", n_draws=60)
    counts = np.zeros((4, 4))
    for x, y in signal.pairs(np.arange(400)):
        np.add.at(counts, (x % 4, y % 4), 1)
    assert np.diag(counts).sum() == 0
    np.testing.assert_allclose(counts[~np.eye(4, dtype=bool)], 500, rtol=0.2)


def test_cells_without_a_barcode_are_no_clone(family):
    signal = cx.signal.parse(family, "clone:barcode,missing=unknown")
    for x, y in cells_of(family, signal, np.arange(1200)):
        assert min(x.min(), y.min()) >= 200
    assert "200 cells without barcode" in signal.note
    assert signal.name == "clone:barcode,missing=unknown"
    named = cx.signal.clone(family, "barcode")
    assert any((x < 200).any() for x, _ in cells_of(family, named, np.arange(1200)))


def test_pairs_are_the_same_for_a_seed_and_others_for_another(family):
    signal = cx.signal.parse(family, "space:spatial")
    cells = np.arange(0, 1200, 2)
    first, again = signal.pairs(cells), cx.signal.parse(family, "space:spatial").pairs(cells)
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, two)
    other = signal.pairs(cells, random_state=1)
    assert any(a[0].tolist() != b[0].tolist() for a, b in zip(first, other, strict=True))


def test_neighbours_are_near_and_of_one_section(family):
    """Sections lie on top of each other in coordinates; they never mix."""
    signal = cx.signal.parse(family, "space:spatial@section")
    section = family.obs["section"].to_numpy()
    places = family.obsm["spatial"]
    for x, y in cells_of(family, signal, np.arange(1200)):
        assert (section[x] == section[y]).all()
        for a, b in zip(x[:50], y[:50], strict=True):
            distance = np.linalg.norm(places - places[a], axis=1)
            distance[section != section[a]] = np.inf
            assert (distance[distance > 0] < distance[b]).sum() < 4
    mixed = cx.signal.parse(family, "space:spatial")
    assert any(
        (section[x] != section[y]).any() for x, y in cells_of(family, mixed, np.arange(1200))
    )


def test_on_a_grid_all_six_cells_around_are_neighbours():
    """Four of six equally near spots would be a choice by row order."""
    i, j = np.meshgrid(np.arange(20), np.arange(20))
    adata = anndata.AnnData(X=np.ones((400, 1)))
    adata.obsm["hex"] = np.column_stack([(i + 0.5 * (j % 2)).ravel(), (j * np.sqrt(0.75)).ravel()])
    around = cx.signal.space(adata, "hex").relation.graph.getnnz(axis=1).reshape(20, 20)
    assert (around[2:-2, 2:-2] == 6).all()


def test_beyond_the_edge_of_the_tissue_is_no_neighbour():
    rng = np.random.default_rng(1)
    places = rng.random((300, 2))
    places[:3] = [[9, 9], [50, -50], [-80, 3]]
    adata = anndata.AnnData(X=np.ones((300, 1)), obsm={"spatial": places})
    signal = cx.signal.space(adata, "spatial")
    assert "3 cells without a neighbour" in signal.note
    for x, y in cells_of(adata, signal, np.arange(300)):
        assert min(x.min(), y.min()) >= 3


def test_a_tissue_without_structure_holds_no_information():
    """With mirror images among the pairs, seed 3 of this reads 0.14 bits [0.05, 0.49]."""
    for seed in (2, 3):
        rng = np.random.default_rng(seed)
        adata = anndata.AnnData(X=np.ones((800, 1)), obsm={"spatial": rng.random((800, 2))})
        embedding = rng.standard_normal((800, 2))
        signal = cx.signal.space(adata, "spatial", n_draws=2)
        for x, y in signal.paired(embedding, np.arange(800), random_state=seed):
            found = cx.information.estimate(x, y, n_permutations=0)
            assert found.low < 0
            assert found.bits < 0.02


def test_the_mean_of_draws_covers_known_information_and_is_steadier_than_one_draw():
    """Sisters share a Gaussian part: I(x; y) = -1/2 log2(1 - rho^2)."""
    truth, hits, one, mean = -0.5 * np.log2(1 - 0.7**2), 0, [], []
    adata = anndata.AnnData(X=np.ones((900, 1)))
    adata.obs["clone"] = np.arange(900) // 6
    signal = cx.signal.clone(adata, "clone", n_draws=4)
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x = np.sqrt(0.7) * rng.standard_normal(150)[np.arange(900) // 6]
        x = (x + np.sqrt(0.3) * rng.standard_normal(900))[:, None]
        draws = [
            cx.information.estimate(a, b, "gaussian", n_permutations=0)
            for a, b in signal.paired(x, np.arange(900), random_state=seed)
        ]
        found = cx.information.average(draws)
        hits += found.low < truth < found.high
        one.append(draws[0].bits)
        mean.append(found.bits)
        assert found.n == 150
        half = np.mean([draw.high - draw.low for draw in draws])
        assert found.high - found.low == pytest.approx(half), "draws share cells"
    assert hits >= 36
    assert np.std(mean) < 0.95 * np.std(one)
    assert "mean of 4 draws" in found.reason


def test_averages_say_what_they_are_made_of():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 60))
    few = cx.information.estimate(x, y, "gaussian", n_permutations=1)
    many = cx.information.estimate(*rng.standard_normal((2, 300)), "gaussian", n_permutations=1)
    assert cx.information.average([many]) is many
    found = cx.information.average([many, few])
    assert not found.reliable
    assert "in 1 of 2 draws: 60 pairs are few" in found.reason
    assert found.null_high == max(few.null_high, many.null_high)
    with pytest.raises(cx.InputError, match="one estimator"):
        cx.information.average([many, cx.information.estimate(x, y, "ksg")])
    with pytest.raises(cx.InputError, match="at least one"):
        cx.information.average([])


def test_time_has_an_order(family):
    adata = family.copy()
    stage = pd.Categorical(["E12", "P3"] * 600, categories=["P3", "E12", "x"], ordered=True)
    adata.obs["stage"] = stage
    assert cx.signal.parse(adata, "time:stage").values[:2].tolist() == [[1.0], [0.0]]
    day = cx.signal.parse(adata, "time:day")
    np.testing.assert_array_equal(day.values[:, 0], adata.obs["day"].astype(float))
    assert day.kind == "continuous"
    adata.obs["hours"] = np.linspace(0, 1, 1200)
    assert cx.signal.parse(adata, "time:hours").values.shape == (1200, 1)


def test_unusable_relations_are_refused_with_the_mend(family):
    adata = family.copy()
    adata.obs["own"] = adata.obs_names
    adata.obs["stage"] = ["E12", "P3"] * 600
    adata.obs["flat"] = 1
    adata.obs["none"] = np.nan
    adata.obs["gaps"] = adata.obs["day"].astype(float).where(np.arange(1200) > 0)
    adata.obsm["gaps"] = np.where(np.arange(2400).reshape(-1, 2) == 7, np.nan, 1.0)
    adata.obsm["stacked"] = np.tile(adata.obsm["spatial"][:600], (2, 1))
    adata.obsm["heap"] = np.where(np.arange(1200)[:, None] < 40, 0, adata.obsm["spatial"])
    for spec, message in {
        "clone:own": "no clone with two cells",
        "clone:none": "no clone with two cells",
        "clone:clones": "did you mean 'clone'",
        "clone:clone@stage": "has no order",
        "clone:clone@flat": "same in every cell",
        "clone:clone@gaps": "missing in 1 of 1200",
        "clone:clone,missing=nobody": "no value 'nobody'",
        "clone:clone,k=3": "no setting of clone",
        "clone:clone,n_draws=0": "at least 1",
        "space:spatial,k=x": "must be a whole number",
        "space:spatial,k=0": "at least 1",
        "space:spatial,k=5000": "more than 5000 cells",
        "space:where": "there are 'gaps', 'heap'",
        "space:gaps": "NaN or infinity in 1 of 1200",
        "space:stacked": "name the section",
        "space:heap": "40 cells that share",
        "space:spatial@sect": "did you mean 'section'",
        "time:stage": "has no order",
        "time:gaps": "missing in 1 of 1200",
    }.items():
        with pytest.raises(cx.InputError, match=message) as caught:
            cx.signal.parse(adata, spec)
        assert "\n" not in str(caught.value)
    with pytest.raises(cx.InputError, match="relates no cells"):
        cx.signal.parse(adata, "label:day").pairs(np.arange(10))
    with pytest.raises(cx.InputError, match="pairs among 100 test cells, too few"):
        cx.signal.parse(adata, "clone:clone").pairs(np.arange(200, 300))


def test_keys_with_signs_of_the_grammar_are_found_as_they_stand(family):
    adata = family.copy()
    adata.obs["a@b,c"] = adata.obs["clone"]
    adata.obsm["x,y@z"] = adata.obsm["spatial"]
    assert cx.signal.parse(adata, "clone:a@b,c").name == "clone:a@b,c"
    assert cx.signal.parse(adata, "space:x,y@z").name == "space:x,y@z"
    full = cx.signal.parse(adata, "space:spatial@section,k=6,n_draws=2")
    assert (full.name, full.n_draws) == ("space:spatial@section,k=6,n_draws=2", 2)


WISHES = {
    "models": ["pca:n_components=3", "random_projection:n_components=3"],
    "fractions": [1.0, 0.3],
    "n_seeds": 2,
    "test_fraction": 0.6,
    "n_permutations": 2,
    "estimator": "gaussian",
}


def test_a_study_asks_about_the_same_pairs_at_every_depth_and_of_every_model(
    family, tmp_path, monkeypatch
):
    """The curve then differs by noise alone; only another seed draws other pairs."""
    from cellaxes.study import _execute

    family.write_h5ad(tmp_path / "cells.h5ad")
    spec, material = cx.study.prepare(
        tmp_path / "cells.h5ad", ["clone:clone@day,n_draws=2"], thin=["both", "query"], **WISHES
    )
    paired, asked = cx.signal.Signal.paired, []

    def watch(self, embedding, cells, *, random_state=0):
        drawn = self.pairs(cells, random_state=random_state)
        asked.append((random_state, tuple(map(tuple, np.concatenate(drawn, axis=1)))))
        return paired(self, embedding, cells, random_state=random_state)

    monkeypatch.setattr(_execute.Signal, "paired", watch)
    out = tmp_path / "out"
    assert cx.study.run(spec, out, material=material, n_jobs=1, progress=False) == 0
    assert len(asked) == len(spec.runs()) == 2 * 3 * 2
    assert len(set(asked)) == 2
    table = cx.study.collect(out)
    assert table["information"][table["fraction"] == 1].min() > 0.3
    n = table.groupby("seed")["n"].nunique()
    assert (n == 1).all()
    page = cx.verbs.summarise(out).to_html()
    assert "Pairs in an estimate" in page
    assert "clones with two cells or more over several values of day" in page


def test_measure_keeps_what_pairs_need_of_an_anndata_in_memory(family, tmp_path):
    wishes = {key: value for key, value in WISHES.items() if key not in ("models", "fractions")}
    wishes |= {"models": ["pca:n_components=3"], "n_levels": 1, "n_jobs": 1, "progress": False}
    signals = ["space:spatial@section,n_draws=2", "clone:clone@day,n_draws=2", "time:day"]
    report = cx.verbs.measure(family, signals, out=tmp_path, **wishes)
    assert [curve.signal for curve in report.curves] == signals
    kept = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    assert set(kept.obs) == {"section", "clone", "day"}
    assert set(kept.obsm) == {"spatial"}


def test_too_few_pairs_are_told_before_work_starts(family, tmp_path):
    family[:400].write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(cx.InputError, match="raise test_fraction"):
        cx.study.prepare(
            tmp_path / "cells.h5ad", ["clone:clone"], **(WISHES | {"test_fraction": 0.2})
        )
