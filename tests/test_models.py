"""Trained and pretrained models: seeded, blind to test cells, saved without pickle, silent."""

import json
import pickle
import warnings

import anndata
import numpy as np
import pytest
import scipy.sparse as sp

import cellaxes as cx
from cellaxes._core.nets import seeded
from cellaxes.embed import _bert
from cellaxes.embed._tokens import PAD, Vocabulary, gene_medians, tokenise

SMALL = {
    "rank_transformer": {
        "n_genes": 400,
        "n_tokens": 48,
        "hidden": 16,
        "max_cells_seen": 4000,
        "batch_size": 32,
        "warmup_steps": 20,
    },
    "scvi": {"n_hidden": 32, "n_latent": 8, "max_cells_seen": 6000, "learning_rate": 4e-3},
}
TRAIN, TEST = np.arange(300), np.arange(300, 600)


@pytest.fixture(scope="module", params=sorted(SMALL))
def fitted(request, cells):
    """A model of each kind, fitted to the first half of the simulated cells."""
    pytest.importorskip({"scvi": "scvi", "rank_transformer": "transformers"}[request.param])
    model = cx.embed.make(request.param, **SMALL[request.param])
    return request.param, model.fit(cells.X[TRAIN], random_state=3)


@pytest.fixture
def checkpoint(tmp_path, cells):
    """A tiny Geneformer-style checkpoint for the simulated genes."""
    pytest.importorskip("transformers")
    with seeded(np.random.default_rng(0)):
        net = _bert.build(
            {
                "vocab_size": 402,
                "hidden_size": 16,
                "num_hidden_layers": 2,
                "num_attention_heads": 2,
                "intermediate_size": 32,
                "max_position_embeddings": 64,
            }
        )
    folder = tmp_path / "checkpoint"
    net.save_pretrained(folder)
    medians = dict(zip(cells.var_names, gene_medians(cells.X).tolist(), strict=True))
    tokens = {gene: place + 2 for place, gene in enumerate(cells.var_names)}
    (folder / "tokens.json").write_text(json.dumps(tokens | {"<pad>": 0, "<mask>": 1}))
    (folder / "medians.json").write_text(json.dumps(medians))
    return folder


