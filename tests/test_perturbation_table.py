"""The table of responses: what it refuses, derives, reads and writes."""

import warnings
from dataclasses import replace

import anndata
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import cellaxes as cx
from cellaxes import perturbation as p
from cellaxes._core.tables import EXACT_FLOATS

GENES = [f"g{i:02}" for i in range(30)]


@pytest.fixture
def table():
    """24 rows of two contexts, with all layers, weights, compounds, contexts and reasons."""
    rng = np.random.default_rng(0)
    rows = pd.MultiIndex.from_product(
        [["B", "NK"], [f"c{i}" for i in range(6)], [0.1, 1.0]],
        names=["context", "compound", "dose"],
    ).to_frame(index=False)
    rows["plate"] = pd.Categorical(["p1", "p2"] * 12)
    rows["n_cells"] = rng.integers(5, 400, len(rows))
    rows["control"] = rows["compound"] == "c0"
    t = rng.standard_normal((24, 30)) * 3
    t[3, 4] = np.nan
    measured = rng.random((24, 30)) < 0.9
    smiles = ["CCO", "CCN", np.nan, "c1ccccc1O", "c1ccccc1N", "CCC"]
    compounds = pd.DataFrame(
        {"SMILES": smiles, "moa": ["a; b", "a", np.nan, "b", "b", "c"]},
        index=[f"c{i}" for i in range(6)],
    )
    contexts = pd.DataFrame(rng.random((2, 30)), index=["B", "NK"], columns=GENES)
    return p.PerturbationTable(
        rows.assign(df=40.0),
        GENES,
        t=t,
        logFC=(t / 5).astype(np.float32),
        signed_log10_p=p.signed_log10_p(t, 40.0),
        measured=measured,
        weight=rng.uniform(0.1, 1, 24),
        compounds=compounds,
        contexts=contexts,
        reasons=tuple(("few_cells", "tied") if i == 5 else () for i in range(24)),
        notes=("made up",),
    )


def assert_equal(a, b):
    pd.testing.assert_frame_equal(a.rows, b.rows)
    pd.testing.assert_frame_equal(a.compounds, b.compounds)
    assert (a.contexts is None) == (b.contexts is None)
    if a.contexts is not None:
        pd.testing.assert_frame_equal(a.contexts, b.contexts)
    assert (a.stored, a.reasons, a.notes) == (b.stored, b.reasons, b.notes)
    for name in (*a.stored, "genes", "weight", "mask"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))
        assert getattr(a, name).dtype == getattr(b, name).dtype


# ---- t and p ------------------------------------------------------------------------------------


