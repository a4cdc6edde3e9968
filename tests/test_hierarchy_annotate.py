"""Neighbours, the funnel, and calls of cell types: exact, calibrated, and silent on the unknown."""

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.hierarchy import annotate, neighbours, search
from cellaxes.hierarchy._annotation._calibrate import _quantile

TREE = {
    "T": ("Immune", "Lymphoid"),
    "B": ("Immune", "Lymphoid"),
    "monocyte": ("Immune", "Myeloid"),
    "neutrophil": ("Immune", "Myeloid"),
    "ciliated": ("Epithelial", "Airway"),
    "club": ("Epithelial", "Airway"),
    "acinar": ("Epithelial", "Gland"),
    "duct": ("Epithelial", "Gland"),
}


def atlas(n: int = 900, seed: int = 0, noise: float = 0.35, shift: float = 0.15):
    """Cells of eight types in three levels, of six donors: embedding, levels, donors."""
    rng = np.random.default_rng(seed)
    types = list(TREE)
    parts = rng.normal(size=(3, 20, 24))
    rows = {name: k for k, name in enumerate([*types, *(g for t in TREE.values() for g in t)])}
    centre = np.array(
        [
            2.0 * parts[0, rows[TREE[t][0]] % 20]
            + 1.2 * parts[1, rows[TREE[t][1]] % 20]
            + 0.9 * parts[2, rows[t]]
            for t in types
        ]
    )
    kind = rng.integers(0, len(types), n)
    donor = rng.integers(0, 6, n)
    away = shift * rng.normal(size=(6, 24))
    z = centre[kind] + away[donor] + noise * rng.normal(size=(n, 24)) * 2
    label = np.array(types)[kind]
    levels = pd.DataFrame(
        {
            "system": [TREE[t][0] for t in label],
            "lineage": [TREE[t][1] for t in label],
            "type": label,
        }
    )
    return z, levels, donor.astype(str)


Z, LEVELS, DONOR = atlas()


# ---- neighbours ---------------------------------------------------------------------------------


def brute(query, reference, k):
    unit = [z / np.linalg.norm(z, axis=1, keepdims=True) for z in (query, reference)]
    close = np.round(unit[0] @ unit[1].T, 9)
    return np.argsort(-close, axis=1, kind="stable")[:, :k], close


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30), st.integers(1, 12))
def test_neighbours_are_those_of_all_pairs(seed, n_query, d):
    rng = np.random.default_rng(seed)
    query, reference = rng.normal(size=(n_query, d)), rng.normal(size=(60, d))
    found = neighbours(query, reference, 7)
    index, close = brute(query, reference, 7)
    np.testing.assert_array_equal(found.index, index)
    np.testing.assert_allclose(found.cosine, np.take_along_axis(close, index, 1), atol=1e-8)


def test_of_equally_near_cells_the_lower_row_comes_first():
    rng = np.random.default_rng(0)
    reference = np.repeat(rng.normal(size=(5, 6)), 40, axis=0).astype(np.float32)
    scale = rng.uniform(0.5, 2, (200, 1)).astype(np.float32)  # same directions, other lengths
    found = neighbours(reference[::40], reference * np.round(scale * 4) / 4, 20)
    np.testing.assert_array_equal(found.index, np.arange(5)[:, None] * 40 + np.arange(20))


def test_blocks_do_not_change_the_neighbours(monkeypatch):
    whole = neighbours(Z[:50], Z, 9)
    monkeypatch.setattr("cellaxes.hierarchy._neighbours._exact.BLOCK", 37)
    monkeypatch.setattr("cellaxes.hierarchy._neighbours._exact.QUERIES", 11)
    parts = neighbours(Z[:50], Z, 9)
    np.testing.assert_array_equal(parts.index, whole.index)
    np.testing.assert_allclose(parts.cosine, whole.cosine, atol=1e-9)


def test_excluded_cells_are_no_neighbours_and_gaps_are_marked():
    codes = pd.factorize(DONOR)[0]
    found = neighbours(Z, Z, 5, exclude=[(codes, codes)])
    assert (DONOR[found.index] != DONOR[:, None]).all()
    few = neighbours(Z[:4], Z[:4], 3, exclude=[(np.arange(4), np.array([0, 0, 0, 3]))])
    np.testing.assert_array_equal(few.index[0], [3, -1, -1])
    assert np.isinf(few.cosine[0, 1:]).all()
    assert len(few.to_frame()) == (few.index >= 0).sum()


