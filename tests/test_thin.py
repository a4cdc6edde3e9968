"""Thinning: exact, nested, and the same whatever holds the counts."""

from itertools import pairwise

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import cellaxes as cx

COUNTS = sp.csr_matrix(np.random.default_rng(0).poisson(0.7, (2500, 60)).astype(np.float32))


def dense(thinned):
    counts = thinned.counts
    counts = counts.compute() if hasattr(counts, "compute") else counts
    return counts.toarray() if sp.issparse(counts) else np.asarray(counts)


EXPECTED = dense(cx.noise.thin(COUNTS, fraction=0.3, random_state=5))


@pytest.mark.parametrize("container", [sp.csr_matrix, sp.csc_matrix, sp.csr_array, sp.csc_array])
def test_sparse_containers_give_the_same_counts_in_kind(container):
    thinned = cx.noise.thin(container(COUNTS), fraction=0.3, random_state=5)
    assert type(thinned.counts) is container
    assert thinned.counts.dtype == COUNTS.dtype
    np.testing.assert_array_equal(dense(thinned), EXPECTED)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.float64, np.uint16])
def test_dense_of_any_dtype_gives_the_same_counts(dtype):
    thinned = cx.noise.thin(COUNTS.toarray().astype(dtype), fraction=0.3, random_state=5)
    assert thinned.counts.dtype == dtype
    np.testing.assert_array_equal(thinned.counts, EXPECTED)


@pytest.mark.parametrize("chunks", [(2500, 60), (700, 60), (1, 60), (333, 17)])
def test_dask_chunks_change_nothing(chunks):
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(COUNTS.toarray(), chunks=chunks if chunks[0] > 1 else (100, 60))
    thinned = cx.noise.thin(lazy, fraction=0.3, random_state=5)
    assert hasattr(thinned.counts, "compute")
    np.testing.assert_array_equal(dense(thinned), EXPECTED)
    assert thinned.n_empty == int((EXPECTED.sum(axis=1) == 0).sum())


def test_dask_of_sparse_chunks_stays_sparse():
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(COUNTS, chunks=(600, 60), asarray=False)
    thinned = cx.noise.thin(lazy, depth=10, random_state=5)
    assert sp.issparse(thinned.counts.compute())
    eager = cx.noise.thin(COUNTS, depth=10, random_state=5)
    np.testing.assert_array_equal(dense(thinned), dense(eager))


@pytest.mark.parametrize("kind", ["csr", "csc", "dense"])
def test_backed_anndata_gives_the_same_counts(tmp_path, kind):
    matrix = {"csr": COUNTS, "csc": COUNTS.tocsc(), "dense": COUNTS.toarray()}[kind]
    anndata.AnnData(X=matrix).write_h5ad(tmp_path / "cells.h5ad")
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    in_memory = cx.noise.thin(backed, fraction=0.3, random_state=5)
    np.testing.assert_array_equal(dense(cx.noise.Thinned(in_memory.counts.X, 0)), EXPECTED)
    written = cx.noise.thin(backed, fraction=0.3, random_state=5, out=tmp_path / "thin.h5ad")
    assert written.counts.isbacked
    assert written.depth == in_memory.depth == np.median(EXPECTED.sum(axis=1))
    np.testing.assert_array_equal(written.counts.to_memory().X.toarray(), EXPECTED)
    assert (written.umis_per_cell == EXPECTED.sum(axis=1)).all()
    with pytest.raises(cx.InputError, match="exists already"):
        cx.noise.thin(backed, fraction=0.3, out=tmp_path / "thin.h5ad")


def test_storage_order_and_duplicates_change_nothing():
    shuffled = COUNTS.copy()
    for row in range(shuffled.shape[0]):
        here = slice(shuffled.indptr[row], shuffled.indptr[row + 1])
        shuffled.indices[here] = shuffled.indices[here][::-1].copy()
        shuffled.data[here] = shuffled.data[here][::-1].copy()
    shuffled.has_sorted_indices = False
    np.testing.assert_array_equal(
        dense(cx.noise.thin(shuffled, fraction=0.3, random_state=5)), EXPECTED
    )
    split = sp.csr_matrix(([2.0, 3.0], [1, 1], [0, 2]), shape=(1, 3))
    whole = sp.csr_matrix(([5.0], [1], [0, 1]), shape=(1, 3))
    for seed in range(20):
        np.testing.assert_array_equal(
            dense(cx.noise.thin(split, fraction=0.5, random_state=seed)),
            dense(cx.noise.thin(whole, fraction=0.5, random_state=seed)),
        )