def test_exponents_are_those_of_the_t_distribution_where_doubles_reach():
    t = np.array([[-8.0, -1.0, 0.0, 0.3, 5.0]] * 3)
    df = np.array([3.0, 120.0, np.inf])
    expected = -np.sign(t) * np.log10(2 * stats.t.sf(np.abs(t), df[:, None]))
    np.testing.assert_allclose(p.signed_log10_p(t, df), expected, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("df", [3.0, 10.07, 150.0, np.inf])
def test_t_and_exponent_are_inverse_up_to_300_and_beyond(df):
    y = np.concatenate([np.linspace(-350, 350, 71), [0.0, 1e-3, np.nan]])
    back = p.signed_log10_p(p.t_statistic(y, df), df)
    np.testing.assert_allclose(back, y, rtol=1e-8, atol=1e-9)
    assert np.isfinite(p.t_statistic(y[:-1], df)).all()


def test_degrees_of_freedom_are_found_from_t_and_p():
    t = np.random.default_rng(0).standard_normal((5, 50)) * 2
    df = np.array([2.0, 10.0716, 50.0, 1500.0, np.inf])
    np.testing.assert_allclose(p.infer_df(t, p.signed_log10_p(t, df)), df, rtol=1e-6)
    assert np.isinf(p.infer_df(t[:1], np.full((1, 50), np.nan))).all()
    with pytest.raises(cx.InputError, match="df must be positive"):
        p.signed_log10_p(t, 0.0)


def test_a_missing_layer_is_derived_and_says_from_what(table):
    for name, source in (("signed_log10_p", "t"), ("t", "signed_log10_p")):
        bare = replace(table, **{name: None})
        assert bare.origin(name) == f"from {source} with the df of each row"
        np.testing.assert_allclose(bare.layer(name), getattr(table, name), rtol=1e-7, atol=1e-9)
    normal = replace(bare, rows=bare.rows.drop(columns="df"))
    assert normal.origin("t") == "from signed_log10_p as if normal"
    np.testing.assert_allclose(normal.layer("t", df=40), table.t, rtol=1e-7, atol=1e-9)
    assert table.origin("t") == "stored"
    with pytest.raises(cx.InputError, match="has no logFC, and it does not follow from t, signed"):
        replace(table, logFC=None).layer("logFC")
    with pytest.raises(cx.InputError, match="did you mean 'logFC'"):
        table.layer("logfc")


# ---- the table ----------------------------------------------------------------------------------


def test_a_table_knows_its_size_mask_and_doubts(table):
    assert (table.n_rows, table.n_genes, table.stored) == (24, 30, ("t", "logFC", "signed_log10_p"))
    assert not table.mask[3, 4]
    np.testing.assert_array_equal(table.mask, table.measured & ~np.isnan(table.t))
    assert np.flatnonzero(table.suspect).tolist() == [5]
    said = repr(table)
    assert said.startswith(
        "PerturbationTable(24 rows x 30 genes: 2 contexts, 6 compounds; t, logFC"
    )
    assert "1 rows suspect; 5 SMILES; made up" in said
    with pytest.raises(ValueError, match="read-only"):
        table.t[0, 0] = 1


def test_described_rows_are_what_splits_want(table):
    rows = table.described()
    assert {"weight", "suspect", "SMILES", "moa", "dose"} <= set(rows)
    assert rows.loc[rows["compound"] == "c0", "moa"].eq("a; b").all()
    split = p.leave_moa(rows, ["c"])
    assert set(rows.loc[split.test, "compound"]) == {"c5"}
    pytest.importorskip("rdkit")
    assert rows.loc[rows["compound"] == "c3", "scaffold"].eq("c1ccccc1").all()
    split = p.leave_scaffold(rows, ["c1ccccc1"])
    assert set(rows.loc[split.test, "compound"]) == {"c3", "c4"}
    assert (rows.loc[split.roles == "aside", "compound"] == "c2").all()  # no SMILES
    standard = table.standardised()
    assert standard.compounds.at["c0", "inchikey"] == "LFQSCWFLJHTTHZ-UHFFFAOYSA-N"
    twins = replace(table, compounds=table.compounds.assign(SMILES="CCO")).standardised()
    assert "c0 = c1 = c2 = c3 = c4 = c5: one molecule" in twins.notes


def test_rows_are_taken_by_numbers_masks_and_slices(table):
    some = table.take([7, 5])
    assert some.rows["compound"].tolist() == table.rows["compound"].iloc[[7, 5]].tolist()
    np.testing.assert_array_equal(some.t, table.t[[7, 5]])
    np.testing.assert_array_equal(some.weight, table.weight[[7, 5]])
    assert some.reasons == ((), ("few_cells", "tied"))
    mask = (table.rows["context"] == "NK").to_numpy()
    assert_equal(table.take(mask), table.take(slice(12, None)))
    for rows in ([24], mask[:3]):
        with pytest.raises(cx.InputError, match=r"24 rows|taken of 24"):
            table.take(rows)
    with pytest.raises(cx.InputError, match="has no rows"):
        table.take([])


def test_genes_are_aligned_to_another_order_and_missing_ones_named(table):
    order = GENES[::-2]
    found = table.take_genes(order)
    np.testing.assert_array_equal(found.logFC, table.logFC[:, ::-2])
    np.testing.assert_array_equal(found.mask, table.mask[:, ::-2])
    assert found.contexts.columns.tolist() == order
    with pytest.raises(cx.InputError, match=r"lacks 2 of 3 genes \(x1, G00\)"):
        table.take_genes(["g01", "x1", "G00"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"t": None, "logFC": None, "signed_log10_p": None}, "no values"),
        ({"genes": [*GENES[:29], "g00"]}, "gene 'g00' stands more than once"),
        ({"genes": GENES[:29]}, "t has shape .24, 30. for 24 rows and 29 genes"),
        ({"weight": np.zeros(24)}, r"weights must lie in .0, 1., but row 0 \(c0 in B\) has 0"),
        ({"weight": np.ones(3)}, "weight has shape"),
        ({"reasons": ((),)}, "1 entries for 24 rows"),
        ({"reasons": ("tied",) * 24}, "tuple of codes"),
        ({"measured": np.ones((2, 2))}, "measured has shape"),
    ],
)
def test_what_does_not_fit_is_refused(table, change, said):
    with pytest.raises(cx.InputError, match=said):
        replace(table, **change)