def test_the_funnel_finds_what_the_full_search_finds():
    rng = np.random.default_rng(1)
    reference = rng.normal(size=(3000, 32)) * np.repeat([3.0, 1.0], 16)
    query = reference[:60] + 0.1 * rng.normal(size=(60, 32))
    full = search(query, reference, 5)
    funnel = search(query, reference, 5, dims=(16, 32), shortlist=200)
    hit = (funnel.index[:, :, None] == full.index[:, None, :]).any(axis=1).mean()
    assert hit > 0.9
    same = funnel.index == full.index
    np.testing.assert_allclose(funnel.cosine[same], full.cosine[same], atol=1e-9)
    # the shortlist is of the prefix: cells that are near by the rest alone are not on it
    short = search(query, reference, 5, prefix=2, shortlist=5)
    first = neighbours(query[:, :2], reference[:, :2], 5)
    np.testing.assert_array_equal(np.sort(short.index), np.sort(first.index))


def test_a_large_reference_asks_for_faiss(monkeypatch):
    monkeypatch.setitem(sys.modules, "faiss", None)
    monkeypatch.setattr("cellaxes.hierarchy._neighbours._search.EXACT", 100)
    with pytest.raises(InputError, match=r"cellaxes\[faiss\]"):
        neighbours(Z[:3], Z, 2)
    assert neighbours(Z[:3], Z, 2, method="exact").index.shape == (3, 2)


def test_what_faiss_proposes_is_ranked_in_double_precision(monkeypatch):
    class Index:
        def __init__(self, *_):
            self.rows = np.empty((0, Z.shape[1]), dtype=np.float32)

        def train(self, rows):
            assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)

        def add(self, rows):
            self.rows = np.concatenate([self.rows, rows])

        def search(self, query, k):
            index = np.argsort(-query @ self.rows.T, axis=1)[:, :k][:, ::-1]  # worst first
            return None, index

    fake = ModuleType("faiss")
    fake.__dict__.update(
        SimpleNamespace(
            IndexFlatIP=lambda d: d, IndexIVFFlat=Index, METRIC_INNER_PRODUCT=0
        ).__dict__
    )
    monkeypatch.setitem(sys.modules, "faiss", fake)
    found = neighbours(Z[:20], Z, 4, method="faiss")
    np.testing.assert_array_equal(found.index, neighbours(Z[:20], Z, 4).index)


# ---- calls --------------------------------------------------------------------------------------


def right_of_called(frame: pd.DataFrame, truth: pd.DataFrame) -> np.ndarray:
    called = ~frame["rejected"].to_numpy()
    rows = np.flatnonzero(called)
    return np.array([frame["call"].iloc[i] == truth[frame["level"].iloc[i]].iloc[i] for i in rows])


@pytest.mark.parametrize("noise", [0.35, 0.7])
def test_called_levels_of_a_new_donor_are_right_at_the_nominal_rate(noise):
    z, levels, donor = atlas(1500, seed=3, noise=noise)
    right, called = [], []
    for one in np.unique(donor)[:3]:
        new = donor == one
        found = annotate(z[new], z[~new], levels[~new], groups=donor[~new]).to_frame()
        right.append(right_of_called(found, levels[new]))
        called.append(1 - found["rejected"].mean())
    assert np.concatenate(right).mean() >= 0.88
    assert np.mean(called) > 0.5


def test_harder_cells_are_called_less_deep():
    depth = []
    for noise in (0.3, 1.2):
        z, levels, _ = atlas(900, noise=noise)
        depth.append(annotate(z[::3], z[1::3], levels[1::3]).reached.mean())
    assert depth[0] > depth[1] + 0.3


@pytest.mark.parametrize("n", [9, 24, 99, 250])
@pytest.mark.parametrize("share", [0.5, 0.8, 0.9, 0.95])
def test_the_least_rank_that_holds_a_new_value_as_often_as_promised(n, share):
    """A new value lies at or below the k-th of n others with probability k / (n + 1)."""
    k = _quantile(np.random.default_rng(0).permutation(n) + 1.0, share)
    assert k == n or k / (n + 1) >= share > (k - 1) / (n + 1)


