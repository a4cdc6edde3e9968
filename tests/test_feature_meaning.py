"""What features mean: markers, gene sets, labels, leakage, names."""

import gzip
from dataclasses import FrozenInstanceError, replace

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, hypergeom, linregress
from sklearn.decomposition import TruncatedSVD
from sklearn.metrics import f1_score, roc_auc_score

import cellaxes as cx
from cellaxes.features._meaning import _cycle, _enrich, _expression, _ora

N, G = 900, 240
GENES = np.array([f"G{i}" for i in range(G)])


@pytest.fixture(scope="module")
def world():
    """Cells of three types in two batches; feature j makes 20 genes of its own rise."""
    draw = np.random.default_rng(0)
    types = draw.integers(0, 3, N)
    batch = draw.integers(0, 2, N)
    F = np.zeros((N, 6), dtype=np.float32)
    for t in range(3):
        F[:, t] = (types == t) * draw.gamma(5, 0.2, N)
    F[:, 3] = (draw.random(N) < 0.3) * draw.gamma(5, 0.2, N)
    F[:, 4] = (batch == 1) * draw.gamma(5, 0.2, N)
    rate = draw.gamma(2, 1, G) * np.ones((N, 1))
    for j in range(5):
        rate[:, 20 * j : 20 * j + 20] *= np.exp(1.2 * np.minimum(F[:, [j]], 2))
    X = draw.poisson(rate * draw.gamma(4, 0.25, (N, 1)))
    sets = {f"SET_{j}": GENES[20 * j : 20 * j + 20] for j in range(8)}
    return {"F": F, "X": X, "types": np.array(["A", "B", "C"])[types], "batch": batch, "sets": sets}


def log_cpm(X):
    return np.log1p(1e6 * X / X.sum(1, keepdims=True))


# --- genes


def test_markers_are_pearson_correlations_with_log_cpm(world, monkeypatch):
    monkeypatch.setattr(_expression, "BLOCK", 100)
    found = cx.features.markers(sp.csr_matrix(world["F"]), sp.csc_matrix(world["X"]), GENES)
    expected = np.corrcoef(world["F"][:, :5].T, log_cpm(world["X"]).T)[:5, 5:]
    np.testing.assert_allclose(found.r[:5], expected, atol=2e-6)
    assert found.r.dtype == np.float32
    assert not found.r[5].any(), "a feature that is never active goes with nothing"


def test_markers_are_the_same_from_every_container_and_from_logs(world, tmp_path):
    whole = cx.features.markers(world["F"], world["X"], GENES).r
    logs = sp.csr_matrix(log_cpm(world["X"]))
    np.testing.assert_allclose(
        cx.features.markers(world["F"], logs, GENES, values="log").r, whole, atol=1e-6
    )
    anndata.AnnData(sp.csr_matrix(world["X"].astype(np.float32))).write_h5ad(tmp_path / "x.h5ad")
    backed = anndata.read_h5ad(tmp_path / "x.h5ad", backed="r")
    np.testing.assert_allclose(cx.features.markers(world["F"], backed.X, GENES).r, whole, atol=1e-6)
    backed.file.close()


def test_features_are_read_in_blocks_that_do_not_show(world, monkeypatch):
    from cellaxes.features._meaning import _correlate

    whole = cx.features.markers(world["F"], world["X"], GENES).r
    monkeypatch.setattr(_correlate, "FEATURE_BLOCK", 2)
    np.testing.assert_array_equal(cx.features.markers(world["F"], world["X"], GENES).r, whole)


def test_top_genes_are_the_programme_and_carry_a_decoders_effect(world):
    effect = np.arange(6 * G, dtype=float).reshape(6, G)
    found = cx.features.markers(world["F"], world["X"], GENES, lfc=effect)
    for j in range(5):
        top = found.top(j, 20)
        assert set(top["gene"]) <= set(GENES[20 * j : 20 * j + 20])
        assert top["r"].is_monotonic_decreasing
    first = found.top(2, 1).iloc[0]
    assert first["lfc"] == effect[2, GENES.tolist().index(first["gene"])]
    assert (found.top(0, 5, negative=True)["r"] < 0).all()
    assert len(found.top(5)) == 0
    assert found.to_frame(3).groupby("feature").size().to_dict() == dict.fromkeys(range(5), 3)


