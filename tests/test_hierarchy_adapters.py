"""Adapters: prefixes for levels, never at the cost of the embedding."""

import pickle
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.hierarchy._adapters import _fit, _inputs
from cellaxes.hierarchy._adapters._choice import CANDIDATES, Comparison, compare, deal
from cellaxes.hierarchy._adapters._inputs import read_task
from cellaxes.hierarchy._adapters._lda import discriminants, shrunk_covariance
from cellaxes.hierarchy._adapters._losses import hierarchical, supervised_contrast
from cellaxes.hierarchy._adapters._rotation import coarse_first
from cellaxes.hierarchy._adapters._sampler import BalancedSampler
from cellaxes.hierarchy._adapters._vote import vote

METHODS = list(cx.hierarchy.show_adapters()["name"])
FAST = {"steps": 6}


def cells(n=400, d=24, n_fine=8, spread=1.0, size=3.0, seed=0):
    """Cells of fine types in coarse groups of two, told apart in the last dimensions."""
    rng = np.random.default_rng(seed)
    fine = rng.permutation(np.arange(n) % n_fine)
    centres = np.zeros((n_fine, d))
    centres[:, -n_fine:] = size * np.eye(n_fine)
    for pair in range(n_fine // 2):
        centres[2 * pair : 2 * pair + 2, -n_fine - 1 - pair] = size
    Z = centres[fine] + spread * rng.normal(size=(n, d))
    Z[:, :4] *= 4  # loud dimensions that know nothing
    return Z, pd.DataFrame({"coarse": fine // 2, "fine": fine})


def unit(Z):
    return Z / np.linalg.norm(Z, axis=1, keepdims=True)


def accuracy(reference, queries, codes, truth):
    called = vote(unit(queries) @ unit(reference).T, np.asarray(codes)[:, None])[:, 0]
    return (called == np.asarray(truth)).mean()


def task_of(Z, levels, **changes):
    defaults = {
        "groups": None,
        "dims": None,
        "tree": None,
        "steps": None,
        "learning_rate": None,
        "device": "cpu",
        "random_state": 0,
    }
    return read_task(Z, levels, **(defaults | changes))


@pytest.fixture(scope="module")
def halves():
    Z, levels = cells(800)
    return Z[::2], levels.iloc[::2].reset_index(drop=True), Z[1::2], levels.iloc[1::2]


@pytest.fixture(scope="module")
def ours(halves):
    return cx.hierarchy.fit_adapter(halves[0], halves[1], steps=80)


@pytest.mark.parametrize("method", METHODS)
def test_every_adapter_transforms_truncates_and_comes_back_from_disk(method, halves, tmp_path):
    Z, levels, new, _ = halves
    adapter = cx.hierarchy.fit_adapter(Z, levels, method=method, dims=(6, 24), **FAST)
    out = adapter.transform(new)
    assert out.dtype == np.float32
    assert out.shape == (len(new), 24)
    assert adapter.dims == (6, 24)
    short = adapter.transform(new, truncate_dim=6)
    np.testing.assert_allclose(np.linalg.norm(short, axis=1), 1, atol=1e-5)
    if method != "v5":
        np.testing.assert_allclose(short, unit(out[:, :6]), atol=1e-5)
    np.testing.assert_allclose(adapter.transform(new[3:5]), out[3:5], atol=1e-5)
    adapter.save(tmp_path / "adapter")
    again = cx.hierarchy.load_adapter(tmp_path / "adapter")
    np.testing.assert_array_equal(again.transform(new), out)
    assert repr(again) == repr(adapter)
    repeated = cx.hierarchy.fit_adapter(Z, levels, method=method, dims=(6, 24), **FAST)
    np.testing.assert_array_equal(repeated.transform(new), out)


def test_sums_are_rounded_alike_on_one_thread_and_on_many(halves, monkeypatch):
    """A rotation was seen to turn an axis round where BLAS ran on two threads."""
    used = []

    def threads():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"}

    def watched(task):
        used.append(threads())
        return pca.fit(task)

    pca = _fit.METHODS["pca"]
    monkeypatch.setattr(_fit, "METHODS", {"pca": replace(pca, fit=watched)})
    Z, levels = halves[:2]
    with threadpool_limits(2, "blas"):
        cx.hierarchy.fit_adapter(Z, levels, method="pca")
        assert threads() == {2}
    assert used == [{1}]


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("identity", "pca", "v5")])
def test_what_learns_finds_types_that_the_embedding_hides(method, halves, request):
    Z, levels, new, truth = halves
    adapter = (
        request.getfixturevalue("ours")
        if method == "residual"
        else cx.hierarchy.fit_adapter(Z, levels, method=method)
    )
    pair = adapter.transform(Z), adapter.transform(new)
    before = accuracy(Z, new, levels["fine"], truth["fine"])
    assert accuracy(*pair, levels["fine"], truth["fine"]) > before + 0.05


def test_v5_learns_and_its_prefix_is_no_slice(halves):
    Z, levels, new, truth = halves
    adapter = cx.hierarchy.fit_adapter(Z, levels, method="v5", steps=50, learning_rate=2e-3)
    before = accuracy(Z, new, levels["coarse"], truth["coarse"])
    after = accuracy(*map(adapter.transform, (Z, new)), levels["coarse"], truth["coarse"])
    assert after > before + 0.05
    sliced = unit(adapter.transform(new)[:, : adapter.dims[0]])
    assert np.abs(adapter.transform(new, truncate_dim=adapter.dims[0]) - sliced).max() > 0.01
    with pytest.raises(InputError, match="truncate_dim must be one of"):
        adapter.transform(new, truncate_dim=7)


def test_prefixes_of_v5_are_judged_by_its_own_and_those_of_others_by_slices(halves):
    Z, levels, _, _ = halves
    v5 = cx.hierarchy.fit_adapter(Z, levels, method="v5", steps=8, learning_rate=1e-3)
    ours = cx.hierarchy.fit_adapter(Z, levels, method="lda")
    assert not v5.sliceable
    for adapter in (v5, ours):
        k = adapter.dims[0]
        own = adapter.transform(Z, truncate_dim=k)
        found = cx.hierarchy.evaluate({"one": lambda _, a=adapter: a, "own": own}, levels, Z=Z)
        table = found.to_frame().query("prefix == @k").set_index(["split", "level"]).sort_index()
        by_name = dict(list(table.groupby("embedding")["accuracy"]))
        pd.testing.assert_series_equal(by_name["one"], by_name["own"])
    sliced = v5.transform(Z)[:, : v5.dims[0]]
    found = cx.hierarchy.evaluate({"one": lambda _: v5, "cut": sliced}, levels, Z=Z).to_frame()
    by_name = found[found["prefix"] == v5.dims[0]].groupby("embedding")["accuracy"].mean()
    assert by_name["one"] != by_name["cut"]


def test_ours_puts_the_coarse_first_and_keeps_what_it_gains(ours, halves):
    Z, levels, new, truth = halves
    k = ours.dims[0]
    assert k == Z.shape[1] // 4
    by_prefix = [ours.transform(values, truncate_dim=k) for values in (Z, new)]
    whole = accuracy(*map(ours.transform, (Z, new)), levels["coarse"], truth["coarse"])
    first = accuracy(*by_prefix, levels["coarse"], truth["coarse"])
    assert first >= whole - 0.01
    assert first > accuracy(Z[:, :k], new[:, :k], levels["coarse"], truth["coarse"]) + 0.2


def test_where_nothing_is_to_be_learned_all_cosines_stay():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(300, 12)) + 1.0
    levels = [rng.integers(0, 2, 300), rng.integers(0, 4, 300)]
    adapter = cx.hierarchy.fit_adapter(Z, levels, groups=rng.integers(0, 3, 300), steps=40)
    out = adapter.transform(Z)
    np.testing.assert_allclose(out @ out.T, unit(Z) @ unit(Z).T, atol=1e-5)
    assert "rotation alone" in repr(adapter)
    table = adapter.to_frame()
    assert table["chosen"].tolist() == [True] + [False] * (len(CANDIDATES) - 1)