def test_bad_rows_and_values_are_named(table):
    def refused(said, **change):
        with pytest.raises(cx.InputError, match=said):
            replace(table, **change)

    rows = table.rows
    refused(
        r"rows 0 and 1 are both \(B, c0, p1\)", rows=rows.drop(columns="dose").assign(plate="p1")
    )
    refused("no column 'compound': did you mean 'compuond'", rows=rows.rename(
        columns={"compound": "compuond"}))  # fmt: skip
    refused("context is missing in 1 rows .first row 2.", rows=rows.assign(
        context=rows["context"].mask(rows.index == 2)))  # fmt: skip
    bad = np.array(table.t)
    bad[4, 7] = np.inf
    refused(r"t is infinite in 1 places of 1 rows, first in row 4 \(c2 in B\), gene g07", t=bad)
    bare = {"logFC": None, "signed_log10_p": None}
    empty = np.array(table.t)
    empty[[2, 9]] = np.nan
    refused(r"2 rows hold no value: row 2 \(c1 in B\), row 9 \(c4 in B\)", t=empty, **bare)
    refused("type <U1: make them numbers", t=np.full((24, 30), "x"), **bare)
    refused("more than once: leave one row", compounds=pd.DataFrame(index=["c1", "c1"]))
    refused("contexts lack NK", contexts=table.contexts.drop("NK"))
    refused(
        "share no gene", contexts=table.contexts.T.reindex(columns=["B", "NK"]).T.add_prefix("x")
    )


def test_a_baseline_that_lacks_genes_is_aligned_and_says_so_with_nan(table):
    part = table.contexts[GENES[:0:-1]]
    found = replace(table, contexts=part).contexts
    assert found.columns.tolist() == GENES
    assert found.isna().all().tolist() == [True] + [False] * 29


def test_quality_gives_weights_and_reasons():
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"context": "B", "compound": [f"c{i}" for i in range(12)]})
    t = rng.standard_normal((12, 400))
    t[4] = rng.standard_normal(400) + 3
    table = p.PerturbationTable(rows, np.arange(400), t=t).judged()
    assert table.reasons[4] == ("one_sided",)
    assert np.flatnonzero(table.suspect).tolist() == [4]
    assert table.weight.argmin() == 4
    other = p.row_quality(t, rows.assign(context="NK"))
    with pytest.raises(cx.InputError, match="other rows"):
        table.judged(other)


# ---- files --------------------------------------------------------------------------------------


def test_a_written_table_reads_back_equal(table, tmp_path):
    for given in (table, table.take([0, 5]).standardised(), replace(
        table, compounds=pd.DataFrame(), contexts=None, logFC=None, measured=None, reasons=(),
        notes=())):  # fmt: skip
        path = tmp_path / "t.h5ad"
        p.write_table(given, path)
        assert_equal(p.read_table(path), given)
        assert_equal(p.from_anndata(given.to_anndata()), given)
    assert [f.name for f in tmp_path.iterdir()] == ["t.h5ad"]
    with pytest.raises(cx.InputError, match=r"must end in \.h5ad"):
        p.write_table(table, tmp_path / "t.csv")


def test_truncated_and_foreign_files_are_refused_in_one_sentence(table, tmp_path):
    path = tmp_path / "t.h5ad"
    p.write_table(table, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(cx.InputError, match="truncated, damaged"):
        p.read_table(path)
    kaggle_frame(3).to_parquet(tmp_path / "d.parquet")
    (tmp_path / "d.parquet").write_bytes((tmp_path / "d.parquet").read_bytes()[:-2000])
    for read in (p.read_table, p.read_kaggle):
        with pytest.raises(cx.InputError, match="cannot be read as a table"):
            read(tmp_path / "d.parquet")
    anndata.AnnData(np.ones((2, 2))).write_h5ad(tmp_path / "cells.h5ad")
    with pytest.raises(cx.InputError, match="holds no responses"):
        p.read_table(tmp_path / "cells.h5ad")
    with pytest.raises(cx.InputError, match="is no table of responses"):
        p.from_anndata(anndata.AnnData(np.ones((2, 2))))
    with pytest.raises(cx.InputError, match=r"is no file: did you mean 'cells\.h5ad'"):
        p.read_table(tmp_path / "cell.h5ad")
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "a.csv")
    with pytest.raises(cx.InputError, match="is of no known layout"):
        p.read_table(tmp_path / "a.csv")