def test_a_gene_of_next_to_no_cell_is_not_ranked():
    draw = np.random.default_rng(1)
    F = (draw.random((2000, 1)) < 0.002).astype(float)
    X = draw.poisson(3, (2000, 30))
    X[:, 0] = F[:, 0] > 0
    found = cx.features.markers(F, X, GENES[:30])
    assert found.r[0, 0] > 0.9
    assert "G0" not in set(found.top(0)["gene"])


def test_unique_contribution_is_the_ridge_on_all_features(world):
    F, X = world["F"][:, :5].astype(float), world["X"]
    F = np.column_stack([F, F[:, 0] + 0.5 * F[:, 3]])
    found = cx.features.unique_contribution(F, cx.features.markers(F, X, GENES), ridge=0.1)
    z = (F - F.mean(0)) / F.std(0)
    y = log_cpm(X)
    y = (y - y.mean(0)) / y.std(0)
    expected = np.linalg.solve(z.T @ z / N + 0.1 * np.eye(6), z.T @ y / N)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"F": np.full((N, 2), np.nan)}, "must be finite"),
        ({"F": np.ones((N - 1, 2))}, "same cells in the same order"),
        ({"genes": GENES[:-1]}, "239 names for 240"),
        ({"genes": np.array(["A"] * G)}, "var_names_make_unique"),
        ({"X": np.full((N, G), 0.5)}, "no whole number"),
        ({"X": np.full((N, G), -1.0)}, "negative value"),
        ({"X": np.full((N, G), np.nan)}, "must be finite"),
        ({"X": np.full((N, G), np.nan), "values": "log"}, "not finite"),
        ({"F": np.ones((0, 2)), "X": np.ones((0, G))}, "0 cells"),
        ({"lfc": np.ones((2, 2))}, r"pass a matrix of shape \(6, 240\)"),
        ({"values": "cpm"}, "'counts' or 'log'"),
    ],
)
def test_markers_refuse_what_does_not_fit(world, change, message):
    given = {"F": world["F"], "X": world["X"], "genes": GENES} | change
    with pytest.raises(cx.InputError, match=message):
        cx.features.markers(given.pop("F"), given.pop("X"), given.pop("genes"), **given)


def test_there_is_no_feature_beyond_the_last(world):
    with pytest.raises(cx.InputError, match="from 0 to 5"):
        cx.features.markers(world["F"], world["X"], GENES).top(6)


# --- gene sets


@pytest.mark.parametrize(("name", "n"), [("hallmark", 50), ("reactome", 1615), ("go_bp", 5407)])
def test_packaged_sets_hold_known_genes(name, n):
    sets = cx.features.gene_sets(name)
    assert len(sets.terms) == n
    known = {"hallmark": "HALLMARK_INTERFERON_ALPHA_RESPONSE"}.get(name)
    if known:
        assert "ISG15" in sets.members[sets.terms.index(known)]
    assert not any(term.startswith("KEGG") for term in sets.terms)


def test_a_gmt_is_read_plain_or_compressed_and_joined(tmp_path):
    text = "one\tsome text\tA\tB\n\ntwo\t\tB\tC\t\n"
    (tmp_path / "s.gmt").write_text(text)
    (tmp_path / "s.gmt.gz").write_bytes(gzip.compress(text.encode()))
    plain = cx.features.gene_sets(tmp_path / "s.gmt")
    assert plain.terms == ("one", "two")
    assert plain.members == (frozenset("AB"), frozenset("BC"))
    assert cx.features.gene_sets(str(tmp_path / "s.gmt.gz")).members == plain.members
    both = cx.features.gene_sets(["hallmark", tmp_path / "s.gmt"])
    assert len(both.terms) == 52


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no gene set"),
        ("one\tdescription\tA\nno tabs here\n", "line 2, is no gene set"),
        ("one\tonly a description\n", "line 1, is no gene set"),
        ("one\t\tA\none\t\tB\n", "there twice"),
    ],
)
def test_a_damaged_gmt_is_refused(tmp_path, text, message):
    (tmp_path / "s.gmt").write_text(text)
    with pytest.raises(cx.InputError, match=message):
        cx.features.gene_sets(tmp_path / "s.gmt")