def test_new_donors_decide_not_the_cells_at_hand():
    """Each donor spells the types its own way, which misleads about the next donor."""
    rng = np.random.default_rng(0)
    donor, fine = np.arange(600) % 6, rng.integers(0, 4, 600)
    Z = rng.normal(size=(600, 52))
    Z[:, :4] += 2.5 * np.eye(4)[fine]
    for one in range(6):
        mine = donor == one
        own = 2.5 * rng.normal(size=(4, 8))
        Z[np.ix_(mine, range(4 + 8 * one, 12 + 8 * one))] += own[fine[mine]]
    known = donor < 5
    levels = [fine[known] // 2, fine[known]]
    by_donors = cx.hierarchy.fit_adapter(Z[known], levels, groups=donor[known], steps=40)
    by_cells = cx.hierarchy.fit_adapter(Z[known], levels, steps=40)
    assert (by_donors.params["aside"], by_cells.params["aside"]) == ("groups", "cells")
    right = [
        accuracy(a.transform(Z[known]), a.transform(Z[~known]), fine[known], fine[~known])
        for a in (by_donors, by_cells)
    ]
    assert right[0] > right[1] + 0.05
    fold, _ = deal(task_of(Z[known], levels, groups=donor[known]))
    assert all(len(np.unique(fold[donor[known] == one])) == 1 for one in range(5))


def test_the_choice_needs_a_sure_gain_and_no_loss_at_any_level():
    levels = np.array([[0.0, 0.0], [0.02, 0.04], [-0.001, 0.2], [0.0, 0.05]])
    mean, error = np.array([0.0, 0.03, 0.1, 0.025]), np.array([0.0, 0.01, 0.01, 0.02])
    assert Comparison(levels, mean, error, 1.6).chosen == 1
    assert Comparison(levels, mean, error, 6.3).chosen == 0
    assert Comparison(levels, mean, error, 0.5).chosen == 1


def test_a_gain_in_one_type_of_one_donor_is_one_observation():
    """A hundred cells of one type that are called right together prove little about new donors."""
    Z, _ = cells(400)
    fine, donor = np.repeat(np.arange(4), 100), np.arange(400) % 4
    right = np.zeros((2, 400, 1))
    right[1, fine == 0] = 1
    with_donors = compare(right, task_of(Z, [fine], groups=donor))
    without = compare(right, task_of(Z, [fine]))
    assert with_donors.mean[1] == without.mean[1] == 0.25
    assert without.errors_needed == pytest.approx(1.645, abs=0.001)
    assert with_donors.errors_needed == pytest.approx(2.353, abs=0.001)  # three degrees of freedom
    assert without.error[1] == pytest.approx(np.sqrt(0.25 * 0.75 / 400))
    of_clusters = np.r_[[0.75] * 4, [0.25] * 12] * 25
    assert with_donors.error[1] == pytest.approx(np.sqrt((of_clusters**2).sum()) / 400)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.integers(4, 10))