def test_long_lines_go_there_and_back(table, tmp_path):
    lines = table.to_frame()
    assert lines.columns.tolist() == [
        "context", "compound", "dose", "plate", "gene", "t", "logFC", "signed_log10_p", "mask",
    ]  # fmt: skip
    shuffled = lines.drop(columns="mask").sample(frac=1, random_state=0)
    shuffled[shuffled["t"].notna()].to_csv(tmp_path / "long.csv", index=False)
    back = p.read_table(tmp_path / "long.csv").take_genes(GENES)
    keys = ["context", "compound", "dose", "plate"]
    at = pd.MultiIndex.from_frame(back.rows[keys]).get_indexer(
        pd.MultiIndex.from_frame(table.rows[keys])
    )
    back = back.take(at)
    np.testing.assert_array_equal(back.t, table.t)  # the line that is not there is NaN
    np.testing.assert_allclose(back.logFC, table.logFC, rtol=1e-6)


def test_long_tables_name_their_columns_and_say_what_stands_twice():
    lines = pd.DataFrame(
        {"cell": ["B"] * 4, "drug": ["x", "x", "y", "y"], "symbol": ["g1", "g2"] * 2,
         "lfc": [1.0, -1.0, 0.5, 2.0], "pval": [0.0, 0.01, 1.0, np.nan], "n_cells": [9, 9, 7, 7]}
    )  # fmt: skip
    table = p.read_long(lines, context="cell", compound="drug")
    np.testing.assert_allclose(table.signed_log10_p, [[323.30621, -2], [0, np.nan]], rtol=1e-7)
    assert table.rows["n_cells"].tolist() == [9, 7]
    assert table.notes == ("1 p-values of 0 are set to 5e-324",)
    twice = pd.concat([lines, lines.iloc[[1]]], ignore_index=True)
    with pytest.raises(cx.InputError, match=r"lines 1 and 4 are both \(B, x, g2\)"):
        p.read_long(twice, context="cell", compound="drug")
    with pytest.raises(cx.InputError, match="direction is not known"):
        p.read_long(lines.drop(columns="lfc"), context="cell", compound="drug")
    with pytest.raises(cx.InputError, match=r"'pval' holds 1.5 in row 1, which is no p-value"):
        p.read_long(lines.assign(pval=[0, 1.5, 1, 1]), context="cell", compound="drug")
    with pytest.raises(cx.InputError, match="'lfc' holds 'high' in row 0"):
        p.read_long(lines.assign(lfc=["high", 1, 1, 1]), context="cell", compound="drug")
    with pytest.raises(cx.InputError, match="did you mean 'drug'"):
        p.read_long(lines, context="cell", compound="drugs")


def test_the_direction_is_that_of_t_and_of_the_fold_change_where_t_is_missing():
    lines = pd.DataFrame(
        {"context": "B", "compound": "x", "gene": ["g1", "g2", "g3"], "p": [0.1, 0.1, 0.1],
         "t": [2.0, np.nan, np.nan], "logFC": [-1.0, -1.0, np.nan]}
    )  # fmt: skip
    np.testing.assert_allclose(p.read_long(lines).signed_log10_p, [[1, -1, np.nan]])


def test_wide_tables_are_joined_by_name(table, tmp_path):
    rows = table.rows[["context", "compound", "dose"]].assign(duration_h=24)
    t = pd.concat([rows, pd.DataFrame(table.t, columns=GENES)], axis=1)
    logFC = pd.concat([rows, pd.DataFrame(table.logFC[:, ::-1], columns=GENES[::-1])], axis=1)
    t.to_parquet(tmp_path / "t.parquet")
    found = p.read_wide({"t": tmp_path / "t.parquet", "logFC": logFC}, compounds=table.compounds)
    assert found.rows.columns.tolist() == ["context", "compound", "dose", "duration_h"]
    np.testing.assert_array_equal(found.logFC, table.logFC)
    assert found.logFC.dtype == np.float32
    with pytest.raises(cx.InputError, match="logFC lacks 1 genes of the first layer: g29"):
        p.read_wide({"t": t, "logFC": logFC.drop(columns="g29")})
    with pytest.raises(cx.InputError, match="other rows"):
        p.read_wide({"t": t, "logFC": logFC.iloc[::-1]})
    with pytest.raises(cx.InputError, match=r"read_wide\(\{'t': path\}\)"):
        p.read_table(tmp_path / "t.parquet")


# ---- results of other tools ---------------------------------------------------------------------