@pytest.mark.parametrize("damage", ["cut", "bent", "bytes"])
def test_a_gmt_that_cannot_be_read_is_refused(tmp_path, damage):
    data = gzip.compress("".join(f"term{i}\t\tA{i}\tB\n" for i in range(50)).encode())
    bent = bytearray(data)
    bent[15:25] = b"\xff" * 10
    path = tmp_path / ("s.gmt" if damage == "bytes" else "s.gmt.gz")
    path.write_bytes({"cut": data[:-12], "bent": bytes(bent), "bytes": b"\xff\xfe"}[damage])
    with pytest.raises(cx.InputError, match="cannot be read as GMT"):
        cx.features.gene_sets(path)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({}, "holds no gene set"),
        ({"one": "CD3D"}, "'one' must hold gene symbols, a list of strings"),
        ({"one": ["CD3D", None]}, "'one' must hold gene symbols"),
        ([], "holds no gene set"),
        (3, "3 holds no gene set: name a packaged one"),
        ("nowhere.gmt", "neither a packaged gene set nor a file"),
    ],
)
def test_what_holds_no_gene_sets_is_refused(source, message):
    with pytest.raises(cx.InputError, match=message):
        cx.features.gene_sets(source)


def test_an_unknown_name_is_answered_with_the_near_one():
    with pytest.raises(cx.InputError, match="did you mean 'hallmark'"):
        cx.features.gene_sets("hallmarks")


def test_sets_without_genes_of_the_data_are_refused(world):
    with pytest.raises(cx.InputError, match="pass gene symbols of the same kind"):
        cx.features.enrich(world["F"], world["X"], GENES, sets="hallmark", n_top=20)


def test_mouse_symbols_meet_human_sets():
    genes = np.array(["Isg15", "Ifit1", "Stat1", "Nothing"])
    sets = cx.features.gene_sets({"interferon": ["ISG15", "IFIT1", "Stat1"]})
    _, members = sets.indicator(genes, smallest=3)
    assert members.toarray().ravel().tolist() == [1, 1, 1, 0]


def test_housekeeping_is_masked_and_kinases_are_not():
    masked = ["RPL3", "RPLP0", "Rps4x", "RPS27A", "RPL7P9", "RPSA", "mt-Nd1", "MTCO1P53", "Actb"]
    kept = ["RPS6KA1", "RPS19BP1", "MTOR", "CD3D", "RPN1", "RPL39L_X", "MT1X"]
    assert cx.features.housekeeping(masked).all()
    assert not cx.features.housekeeping(kept).any()