def test_the_rotation_is_orthogonal_whatever_the_levels(n_fine, d):
    rng = np.random.default_rng(n_fine * 100 + d)
    fine = np.arange(40) % n_fine
    rows = rng.normal(size=(40, d)) @ np.diag(np.r_[np.ones(d - 1), 0])  # of deficient rank
    columns = coarse_first(rows, np.stack([fine // 2, fine], axis=1), d)
    np.testing.assert_allclose(columns.T @ columns, np.eye(d), atol=1e-5)
    coarse = np.stack([rows[fine // 2 == k].mean(0) for k in range((n_fine + 1) // 2)])
    gap = coarse - rows.mean(0)
    if len(gap) > 1:
        first = (gap @ columns)[:, : len(gap) - 1]
        np.testing.assert_allclose(np.linalg.norm(first, axis=1), np.linalg.norm(gap, axis=1))


def test_shrinkage_and_discriminants_agree_with_scikit_learn():
    from sklearn.covariance import ledoit_wolf
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    Z, levels = cells(6000, d=30)
    codes = levels["fine"].to_numpy()
    within = Z - np.stack([Z[codes == k].mean(0) for k in range(8)])[codes]
    expected = ledoit_wolf(within, assume_centered=True)[0]
    np.testing.assert_allclose(shrunk_covariance(within), expected, rtol=1e-8)
    peer = LinearDiscriminantAnalysis(solver="eigen", shrinkage="auto").fit(Z, codes)
    centre, found = discriminants(Z, codes)
    ours, theirs = (Z - centre) @ found, peer.transform(Z)
    assert found.shape == (30, 7)
    shared = np.linalg.svd(np.linalg.qr(ours)[0].T @ np.linalg.qr(theirs)[0])[1]
    assert shared.min() > 0.99


def test_labels_below_the_label_are_right_answers():
    names = ["T cell", "CD4-positive, alpha-beta T cell", "B cell"]
    tree = cx.hierarchy.tree(names, levels=2)
    Z, _ = cells(60, n_fine=8)
    labels = np.array(names)[np.arange(60) % 3]
    task = task_of(Z, [labels], tree=tree)
    kinds = sorted(names)
    t_cell, cd4, b_cell = (kinds.index(name) for name in (names[0], names[1], names[2]))
    assert task.allowed[t_cell, cd4]
    assert not task.allowed[cd4, t_cell]
    loss = hierarchical(task)
    prototypes = [torch.eye(3)]
    called_cd4 = torch.eye(3)[[cd4]]
    says = {k: float(loss(called_cd4, torch.tensor([[k]]), prototypes)) for k in range(3)}
    assert says[t_cell] < 0.01
    assert says[cd4] < 0.01
    assert says[b_cell] > 5
    with pytest.raises(InputError, match="the tree has no label 'x'"):
        cx.hierarchy.fit_adapter(Z, [["x", "B cell"] * 30], method="hce", tree=tree)


def test_the_contrast_has_all_positives_and_nothing_else():
    z = torch.nn.functional.normalize(torch.randn(6, 4, dtype=torch.float64), dim=1)
    codes = torch.tensor([0, 0, 0, 1, 1, 2])[:, None]
    expected = []
    for i in range(5):
        others = [a for a in range(6) if a != i]
        whole = torch.logsumexp(torch.stack([z[i] @ z[a] for a in others]) / 0.1, dim=0)
        same = [a for a in others if codes[a] == codes[i]]
        expected.append(np.mean([float(whole - z[i] @ z[a] / 0.1) for a in same]))
    got = supervised_contrast(None)(z, codes, [])
    assert float(got) == pytest.approx(np.mean(expected))


def test_rare_classes_are_drawn_by_the_root_of_their_size():
    codes = np.repeat([0, 1], [900, 100])
    rows = BalancedSampler(codes, np.random.default_rng(0)).draw(20_000)
    assert codes[rows].mean() == pytest.approx(0.25, abs=0.015)
    assert len(np.unique(rows)) == 1000


def test_the_vote_counts_and_breaks_ties_downward():
    similarity = np.array([[9.0, 8, 7, 6, 5, -1], [9, 8, 7, 6, -1, 5]])
    codes = np.array([[2], [1], [1], [2], [3], [1]])
    assert vote(similarity, codes)[:, 0].tolist() == [1, 1]


def test_zero_vectors_stay_zero_and_identity_is_untouched(ours, halves):
    Z = halves[2].copy()
    Z[4] = 0
    for k in (None, 3):
        out = ours.transform(Z, truncate_dim=k)
        assert not out[4].any()
        np.testing.assert_allclose(np.linalg.norm(np.delete(out, 4, 0), axis=1), 1, atol=1e-5)
    same = cx.hierarchy.fit_adapter(halves[2], halves[3], method="identity")
    np.testing.assert_array_equal(same.transform(Z), Z.astype(np.float32))


def test_cells_on_disk_are_adapted_block_by_block(ours, halves, tmp_path):
    Z, levels, _, _ = halves
    source = pd.DataFrame(
        {"embedding": list(Z.astype(np.float32)), "fine": levels["fine"].map(str)}
    )
    source.to_parquet(tmp_path / "cells.parquet")
    cells_ = cx.hierarchy.read_cells(tmp_path / "cells.parquet", "fine", rep="embedding")
    adapted = cx.hierarchy.write_cells(ours.transform_cells(cells_), tmp_path / "adapted")
    np.testing.assert_allclose(adapted.z, ours.transform(Z), atol=1e-6)
    assert adapted.labels("fine").tolist() == source["fine"].tolist()
    with pytest.raises(InputError, match="has 4 dimensions, but this adapter was fitted to 24"):
        ours.transform_cells(cx.hierarchy.Cells(Z[:, :4].astype(np.float32), {}))


def test_a_memory_map_of_many_cells_is_read_where_it_is_needed(halves, monkeypatch, tmp_path):
    Z, levels, new, truth = halves
    np.save(tmp_path / "z.npy", Z.astype(np.float16))
    mapped = np.load(tmp_path / "z.npy", mmap_mode="r")
    monkeypatch.setattr(_inputs, "AT_ONCE", 300)
    task = task_of(mapped, levels.astype("category"))
    assert 0 < len(task.sample) <= 300 + 8
    assert set(task.sample.leaf) == set(task.leaf)
    np.testing.assert_allclose(task.rows(np.array([3, 9])), unit(Z)[[3, 9]], atol=1e-3)
    monkeypatch.setattr(_inputs.Task, "x", property(lambda self: few(self)))

    def few(one):
        assert len(one) <= 310  # all rows at once are never asked for
        return unit(np.asarray(one.z, dtype=np.float32))

    for method in ("residual", "prefix", "lda", "pca"):
        adapter = cx.hierarchy.fit_adapter(mapped, levels, method=method, steps=50)
        right = accuracy(*map(adapter.transform, (Z, new)), levels["fine"], truth["fine"])
        floor = accuracy(Z, new, levels["fine"], truth["fine"])
        assert right >= floor + (0.0 if method == "pca" else 0.05)


def test_classes_and_groups_of_one_cell_are_no_obstacle():
    Z, levels = cells(60)
    levels = levels.astype(str)
    levels.loc[0, "fine"] = "alone"
    for groups in (None, ["single", *["other"] * 59], np.arange(60), ["one"] * 60):
        adapter = cx.hierarchy.fit_adapter(Z, levels, groups=groups, **FAST)
        assert np.isfinite(adapter.transform(Z)).all()
    few = cx.hierarchy.fit_adapter(Z[:4], levels[:4], **FAST)
    assert few.params["folds"] == 0
    assert few.params["linear"] == few.params["network"] == 0


def test_a_level_of_one_group_is_allowed_above_the_finest():
    Z, levels = cells(60)
    adapter = cx.hierarchy.fit_adapter(Z, [["all"] * 60, levels["fine"]], **FAST)
    assert np.isfinite(adapter.transform(Z)).all()


def change(**changes):
    Z, levels = cells(40)
    given = {"Z": Z, "levels": levels} | changes
    return lambda: cx.hierarchy.fit_adapter(given.pop("Z"), given.pop("levels"), **given)


def broken(row, value=np.nan):
    Z, _ = cells(40)
    Z[row] = value
    return Z


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (change(levels=[["a"] * 40]), "one class only"),
        (change(levels=[["a"] * 39 + ["b"], ["a", "b"] * 10]), "level2 has 20 labels for 40 cells"),
        (change(levels=[["a", None] * 20]), "level1 is missing in 20 of 40 cells"),
        (change(levels=np.zeros((40, 2))), "array of labels per level"),
        (change(levels=["a", "b"]), "label has 2 labels for 40 cells"),
        (change(levels=[]), "levels hold no column"),
        (change(Z=broken(7)), "1 of 40 rows of Z are NaN or infinite"),
        (change(Z=broken(7, 0.0)), "1 of 40 rows of Z are zero"),
        (change(Z=np.ones((40, 1))), "1 dimensions, too few for 2 prefixes"),
        (change(dims=(8, 8)), "dims must rise"),
        (change(dims=(8,)), "1 lengths for 2 levels"),
        (change(dims=(8, 16.5)), "whole numbers"),
        (change(dims=(8, 25)), "gives the 24 dimensions of Z at most"),
        (change(groups=["a"] * 39), "groups must name the donor of each of the 40 cells"),
        (change(groups=["a", None] * 20), "groups are missing for 20 cells"),
        (change(method="residul"), "did you mean 'residual'"),
        (change(method="supcon", device="abacus"), "device='abacus'"),
        (change(steps=0), "steps must be a positive whole number"),
        (change(learning_rate=0.0), "learning_rate must be positive"),
        (change(random_state=-1), "random_state must not be negative"),
    ],
)
def test_bad_input_is_one_clear_sentence(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_transform_refuses_what_does_not_fit(ours, halves):
    with pytest.raises(InputError, match="was fitted to 24 dimensions"):
        ours.transform(halves[2][:, :20])
    spoilt = halves[2].copy()
    spoilt[5, 2] = np.inf
    with pytest.raises(InputError, match="NaN or infinity in row 5"):
        ours.transform(spoilt)
    for k in (0, 25, True, 2.5):
        with pytest.raises(InputError, match="truncate_dim must be from 1 to 24"):
            ours.transform(halves[2], truncate_dim=k)
    with pytest.raises(InputError, match="chooses nothing"):
        cx.hierarchy.fit_adapter(halves[0], halves[1], method="pca").to_frame()


def test_pickles_and_strangers_are_refused(ours, tmp_path):
    (tmp_path / "model.pt").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(InputError, match="is a file"):
        cx.hierarchy.load_adapter(tmp_path / "model.pt")
    model = cx.embed.make("pca", n_components=2, n_top_genes=8)
    model.fit(np.random.default_rng(0).poisson(3.0, (20, 8)).astype(np.float32))
    model.to_artefact().save(tmp_path / "pca")
    with pytest.raises(InputError, match=r"holds embed\.pca, no adapter"):
        cx.hierarchy.load_adapter(tmp_path / "pca")
    ours.save(tmp_path / "cut")
    head = tmp_path / "cut" / "artefact.json"
    head.write_text(head.read_text().replace('"n_dimensions": 24', '"n_dimensions": 23'))
    with pytest.raises(InputError, match="damaged"):
        cx.hierarchy.load_adapter(tmp_path / "cut")


def test_a_fit_of_many_cells_takes_seconds():
    Z, levels = cells(1500, d=64)
    start = time.process_time()
    cx.hierarchy.fit_adapter(Z, levels)
    assert time.process_time() - start < 15  # 4 s where nothing else runs