def test_tokens_are_genes_by_count_over_median(cells):
    medians = gene_medians(cells.X)
    dense = cells.X.toarray() / cells.X.sum(axis=1) * 1e4
    dense = np.asarray(dense)
    for gene in (0, 7, 100):
        seen = np.sort(dense[dense[:, gene] > 0, gene])
        assert medians[gene] == pytest.approx(seen[(len(seen) - 1) // 2], rel=1e-5)
    vocabulary = Vocabulary(np.arange(400) + 2, medians)
    tokens = tokenise(cells.X, vocabulary, n_tokens=50)
    for cell in (0, 300, 599):
        ratio = np.divide(dense[cell], medians, where=medians > 0, out=np.zeros(400))
        shown = tokens[cell][tokens[cell] != PAD] - 2
        assert np.all(np.diff(ratio[shown]) <= 1e-4)
        assert ratio[shown].min() >= np.sort(ratio)[::-1][49] * (1 - 1e-5)
    shuffled = np.random.default_rng(0).permutation(600)
    np.testing.assert_array_equal(
        tokenise(cells.X[shuffled], vocabulary, n_tokens=50), tokens[shuffled]
    )


def test_tokens_do_not_depend_on_how_counts_are_stored(cells):
    vocabulary = Vocabulary(np.arange(400) + 2, gene_medians(cells.X))
    expected = tokenise(cells.X, vocabulary, n_tokens=30)
    for stored in (cells.X.toarray(), sp.csc_matrix(cells.X), cells.X.astype(np.float64)):
        np.testing.assert_array_equal(tokenise(stored, vocabulary, n_tokens=30), expected)
    assert (tokenise(cells.X * 0, vocabulary, n_tokens=30) == PAD).all()


def test_embedding_of_a_cell_does_not_depend_on_the_cells_beside_it(fitted, cells):
    name, model = fitted
    whole = model.transform(cells.X[TEST])
    assert whole.dtype == np.float32
    assert np.isfinite(whole).all()
    for rows in ([5], [7, 5, 250], np.arange(299, -1, -1)):
        alone = model.transform(cells.X[TEST][rows])
        np.testing.assert_allclose(alone, whole[rows], rtol=1e-4, atol=1e-5, err_msg=name)


def test_same_seed_same_bits_and_the_global_state_is_left_alone(fitted, cells):
    import torch

    name, model = fitted
    torch.manual_seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy(), list(warnings.filters)  # noqa: NPY002
    again = cx.embed.make(name, **SMALL[name]).fit(cells.X[TRAIN], random_state=3)
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert list(warnings.filters) == before[2]
    np.testing.assert_array_equal(again.transform(cells.X[TEST]), model.transform(cells.X[TEST]))


def test_another_seed_is_another_model(fitted, cells):
    name, model = fitted
    short = SMALL[name] | {"max_cells_seen": 1}
    other = cx.embed.make(name, **short).fit(cells.X[TRAIN], random_state=4)
    assert not np.allclose(other.transform(cells.X[TEST]), model.transform(cells.X[TEST]))


def test_saved_models_embed_as_before(fitted, cells, tmp_path):
    name, model = fitted
    model.to_artefact().save(tmp_path / "model")
    again = cx.embed.load(tmp_path / "model")
    assert again == model
    np.testing.assert_array_equal(again.transform(cells.X[TEST]), model.transform(cells.X[TEST]))
    head = tmp_path / "model" / "artefact.json"
    size = {"scvi": ("n_hidden", 16), "rank_transformer": ("hidden", 32)}[name]
    text = json.loads(head.read_text())
    text["params"][size[0]] = size[1]
    head.write_text(json.dumps(text))
    with pytest.raises(cx.InputError, match="do not fit the network"):
        cx.embed.load(tmp_path / "model")


def test_what_is_learned_is_more_than_chance(fitted, cells):
    name, model = fitted
    labels = cells.obs["cell_type"].to_numpy()[TEST]
    found = cx.information.estimate(model.transform(cells.X[TEST]), labels, discrete=True)
    assert found.low > 0.5, (name, found)


def test_empty_cells_are_embedded_finitely(fitted, cells):
    _, model = fitted
    embedding = model.transform(sp.csr_matrix((2, 400), dtype=np.int32))
    assert np.isfinite(embedding).all()
    np.testing.assert_array_equal(embedding[0], embedding[1])


def test_nothing_is_printed_and_nothing_is_left_behind(fitted, cells, tmp_path, monkeypatch, capfd):
    name, _ = fitted
    monkeypatch.chdir(tmp_path)
    short = SMALL[name] | {"max_cells_seen": 1}
    cx.embed.make(name, **short).fit(cells.X[TRAIN]).transform(cells.X[TEST])
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_medians_and_genes_come_from_training_cells_alone(fitted, cells):
    name, model = fitted
    if name != "rank_transformer":
        pytest.skip("scVI has no medians")
    np.testing.assert_array_equal(model._fitted.vocabulary.medians, gene_medians(cells.X[TRAIN]))
    assert not np.array_equal(gene_medians(cells.X[TRAIN]), gene_medians(cells.X))


def test_training_lowers_the_held_out_loss():
    """Where each cell shows one of two sets of genes, a masked gene can be told by the others."""
    pytest.importorskip("transformers")
    rng = np.random.default_rng(0)
    half = rng.integers(2, size=200)
    tokens = (np.array([rng.permutation(8) for _ in half]) + 2 + 8 * half[:, None]).astype(np.int32)
    how = _bert.Training(32, 5e-3, 0.0, 5, 120, 20, 3)
    with seeded(rng):
        net = _bert.build({"vocab_size": 18, "hidden_size": 16, "num_hidden_layers": 1,
                           "num_attention_heads": 2, "intermediate_size": 16,
                           "max_position_embeddings": 8})  # fmt: skip
        losses = _bert.train(net, tokens[:160], tokens[160:], how=how, rng=rng)
    assert losses[0] > min(losses)
    assert min(losses) < np.log(10)  # nearer to ln 8, the set known, than to ln 16


def test_batches_are_a_matter_of_training_alone(cells, monkeypatch):
    pytest.importorskip("scvi")
    adata = cells.copy()
    adata.obs["donor"] = np.where(np.arange(600) % 2, "a", "b")
    settings = SMALL["scvi"] | {"max_cells_seen": 1}
    cx.embed.embed(adata, "scvi", train=TRAIN, batch_key="donor", **settings)
    assert adata.obsm["X_scvi"].shape == (600, 8)
    with pytest.raises(cx.InputError, match="did you mean 'donor'"):
        cx.embed.embed(adata, "scvi", batch_key="donors", **settings)
    with pytest.raises(cx.InputError, match=r"batch has shape \(3,\), but there are 600 cells"):
        cx.embed.make("scvi").fit(cells.X, batch=["a", "b", "a"])


@pytest.mark.parametrize("device", ["cuda:7", "gpu", "meta"])
def test_a_device_that_is_not_here_is_refused_and_saved_models_do_without(
    device, fitted, cells, tmp_path
):
    name, model = fitted
    with pytest.raises(cx.InputError, match=f"device='{device}' is none that PyTorch can use"):
        cx.embed.make(name, device=device, **SMALL[name]).fit(cells.X[TRAIN])
    artefact = model.to_artefact()
    artefact.params["device"] = device
    artefact.save(tmp_path / "model")
    again = cx.embed.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(cells.X[TEST]), model.transform(cells.X[TEST]))


def test_presets_are_the_papers_settings_and_give_way_to_what_is_asked():
    model = cx.embed.make("scvi", preset="paper", patience=7)
    assert (model.n_hidden, model.n_latent, model.batch_size, model.patience) == (512, 16, 512, 7)
    model = cx.embed.make("rank_transformer", preset="paper")
    assert (model.hidden, model.n_layers, model.n_tokens, model.layer) == (256, 3, 512, -2)
    with pytest.raises(cx.InputError, match="no preset 'papr': did you mean 'paper'"):
        cx.embed.make("scvi", preset="papr")
    with pytest.raises(cx.InputError, match="no setting 'components': did you mean 'n_components'"):
        cx.embed.make("pca", components=3)
    with pytest.raises(cx.InputError, match="no preset 'paper'"):
        cx.embed.make("pca", preset="paper")


@pytest.mark.parametrize(
    ("name", "settings", "package"),
    [("scvi", {}, "scvi"), ("rank_transformer", {}, "transformers")],
)
def test_a_missing_extra_is_named(name, settings, package, cells, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda wanted: None if wanted == package else find(wanted)
    )
    with pytest.raises(cx.InputError, match=rf"pip install 'cellaxes\[{package}\]'"):
        cx.embed.make(name, **settings).fit(cells.X)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_misuse_is_named(name, cells):
    pytest.importorskip({"scvi": "scvi", "rank_transformer": "transformers"}[name])
    with pytest.raises(cx.InputError, match="not fitted"):
        cx.embed.make(name).transform(cells.X)
    with pytest.raises(cx.InputError, match="at least 20 training cells"):
        cx.embed.make(name).fit(cells.X[:10])
    with pytest.raises(cx.InputError, match="held_out"):
        cx.embed.make(name, held_out=1.0)


def test_a_checkpoint_is_looked_up_by_gene_name(cells, checkpoint, tmp_path):
    model = cx.embed.Geneformer(str(checkpoint))
    adata = cells.copy()
    cx.embed.embed(adata, model)
    turned = cells[:, ::-1].copy()
    cx.embed.embed(turned, cx.embed.Geneformer(str(checkpoint)))
    np.testing.assert_allclose(
        turned.obsm["X_geneformer"], adata.obsm["X_geneformer"], rtol=1e-4, atol=1e-5
    )
    model.to_artefact().save(tmp_path / "model")
    again = cx.embed.load(tmp_path / "model")
    np.testing.assert_array_equal(again.transform(cells.X), adata.obsm["X_geneformer"])
    found = cx.information.estimate(
        adata.obsm["X_geneformer"], cells.obs["cell_type"].to_numpy(), discrete=True
    )
    assert found.low > 0.3


def test_a_checkpoint_for_other_genes_is_refused_by_name(cells, checkpoint):
    adata = cells.copy()
    adata.var_names = [f"ENSG{i:011d}.3" for i in range(400)]
    with pytest.raises(cx.InputError, match=r"knows 0 of the 400 genes \(ENSG00000000000"):
        cx.embed.embed(adata, "geneformer", checkpoint=str(checkpoint))
    with pytest.raises(cx.InputError, match="pass genes=, 400 names"):
        cx.embed.Geneformer(str(checkpoint)).fit(cells.X)


def test_a_broken_checkpoint_is_refused(cells, checkpoint, tmp_path):
    def refused(match):
        with pytest.raises(cx.InputError, match=match):
            cx.embed.Geneformer(str(checkpoint)).fit(cells.X, genes=list(cells.var_names))

    weights = checkpoint / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    refused("cannot be read as a BERT")
    weights.write_bytes(whole)
    medians = (checkpoint / "medians.json").read_text()
    (checkpoint / "medians.json").write_text("[1, 2")
    refused("no JSON object")
    (checkpoint / "medians.json").unlink()
    refused("lacks medians.json")
    (checkpoint / "gene_median_dictionary.pkl").write_bytes(pickle.dumps({"gene0": 1.0}))
    refused("can run code and are not read: if you trust them, convert")
    (checkpoint / "medians.json").write_text(medians)
    tokens = json.loads((checkpoint / "tokens.json").read_text())
    (checkpoint / "tokens.json").write_text(json.dumps(tokens | {"<cls>": 402}))
    refused("second Geneformer")
    (checkpoint / "tokens.json").write_text(json.dumps(tokens | {"one more": 402}))
    refused("more tokens than weights")
    with pytest.raises(cx.InputError, match="no checkpoint in the cache of the hub"):
        cx.embed.Geneformer("nobody/nothing").fit(cells.X, genes=list(cells.var_names))


@pytest.fixture
def handout(cells, tmp_path):
    """Thinned counts handed out, and embeddings that came back for them."""
    cells.write_h5ad(tmp_path / "cells.h5ad")
    files = cx.study.write_thinned(
        tmp_path / "cells.h5ad", tmp_path / "out", fractions=[1.0, 0.1], n_seeds=2
    )
    assert [file.stem for file in files] == ["full", "seed0_0.1", "seed1_0.1"]
    matrix = np.random.default_rng(0).normal(size=(400, 4))
    for file in files:
        thinned = anndata.read_h5ad(file)
        assert list(thinned.obs_names) == list(cells.obs_names)
        np.save(tmp_path / "out" / "embeddings" / f"{file.stem}.npy", thinned.X @ matrix)
    return tmp_path


def study_of(folder, **changes):
    settings = {"fractions": [1.0, 0.1], "n_seeds": 2, "n_permutations": 1} | changes
    return cx.study.prepare(
        folder / "cells.h5ad",
        ["label:cell_type"],
        models=[f"precomputed:folder={folder / 'out'}"],
        **settings,
    )


def test_handed_out_counts_are_those_the_study_measures(handout, cells):
    """The study's own projection of its thinned counts gives the same table."""
    spec, material = study_of(handout, thin=["both", "train"])
    assert {run.thin for run in spec.runs()} == {"both"}
    cx.study.run(spec, handout / "study", material=material, n_jobs=1, progress=False)
    table = cx.study.collect(handout / "study")
    thinned = anndata.read_h5ad(handout / "out" / "counts" / "seed1_0.1.h5ad")
    from cellaxes.study._execute import split

    test = split(600, 300, 300, 1)[1]
    row = table[(table["fraction"] == 0.1) & (table["seed"] == 1)].iloc[0]
    assert row["umis_per_cell"] == np.median(np.asarray(thinned.X.sum(axis=1)).ravel()[test])
    expected = cx.information.estimate(
        cx.study.read_embedding(handout / "out", seed=1, fraction=0.1)[test],
        cells.obs["cell_type"].to_numpy()[test],
        discrete=True,
        n_permutations=1,
        random_state=1,
    )
    assert row["information"] == pytest.approx(expected.bits, abs=1e-6)  # float32 on its way


def test_embeddings_of_something_else_are_refused(handout):
    back = handout / "out" / "embeddings"
    spec, _ = study_of(handout)
    with pytest.raises(cx.InputError, match=r"for fractions \[1.0, 0.1\], the study has"):
        study_of(handout, fractions=[1.0, 0.2])
    with pytest.raises(cx.InputError, match="holds seeds"):
        study_of(handout, n_seeds=3)
    with pytest.raises(cx.InputError, match="other settings"):
        cx.study.write_thinned(handout / "cells.h5ad", handout / "out", fractions=[1.0])
    np.save(back / "full.npy", np.zeros((600, 4)))
    assert study_of(handout)[0].runs()[0].id != spec.runs()[0].id
    with pytest.raises(cx.InputError, match="have changed"):
        cx.study.reload(spec)
    np.save(back / "full.npy", np.zeros((599, 4)))
    with pytest.raises(cx.InputError, match="599 rows for 600 cells"):
        study_of(handout)
    (back / "full.npy").write_bytes(b"nothing")
    with pytest.raises(
        cx.InputError,
        match=r"full\.npy cannot be read as a NumPy file \(it does not begin like one\)",
    ):
        study_of(handout)
    (back / "full.npy").unlink()
    with pytest.raises(cx.InputError, match=r"embed counts/full\.h5ad"):
        study_of(handout)
    (handout / "out" / "handout.json").write_text("{}")
    with pytest.raises(cx.InputError, match="cannot be read as a hand-out"):
        study_of(handout)


def test_studies_give_models_their_genes_and_batches(cells, checkpoint, tmp_path):
    adata = cells.copy()
    adata.obs["donor"] = np.where(np.arange(600) % 2, "a", "b")
    adata.write_h5ad(tmp_path / "cells.h5ad")
    models = [f"geneformer:checkpoint={checkpoint}", "scvi:batch_key=donor,max_cells_seen=1"]
    spec, material = cx.study.prepare(
        tmp_path / "cells.h5ad", ["label:cell_type"], models=models, fractions=[1.0], n_seeds=1
    )
    failures = cx.study.run(spec, tmp_path / "s", material=material, n_jobs=1, progress=False)
    assert failures == 0
    with pytest.raises(cx.InputError, match="obs has no column 'plate'"):
        cx.study.prepare(
            tmp_path / "cells.h5ad", ["label:cell_type"], models=["scvi:batch_key=plate"]
        )