@given(
    st.integers(30, 400).flatmap(
        lambda n: st.tuples(st.just(n), st.integers(1, n // 2), st.integers(0, 10_000))
    )
)
def test_over_representation_is_scipys(case):
    n_genes, n_top, seed = case
    draw = np.random.default_rng(seed)
    top = _ora.top_genes(draw.normal(size=(3, n_genes)) + 10, n_top)
    members = sp.csr_matrix((draw.random((n_genes, 4)) < draw.random(4)).astype(float))
    hits, p = _ora.over_representation(top, members)
    sizes = members.toarray().sum(0)
    np.testing.assert_array_equal(hits, top.toarray() @ members.toarray())
    np.testing.assert_allclose(p, hypergeom.sf(hits - 1, n_genes, sizes, n_top), rtol=1e-6)
    np.testing.assert_allclose(_ora.benjamini_hochberg(p), false_discovery_control(p, axis=1))


def test_rows_that_pass_are_those_with_a_small_q():
    p = np.random.default_rng(0).beta(0.4, 1, (200, 12))
    expected = (_ora.benjamini_hochberg(p) < 0.05).any(axis=1)
    assert 0 < expected.sum() < 200
    np.testing.assert_array_equal(_ora.significant_rows(p, 0.05), expected)


def test_ulm_is_the_slope_of_a_regression(world):
    markers = cx.features.markers(world["F"], world["X"], GENES)
    found = cx.features.ulm(markers, world["sets"])
    member = np.isin(GENES, world["sets"]["SET_2"]).astype(float)
    fit = linregress(member, markers.r[0].astype(float))
    at = found.terms.tolist().index("SET_2")
    assert found.t[0, at] == pytest.approx(fit.slope / fit.stderr, rel=1e-9)
    assert found.p[0, at] == pytest.approx(fit.pvalue, rel=1e-6)
    assert "anti-conservative" in repr(found)


def enriched(world, F=None, **options):
    F = world["F"][:, :5] if F is None else F
    options = {"sets": world["sets"], "n_top": 20} | options
    return cx.features.enrich(F, world["X"], GENES, **options)


def test_each_programme_finds_its_own_set(world):
    found = enriched(world)
    assert found.best()["term"].tolist() == [f"SET_{j}" for j in range(5)]
    assert found.annotated.all()
    assert found.n_distinct == 5
    assert (found.specificity() > 3).all()
    assert found.top_terms(1, 1)["genes"][0].split("/") == sorted(world["sets"]["SET_1"])
    assert (found.r_chance < 0.3).all()


def test_nothing_is_annotated_where_cells_are_permuted(world):
    draw = np.random.default_rng(5)
    F = np.concatenate([world["F"][draw.permutation(N), :5] for _ in range(12)], axis=1)
    found = enriched(world, F)
    assert found.annotated.mean() <= 0.05
    ulm = cx.features.ulm(cx.features.markers(F, world["X"], GENES), world["sets"])
    assert (_ora.benjamini_hochberg(ulm.p).min(1) < 0.05).mean() > found.annotated.mean()


def test_permuted_cells_take_back_what_the_p_values_claim(world):
    """Strongly correlated genes in one set: p-values of noise are small, their rate is not."""
    draw = np.random.default_rng(2)
    level = draw.gamma(1, 1, (N, 1)) * 20
    X = world["X"].copy()
    X[:, :20] = draw.poisson(level * np.ones(20))
    found = cx.features.enrich(
        (draw.random((N, 60)) < 0.1).astype(float), X, GENES, sets=world["sets"], n_top=20
    )
    assert found.chance_by_p > 0.2
    assert found.chance <= 0.05
    assert (found.q.min(axis=1) < 0.05).mean() > 0.2
    assert found.annotated.mean() <= 0.05


def test_rate_against_permuted_cells_by_hand():
    """Expected permuted features as good, and one more, over the features that are."""
    p = np.array([[1e-8, 1e-2], [1e-3, 1.0]])
    chance = np.array([[1e-2, 0.5], [1e-3, 0.2]])  # two permutations of two features
    found = _enrich._q_permuted(p, chance)
    np.testing.assert_allclose(found, [[0.5, 0.75], [0.5, 1.0]], atol=1e-12)
    steps = np.array([[1e-8], [1e-7], [1e-6], [1e-5]])
    found = _enrich._q_permuted(steps, np.array([[0.5] * 4]))
    np.testing.assert_allclose(found, 0.25, err_msg="no feature is worse than a weaker one")


def test_chance_of_a_gene_is_the_largest_of_all_permutations(world):
    one, five = (enriched(world, n_permutations=n).r_chance for n in (1, 5))
    assert (five >= one).all()
    assert (five > one).any()


def test_genes_of_next_to_no_cell_are_not_in_the_background(world):
    X = world["X"].copy()
    X[:, 200] = np.arange(N) < 3
    found = cx.features.enrich(world["F"][:, :5], X, GENES, sets=world["sets"], n_top=20)
    assert GENES[200] not in found.genes
    assert len(found.genes) == G - 1


def test_a_term_must_pass_both_rates_and_counts_once(world):
    F = world["F"][:, [0, 0, 1]].astype(float)
    F[:, 1] *= 2
    found = enriched(world, F)
    assert found.annotated.all()
    assert found.n_distinct == 2
    for rate in ("q", "q_permuted"):
        failed = np.where(np.arange(3)[:, None] == 2, 0.06, getattr(found, rate))
        assert replace(found, **{rate: failed}).annotated.tolist() == [True, True, False]
        assert replace(found, **{rate: failed}).n_distinct == 1


def test_enrichment_repeats_with_its_seed_alone(world):
    first, again, other = (enriched(world, random_state=s) for s in (3, 3, 4))
    np.testing.assert_array_equal(first.r_chance, again.r_chance)
    assert not np.array_equal(first.r_chance, other.r_chance)
    np.testing.assert_array_equal(first.p, other.p)


def test_related_terms_do_not_lower_specificity(world):
    twin = world["sets"]["SET_0"].tolist()[:-1]
    sets = dict(world["sets"]) | {"TWIN": [*twin, "G200"]}
    with_twin = enriched(world, sets=sets).specificity()
    np.testing.assert_allclose(with_twin[0], enriched(world).specificity()[0])


def test_housekeeping_and_masks_are_left_out_of_the_background(world):
    names = GENES.copy().astype("<U10")
    names[:30] = [f"RPL{i + 3}" for i in range(30)]
    sets = {"R": names[:30], "S": GENES[40:60]}
    found = cx.features.enrich(world["F"], world["X"], names, sets=sets, n_top=20)
    assert found.terms.tolist() == ["S"]
    assert len(found.genes) == G - 30
    whole = cx.features.enrich(
        world["F"], world["X"], names, sets=sets, n_top=20, mask=np.zeros(G, bool)
    )
    assert whole.terms.tolist() == ["R", "S"]


def test_enrich_refuses_what_cannot_be_ranked(world):
    with pytest.raises(cx.InputError, match="fewer than half"):
        enriched(world, n_top=130)
    with pytest.raises(cx.InputError, match="1 or more"):
        enriched(world, n_permutations=0)
    with pytest.raises(cx.InputError, match="mask has shape"):
        enriched(world, mask=[True])


# --- labels


def test_label_scores_are_those_of_scikit_learn_on_the_test_donors(world):
    donors = np.random.default_rng(3).integers(0, 4, N)
    F = world["F"]
    found = cx.features.label_scores(F, world["types"], groups=donors)
    assert found.held_out == "groups"
    fits = []
    for pair in ([a, b] for a in range(4) for b in range(a)):
        test = np.isin(donors, pair)
        cut = found.threshold[0, 0] * F[~test, 0].max()
        truth, called = world["types"][test] == "A", F[test, 0] > cut
        same_f1 = np.isclose(f1_score(truth, called), found.f1[0, 0])
        fits.append(same_f1 and np.isclose(roc_auc_score(truth, F[test, 3]), found.auroc[3, 0]))
    assert sum(fits) == 1
    assert found.best()["label"].tolist()[:3] == ["A", "B", "C"]
    assert (found.best()["f1"][:3] > 0.95).all()
    assert found.f1[3].max() < 0.5
    assert found.lift[0, 0] == pytest.approx(3, rel=0.2)


def test_f1_of_noise_is_reported_where_it_was_not_chosen():
    draw = np.random.default_rng(0)
    F = draw.gamma(1, 1, (120, 300))
    labels = draw.integers(0, 8, 120)
    best = cx.features.label_scores(F, labels).best()
    chance = 2 / 9  # F1 of calling every cell one of eight labels
    assert best["f1_validation"].mean() > chance + 0.03
    assert best["f1"].mean() < chance
    scores = cx.features.label_scores(F, labels)
    assert scores.top(0, 8)["f1_validation"].is_monotonic_decreasing
    for _, rows in scores.to_frame(8).groupby("feature"):
        assert rows["f1_validation"].is_monotonic_decreasing


def test_the_largest_activation_is_that_of_the_cells_that_choose():
    draw = np.random.default_rng(0)
    labels, groups = np.arange(200) % 2, np.repeat(["one", "two"], 100)
    F = (draw.gamma(1, 0.3, 200) + 3 * labels)[:, None]
    usual = cx.features.label_scores(F, labels, groups=groups)
    assert (usual.threshold[0] > 0).any()
    same = []
    for cell in (0, 100):  # of either group, one of which chooses
        odd = F.copy()
        odd[cell] = 1000
        found = cx.features.label_scores(odd, labels, groups=groups)
        same.append(np.array_equal(found.f1_validation, usual.f1_validation))
    assert sorted(same) == [False, True]


def test_a_label_that_the_test_donors_lack_has_no_score(world):
    types = world["types"].astype(object).copy()
    types[:5] = None
    groups = np.where(types == "C", "one", "two")
    found = cx.features.label_scores(world["F"], types, groups=groups)
    missing = np.isnan(found.f1).all(axis=0)
    assert missing.any()
    assert np.isnan(found.auroc[:, missing]).all()


def test_negative_activations_call_nothing():
    F = -np.ones((20, 1))
    found = cx.features.label_scores(F, ["a", "b"] * 10)
    assert (found.f1 == 0).all()
    np.testing.assert_allclose(found.auroc, 0.5)


def test_labels_of_one_value_are_refused(world):
    with pytest.raises(cx.InputError, match="two or more"):
        cx.features.label_scores(world["F"], ["A"] * N)
    with pytest.raises(cx.InputError, match="leave groups out"):
        cx.features.label_scores(world["F"], world["types"], groups=["d"] * N)


# --- leakage


def slow_eta2(f, types, batch):
    between = total = 0.0
    for t in np.unique(types):
        here = types == t
        parts = [here & (batch == b) for b in np.unique(batch) if (here & (batch == b)).sum() >= 10]
        if len(parts) < 2:
            continue
        cells = np.concatenate([f[p] for p in parts])
        between += sum(p.sum() * (f[p].mean() - cells.mean()) ** 2 for p in parts)
        total += ((cells - cells.mean()) ** 2).sum()
    return between / total


def test_batch_eta_squared_is_its_formula_over_shared_types(world):
    types, batch = world["types"].copy(), world["batch"]
    types[(types == "C") & (batch == 0)] = "only in batch 0"
    F = world["F"].astype(float)
    found, chance, n_types = cx.features.batch_eta_squared(F, batch, labels=types)
    expected = [slow_eta2(F[:, j], types, batch) for j in (0, 1, 3, 4)]
    np.testing.assert_allclose(found[[0, 1, 3, 4]], expected, rtol=1e-6, atol=1e-12)
    assert n_types == 2
    assert chance == pytest.approx(2 / (np.isin(types, ["A", "B"]).sum() - 2))
    assert found[5] == 0


def test_a_type_of_one_batch_is_no_leak():
    """A feature of a type that only one batch has is biology, unless types are not known."""
    draw = np.random.default_rng(0)
    types = np.repeat(["a", "b", "c"], 100)
    batch = np.concatenate([draw.integers(0, 2, 200), np.zeros(100, int)])
    F = ((types == "c") + 0.1 * draw.random(300))[:, None]
    assert cx.features.batch_eta_squared(F, batch, labels=types)[0] < 0.05
    assert cx.features.batch_eta_squared(F, batch)[0] > 0.2


def test_chance_is_what_many_small_batches_give():
    draw = np.random.default_rng(0)
    batch = np.repeat(np.arange(20), 10)
    found, chance, _ = cx.features.batch_eta_squared(draw.normal(size=(200, 400)), batch)
    assert found.mean() == pytest.approx(chance, rel=0.05)
    assert chance > 0.09


def test_a_type_of_a_few_cells_in_a_batch_is_not_seen_there():
    types = np.repeat(["common", "rare"], [200, 45])
    batch = np.r_[np.arange(200) % 2, np.zeros(9), np.ones(36)].astype(int)
    F = np.r_[np.random.default_rng(0).random(200), np.repeat([5.0, 0.0], [9, 36])][:, None]
    found, _, n_types = cx.features.batch_eta_squared(F, batch, labels=types)
    assert n_types == 1
    assert found[0] < 0.05
    batch[209] = 0  # the tenth
    assert cx.features.batch_eta_squared(F, batch, labels=types)[2] == 2


def test_leaks_are_what_exceeds_chance_within_types():
    draw = np.random.default_rng(0)
    X, genes = draw.poisson(2, (200, 30)), GENES[:30]
    many = np.repeat(np.arange(20), 10)
    found = cx.features.leakage(draw.normal(size=(200, 50)), X, genes, batch=many).table
    assert (found["batch_eta2"] > 0.1).sum() > 10
    assert found["leaks"].sum() <= 1
    types = np.repeat(["a", "b"], 100)
    batch = np.r_[np.arange(100) % 5 > 0, np.arange(100) % 5 == 0].astype(int)
    F = ((types == "a") + 0.1 * draw.random(200))[:, None]
    for labels, leaks in ((types, False), (None, True)):
        told = cx.features.leakage(F, X, genes, batch=batch, labels=labels).table
        assert told["leaks"].tolist() == [leaks]
    named = cx.features.annotate(F, X, genes, batch=batch, labels=types)
    assert not named.features["leaks"].any()


def test_confounded_batches_are_refused(world):
    with pytest.raises(cx.InputError, match="cannot be told apart"):
        cx.features.batch_eta_squared(world["F"], world["types"], labels=world["types"])


def test_leakage_flags_the_batch_feature_and_reads_states(world):
    F = np.column_stack([world["F"], np.log(world["X"].sum(1))])
    doublet = world["F"][:, 3] * 2 + 1
    genes = GENES.astype("<U12")
    genes[60:80] = [f"mt-Nd{i}" for i in range(20)]
    phase = ["Mcm5", "Pcna", "Tyms", "Fen1", "Mcm2", "Mcm4", "Rrm1", "Ung"]
    genes[20:28] = phase
    found = cx.features.leakage(
        F,
        world["X"],
        genes,
        batch=world["batch"],
        labels=world["types"],
        states={"doublet": doublet},
    )
    table = found.to_frame()
    assert table["leaks"].tolist() == [False, False, False, False, True, False, False]
    assert table["r_depth"][6] == pytest.approx(1)
    assert table["r_doublet"][3] == pytest.approx(1)
    assert table["r_mitochondrial"].idxmax() == 3
    assert table["r_s_phase"].idxmax() == 1
    assert table["r_g2m_phase"].isna().all(), "the data lack these genes"
    assert table.loc[5].filter(like="r_").isna().all()
    assert "1 of 7 features leak" in repr(found)
    with pytest.raises(cx.InputError, match="no series of numbers"):
        cx.features.leakage(F, world["X"], genes, states={"type": world["types"]})


# --- names and the whole


@pytest.fixture(scope="module")
def annotation(world):
    # 100 top genes of 240 would be too many to rank; the rest of the genome is silent noise
    draw = np.random.default_rng(9)
    X = np.column_stack([world["X"], draw.poisson(0.5, (N, 400))])
    genes = [*GENES, *(f"N{i}" for i in range(400))]
    stability = [0.9, 0.9, 0.9, 0.4, 0.9, 0.9, 0.9]
    F = np.column_stack([world["F"], (draw.random(N) < 0.1).astype(float)])
    return cx.features.annotate(
        F,
        sp.csr_matrix(X),
        genes,
        labels=world["types"],
        batch=world["batch"],
        gene_sets=world["sets"],
        stability=stability,
    )


def test_names_claim_what_passed(annotation):
    names = annotation.features["name"]
    for j, label in enumerate("ABC"):
        kind, _, rest = names[j].partition(": ")
        genes, _, term = rest.partition(" | ")
        assert kind == label
        assert term == f"set {j}"
        assert set(genes.split("/")) <= set(GENES[20 * j : 20 * j + 20])
    assert names[3].endswith(" | set 3 (unstable)")
    assert ": " not in names[3], "no label passes"
    assert names[4].startswith("batch: G")
    assert names[5] == "unnamed: constant"
    assert names[6] == "unnamed: no label, gene or term passes"


def test_names_do_not_claim_what_chance_gives(annotation):
    """Neither a label that fails on the test cells, nor a gene that permuted cells bring up."""
    parts = {"labels": annotation.labels, "sets": annotation.sets}
    usual = cx.features.name_features(annotation.markers, **parts)
    assert usual[0].text.startswith("A: G")
    low = np.full_like(annotation.labels.f1, 0.4)
    no_label = parts | {"labels": replace(annotation.labels, f1=low)}
    assert ":" not in cx.features.name_features(annotation.markers, **no_label)[0].text
    high = np.full_like(annotation.sets.r_chance, 0.99)
    no_gene = parts | {"sets": replace(annotation.sets, r_chance=high)}
    assert cx.features.name_features(annotation.markers, **no_gene)[0].text == "A | set 0"


def test_housekeeping_genes_name_no_feature(world):
    names = GENES.astype("<U8")
    names[:20] = [f"RPL{i + 3}" for i in range(20)]
    markers = cx.features.markers(world["F"], world["X"], names)
    assert markers.top(0, 1)["gene"][0].startswith("RPL")
    first, second, *_ = cx.features.name_features(markers)
    assert "RPL" not in first.text
    assert set(second.text.split("/")) <= set(GENES[20:40])


def test_a_feature_that_follows_depth_says_so(world):
    F = np.column_stack([world["F"][:, 0], np.log(world["X"].sum(axis=1))])
    leaks = cx.features.leakage(F, world["X"], GENES)
    markers = cx.features.markers(F, world["X"], GENES)
    names = cx.features.name_features(markers, leakage=leaks)
    assert names[1].text.startswith("depth")
    assert names[1].evidence[0] == "r 1.00 with depth"
    assert not names[0].text.startswith("depth")


def test_cell_cycle_is_held_against_genes_of_like_expression():
    genes = [*["MCM5", "PCNA", "TYMS", "FEN1", "MCM2", "MCM4"], *GENES[:60]]
    X = np.ones((40, 66), dtype=int)
    X[::2, :6] = 9
    states = _cycle.cell_states(_expression.expression(X, np.array(genes)))
    np.testing.assert_allclose(states["s_phase"][1::2], 0, atol=1e-5)
    np.testing.assert_allclose(states["s_phase"][::2], np.log(9), atol=1e-3)
    assert states["g2m_phase"].isna().all()


def test_donors_are_held_out_where_annotations_are_read(world):
    donors = np.random.default_rng(3).integers(0, 4, N)
    told = {"labels": world["types"], "groups": donors}
    found = cx.features.annotate(world["F"], world["X"], GENES, **told)
    alone = cx.features.label_scores(world["F"], world["types"], groups=donors)
    assert found.labels.held_out == "groups"
    np.testing.assert_array_equal(found.labels.f1, alone.f1)


def test_names_state_their_evidence(annotation):
    evidence = annotation.names[0].evidence
    assert evidence[0].startswith("A: F1 0.9") or evidence[0].startswith("A: F1 1.0")
    assert "held-out cells" in evidence[0]
    assert "permuted cells" in evidence[1]
    assert evidence[2].startswith("set 0: ")
    assert any("eta2 of batch within types" in clause for clause in annotation.names[4].evidence)
    assert annotation.names[3].evidence[-1] == "stability 0.40 across seeds"
    assert annotation.names[6].evidence == ()
    with pytest.raises(FrozenInstanceError):
        annotation.names[0].text = "other"


def test_a_term_that_an_unrelated_one_rivals_gives_no_name(world):
    """The feature raises two programmes of different genes alike: neither is its meaning."""
    F = (world["F"][:, [0]] + world["F"][:, [1]]).astype(float)
    F = np.column_stack([F, world["F"][:, 3]])
    sets = enriched(world, F, n_top=40)
    assert sets.annotated.all()
    assert sets.specificity()[0] < 1
    markers = cx.features.markers(F, world["X"], GENES)
    both, one = cx.features.name_features(markers, sets=sets)
    assert "|" not in both.text
    assert one.text.endswith("| set 3")


def test_annotation_has_one_row_per_feature(annotation):
    table = annotation.to_frame()
    assert len(table) == 7
    assert table["frequency"][5] == 0
    assert table["mean_active"][6] == 1
    expected = {"genes", "label", "f1", "term", "q_permuted", "leaks", "r_depth", "stability"}
    assert expected <= set(table)
    assert repr(annotation).startswith("Annotation: 5 of 7 features named")


def test_annotation_needs_counts_alone(world):
    found = cx.features.annotate(world["F"], world["X"], GENES)
    assert found.labels is None
    assert found.sets is None
    assert found.names[0].text.startswith("G")
    with pytest.raises(cx.InputError, match="stability has 2"):
        cx.features.annotate(world["F"], world["X"], GENES, stability=[1, 1])


def test_names_refuse_parts_of_other_features(world):
    markers = cx.features.markers(world["F"], world["X"], GENES)
    labels = cx.features.label_scores(world["F"][:, :2], world["types"])
    with pytest.raises(cx.InputError, match="labels describe 2 features"):
        cx.features.name_features(markers, labels=labels)


# --- real and simulated data beside the repository


def test_markers_find_the_genes_of_known_programmes(shared):
    cells = anndata.read_h5ad(shared / "features" / "simulated_programmes.h5ad")[:5000]
    truth = cells.varm["truth_weights"] > 0.3
    found = cx.features.markers(cells.obsm["truth_activity"], cells.X, cells.var_names)
    biological = [i for i, name in enumerate(cells.uns["truth_names"]) if "batch" not in name]
    area = [roc_auc_score(truth[:, j], found.r[j]) for j in biological]
    assert len(area) == 32
    assert np.mean(area) >= 0.97


def test_permuted_real_cells_are_not_annotated(shared):
    cells = anndata.read_h5ad(shared / "single_cell" / "pbmc10k_cite" / "pbmc10k_cite.h5ad")[:2500]
    draw = np.random.default_rng(0)
    X = sp.csr_matrix(cells.X)
    logs = np.log1p(X.toarray() / X.sum(axis=1) * 1e4)
    Z = TruncatedSVD(20, random_state=0).fit_transform(np.asarray(logs - logs.mean(axis=0)))
    H = Z @ draw.normal(size=(20, 40))
    F = sp.csr_matrix(np.maximum(H - np.quantile(H, 0.95, axis=0), 0))
    kwargs = {"sets": "hallmark", "n_permutations": 10}
    seen = cx.features.enrich(F, X, cells.var_names, **kwargs)
    permuted = cx.features.enrich(F[draw.permutation(len(H))], X, cells.var_names, **kwargs)
    assert seen.annotated.mean() > 0.2
    assert permuted.annotated.mean() <= 0.05
    assert permuted.chance <= 0.05
    assert permuted.chance_by_p <= 0.1


def test_tables_are_ready_for_a_page(annotation):
    assert list(annotation.sets.to_frame(2)["feature"].unique()) == [0, 1, 2, 3, 4, 6]
    assert isinstance(annotation.labels.to_frame(), pd.DataFrame)
    assert annotation.labels.top(0, 2)["label"][0] == "A"