def test_results_of_limma_give_its_own_numbers_and_survive_p_of_zero(shared, tmp_path):
    path = shared / "perturbation" / "limma_oracle" / "pasilla_limma_voom.csv"
    top = pd.read_csv(path)
    table = p.from_results({("S2", "pasilla"): path})
    assert table.genes.tolist() == top["gene"].tolist()
    np.testing.assert_allclose(table.t[0], top["t"], rtol=1e-12)
    np.testing.assert_allclose(np.abs(table.signed_log10_p[0]), -np.log10(top["P.Value"]))
    assert table.df[0] == pytest.approx(10.0713, abs=1e-3)  # d0 6.0713 + 4
    # A statistic so large that its p-value is 0 is given its exponent back.
    top.loc[3, ["t", "P.Value"]] = [-1e40, 0.0]
    table = p.from_results({("S2", "pasilla"): top})
    expected = p.signed_log10_p([-1e40], 10.0713)[0]
    assert table.signed_log10_p[0, 3] == pytest.approx(expected, rel=1e-3)
    assert table.notes == ("1 p-values of 0 follow from their statistic",)
    assert np.isfinite(table.signed_log10_p).all()


def test_results_of_deseq2_keep_what_it_left_out():
    result = pd.DataFrame(
        {"baseMean": [9.0, 8, 7, 6], "log2FoldChange": [4.0, -5, 0.1, 1], "lfcSE": 0.1,
         "stat": [40.0, -50, 1.96, 3], "pvalue": [0.0, 0.0, 2 * stats.norm.sf(1.96), np.nan]},
        index=["g1", "g2", "g3", "g4"],
    )  # fmt: skip
    table = p.from_results({("B", "x"): result})
    found = [349.1360, -544.6653, 1.3011, np.nan]
    np.testing.assert_allclose(table.signed_log10_p[0], found, atol=1e-3)
    assert not table.mask[0, 3]
    np.testing.assert_array_equal(table.t[0], result["stat"])


def test_results_of_scanpy_are_read_as_it_returns_them(cells):
    sc = pytest.importorskip("scanpy")
    adata = cells.copy()
    adata.X = adata.X.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.pp.log1p(adata)
        sc.tl.rank_genes_groups(adata, "cell_type", groups=["type 1", "type 2"], method="t-test")
        frames = {
            ("pancreas", name): sc.get.rank_genes_groups_df(adata, name)
            for name in ("type 1", "type 2")
        }
    table = p.from_results(frames)
    first = frames["pancreas", "type 1"]
    assert table.genes.tolist() == first["names"].tolist()
    second = frames["pancreas", "type 2"].set_index("names").loc[first["names"]]
    np.testing.assert_array_equal(table.t[1], second["scores"])
    ok = second["pvals"].to_numpy() > 0
    expected = -np.sign(second["scores"]) * np.log10(second["pvals"].where(ok))
    np.testing.assert_allclose(table.signed_log10_p[1, ok], expected[ok], rtol=1e-7)
    both = pd.concat(frames.values()).assign(group=np.repeat(["1", "2"], len(first)))
    with pytest.raises(cx.InputError, match="'x' in 'B': it holds 2 groups"):
        p.from_results({("B", "x"): both})


def test_results_with_other_genes_are_joined_by_name():
    a = pd.DataFrame({"logFC": [1.0, 2.0], "PValue": [0.1, 0.01]}, index=["g1", "g2"])
    b = pd.DataFrame({"logFC": [3.0, 4.0], "PValue": [0.1, 0.01]}, index=["g3", "g2"])
    table = p.from_results({("B", "x"): a, ("B", "y"): b})
    assert table.genes.tolist() == ["g1", "g2", "g3"]
    np.testing.assert_array_equal(table.logFC, [[1, 2, np.nan], [np.nan, 4, 3]])
    with pytest.raises(cx.InputError, match=r"'y' in 'B': no column is known \(it has a"):
        p.from_results({("B", "y"): pd.DataFrame({"a": [1.0]}, index=["g"])})
    with pytest.raises(cx.InputError, match="gene 'g1' stands more than once"):
        p.from_results({("B", "y"): a.set_axis(["g1", "g1"])})
    with pytest.raises(cx.InputError, match="genes are named neither"):
        p.from_results({("B", "y"): a.reset_index(drop=True)})


