"""Representations of images and of sequences."""

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Images, Sequences, set_modality
from cellaxes.embed import _cnn, _principal
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


DATA = {"pixel_pca": "images", "cnn": "images", "one_hot": "sequences", "kmer": "sequences"}


@pytest.fixture(params=sorted(DATA))
def model_and_data(request):
    return request.param, request.getfixturevalue(DATA[request.param])


def fitted(name, adata, rows=slice(None), random_state=0, **settings):
    if name == "cnn":
        settings = {"hidden": 8, "epochs": 8, "batch_size": 16} | settings
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
    instead = {"images": "cnn, pixel_pca, vision", "sequences": "protein_lm, one_hot, kmer"}[
        DATA[name]
    ]
    with pytest.raises(cx.InputError, match=f"pca reads counts, but X holds .*{instead}"):
        cx.embed.embed(adata, "pca", copy=True)
    table = cx.embed.show().set_index("name")
    assert table.loc[name, "reads"] == DATA[name]
    assert table.loc["precomputed", "reads"] == "counts, images, sequences"


def test_unfitted_models_and_other_sizes_are_refused(model_and_data):
    name, adata = model_and_data
    with pytest.raises(cx.InputError, match="not fitted"):
        cx.embed.make(name).transform(adata.X)
    setting = "hidden" if name == "cnn" else "n_components"
    with pytest.raises(cx.InputError, match=f"{setting} must be a whole number"):
        cx.embed.make(name, **{setting: 0})
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


# ---- networks for images -----------------------------------------------------------------------


def test_a_network_learns_what_components_do_not_see(images):
    train, test = slice(0, 80), slice(80, 120)
    truth = (images.obs["label"] == "up").to_numpy()
    right = {}
    for name in ("pixel_pca", "cnn"):
        settings = {"epochs": 40, "patience": 40} if name == "cnn" else {}
        z = fitted(name, images, train, **settings).transform(images.X)
        design = np.c_[z, np.ones(120)]
        line = np.linalg.lstsq(design[train], 2.0 * truth[train] - 1, rcond=None)[0]
        right[name] = ((design[test] @ line > 0) == truth[test]).mean()
    assert right["cnn"] > 0.9
    assert right["cnn"] > right["pixel_pca"]


def test_a_network_reads_colour_and_odd_sizes():
    colour = RNG.integers(0, 256, (40, 9 * 17 * 3), dtype=np.uint8)
    adata = annotated(colour, Images(9, 17, 3, 0.0, 255.0), label=np.array(["a", "b"] * 20))
    model = fitted("cnn", adata)
    assert model.transform(adata.X).shape == (40, 8)
    assert model._fitted.net.layout.convolutions == [(3, 16), (16, 32)]
    planes = adata.X[:1].reshape(9, 17, 3).transpose(2, 0, 1)
    shown = _cnn._prepared(adata.X[:1], model._fitted).numpy()[0]
    np.testing.assert_allclose(shown * adata.X.std() + adata.X.mean(), planes, atol=1e-3)
    swapped = adata.X.reshape(-1, 9, 17, 3)[..., ::-1].reshape(40, -1)
    assert np.abs(model.transform(swapped) - model.transform(adata.X)).max() > 1e-3


def test_labels_that_cannot_be_learned_are_refused(images):
    def learn(labels, rows=slice(None)):
        size = Images(12, 10, 1, 0.0, 255.0)
        cx.embed.make("cnn").fit(images.X[rows], labels=labels, modality=size)

    with pytest.raises(cx.InputError, match="there are 119 labels for 120 images"):
        learn(["a", "b"] * 59 + ["a"])
    with pytest.raises(cx.InputError, match="pass labels="):
        learn(None)
    with pytest.raises(cx.InputError, match="at least two classes and 20 training images"):
        learn(["a"] * 120)
    with pytest.raises(cx.InputError, match="at least two classes and 20 training images"):
        learn(["a", "b"] * 5, slice(0, 10))
    with pytest.raises(cx.InputError, match="needs label_key="):
        cx.embed.make("cnn", label_key="")
    with pytest.raises(cx.InputError, match="obs has no column 'kind'"):
        cx.embed.embed(images, "cnn", label_key="kind", copy=True)