def test_confidence_is_calibrated_and_falls_with_depth():
    z, levels, _ = atlas(3000, noise=0.7)
    found = annotate(z[::2], z[1::2], levels[1::2])
    assert (np.diff(found.confidence, axis=1) <= 0).all()
    for at, level in enumerate(levels):
        right = found.label(level) == levels[level].to_numpy()[::2]
        assert found.confidence[:, at].mean() == pytest.approx(right.mean(), abs=0.04)
        unsure = np.argsort(found.confidence[:, at])[: len(right) // 10]
        assert right[unsure].mean() < right.mean() or right.all()


def test_unknown_types_are_rejected_or_backed_off_to_an_ancestor():
    good = []
    for kind in TREE:
        own = (LEVELS["type"] == kind).to_numpy()
        found = annotate(Z[own], Z[~own], LEVELS[~own]).to_frame()
        ancestor = found["call"].isin(TREE[kind]) & ~found["rejected"]
        good.append((found["rejected"] | ancestor).mean())
    assert np.mean(good) >= 0.7


def test_cells_like_nothing_known_are_rejected():
    away = np.random.default_rng(0).normal(size=(40, Z.shape[1]))
    found = annotate(away, Z, LEVELS).to_frame()
    assert found["rejected"].mean() > 0.9
    assert found.loc[found["rejected"], ["level", "call", "confidence"]].isna().all(axis=None)
    assert set(found.loc[found["rejected"], "stopped_by"]) <= {"distance", "vote"}


def test_calls_of_all_levels_lie_on_one_path():
    frame = annotate(Z[::2], Z[1::2], LEVELS[1::2]).to_frame()
    paths = set(map(tuple, LEVELS.to_numpy()))
    assert set(map(tuple, frame[["system", "lineage", "type"]].to_numpy())) <= paths


def test_a_level_is_called_by_the_neighbours_that_agree_above():
    here = 50 * np.eye(Z.shape[1])[0] + 0.01 * Z[:5]
    mixed = LEVELS.iloc[:0].reindex(range(5))
    mixed["type"] = ["T", "T", "club", "duct", "duct"]  # most of one type: T, but most Epithelial
    mixed["lineage"] = [TREE[t][1] for t in mixed["type"]]
    mixed["system"] = [TREE[t][0] for t in mixed["type"]]
    mixed.loc[4, "type"] = "acinar"
    found = annotate(
        50 * np.eye(Z.shape[1])[:1],
        np.vstack([here, Z]),
        pd.concat([mixed, LEVELS], ignore_index=True),
        k=5,
    )
    calls = [found.label(level)[0] for level in found.levels]
    assert calls == ["Epithelial", "Gland", "acinar"]


def test_more_novelty_finds_more_unknown_cells():
    z, levels, _ = atlas(900, noise=0.9)
    good = []
    for novelty in (0.01, 0.3):
        shares = []
        for kind in ("B", "club", "duct"):
            own = (levels["type"] == kind).to_numpy()
            found = annotate(z[own], z[~own], levels[~own], novelty=novelty).to_frame()
            ancestor = found["call"].isin(TREE[kind]) & ~found["rejected"]
            shares.append((found["rejected"] | ancestor).mean())
        good.append(np.mean(shares))
    assert good[1] > good[0] + 0.1


def test_groups_make_the_confidence_that_of_a_new_donor():
    z, levels, donor = atlas(1200, noise=0.5, shift=1.0)
    new = donor == "0"
    with_groups = annotate(z[new], z[~new], levels[~new], groups=donor[~new])
    without = annotate(z[new], z[~new], levels[~new])
    right = (with_groups.label("type") == levels["type"][new].to_numpy()).mean()
    error = [abs(found.confidence[:, -1].mean() - right) for found in (with_groups, without)]
    assert error[0] < 0.12
    assert error[1] > error[0]


def test_a_coarser_level_can_be_asked_for():
    found = annotate(Z[:50], Z[50:], LEVELS[50:], level="lineage")
    assert found.levels == ("system", "lineage")
    assert "type" not in found.to_frame()


def test_levels_can_be_asked_on_prefixes():
    wide = np.concatenate([Z, np.random.default_rng(0).normal(size=Z.shape)], axis=1)
    found = annotate(wide[:90], wide[90:], LEVELS[90:], dims=(24, 24, 24))
    plain = annotate(Z[:90], Z[90:], LEVELS[90:])
    np.testing.assert_array_equal(found.calls, plain.calls)


def test_the_same_seed_gives_the_same_calls_and_a_sample_is_enough(monkeypatch):
    whole = annotate(Z[:100], Z[100:], LEVELS[100:], groups=DONOR[100:])
    monkeypatch.setattr("cellaxes.hierarchy._annotation._annotate.HELD", 400)
    one, two = (
        annotate(Z[:100], Z[100:], LEVELS[100:], groups=DONOR[100:], random_state=1)
        for _ in range(2)
    )
    pd.testing.assert_frame_equal(one.to_frame(), two.to_frame())
    assert (one.calls == whole.calls).all()
    assert np.abs(one.confidence - whole.confidence).max() < 0.2


def test_a_call_does_not_depend_on_the_other_cells_of_the_query():
    whole = annotate(Z[:30], Z[30:], LEVELS[30:]).to_frame()
    alone = annotate(Z[7:8], Z[30:], LEVELS[30:]).to_frame()
    pd.testing.assert_frame_equal(whole.iloc[[7]].reset_index(drop=True), alone)


def test_a_class_with_one_cell_is_no_obstacle():
    kind = np.where(np.arange(300) == 5, "rare", LEVELS["type"][:300])
    found = annotate(Z[300:400], Z[:300], kind)
    assert len(found) == 100
    assert "right in" in repr(found)


def test_a_reference_too_small_to_promise_anything_calls_nothing():
    found = annotate(Z[100:110], Z[:6], ["a", "b"] * 3, k=2)
    assert found.rejected.all()
    assert "no threshold" in repr(found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"query": np.full((2, 24), np.nan)}, "2 of 2 rows of the query are NaN"),
        ({"query": np.zeros((3, 24))}, "3 of 3 rows of the query are zero"),
        ({"reference": np.vstack([Z[1:], np.zeros(24)])}, "rows of the reference are zero"),
        ({"query": Z[:, :7]}, "the query has 7 dimensions and the reference 24"),
        ({"query": Z[0]}, "must be a matrix"),
        ({"query": np.array([["a"] * 24])}, "must hold numbers"),
        ({"levels": np.repeat("T", len(Z))}, "one class only"),
        ({"levels": LEVELS[:-1]}, "has 899 labels for 900 cells"),
        ({"levels": LEVELS.assign(type=[None, *LEVELS["type"][1:]])}, "type is missing in 1 of"),
        ({"levels": LEVELS.rename(columns={"type": "call"})}, "rename it"),
        ({"level": "lineag"}, "did you mean 'lineage'"),
        ({"k": 900}, "k is 900, but the reference has 900"),
        ({"k": 0}, "k must be a whole number"),
        ({"groups": DONOR[1:]}, "groups must name the donor"),
        ({"groups": np.repeat("d", len(Z))}, "one group only"),
        ({"confidence": 1.0}, "confidence must lie between"),
        ({"dims": (8, 16)}, "to each of the 3 levels"),
        ({"dims": (8, 16, 99)}, "at most 24 dimensions"),
        ({"device": "tpu"}, "device='tpu'"),
    ],
)
def test_bad_input_is_named_with_its_mend(change, said):
    given_ = {"query": Z[:5], "reference": Z, "levels": LEVELS} | change
    query, reference, levels = (given_.pop(name) for name in ("query", "reference", "levels"))
    with pytest.raises(InputError, match=said):
        annotate(query, reference, levels, **given_)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"k": 901}, "k is 901, but the reference has 900"),
        ({"prefix": 30}, "prefix is 30, but the embedding has 24"),
        ({"dims": (16, 8)}, "dims must rise"),
        ({"dims": (8, 48)}, "dims go up to 48"),
        ({"prefix": 8, "shortlist": 2}, "shortlist must be a whole number of at least 5"),
        ({"method": "exakt"}, "did you mean 'exact'"),
    ],
)
def test_bad_searches_are_refused(change, said):
    with pytest.raises(InputError, match=said):
        search(Z[:5], Z, change.pop("k", 5), **change)


def test_codes_to_exclude_must_fit():
    with pytest.raises(InputError, match="integer codes"):
        neighbours(Z[:5], Z, 2, exclude=[(DONOR[:5], DONOR)])
    with pytest.raises(InputError, match="cannot exclude"):
        neighbours(Z, Z, 2, exclude=[(np.arange(900), np.arange(900))], method="faiss")


def test_real_donors_are_called_at_the_promised_rate(shared):
    import anndata

    adata = anndata.read_h5ad(shared / "single_cell" / "lung_cl" / "tabula_sapiens_lung.h5ad")
    levels = cx.hierarchy.tree(
        adata.obs["cell_type"], adata.obs["cell_type_ontology_term_id"]
    ).expand(adata.obs["cell_type"])
    z, donor = adata.obsm["X_scvi"], adata.obs["donor_id"].astype(str).to_numpy()
    right = []
    for one in np.unique(donor):
        new = donor == one
        found = annotate(z[new], z[~new], levels[~new], groups=donor[~new]).to_frame()
        right.append(right_of_called(found, levels[new].astype(str)))
    assert np.concatenate(right).mean() >= 0.88
