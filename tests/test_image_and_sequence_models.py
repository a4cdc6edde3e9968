"""Representations of images and of sequences."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, set_modality
from cellaxes.embed import _principal
from cellaxes.embed._sequence_pca import one_hot_rows, word_counts

RNG = np.random.default_rng(0)


def annotated(matrix, modality, **obs):
    adata = anndata.AnnData(matrix, obs=pd.DataFrame(obs, index=map(str, range(len(matrix)))))
    set_modality(adata, modality)
    return adata


@pytest.fixture(scope="module")
def images():
    """120 grey images of 12 x 10 pixels: a bright bar, upright or lying, and noise."""
    kind = RNG.integers(2, size=120)
    pixels = RNG.normal(90, 25, (120, 12, 10))
    for image, lying in zip(pixels, kind, strict=True):
        place = RNG.integers(2, 8)
        image[(place, slice(None)) if lying else (slice(None), place)] += 110
    grey = np.clip(pixels, 0, 255).astype(np.uint8).reshape(120, -1)
    return annotated(grey, Images(12, 10, 1, 0.0, 255.0), label=np.array(["up", "flat"])[kind])


@pytest.fixture(scope="module")
def sequences():
    """150 sequences of 20 to 40 residues: one of three ancestors with a tenth replaced."""
    ancestors = RNG.integers(1, 21, (3, 40))
    kind = RNG.integers(3, size=150)
    codes = ancestors[kind]
    hit = RNG.random(codes.shape) < 0.1
    codes[hit] = RNG.integers(1, 24, hit.sum())
    lengths = RNG.integers(20, 41, 150)
    codes[np.arange(40) >= lengths[:, None]] = 0
    return annotated(
        codes.astype(np.uint8), Sequences(RESIDUES + "X*-", 40), lineage=np.array(list("ABC"))[kind]
    )


DATA = {"pixel_pca": "images", "one_hot": "sequences", "kmer": "sequences"}


@pytest.fixture(params=sorted(DATA))
def model_and_data(request):
    return request.param, request.getfixturevalue(DATA[request.param])


def fitted(name, adata, rows=slice(None), random_state=0, **settings):
    model = cx.embed.make(name, **settings)
    known = cx.embed.Annotations.of(adata, [model])
    asked = known.asked_by(model, np.arange(adata.n_obs)[rows])
    return model.fit(adata.X[rows], random_state=random_state, **asked)


# ---- principal components ----------------------------------------------------------------------


@pytest.mark.parametrize("exact", [1024, 4])
@pytest.mark.parametrize("sparse", [True, False])
def test_components_are_those_of_scikit_learn(exact, sparse, monkeypatch):
    from sklearn.decomposition import PCA

    monkeypatch.setattr(_principal, "EXACT", exact)
    rows = RNG.poisson(0.5, (90, 40)) * np.arange(40, 0, -1) + 7.0 * (not sparse)
    parts = [rows[:20], rows[20:]]
    found = _principal.principal(
        lambda: map(sp.csr_matrix, parts) if sparse else parts, 40, 3, rng=np.random.default_rng(1)
    )
    reference = PCA(3, svd_solver="full").fit(rows)
    signs = np.sign((found.axes * reference.components_).sum(axis=1))
    np.testing.assert_allclose(found.axes * signs[:, None], reference.components_, atol=2e-2)
    np.testing.assert_allclose(found.mean, reference.mean_, rtol=1e-6)
    scores = reference.transform(rows) * signs
    np.testing.assert_allclose(found.score([rows]), scores, atol=0.05 * scores.std())


def test_what_does_not_vary_has_no_component_and_too_few_rows_are_refused():
    line = np.outer(np.arange(50.0), np.arange(30))
    found = _principal.principal(lambda: [line], 30, 2, rng=RNG)
    np.testing.assert_allclose(
        found.axes[0], np.arange(30) / np.linalg.norm(np.arange(30)), rtol=1e-5
    )
    assert (found.axes[1] == 0).all()
    with pytest.raises(cx.InputError, match="50 rows and 30 columns: lower n_components"):
        _principal.principal(lambda: [line], 30, 31, rng=RNG)
    with pytest.raises(cx.InputError, match="there are 3 rows"):
        _principal.principal(lambda: [RNG.random((3, 30))], 30, 3, rng=RNG)


def test_one_hot_rows_and_words_are_what_one_would_write_by_hand():
    codes = np.array([[1, 2, 1, 2], [21, 3, 0, 0]], dtype=np.uint8)  # ACAC, XD
    rows = one_hot_rows(codes, 21).toarray().reshape(2, 4, 21)
    assert [tuple(place) for place in np.argwhere(rows)] == [
        (0, 0, 0),
        (0, 1, 1),
        (0, 2, 0),
        (0, 3, 1),
        (1, 0, 20),
        (1, 1, 2),
    ]
    words = word_counts(codes, 2).toarray()
    assert dict(zip(*np.nonzero(words[:1])[1:], words[words > 0], strict=True)) == {1: 2.0, 20: 1.0}
    assert not words[1].any()  # XD holds an unknown residue, and nothing follows
    assert word_counts(codes[:, :1], 2).nnz == 0


# ---- every model -------------------------------------------------------------------------------


def test_saved_models_embed_as_before(model_and_data, tmp_path):
    name, adata = model_and_data
    model = fitted(name, adata, slice(0, 100))
    z = model.transform(adata.X)
    assert z.dtype == np.float32
    assert np.isfinite(z).all()
    model.to_artefact().save(tmp_path / "m")
    again = cx.embed.load(tmp_path / "m")
    assert again == model
    np.testing.assert_array_equal(again.transform(adata.X), z)


def test_the_same_seed_gives_the_same_bits_and_rows_stand_alone(model_and_data):
    name, adata = model_and_data
    z = fitted(name, adata, random_state=3).transform(adata.X)
    np.testing.assert_array_equal(fitted(name, adata, random_state=3).transform(adata.X), z)
    some = fitted(name, adata, random_state=3).transform(adata.X[[7, 3, 90]])
    np.testing.assert_allclose(some, z[[7, 3, 90]], rtol=1e-4, atol=1e-4 * z.std())


def test_the_runner_embeds_them_from_any_container(model_and_data):
    name, adata = model_and_data
    dense = cx.embed.embed(adata, name, train=np.arange(100), copy=True)
    sparse = adata.copy()
    sparse.X = sp.csr_matrix(adata.X)
    z = cx.embed.embed(sparse, name, train=np.arange(100), copy=True).obsm[f"X_{name}"]
    np.testing.assert_array_equal(z, dense.obsm[f"X_{name}"])


def test_a_model_of_other_rows_is_refused_with_those_that_read_them(
    model_and_data, images, sequences, cells
):
    name, adata = model_and_data
    for other, held in ((images, "images"), (sequences, "sequences"), (cells, "counts")):
        if other is not adata:
            with pytest.raises(cx.InputError, match=f"{name} reads .*, but X holds {held}: use"):
                cx.embed.embed(other, name, copy=True)
    instead = {"images": "pixel_pca", "sequences": "one_hot, kmer"}[DATA[name]]
    with pytest.raises(cx.InputError, match=f"pca reads counts, but X holds .*{instead}"):
        cx.embed.embed(adata, "pca", copy=True)
    table = cx.embed.show().set_index("name")
    assert table.loc[name, "reads"] == DATA[name]
    assert table.loc["precomputed", "reads"] == "counts, images, sequences"


def test_unfitted_models_and_other_sizes_are_refused(model_and_data):
    name, adata = model_and_data
    with pytest.raises(cx.InputError, match="not fitted"):
        cx.embed.make(name).transform(adata.X)
    with pytest.raises(cx.InputError, match="n_components must be a whole number"):
        cx.embed.make(name, n_components=0)
    if name != "kmer":  # words do not mind lengths
        with pytest.raises(cx.InputError, match="pass images or sequences of one size"):
            fitted(name, adata).transform(adata.X[:, :-1])


def test_rows_that_cannot_be_are_refused(images, sequences):
    holes = images.X / 255
    holes[5, 17] = np.inf
    with pytest.raises(cx.InputError, match="image 5, pixel 17 holds inf: pixels must be finite"):
        cx.embed.make("pixel_pca").fit(holes)
    codes = sequences.X.copy()
    codes[4, 2] = 30
    with pytest.raises(cx.InputError, match="sequence 4, residue 3 has code 30, but codes are"):
        fitted("one_hot", sequences).transform(codes)
    with pytest.raises(cx.InputError, match=r"one_hot must know .* pass modality="):
        cx.embed.make("one_hot").fit(sequences.X)
    with pytest.raises(cx.InputError, match="k must be at most 4"):
        cx.embed.make("kmer", k=5)


def test_noise_beyond_the_scale_is_embedded(images):
    noisy = images.X + RNG.normal(0, 2000, images.shape).astype(np.float32)
    assert np.isfinite(cx.embed.make("pixel_pca").fit(noisy).transform(noisy)).all()


def test_what_is_known_of_the_rows_is_seen(images, sequences):
    for name, adata, key in (("pixel_pca", images, "label"), ("kmer", sequences, "lineage")):
        z = fitted(name, adata).transform(adata.X)
        signal = cx.signal.label(adata, key)
        found = cx.information.estimate(z, signal.values, discrete=True, n_permutations=2)
        assert found.bits > 0.3 * signal.entropy