def test_single_cells_become_a_table_with_doubts():
    rng = np.random.default_rng(0)
    obs = pd.MultiIndex.from_product(
        [["B", "NK"], ["DMSO", "a", "b", "tiny"], ["d1", "d2", "d3"], range(20)],
        names=["cell_type", "drug", "donor", "cell"],
    ).to_frame(index=False)
    mean = rng.lognormal(0, 1, 200) * np.where(obs["drug"] == "tiny", 0.01, 1)[:, None]
    mean[obs["cell_type"] == "NK", :7] = 0
    cells = anndata.AnnData(rng.poisson(mean), obs=obs.set_index(obs.index.astype(str)))
    sums = p.pseudobulk(cells, by=["cell_type", "drug", "donor"])
    result = p.differential_expression(sums, compound="drug", control="DMSO", context="cell_type")
    table = p.from_differential_expression(result)
    assert set(table.rows.loc[table.suspect, "compound"]) == {"tiny"}
    nk = (table.rows["context"] == "NK").to_numpy()
    assert not table.mask[nk, :7].any()
    assert table.mask[~nk].mean() > 0.9
    np.testing.assert_array_equal(table.mask, result.supported)
    np.testing.assert_array_equal(table.t, result.t)
    again = replace(table, signed_log10_p=None)
    np.testing.assert_allclose(
        again.layer("signed_log10_p"), result.signed_log10_p, rtol=1e-4, atol=1e-8
    )
    assert table.rows["n_cells"].eq(60).all()


# ---- the competition ----------------------------------------------------------------------------


def kaggle_frame(n_genes=5):
    rng = np.random.default_rng(0)
    rows = [("B cells", "x"), ("NK cells", "x"), ("NK cells", "y"), ("NK cells", "z")]
    head = pd.DataFrame(rows, columns=["cell_type", "sm_name"])
    head["sm_lincs_id"] = head["sm_name"].map({"x": "LSM-1", "y": "LSM-2", "z": "LSM-3"})
    head["SMILES"] = head["sm_name"].map({"x": "CCO", "y": "CCN", "z": "CCC"})
    head["control"] = False
    genes = pd.DataFrame(
        rng.standard_normal((4, n_genes)), columns=[f"G{i}" for i in range(n_genes)]
    )
    return pd.concat([head, genes], axis=1)


def test_the_layout_of_the_competition_is_read(tmp_path):
    frame = kaggle_frame()
    frame.to_parquet(tmp_path / "de_train.parquet")
    pairs = pd.DataFrame(
        {"id": range(3), "cell_type": ["B cells", "Myeloid cells", "NK cells"],
         "sm_name": ["y", "w", "z"]}
    )  # fmt: skip
    table = p.read_kaggle(tmp_path / "de_train.parquet", id_map=pairs)
    np.testing.assert_array_equal(table.signed_log10_p, frame.iloc[:, 5:])
    assert table.rows.columns.tolist() == ["context", "compound", "control"]
    assert table.compounds.loc["y"].tolist() == ["LSM-2", "CCN"]
    assert table.notes == (
        "1 pairs to predict have a context without any row: Myeloid cells",
        "1 pairs to predict have a compound without any row: w",
        "1 pairs to predict are in the table already",
    )
    assert_equal(p.read_table(tmp_path / "de_train.parquet"), replace(table, notes=()))
    frame.loc[1, "SMILES"] = "CCCC"
    assert p.read_kaggle(frame).notes == ("x: several SMILES or ids, the first is kept",)
    with pytest.raises(cx.InputError, match=r"rows 0 and 4 are both \(B cells, x\)"):
        p.read_kaggle(pd.concat([frame, frame.iloc[[0]]]))
    with pytest.raises(cx.InputError, match="no column 'sm_name'"):
        p.read_kaggle(frame.drop(columns="sm_name"))
    with pytest.raises(cx.InputError, match="hold text: name them in facts="):
        p.read_kaggle(frame.assign(note="text"))


def test_a_submission_has_the_shape_of_the_sample(tmp_path):
    table = p.read_kaggle(kaggle_frame())
    pairs = pd.DataFrame({"id": [5, 3], "cell_type": ["NK cells"] * 2, "sm_name": ["y", "x"]})
    genes = ["G4", "G0", "G2"]
    told = p.write_submission(table, pairs, tmp_path / "s.csv", genes=genes)
    assert told["source"].eq("prediction").all()
    assert (tmp_path / "s.csv").read_text().startswith("id,G4,G0,G2\n5,")
    sent = pd.read_csv(tmp_path / "s.csv", **EXACT_FLOATS)
    np.testing.assert_array_equal(sent[genes], table.signed_log10_p[[2, 1]][:, [4, 0, 2]])
    assert sent["id"].tolist() == [5, 3]
    with pytest.raises(cx.InputError, match=r"lacks 1 of 2 genes \(G9\)"):
        p.write_submission(table, pairs, tmp_path / "n.csv", genes=["G0", "G9"])
    assert not (tmp_path / "n.csv").exists()


