"""Models: trained on training cells alone, saved without pickle, clear about bad input."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn import decomposition

import cellaxes as cx
from cellaxes._core.matrix import highly_variable, log_normalise

MODELS = {
    "pca": {"n_components": 5, "n_top_genes": 100},
    "random_projection": {"n_components": 5},
}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_saved_models_embed_as_before(name, cells, tmp_path):
    model = cx.embed.make(name, **MODELS[name]).fit(cells.X, random_state=3)
    model.to_artefact().save(tmp_path / "model")
    again = cx.embed.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(cells.X), model.transform(cells.X))
    assert again.transform(cells.X).dtype == np.float32
    assert again == model


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_seed_decides(name, cells):
    embeddings = [
        cx.embed.make(name, **MODELS[name]).fit(cells.X, random_state=seed).transform(cells.X)
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(embeddings[0], embeddings[1])
    assert name == "pca" or not np.allclose(embeddings[0], embeddings[2])


def test_pca_equals_scikit_learn_on_its_genes(cells):
    model = cx.embed.PCA(n_components=5, n_top_genes=80).fit(cells.X)
    logs = log_normalise(cells.X)
    genes = highly_variable(logs, 80)
    expected = decomposition.PCA(5, svd_solver="full").fit_transform(logs[:, genes].toarray())
    np.testing.assert_allclose(np.abs(model.transform(cells.X)), np.abs(expected), atol=1e-3)


def test_genes_are_the_most_variable_of_log_normalised_expression(cells):
    logs = log_normalise(cells.X)
    np.testing.assert_allclose(np.expm1(logs.toarray()).sum(axis=1), 1e4, rtol=1e-4)
    variance = logs.toarray().astype(float).var(axis=0)
    assert set(highly_variable(logs, 30)) == set(np.argsort(-variance)[:30])


def test_test_cells_leave_no_trace_in_the_model(cells):
    """Changing the test cells changes neither genes nor axes."""
    train = np.arange(300)
    changed = cells.copy()
    changed.X = sp.vstack([changed.X[:300], changed.X[300:][::-1] * 3], format="csr")
    results = []
    for data in (cells, changed):
        out = cx.embed.embed(data, "pca", train=train, n_components=4, copy=True)
        results.append(out.obsm["X_pca"][:300])
    np.testing.assert_array_equal(*results)


def test_runner_writes_its_keys(cells):
    adata = cells.copy()
    assert cx.embed.embed(adata, "pca", n_components=4, key_added="X_mine") is None
    assert adata.obsm["X_mine"].shape == (600, 4)
    assert adata.uns["cellaxes_X_mine"]["params"]["model"] == "pca"
    mask = np.zeros(600, dtype=bool)
    mask[:200] = True
    cx.embed.embed(adata, cx.embed.PCA(n_components=4), train=mask)
    cx.embed.embed(adata, "pca", train=np.arange(200), n_components=4, key_added="X_index")
    np.testing.assert_array_equal(adata.obsm["X_pca"], adata.obsm["X_index"])
    assert "X_mine" not in cells.obsm


def test_precomputed_is_passed_through_and_checked(cells, tmp_path):
    adata = cells.copy()
    adata.obsm["X_scVI"] = np.random.default_rng(0).normal(size=(600, 3))
    cx.embed.embed(adata, "precomputed", use_rep="X_scVI")
    np.testing.assert_allclose(adata.obsm["X_precomputed"], adata.obsm["X_scVI"], rtol=1e-6)
    model = cx.embed.make("precomputed", use_rep="X_scVI")
    model.to_artefact().save(tmp_path / "model")
    assert cx.embed.load(tmp_path / "model") == model
    adata.obsm["X_scVI"][3] = np.nan
    with pytest.raises(cx.InputError, match="NaN or infinity in 1 of 600"):
        cx.embed.embed(adata, "precomputed", use_rep="X_scVI")
    with pytest.raises(cx.InputError, match="did you mean 'X_scVI'"):
        cx.embed.embed(adata, "precomputed", use_rep="X_scvi")
    with pytest.raises(cx.InputError, match="use_rep"):
        cx.embed.make("precomputed")


def test_raw_and_log_projections_differ(cells):
    raw = cx.embed.RandomProjection(3).fit(cells.X).transform(cells.X)
    np.testing.assert_allclose(
        raw, cells.X @ cx.embed.RandomProjection(3).fit(cells.X)._matrix, rtol=1e-4
    )
    logs = cx.embed.RandomProjection(3, log_normalise=True).fit(cells.X).transform(cells.X)
    assert not np.allclose(raw, logs)


def test_empty_cells_are_embedded_finitely(cells):
    counts = cells.X.copy()
    counts.data[: counts.indptr[5]] = 0
    counts.eliminate_zeros()
    embedding = cx.embed.PCA(4).fit(counts).transform(counts)
    assert np.isfinite(embedding).all()
    np.testing.assert_array_equal(embedding[0], embedding[1])


def test_misuse_is_named(cells, tmp_path):
    with pytest.raises(cx.InputError, match="not fitted"):
        cx.embed.PCA().transform(cells.X)
    with pytest.raises(cx.InputError, match="400 genes, these cells have 399"):
        cx.embed.PCA(4).fit(cells.X).transform(cells.X[:, 1:])
    with pytest.raises(cx.InputError, match="lower n_components"):
        cx.embed.PCA(16).fit(cells.X[:10])
    with pytest.raises(cx.InputError, match="did you mean 'pca'"):
        cx.embed.make("pcaa")
    with pytest.raises(cx.InputError, match="n_component"):
        cx.embed.make("pca", n_component=3)
    with pytest.raises(cx.InputError, match="indices from 0"):
        cx.embed.embed(cells, train=[700])
    with pytest.raises(cx.InputError, match="3 entries for 600"):
        cx.embed.embed(cells, train=[True, False, True])
    with pytest.raises(cx.InputError, match="registered already"):
        cx.embed.register("pca", description="", reference="", limits="")(cx.embed.PCA)
    here = {"geneformer", "pca", "precomputed", "random_projection", "rank_transformer", "scvi"}
    assert here <= set(cx.embed.show()["name"])


def test_damaged_and_foreign_folders_are_refused(cells, tmp_path):
    with pytest.raises(cx.InputError, match="no saved model"):
        cx.embed.load(tmp_path / "nothing")
    artefact = cx.embed.PCA(4).fit(cells.X).to_artefact()
    artefact.save(tmp_path / "model")
    with pytest.raises(cx.InputError, match="exists already"):
        artefact.save(tmp_path / "model")
    arrays = tmp_path / "model" / "arrays.safetensors"
    whole = arrays.read_bytes()
    arrays.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(cx.InputError, match="damaged"):
        cx.embed.load(tmp_path / "model")
    arrays.write_bytes(whole)
    head = tmp_path / "model" / "artefact.json"
    text = head.read_text()
    head.write_text(text.replace('"format": 1', '"format": 99'))
    with pytest.raises(cx.InputError, match="layout 99"):
        cx.embed.load(tmp_path / "model")
    head.write_text(text.replace("embed.pca", "features.sae"))
    with pytest.raises(cx.InputError, match="no representation model"):
        cx.embed.load(tmp_path / "model")
