"""Perturbation: pseudobulks, differential expression against R's limma-voom, its quality."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import polygamma

import cellaxes as cx
from cellaxes._core.tables import EXACT_FLOATS
from cellaxes.perturbation._bayes import trigamma_inverse
from cellaxes.perturbation._least_squares import fit_linear, unscaled_covariance
from cellaxes.perturbation._lowess import lowess
from cellaxes.perturbation._tail import adjusted, f_log_tail, t_log10_p

pert = cx.perturbation


def plate(n_genes=300, n_drugs=10, replicates=3, seed=0, strong=0.0):
    """Counts (n_samples, n_genes) of drugs and controls in three donors, and their obs."""
    rng = np.random.default_rng(seed)
    drugs = ["DMSO"] * 9 + [f"d{k:02d}" for k in range(n_drugs) for _ in range(replicates)]
    n = len(drugs)
    obs = pd.DataFrame(
        {"compound": drugs, "donor": [f"D{i % 3}" for i in range(n)]},
        index=[f"s{i:03d}" for i in range(n)],
    )
    mean = np.exp(rng.normal(3, 1.2, n_genes))
    fold = np.ones((n, n_genes))
    fold[obs["compound"] == "d00", : n_genes // 10] = np.exp2(strong)
    depth = rng.lognormal(0, 0.3, (n, 1))
    return rng.poisson(mean * fold * depth * rng.gamma(20, 0.05, (n, n_genes))), obs


def differential(counts, obs, **options):
    return pert.differential_expression(
        counts, obs, **{"control": "DMSO", "covariates": ["donor"], **options}
    )


# ---- R is the oracle ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def oracle(shared):
    return shared / "perturbation" / "limma_oracle"


@pytest.fixture(scope="module")
def pasilla(shared, oracle):
    design = pd.read_csv(oracle / "pasilla_design.csv", index_col=0)
    table = pd.read_csv(
        shared / "perturbation/bulk_de/pasilla_gene_counts.tsv", sep="\t", index_col=0
    )
    return table[design.index].T, design


def read(path, **options):
    return pd.read_csv(path, index_col=0, **EXACT_FLOATS, **options)


def test_filter_and_normalisation_of_pasilla_are_those_of_r(pasilla, oracle):
    counts, design = pasilla
    kept = read(oracle / "pasilla_filterByExpr.csv")["keep"]
    found = pert.filter_by_expression(counts, design)
    assert (found == kept[counts.columns]).all()
    whole = read(oracle / "pasilla_nofilter_norm_factors.csv")["norm.factors"]
    assert np.abs(pert.norm_factors(counts) - whole).max() < 1e-10
    part = read(oracle / "pasilla_norm_factors.csv")
    factors = pert.norm_factors(counts.loc[:, found], library_size=part["lib.size"])
    assert np.abs(factors - part["norm.factors"]).max() < 1e-10


@pytest.mark.parametrize(
    ("answers", "robust", "filtered"),
    [
        ("pasilla_limma_voom", False, True),
        ("pasilla_limma_voom_robust", True, True),
        ("pasilla_nofilter_limma_voom", False, False),
    ],
)
def test_voom_and_moderated_t_of_pasilla_are_those_of_r(pasilla, oracle, answers, robust, filtered):
    counts, design = pasilla
    truth = read(oracle / f"{answers}.csv")
    sizes = counts.sum(axis=1)
    counts = counts[truth.index]
    fitted = pert.voom(
        counts,
        design,
        library_size=sizes,
        norm_factors=pert.norm_factors(counts, library_size=sizes),
    )
    if filtered:
        E = read(oracle / "pasilla_voom_E.csv").T
        weights = read(oracle / "pasilla_voom_weights.csv").T
        assert np.abs(fitted.E - E.to_numpy()).max() < 1e-8  # they are printed so
        assert np.abs(fitted.weights / weights.to_numpy() - 1).max() < 1e-6
    found = pert.moderated_t(
        fitted, {"conditiontreated": 1, "conditionuntreated": -1}, robust=robust
    ).set_index(truth.index)
    assert np.abs(found["logFC"] - truth["logFC"]).max() < 1e-6
    assert np.abs(found["average"] - truth["AveExpr"]).max() < 1e-6
    assert np.abs(found["t"] - truth["t"]).max() < 1e-6
    assert np.abs(found["log10_p"] - np.log10(truth["P.Value"])).max() < 1e-6
    assert np.abs(found["adjusted_p"] - truth["adj.P.Val"]).max() < 1e-6


@pytest.fixture(scope="module")
def simulated(oracle):
    counts = read(oracle / "sim_counts.csv.gz").T
    return counts, pd.read_csv(oracle / "sim_obs.csv").set_index("sample")


@pytest.mark.parametrize(
    ("robust", "t_name", "p_name"), [(False, "t", "P.Value"), (True, "t_robust", "P_robust")]
)
def test_a_plate_of_42_compounds_is_that_of_r(simulated, oracle, robust, t_name, p_name):
    counts, obs = simulated
    factors = read(oracle / "sim_norm_factors.csv")["nf"]
    assert np.abs(pert.norm_factors(counts) - factors).max() < 1e-10
    found = differential(
        counts, obs, compound="sm", covariates=["donor", "plate", "row"], robust=robust
    )
    truth = pd.read_csv(oracle / "sim_limma_voom.csv.gz", **EXACT_FLOATS)
    pairs = pd.MultiIndex.from_product([found.rows["compound"], found.genes])
    truth = truth.set_index(["sm", "gene"]).loc[pairs]
    assert np.abs(found.logFC.ravel() - truth["logFC"]).max() < 1e-6
    assert np.abs(found.t.ravel() - truth[t_name]).max() < 1e-6
    log10_p = np.log10(truth[p_name].to_numpy())
    assert np.abs(np.abs(found.signed_log10_p.ravel()) + log10_p).max() < 1e-6
    assert [d.column for d in found.dropped["all"]] == ["plate[P4]", "plate[P6]"]
    assert all("before" in d.reason for d in found.dropped["all"])


def test_the_compound_at_two_percent_depth_is_flagged_and_no_other(simulated):
    counts, obs = simulated
    found = differential(counts, obs, compound="sm", covariates=["donor", "plate", "row"])
    judged = pert.quality(found)
    assert judged.suspects["compound"].tolist() == ["C01"]
    assert set(judged.suspects["reasons"].iloc[0]) == {"tiny_library", "one_sided"}
    assert judged.rows["weight"].idxmin() == judged.suspects.index[0]
    alone = pert.row_quality(found.t, found.rows[["context", "compound"]])
    assert alone.suspects["compound"].tolist() == ["C01"]


def test_real_profiles_of_microarrays_are_not_suspect(shared):
    table = pd.read_parquet(shared / "perturbation/tggates_human_hepatocyte/de_t.parquet")
    t = table.select_dtypes("number").to_numpy()
    judged = pert.row_quality(t, table[["context", "compound"]])
    assert len(judged.suspects) == 0
    assert judged.rows["agreement"].mean() > 0.9


# ---- parts --------------------------------------------------------------------------------------


@given(st.integers(0, 30), st.integers(0, 3), st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_closed_form_elimination_is_weighted_least_squares(seed, q, n_groups):
    rng = np.random.default_rng(seed)
    n = 4 * n_groups + q + 3
    obs = pd.DataFrame({"g": [f"g{i % n_groups}" for i in range(n)]})
    for a in range(q):
        obs[f"z{a}"] = rng.normal(1e4, 1.0, n) if a == 0 else rng.normal(size=n)
    design = pert.make_design(obs, "g", covariates=[f"z{a}" for a in range(q)])
    y, w = rng.normal(size=(n, 3)), rng.gamma(2, 1, (n, 3))
    fit = fit_linear(y, w, design)
    for gene in range(3):
        root = np.sqrt(w[:, gene])[:, None]
        X = design.matrix * root
        beta, rss, rank, _ = np.linalg.lstsq(X, y[:, gene] * root[:, 0], rcond=None)
        coefficients = np.concatenate([fit.group_coefficients, fit.covariate_coefficients])
        fitted = design.matrix @ coefficients[:, gene]
        assert np.allclose(fitted, design.matrix @ beta, atol=1e-6)
        assert np.allclose(fit.variance[gene], rss[0] / (n - rank), rtol=1e-7)
    if q == 0 or n_groups < 2:
        return
    centred = design.matrix.copy()
    centred[:, n_groups] -= 1e4
    inverse = np.linalg.inv((centred * w[:, [0]]).T @ centred)
    at = np.array([unscaled_covariance(fit, i, j)[0] for i, j in [(0, 0), (0, 1), (1, 1)]])
    difference = inverse[0, 0] - 2 * inverse[0, 1] + inverse[1, 1]
    assert np.isclose(at @ [1, -2, 1], difference, rtol=1e-4)


def test_exact_and_limma_variance_agree_without_covariates_and_differ_with():
    counts, obs = plate()
    plain = [differential(counts, obs, covariates=[], variance=v).t for v in ("limma", "exact")]
    assert np.allclose(*plain, rtol=1e-12)
    adjusted_for = [differential(counts, obs, variance=v).t for v in ("limma", "exact")]
    assert 1e-9 < np.abs(adjusted_for[0] / adjusted_for[1] - 1).max() < 0.2


def test_trigamma_is_inverted():
    for y in (1e-4, 0.3, 1.0, 7.5, 1e4):
        assert np.isclose(trigamma_inverse(float(polygamma(1, y))), y, rtol=1e-9)


def test_squeezing_finds_the_prior_that_drew_the_variances_even_with_outliers():
    rng = np.random.default_rng(0)
    n, d, d0, s02 = 20_000, 6, 10.0, 2.0
    s2 = s02 * rng.f(d, d0, n)
    found = pert.squeeze_variances(s2, d)
    assert np.isclose(found.prior_variance, s02, rtol=0.05)
    assert np.isclose(found.prior_df[0], d0, rtol=0.1)
    s2[:600] *= 50
    misled, firm = (pert.squeeze_variances(s2, d, robust=r) for r in (False, True))
    assert misled.prior_df.max() < 5
    assert 8 < firm.prior_df.max() < 12
    assert np.median(firm.prior_df[:600]) < np.median(firm.prior_df[600:])
    order = np.argsort(s2)
    assert (np.diff(firm.prior_df[order]) <= 0).all()


def test_variances_that_vary_no_more_than_by_sampling_become_one():
    s2 = np.linspace(0.9, 1.1, 50)
    for robust in (False, True):
        found = pert.squeeze_variances(s2, 4, robust=robust)
        assert np.isinf(found.prior_df).all()
        assert np.allclose(found.variance, found.prior_variance)
        assert (found.total_df == 200).all()


def test_p_values_have_no_floor():
    # computed with 60 digits; the third lies below what double precision holds
    t, df = np.array([300.0, 40.0, 60.0, 1e3]), np.array([12.5, 200.0, 1e6, 30.0])
    expected = [-24.7638707103626, -96.6480608218362, -782.201872811065, -68.6836095186617]
    assert np.allclose(t_log10_p(t, df), expected, rtol=0, atol=1e-8)
    assert t_log10_p(np.array([1e6]), 200.0)[0] < -700
    assert t_log10_p(np.array([0.0]), 5.0)[0] == 0
    assert np.isclose(f_log_tail(np.array([16.0]), 1, 200)[0] / np.log(10), t_log10_p(4.0, 200.0))


def test_lowess_follows_a_curve_and_forgets_outliers():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, 800)
    y = np.sin(x) + rng.normal(0, 0.05, 800)
    y[::40] += 8
    at, curve = lowess(x, y, 0.2)
    assert (np.diff(at) >= 0).all()
    assert np.abs(curve - np.sin(at))[20:-20].max() < 0.12
    line = lowess(x, 2 * x + 1)[1]
    assert np.allclose(line, 2 * np.sort(x) + 1)


def test_adjusted_p_values_are_those_of_benjamini_and_hochberg():
    p = np.array([0.01, np.nan, 0.04, 0.03, 0.5])
    assert np.allclose(
        adjusted(np.log10(p)), [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5], equal_nan=True
    )


def test_norm_factors_undo_a_few_genes_that_take_most_of_the_library():
    counts, _ = plate(n_genes=500, n_drugs=2)
    counts = counts[:6].copy()
    counts[:3, :5] = 200_000
    factors = pert.norm_factors(counts)
    effective = counts.sum(axis=1) * factors
    rest = counts[:, 5:].sum(axis=1)
    assert np.allclose(effective / rest, (effective / rest).mean(), rtol=0.1)
    assert np.isclose(np.prod(factors), 1)
    assert np.allclose(pert.norm_factors(sp.csr_matrix(counts)), factors)


def test_norm_factors_of_libraries_that_are_mostly_zeros_take_a_rich_reference():
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.1, (12, 6000))
    counts[0] = 0
    counts[0, :3] = 1  # no upper quartile, and next to nothing to compare with
    counts[3, :5] = 400
    effective = counts.sum(axis=1) * pert.norm_factors(counts)
    rest = counts[:, 5:].sum(axis=1)[1:]
    assert np.allclose(effective[1:] / rest, (effective[1:] / rest).mean(), rtol=0.15)


# ---- designs ------------------------------------------------------------------------------------


def test_a_covariate_confounded_with_compounds_is_dropped_and_named_as_such():
    counts, obs = plate()
    obs["library"] = np.where(obs["compound"] == "d03", "second", "first")
    obs["donor_again"] = obs["donor"]
    found = differential(counts, obs, covariates=["donor", "library", "donor_again"])
    reasons = {d.column: d.reason for d in found.dropped["all"]}
    assert "confounded" in reasons["library[second]"]
    assert "before it" in reasons["donor_again[D1]"]
    assert "library[second]" in repr(found)
    assert np.allclose(found.t, differential(counts, obs).t)


def test_a_matrix_and_a_table_give_the_same_fit():
    counts, obs = plate()
    design = pert.make_design(obs, "compound", covariates=["donor"])
    named = pd.DataFrame(design.matrix, columns=list(design.names)).assign(extra=1.0)
    found = [
        pert.moderated_t(pert.voom(counts, d), {"d01": 1, "DMSO": -1}) for d in (design, named)
    ]
    pd.testing.assert_frame_equal(*found)
    with pytest.raises(cx.InputError, match="dropped"):
        pert.moderated_t(pert.voom(counts, named), {"extra": 1})


# ---- differential expression --------------------------------------------------------------------


def test_a_true_effect_is_found_with_its_size_and_nothing_else():
    counts, obs = plate(strong=2.0)
    found = differential(counts, obs)
    row = found.rows.index[found.rows["compound"] == "d00"][0]
    assert np.isclose(np.median(found.logFC[row, :30]), 2, atol=0.15)
    assert (found.adjusted_p[row, :30] < 0.05).mean() > 0.9
    others = np.delete(found.adjusted_p, row, axis=0)
    assert (others < 0.05).mean() < 0.01
    frame = found.to_frame()
    assert len(frame) == 10 * 300
    assert np.allclose(frame["p"], 10 ** -frame["signed_log10_p"].abs())
    assert (np.sign(frame["t"]) == np.sign(frame["signed_log10_p"])).all()


def test_contexts_are_fitted_apart_or_jointly():
    counts, obs = plate()
    other, _ = plate(seed=1)
    both = np.vstack([counts, other])
    table = pd.concat([obs.assign(cell="B"), obs.assign(cell="T")])
    table.index = [f"s{i}" for i in range(len(table))]
    apart = differential(both, table, context="cell", donor="donor")
    assert np.allclose(apart.t[:10], differential(counts, obs).t)
    assert [fit.context for fit in apart.fits] == ["B", "T"]
    assert apart.rows["n_donors"].eq(3).all()
    joint = differential(both, table, context="cell", joint=True)
    assert len(joint.fits) == 1
    assert joint.rows["context"].tolist() == apart.rows["context"].tolist()
    assert 0.8 < np.corrcoef(joint.t.ravel(), apart.t.ravel())[0, 1] < 1


def test_pairs_of_compounds_can_be_compared():
    counts, obs = plate()
    found = differential(counts, obs, contrasts=[("d01", "d02"), ("d02", "d01")])
    assert np.allclose(found.t[0], -found.t[1])
    against = differential(counts, obs).logFC
    assert np.allclose(found.logFC[0], against[1] - against[2])


def test_the_order_of_samples_and_the_container_do_not_matter():
    counts, obs = plate()
    found = differential(counts, obs).t
    order = np.random.default_rng(0).permutation(len(obs))
    assert np.allclose(differential(counts[order], obs.iloc[order]).t, found)
    adata = anndata.AnnData(sp.csc_matrix(counts.astype(np.float32)), obs=obs)
    assert np.allclose(differential(adata, None).t, found)


def test_genes_without_counts_in_both_arms_are_marked_and_kept():
    counts, obs = plate()
    counts[np.isin(obs["compound"], ["d04", "DMSO"]), 7] = 0
    found = differential(counts, obs)
    row = found.rows.index[found.rows["compound"] == "d04"][0]
    assert not found.supported[row, 7]
    assert np.isfinite(found.t[row, 7])
    assert found.supported.sum() == found.supported.size - 1


def test_filtered_genes_are_nan_and_not_counted_among_the_tests():
    counts, obs = plate()
    counts[:, :50] = 0
    found = differential(counts, obs, filter_genes=True)
    assert np.isnan(found.t[:, :50]).all()
    assert found.fits[0].n_genes == np.isfinite(found.t[0]).sum() <= 250
    genes = pert.quality(found).genes
    assert (genes["reason"][:50] == "left_out").all()


# ---- pseudobulk ---------------------------------------------------------------------------------


@pytest.fixture
def wells(cells):
    adata = cells.copy()
    rng = np.random.default_rng(0)
    adata.obs["drug"] = pd.Categorical(rng.choice(["DMSO", "a", "b"], adata.n_obs))
    adata.obs["donor"] = rng.choice(["D1", "D2"], adata.n_obs)
    adata.obs["smiles"] = adata.obs["drug"].map({"DMSO": "CS(C)=O", "a": "C", "b": "CC"})
    return adata


def test_pseudobulk_is_the_sum_of_cells_from_any_container(wells, tmp_path, monkeypatch):
    monkeypatch.setattr("cellaxes.perturbation._pseudobulk.BLOCK", 100)
    found = pert.pseudobulk(wells, by=["drug", "donor"])
    assert found.obs["n_cells"].sum() == wells.n_obs
    for name, row in found.obs.iterrows():
        own = ((wells.obs["drug"] == row["drug"]) & (wells.obs["donor"] == row["donor"])).to_numpy()
        expected = np.asarray(wells.X[own].sum(axis=0)).ravel()
        assert (found[name].X.toarray().ravel() == expected).all()
    assert "smiles" in found.obs
    assert found.obs["smiles"].notna().all()
    wells.write_h5ad(tmp_path / "wells.h5ad")
    backed = pert.pseudobulk(
        anndata.read_h5ad(tmp_path / "wells.h5ad", backed="r"), by=["drug", "donor"]
    )
    assert (backed.X != found.X).nnz == 0
    da = pytest.importorskip("dask.array")
    lazy = wells.copy()
    lazy.X = da.from_array(wells.X.toarray(), chunks=(130, 50))
    assert (pert.pseudobulk(lazy, by=["drug", "donor"]).X != found.X).nnz == 0


def test_small_samples_are_left_out_and_listed(wells):
    wells.obs["drug"] = wells.obs["drug"].astype(str)
    wells.obs.iloc[:3, wells.obs.columns.get_loc("drug")] = "rare"
    found = pert.pseudobulk(wells, by=["drug"], min_cells=10)
    assert "rare" not in set(found.obs["drug"])
    assert found.uns["cellaxes_pseudobulk"]["left_out"]["sample"].tolist() == ["rare"]
    with pytest.raises(cx.InputError, match="no sample has"):
        pert.pseudobulk(wells, by=["drug"], min_cells=10_000)


def test_pseudobulks_go_straight_into_differential_expression(wells, tmp_path):
    sums = pert.pseudobulk(wells, by=["drug", "donor"])
    found = pert.differential_expression(
        sums, compound="drug", control="DMSO", covariates=["donor"], donor="donor"
    )
    assert found.rows["n_cells"].sum() == sums.obs["n_cells"][sums.obs["drug"] != "DMSO"].sum()
    sums.write_h5ad(tmp_path / "sums.h5ad")


# ---- quality ------------------------------------------------------------------------------------


def test_few_cells_one_replicate_and_one_donor_are_said():
    counts, obs = plate()
    obs["n_cells"] = 300
    obs.loc[obs["compound"] == "d02", "n_cells"] = 6
    obs.loc[obs["compound"] == "d05", "n_cells"] = 20
    kept = np.ones(len(obs), dtype=bool)
    kept[np.flatnonzero(obs["compound"] == "d07")[1:]] = False
    judged = pert.quality(differential(counts[kept], obs[kept], donor="donor"))
    rows = judged.rows.set_index("compound")
    assert rows.index[rows["suspect"]].tolist() == ["d02"]
    assert rows.loc["d02", "reasons"] == ("few_cells",)
    assert rows.loc["d05", "warnings"] == ("low_cells",)
    assert set(rows.loc["d07", "warnings"]) == {"one_replicate", "one_donor"}
    assert rows["weight"].idxmin() == "d02"
    assert set(pert.REASONS) | set(pert.WARNINGS) >= {c for v in rows["warnings"] for c in v}
    assert judged.to_frame().set_index("compound").loc["d02", "reasons"] == "few_cells"


def test_a_strong_compound_is_not_an_artefact():
    counts, obs = plate(strong=3.0)
    rows = pert.quality(differential(counts, obs)).rows.set_index("compound")
    assert not rows.loc["d00", "suspect"]
    assert "strong" in rows.loc["d00", "warnings"]


def test_ties_of_unexpressed_genes_are_flagged():
    rng = np.random.default_rng(0)
    t = rng.normal(size=(20, 400))
    t[4, :150] = -3.8
    rows = pd.DataFrame({"context": "B", "compound": [f"c{i}" for i in range(20)]})
    judged = pert.row_quality(t, rows)
    assert judged.suspects["compound"].tolist() == ["c4"]
    assert judged.suspects["reasons"].iloc[0] == ("tied",)


def test_agreement_knows_a_row_that_is_another_compound():
    rng = np.random.default_rng(0)
    own = rng.normal(size=(12, 200))
    t = np.vstack([own + 0.5 * rng.normal(size=own.shape) for _ in range(3)])
    t[5] = own[8] + 0.5 * rng.normal(size=200)
    rows = pd.DataFrame({"context": np.repeat(list("abc"), 12), "compound": list(range(12)) * 3})
    agreement = pert.row_quality(t, rows).rows["agreement"]
    assert agreement[5] < 0.95
    assert (agreement.drop(5) > 0.95).all()


def test_a_compound_that_kills_one_cell_type_is_found():
    rng = np.random.default_rng(0)
    names = np.array(["DMSO"] * 12 + [f"c{k:02d}" for k in range(20) for _ in range(3)])
    share = np.tile([0.4, 0.3, 0.2, 0.1], (len(names), 1))
    share[names == "c03", 2] /= 20
    total = np.where(names == "c07", 40, 400)[:, None]
    cells = pd.DataFrame(rng.poisson(share * total), columns=["T", "NK", "B", "Myeloid"])
    batch = np.arange(len(names)) % 3
    found = pert.composition_outliers(cells, names, control="DMSO", batch=batch)
    table = found.to_frame().set_index("compound")
    assert table.index[table["outlier"]].tolist() == ["c03"]
    assert table.loc["c03", "most_lost"] == "B"
    assert table.index[table["cytotoxic"]].tolist() == ["c07"]
    again = pert.composition_outliers(cells, names, control="DMSO", batch=batch)
    pd.testing.assert_frame_equal(found.compounds, again.compounds)
    with pytest.raises(cx.InputError, match="no control"):
        pert.composition_outliers(cells, names, control="DMSO", batch=names)


# ---- what cannot be used ------------------------------------------------------------------------


def refuse(match, counts, obs, **options):
    with pytest.raises(cx.InputError, match=match):
        differential(counts, obs, **options)


def test_bad_input_is_refused_in_one_clear_sentence():
    counts, obs = plate()
    drug = (obs["compound"] != "DMSO").to_numpy()
    refuse("no sample has the compound 'DMSO'", counts[drug], obs[drug])
    cells = np.where(np.arange(len(obs)) % 2, "B", "T").astype(object)
    cells[drug & (obs["compound"] == "d01").to_numpy()] = "lonely"
    refuse(
        "context 'lonely' has no sample of the control", counts, obs.assign(c=cells), context="c"
    )
    first = ~obs["compound"].duplicated().to_numpy()
    refuse("residual degree of freedom.*replicates", counts[first], obs[first], covariates=[])
    refuse("negative value", counts - 100, obs)
    refuse("no whole number", counts / 3, obs)
    refuse("holds nan", np.where(counts == counts.max(), np.nan, counts), obs)
    empty = counts.copy()
    empty[4] = 0
    refuse("sample 's004' of counts has an empty library", empty, obs)
    copies = np.tile(counts[0], (len(obs), 1))
    refuse("context 'all': no gene varies", copies, obs)
    refuse("gene 'g' occurs more than once", counts, obs, genes=["g"] * 300)
    refuse("sample 'x' occurs more than once", counts, obs.set_axis(["x"] * len(obs)))
    refuse("obs has 38 rows for 39", counts, obs.iloc[1:])
    refuse("did you mean 'donor'", counts, obs, covariates=["doner"])
    refuse("'donor'.*missing in 1", counts, obs.assign(donor=[None, *obs["donor"][1:]]))
    refuse("pass \\['donor'\\]", counts, obs, covariates="donor")
    refuse("'limma' or 'exact'", counts, obs, variance="other")
    refuse("nothing to compare", counts[~drug], obs[~drug])


def test_pseudobulk_refuses_what_is_no_count(wells):
    wells.layers["log"] = np.log1p(wells.X.toarray())
    with pytest.raises(cx.InputError, match="log-normalised"):
        pert.pseudobulk(wells, by=["drug"], layer="log")
    with pytest.raises(cx.InputError, match="did you mean 'drug'"):
        pert.pseudobulk(wells, by=["drugs"])
    wells.var_names = ["g"] * wells.n_vars
    with pytest.raises(cx.InputError, match="gene 'g' occurs more than once"):
        pert.pseudobulk(wells, by=["drug"])