def test_a_pair_that_was_not_predicted_is_named_or_filled_as_stated(tmp_path):
    table = p.read_kaggle(kaggle_frame())
    y = table.signed_log10_p
    pairs = pd.DataFrame(
        {"id": range(3), "cell_type": ["B cells"] * 3, "sm_name": ["x", "z", "new"]}
    )
    with pytest.raises(cx.InputError, match=r"2 of 3 pairs are not predicted \(z in B cells, new"):
        p.write_submission(table, pairs, tmp_path / "s.csv")
    means = {"zero": (0 * y[3], 0 * y[0]), "gene_mean": (y.mean(0),) * 2,
             "compound_mean": (y[3], y.mean(0))}  # fmt: skip
    for fallback, expected in means.items():
        told = p.write_submission(table, pairs, tmp_path / "s.csv", fallback=fallback)
        sent = pd.read_csv(tmp_path / "s.csv", **EXACT_FLOATS).iloc[:, 1:]
        np.testing.assert_allclose(sent, [y[0], *expected], rtol=1e-15)
        assert told["source"][0] == "prediction"
        assert told["source"][1] == fallback
    assert told["source"][2] == "gene_mean"
    gap = np.array(y)
    gap[0, 1] = np.nan
    with pytest.raises(cx.InputError, match="NaN in 1 pairs, first x in B cells, gene G1"):
        p.write_submission(replace(table, signed_log10_p=gap), pairs.iloc[:1], tmp_path / "s.csv")
    with pytest.raises(cx.InputError, match="fallback must be"):
        p.write_submission(table, pairs, tmp_path / "s.csv", fallback="mean")


def test_id_maps_with_gaps_or_repeats_are_refused():
    good = pd.DataFrame({"id": [0, 1], "cell_type": "B", "sm_name": ["x", "y"]})
    assert p.read_id_map(good).columns.tolist() == ["id", "context", "compound"]
    with pytest.raises(cx.InputError, match="has 0 more than once"):
        p.read_id_map(good.assign(id=0))
    with pytest.raises(cx.InputError, match="has B, x more than once"):
        p.read_id_map(good.assign(sm_name="x"))
    with pytest.raises(cx.InputError, match="no column 'compound'"):
        p.read_id_map(good.drop(columns="sm_name"))


@pytest.fixture
def op3_file(tmp_path):
    rng = np.random.default_rng(0)
    frame = kaggle_frame()
    t = rng.standard_normal((4, 60)) * 3
    y = p.signed_log10_p(t, 12.0)
    adata = anndata.AnnData(
        obs=frame[["cell_type", "sm_name", "sm_lincs_id", "SMILES", "control"]]
        .assign(split="train", donor_id="d1")
        .set_axis([f"r{i}" for i in range(4)]),
        var=pd.DataFrame(index=[f"G{i}" for i in range(60)]),
        layers={"t": t, "logFC": t / 4, "sign_log10_pval": y, "AveExpr": t,
                "clipped_sign_log10_pval": np.clip(y, -4, 4)},
    )  # fmt: skip
    adata.write_h5ad(tmp_path / "de_train.h5ad")
    return tmp_path / "de_train.h5ad"


def test_the_layout_of_open_problems_3_is_read_from_file_memory_and_backed(op3_file):
    table = p.read_table(op3_file)
    whole = anndata.read_h5ad(op3_file)
    np.testing.assert_array_equal(table.t, whole.layers["t"])
    assert table.rows.columns.tolist() == ["context", "compound", "control", "split", "donor"]
    assert table.compounds.at["z", "SMILES"] == "CCC"
    np.testing.assert_allclose(table.df, 12, rtol=1e-6)
    assert_equal(p.read_op3(whole), table)
    backed = anndata.read_h5ad(op3_file, backed="r")
    assert_equal(p.read_op3(backed), table)
    backed.file.close()
    clipped = p.read_op3(op3_file, clipped=True)
    assert (clipped.stored, np.abs(clipped.signed_log10_p).max()) == (("signed_log10_p",), 4)
    whole.layers["sign_log10_pval"][1, 2] = -np.inf
    whole.layers["t"][1, 2] = -1e30
    mended = p.read_op3(whole)
    expected = p.signed_log10_p([-1e30], 12.0)[0]
    assert mended.signed_log10_p[1, 2] == pytest.approx(expected, rel=1e-5)
    assert "follow from their statistic" in mended.notes[0]
    del whole.layers["sign_log10_pval"]
    with pytest.raises(cx.InputError, match="there is no layer 'sign_log10_pval'"):
        p.read_op3(whole)