@pytest.fixture(scope="module", params=["vit", "resnet"])
def checkpoint(request, tmp_path_factory):
    """A tiny vision model of transformers as it is saved."""
    transformers = pytest.importorskip("transformers")
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        if request.param == "vit":
            net = transformers.ViTForImageClassification(
                transformers.ViTConfig(
                    image_size=16,
                    patch_size=8,
                    hidden_size=12,
                    num_hidden_layers=2,
                    num_attention_heads=2,
                    intermediate_size=16,
                )
            )
        else:
            net = transformers.ResNetModel(
                transformers.ResNetConfig(
                    embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic"
                )
            )
    folder = tmp_path_factory.mktemp(request.param)
    transformers.utils.logging.disable_progress_bar()
    net.save_pretrained(folder)
    transformers.utils.logging.enable_progress_bar()
    told = '{"size": {"shortest_edge": 16}, "image_mean": [0.5, 0.4, 0.3], "image_std": [1, 2, 3]}'
    (folder / "preprocessor_config.json").write_text(told)
    return folder


def test_a_vision_model_gives_what_transformers_gives(checkpoint, tmp_path, capfd):
    import torch
    from transformers import AutoModel

    net = AutoModel.from_pretrained(checkpoint, local_files_only=True).eval()
    capfd.readouterr()
    pixels = RNG.integers(0, 256, (20, 16, 16, 3), dtype=np.uint8)
    adata = annotated(pixels.reshape(20, -1), Images(16, 16, 3, 0.0, 255.0))
    z = fitted("vision", adata, checkpoint=str(checkpoint)).transform(adata.X)
    assert capfd.readouterr() == ("", "")
    standard = (pixels / 255 - [0.5, 0.4, 0.3]) / [1, 2, 3]
    shown = torch.tensor(standard.transpose(0, 3, 1, 2), dtype=torch.float32)
    with torch.no_grad():
        states = net(pixel_values=shown).last_hidden_state
    mean = states.mean(dim=1) if states.ndim == 3 else states.mean(dim=(2, 3))
    np.testing.assert_allclose(z, mean, rtol=1e-4, atol=1e-5)
    model = fitted("vision", adata, checkpoint=str(checkpoint), pool="first")
    first = states[:, 0] if states.ndim == 3 else states[:, :, 0, 0]
    np.testing.assert_allclose(model.transform(adata.X), first, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.transform(adata.X[[4]])[0], model.transform(adata.X)[4])
    model.to_artefact().save(tmp_path / "m")
    again = cx.embed.load(tmp_path / "m")
    np.testing.assert_array_equal(again.transform(adata.X), model.transform(adata.X))


def test_grey_images_of_any_size_and_noise_beyond_the_scale_are_shown(checkpoint, images):
    z = cx.embed.embed(images, "vision", checkpoint=str(checkpoint), copy=True).obsm["X_vision"]
    assert z.shape == (120, 12)
    noisy = annotated(
        images.X + RNG.normal(0, 900, images.shape).astype(np.float32),
        Images(12, 10, 1, 0.0, 255.0),
    )
    assert np.isfinite(fitted("vision", noisy, checkpoint=str(checkpoint)).transform(noisy.X)).all()


def test_other_checkpoints_are_no_vision_models(checkpoint, images, tmp_path):
    from transformers import BertConfig, BertModel
    from transformers.utils import logging

    tiny = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2}
    logging.disable_progress_bar()
    BertModel(BertConfig(vocab_size=9, intermediate_size=8, **tiny)).save_pretrained(tmp_path)
    logging.enable_progress_bar()
    with pytest.raises(cx.InputError, match="cannot be read as a vision model"):
        fitted("vision", images, checkpoint=str(tmp_path))
    with pytest.raises(cx.InputError, match="needs checkpoint="):
        cx.embed.make("vision")
    with pytest.raises(cx.InputError, match="pool must be"):
        cx.embed.make("vision", checkpoint="x", pool="max")
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(cx.InputError, match="cannot be read as a vision model"):
        fitted("vision", images, checkpoint=str(tmp_path))