def test_input_is_left_alone():
    before = COUNTS.copy()
    cx.noise.thin(COUNTS, fraction=0.2)
    assert (before != COUNTS).nnz == 0


@pytest.mark.parametrize("count", [1, 3, 7, 16, 17, 40, 1000])
@pytest.mark.parametrize("fraction", [0.02, 0.5, 0.97])
def test_each_count_is_thinned_binomially(count, fraction):
    n = 40_000
    kept = dense(cx.noise.thin(np.full((n // 10, 10), count), fraction=fraction)).ravel()
    mean, sd = count * fraction, np.sqrt(count * fraction * (1 - fraction))
    assert abs(kept.mean() - mean) < 4 * sd / np.sqrt(n)
    values = np.arange(max(0, int(mean - 4 * sd)), min(count, int(mean + 4 * sd)) + 1)
    law = stats.binom.pmf(values, count, fraction)
    seen = np.array([(kept == value).sum() for value in values])
    enough = law * n > 10
    chi2 = ((seen[enough] - n * law[enough]) ** 2 / (n * law[enough])).sum()
    assert stats.chi2.sf(chi2, max(enough.sum() - 1, 1)) > 1e-4


def test_molecules_are_independent_of_each_other():
    kept = dense(cx.noise.thin(np.ones((4000, 30)), fraction=0.4))
    correlation = np.corrcoef(kept.T) - np.eye(30)
    assert np.abs(correlation).max() < 5 / np.sqrt(4000)
    assert abs(np.corrcoef(kept[:-1].sum(1), kept[1:].sum(1))[0, 1]) < 4 / np.sqrt(4000)


@pytest.mark.parametrize("by", ["fraction", "depth"])
def test_levels_of_one_seed_are_drawn_apart(by):
    high, low = (0.5, 0.4) if by == "fraction" else (15, 12)
    ones = np.ones((4000, 30))
    one, other = (dense(cx.noise.thin(ones, **{by: level})).ravel() for level in (high, low))
    assert abs(np.corrcoef(one, other)[0, 1]) < 5 / np.sqrt(one.size)


@pytest.mark.parametrize("count", [1, 5, 20])
@pytest.mark.parametrize("fractions", [(0.4, 0.3), (0.5, 0.5)])
@pytest.mark.parametrize("seeds", [(2, 3), (0, 0)])
def test_thinning_twice_has_the_law_of_thinning_once(count, fractions, seeds):
    first = cx.noise.thin(np.full((4000, 10), count), fraction=fractions[0], random_state=seeds[0])
    twice = cx.noise.thin(first.counts, fraction=fractions[1], random_state=seeds[1])
    p = fractions[0] * fractions[1]
    kept = dense(twice).ravel()
    assert kept.mean() == pytest.approx(count * p, abs=5 * np.sqrt(count * p * (1 - p) / 40_000))
    assert kept.var() == pytest.approx(count * p * (1 - p), rel=0.05)


def test_chained_target_depths_are_met():
    counts = np.random.default_rng(0).poisson(1.0, (500, 300))
    first = cx.noise.thin(counts, depth=150)
    second = cx.noise.thin(first.counts, depth=75)
    assert second.umis_per_cell.mean() == pytest.approx(75, rel=0.03)


def test_series_is_a_nested_chain_of_the_right_depths():
    levels = cx.noise.thin_series(COUNTS, [1.0, 0.5, 0.1], random_state=4)
    assert (levels[0].counts != COUNTS).nnz == 0
    for high, low in pairwise(levels):
        assert ((high.counts - low.counts).toarray() >= 0).all()
    total = COUNTS.sum()
    assert levels[1].counts.sum() == pytest.approx(0.5 * total, rel=0.01)
    assert levels[2].counts.sum() == pytest.approx(0.1 * total, rel=0.03)


def test_seeds_differ_and_repeat():
    one = dense(cx.noise.thin(COUNTS, fraction=0.3, random_state=6))
    assert (one != EXPECTED).any()
    np.testing.assert_array_equal(one, dense(cx.noise.thin(COUNTS, fraction=0.3, random_state=6)))


def test_target_depth_is_met_per_cell():
    rng = np.random.default_rng(3)
    counts = rng.poisson(rng.lognormal(0, 1, (400, 1)) * np.ones((1, 500)))
    total = counts.sum(axis=1)
    thinned = cx.noise.thin(counts, depth=200)
    kept = thinned.umis_per_cell
    assert (kept[total <= 200] == total[total <= 200]).all()
    deep = total > 400
    assert kept[deep].mean() == pytest.approx(200, rel=0.02)
    assert thinned.depth == np.median(kept)


def test_depth_is_measured_and_empty_cells_are_kept():
    counts, depth = cx.noise.thin(COUNTS, fraction=0.01)
    assert counts.shape == COUNTS.shape
    assert depth == np.median(np.asarray(counts.sum(axis=1)))
    assert cx.noise.Thinned(counts, depth).n_empty > 1000
    assert "2500 cells" in repr(cx.noise.Thinned(counts, depth))


@pytest.mark.parametrize("fraction", [0.0, 1.0])
def test_the_ends_keep_nothing_and_everything(fraction):
    kept = dense(cx.noise.thin(COUNTS, fraction=fraction))
    np.testing.assert_array_equal(kept, COUNTS.toarray() * fraction)


@given(
    st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=1, max_size=8),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_thinned_counts_are_counts_below_the_original(rows, fraction, seed):
    counts = np.array(rows)
    counts[0, 0] += 1
    kept = cx.noise.thin(counts, fraction=fraction, random_state=seed).counts
    assert ((kept >= 0) & (kept <= counts)).all()


def test_anndata_keeps_its_slots(cells):
    thinned = cx.noise.thin(cells, fraction=0.5)
    assert thinned.counts.obs["cell_type"].equals(cells.obs["cell_type"])
    assert (thinned.counts.obs["umis_per_cell"] == thinned.umis_per_cell).all()
    assert thinned.counts.uns["cellaxes_thin"]["params"]["fraction"] == 0.5
    assert "umis_per_cell" not in cells.obs
    thinned.counts.obsm["protein"][0, 0] = -1
    assert cells.obsm["protein"][0, 0] >= 0
    assert set(thinned.counts.layers) <= {None}  # which anndata 0.13 lists, for X


def test_empty_and_damaged_files_leave_nothing_behind(cells, tmp_path):
    zero = cells.copy()
    zero.X = zero.X * 0
    with pytest.raises(cx.InputError, match="no UMI at all"):
        cx.noise.thin(zero, fraction=0.5, out=tmp_path / "out.h5ad")
    with pytest.raises(cx.InputError, match="no cells"):
        cx.noise.thin(cells[:0].copy(), fraction=0.5, out=tmp_path / "out.h5ad")
    import h5py

    cells.write_h5ad(tmp_path / "cells.h5ad")
    with h5py.File(tmp_path / "cells.h5ad", "a") as file:
        file["X/data"].resize(len(file["X/data"]) // 2, axis=0)
    backed = anndata.read_h5ad(tmp_path / "cells.h5ad", backed="r")
    with pytest.raises(cx.InputError, match="cannot be read"):
        cx.noise.thin(backed, fraction=0.5, out=tmp_path / "out.h5ad")
    assert [path.name for path in tmp_path.iterdir()] == ["cells.h5ad"]


@pytest.mark.parametrize("dtype", [np.float16, ">f4", ">i8", bool])
def test_odd_number_types_are_taken(dtype):
    counts = COUNTS.toarray()
    odd = np.minimum(counts, 1).astype(dtype)
    kept = cx.noise.thin(odd, fraction=0.3, random_state=5).counts
    plain = cx.noise.thin(np.minimum(counts, 1), fraction=0.3, random_state=5).counts
    np.testing.assert_array_equal(kept.astype(float), plain)


def test_counts_may_stand_in_a_layer_or_in_raw(cells):
    other = anndata.AnnData(X=np.log1p(cells.X.toarray()), obs=cells.obs.copy())
    other.layers["counts"] = cells.X.copy()
    other.raw = cells
    by_layer = cx.noise.thin(other, fraction=0.5, layer="counts").counts.X
    assert (by_layer != cx.noise.thin(other, fraction=0.5, layer="raw").counts.X).nnz == 0


def test_genewise_thinning_keeps_exact_gene_totals_and_loses_depth():
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(rng.poisson(rng.lognormal(-4, 2, (1, 5000)), (100, 5000)))
    thinned = cx.noise.thin_genewise(counts, 0.05)
    totals = np.asarray(counts.sum(axis=0)).ravel()
    np.testing.assert_array_equal(np.asarray(thinned.counts.sum(axis=0)).ravel(), totals // 20)
    assert thinned.counts.sum() < 0.8 * cx.noise.thin(counts, fraction=0.05).counts.sum()


BAD = {
    "frame": (pd.DataFrame({"a": [1, 2]}), "pass adata.X or"),
    "negative": (np.array([[1, -2], [3, 0]]), "row 0, column 1 holds the negative value -2"),
    "fractional": (np.array([[1.0, 0.5], [3, 0]]), "which is no whole number"),
    "log": (np.log1p(COUNTS.toarray()), "looks log-normalised"),
    "nan": (np.array([[1.0, np.nan]]), "must be finite"),
    "zero": (np.zeros((3, 3)), "no UMI at all"),
    "vector": (np.ones(3), "must be a matrix"),
    "empty": (np.ones((0, 3)), "no cells"),
    "text": (np.array([["a", "b"]]), "counts must be numbers"),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_what_is_no_count_matrix_is_refused_in_one_sentence(case):
    values, message = BAD[case]
    with pytest.raises(cx.InputError, match=message) as caught:
        cx.noise.thin(values, fraction=0.5)
    assert "\n" not in str(caught.value)


def test_a_bad_value_is_found_in_late_rows_and_lazy_chunks():
    da = pytest.importorskip("dask.array")
    counts = COUNTS.toarray()
    counts[2049, 7] = -1
    for container in (counts, da.from_array(counts, chunks=(500, 60))):
        with pytest.raises(cx.InputError, match="row 2049, column 7"):
            cx.noise.thin(container, fraction=0.5)


@pytest.mark.parametrize(
    "wishes",
    [
        {},
        {"fraction": 0.1, "depth": 5},
        {"fraction": 1.5},
        {"depth": -1},
        {"fraction": 0.5, "layer": "x"},
    ],
)
def test_contradictory_wishes_are_refused(wishes):
    with pytest.raises(cx.InputError):
        cx.noise.thin(COUNTS, **wishes)


@pytest.mark.parametrize("seed", [-1, 1.5, True, None])
def test_only_non_negative_integers_are_seeds(seed):
    with pytest.raises(cx.InputError, match="random_state"):
        cx.noise.thin(COUNTS, fraction=0.5, random_state=seed)


def test_ladders_and_series_refuse_nonsense(cells):
    assert cx.noise.depth_ladder(100, n_levels=1) == [1.0]
    with pytest.raises(cx.InputError, match="min_depth"):
        cx.noise.depth_ladder(5, min_depth=10)
    for fractions in ([], [0.5, 0.5], [0.1, 0.5], [1.2, 0.5], [0.5, 0.0]):
        with pytest.raises(cx.InputError, match="decrease"):
            cx.noise.thin_series(COUNTS, fractions)
    with pytest.raises(cx.InputError, match="takes a matrix"):
        cx.noise.thin_series(cells, [0.5])
    with pytest.raises(cx.InputError, match="between 0 and 1"):
        cx.noise.thin_genewise(COUNTS, 2)