# ---- real data ----------------------------------------------------------------------------------


def test_the_real_layout_of_the_competition_at_full_size(shared, tmp_path):
    folder = shared / "perturbation" / "kaggle_op2023"
    genes = (folder / "genes_18211.txt").read_text().split()
    rows = pd.read_csv(folder / "train_rows_614.csv")
    compounds = pd.read_csv(folder / "compounds_147.csv").set_index("sm_name")
    rng = np.random.default_rng(0)
    frame = rows[["cell_type", "sm_name"]].join(
        compounds[["sm_lincs_id", "SMILES"]], on="sm_name"
    ).assign(control=False)  # fmt: skip
    y = rng.standard_normal((614, len(genes)), dtype=np.float32)
    baseline = pd.read_parquet(folder / "baseline_expression_6x18211.parquet").T
    table = p.read_kaggle(
        pd.concat([frame, pd.DataFrame(y, columns=genes)], axis=1), id_map=folder / "id_map.csv"
    )
    table = replace(table, contexts=baseline)
    assert (table.n_rows, table.n_genes, len(table.compounds), table.notes) == (614, 18211, 146, ())
    assert table.contexts.notna().all(axis=None)
    described = table.described()
    counts = described["context"].value_counts()
    assert counts["B cells"] == counts["Myeloid cells"] == 17
    split = p.few_shot_context(described, ["B cells", "Myeloid cells"], 10)
    assert split.test.sum() == 14
    pairs = p.read_id_map(folder / "id_map.csv")
    prediction = p.PerturbationTable(
        pairs[["context", "compound"]].iloc[::-1], genes, signed_log10_p=y[:255]
    )
    p.write_submission(prediction, folder / "id_map.csv", tmp_path / "submission.csv", genes=genes)
    with (tmp_path / "submission.csv").open() as stream:
        assert stream.readline().rstrip("\n").split(",") == ["id", *genes]
        lines = [line.split(",") for line in stream]
    assert [line[0] for line in lines] == [str(i) for i in range(255)]
    np.testing.assert_array_equal(np.array(lines[0][1:], dtype=np.float32), y[254])


def test_real_responses_of_hepatocytes_make_one_table(shared, tmp_path):
    pytest.importorskip("rdkit")
    folder = shared / "perturbation" / "tggates_human_hepatocyte"
    layers = {name: folder / f"de_{name}.parquet" for name in ("t", "logFC", "signed_log10_p")}
    table = p.read_wide(layers, compounds=folder / "compounds.csv")
    compounds = p.read_compounds(folder / "compounds.csv")
    assert_equal(p.read_wide(layers, compounds=compounds), table)
    assert (table.n_rows, table.n_genes, table.rows["context"].nunique()) == (857, 196, 9)
    assert table.rows.columns.tolist() == ["context", "compound", "dose_level", "duration_h"]
    assert table.compounds["inchikey"].notna().sum() == 145
    # One fit of limma: every row has the same degrees of freedom, and they join t and p.
    df = table.df
    assert np.ptp(df) < 1e-3 * df.mean()
    derived = replace(table, signed_log10_p=None, rows=table.rows.assign(df=df))
    np.testing.assert_allclose(
        derived.layer("signed_log10_p"), table.signed_log10_p, rtol=1e-5, atol=1e-6
    )
    p.write_table(table, tmp_path / "t.h5ad")
    assert_equal(p.read_table(tmp_path / "t.h5ad"), table)


def test_real_l1000_pairs_make_a_table(shared):
    h5py = pytest.importorskip("h5py")
    folder = shared / "perturbation" / "lincs_l1000"
    with h5py.File(folder / "l1000_paired_43cells_14compounds_100x978.h5") as stored:
        smiles = stored["canonical_smiles"].asstr()[:]
        context = stored["cid"].asstr()[:]
        change = stored["x2"][:] - stored["x1"][:]
    genes = pd.read_csv(folder / "l1000_landmark_genes_978.csv")["gene_symbol"]
    rows = pd.DataFrame({"context": context, "compound": smiles})
    rows["replicate"] = rows.groupby(["context", "compound"]).cumcount()
    compounds = pd.DataFrame({"SMILES": smiles}, index=smiles).drop_duplicates()
    table = p.PerturbationTable(rows, genes, logFC=change, compounds=compounds)
    assert (table.n_rows, table.n_genes, table.logFC.dtype) == (100, 978, np.float32)
    assert table.described()["SMILES"].notna().all()
    with pytest.raises(cx.InputError, match="does not follow from logFC"):
        table.layer("t")
