"""Features of rows: encodings that leave out what they must, embeddings without padding."""

import json

import numpy as np
import pandas as pd
import pytest

import cellaxes as cx
from cellaxes._core.errors import InputError
from cellaxes.perturbation import Encoding, TrainingData
from cellaxes.perturbation._features._encoding import (
    STATISTICS,
    encode,
    encoding_table,
    statistics,
)
from cellaxes.perturbation._features._features import fit_features
from cellaxes.perturbation._features._smiles import pooled
from cellaxes.perturbation._features._tables import describe

rng = np.random.default_rng(0)
VALUES = rng.normal(size=(40, 3))
CODES = rng.integers(0, 6, 40)
CODES[CODES == 5] = 4
CODES[0] = 5  # a level of one row


@pytest.mark.parametrize("kappa", [0.0, 2.0])
def test_leave_one_out_is_the_statistic_of_the_other_rows(kappa):
    found = encode(VALUES, CODES, 6, Encoding(STATISTICS, kappa=kappa))
    for i in range(len(VALUES)):
        others = np.arange(len(VALUES)) != i
        whole = statistics(VALUES[others], STATISTICS)
        own = VALUES[others & (CODES[i] == CODES)]
        share = len(own) / (len(own) + kappa) if len(own) else 0
        wanted = whole if not len(own) else share * statistics(own, STATISTICS)
        wanted = wanted + (1 - share) * whole if len(own) else wanted
        assert np.allclose(found[i], wanted, atol=1e-10)


def test_statistics_are_those_of_numpy():
    found = dict(zip(STATISTICS, statistics(VALUES, STATISTICS), strict=True))
    assert np.allclose(found["q80"], np.quantile(VALUES, 0.8, axis=0))
    assert np.allclose(found["sd"], VALUES.std(axis=0))
    assert np.allclose(found["median"], found["q50"])
    assert np.allclose(found["q25"], np.quantile(VALUES, 0.25, axis=0))


def test_k_fold_tells_a_row_what_other_folds_say():
    how = Encoding(mode="k_fold", kappa=1.0, n_folds=4)
    found = encode(VALUES, CODES, 6, how)
    changed = VALUES.copy()
    changed[7] += 100
    moved = np.abs(encode(changed, CODES, 6, how) - found).max(axis=(1, 2)) > 0
    assert not moved[7]
    assert moved.sum() > 20  # all rows of other folds: through the mean of all at least


@pytest.mark.parametrize("mode", ["leave_one_out", "k_fold"])
@pytest.mark.parametrize("sigma", [0.0, 0.3])
def test_a_row_is_never_told_its_own_target(mode, sigma):
    how = Encoding(STATISTICS, mode=mode, sigma=sigma)
    before = encode(VALUES, CODES, 6, how)
    for i in (0, 3, 11):
        changed = VALUES.copy()
        changed[i] = 1e3
        assert np.allclose(encode(changed, CODES, 6, how)[i], before[i], atol=1e-9)


WEIGHTS = np.random.default_rng(3).uniform(0.1, 1, 40)


@pytest.mark.parametrize("kappa", [0.0, 2.0])
def test_leave_one_out_weighs_the_other_rows(kappa):
    found = encode(VALUES, CODES, 6, Encoding(STATISTICS, kappa=kappa), weights=WEIGHTS)
    for i in range(len(VALUES)):
        others = np.arange(len(VALUES)) != i
        group = others & (CODES[i] == CODES)
        wanted = statistics(VALUES[others], STATISTICS, WEIGHTS[others])
        if group.any():
            n = WEIGHTS[group].sum()
            own = statistics(VALUES[group], STATISTICS, WEIGHTS[group])
            wanted = (n * own + kappa * wanted) / (n + kappa)
        assert np.allclose(found[i], wanted, atol=1e-10)


def test_weighted_statistics_are_those_of_numpy():
    found = dict(zip(STATISTICS, statistics(VALUES, STATISTICS, WEIGHTS), strict=True))
    mean = np.average(VALUES, axis=0, weights=WEIGHTS)
    assert np.allclose(found["mean"], mean)
    square = np.average((VALUES - mean) ** 2, axis=0, weights=WEIGHTS)
    assert np.allclose(found["sd"], np.sqrt(square))
    # what is counted twice lies between what NumPy says of the rows and of their copies
    near = np.quantile(np.repeat(VALUES, np.round(100 * WEIGHTS).astype(int), axis=0), 0.8, axis=0)
    assert np.allclose(found["q80"], near, atol=0.15)
    almost = np.where(np.arange(40) < 20, 1, 1 - 1e-9)
    alike = statistics(VALUES, STATISTICS, almost)
    assert np.allclose(alike, statistics(VALUES, STATISTICS), atol=1e-6)


@pytest.mark.parametrize("mode", ["in_sample", "leave_one_out", "k_fold"])
def test_a_row_without_weight_has_no_say_in_encodings(mode):
    how = Encoding(STATISTICS, mode=mode)
    light = np.where(np.arange(40) % 7 == 2, 1e-9, 1.0)
    wild = np.where(light[:, None] < 1, 30.0, VALUES)
    heavy = light == 1
    one, two = (encode(each, CODES, 6, how, weights=light) for each in (VALUES, wild))
    assert np.allclose(one[heavy], two[heavy], atol=1e-4)
    tables = [encoding_table(each, CODES, 6, how, weights=light) for each in (VALUES, wild)]
    assert np.allclose(*tables, atol=1e-4)
    if mode == "leave_one_out":
        alone = encode(VALUES[heavy], CODES[heavy], 6, how)
        assert np.allclose(one[heavy], alone, atol=1e-6)


def test_in_sample_leaks_and_is_the_table():
    how = Encoding(mode="in_sample")
    table = encoding_table(VALUES, CODES, 6, how)
    found = encode(VALUES, CODES, 6, how)
    assert (found == table[CODES]).all()
    changed = VALUES.copy()
    changed[3] = 1e3
    assert not np.allclose(encode(changed, CODES, 6, how)[3], found[3])
    assert np.allclose(table[-1], statistics(VALUES, ("mean",)))


def test_shrinkage_and_noise():
    far = encoding_table(VALUES, CODES, 6, Encoding(kappa=1e12))
    assert np.allclose(far, far[-1])
    n = (CODES == 4).sum()
    table = encoding_table(VALUES, CODES, 6, Encoding(kappa=3.0))
    share = n / (n + 3)
    wanted = share * VALUES[CODES == 4].mean(axis=0) + (1 - share) * VALUES.mean(axis=0)
    assert np.allclose(table[4, 0], wanted)
    how = Encoding(sigma=0.2)
    ratio = encode(VALUES, CODES, 6, how) / encode(VALUES, CODES, 6, Encoding())
    assert 0.1 < ratio.std() < 0.3
    assert (encode(VALUES, CODES, 6, how) == encode(VALUES, CODES, 6, how)).all()
    other = encode(VALUES, CODES, 6, how, random_state=1)
    assert not np.allclose(other, encode(VALUES, CODES, 6, how))


def test_two_rows_and_one():
    assert encode(VALUES[:2], CODES[:2] * 0, 1, Encoding(STATISTICS)).shape == (2, 6 + 1, 3)
    assert not encode(VALUES[:1], CODES[:1] * 0, 1, Encoding()).any()


@pytest.mark.parametrize(
    "bad", [{"statistics": ("mode",)}, {"mode": "none"}, {"kappa": -1.0}, {"n_folds": 1}]
)
def test_what_cannot_be_encoded_is_refused(bad):
    with pytest.raises(InputError):
        Encoding(**bad)


def training_data(**more):
    contexts, compounds = list("ABC"), [f"s{i}" for i in range(8)]
    rows = pd.DataFrame([(c, s) for c in contexts for s in compounds])
    rows.columns = ["context", "compound"]
    Y = np.random.default_rng(1).normal(size=(24, 10)).astype(np.float32)
    return TrainingData(Y, rows, np.ones(24), **more)


def test_components_of_a_table_are_decided_by_trained_names_alone():
    table = pd.DataFrame(rng.normal(size=(10, 20)), index=[f"s{i}" for i in range(10)])
    trained = np.array([f"s{i}" for i in range(8)], dtype=object)
    before = describe(table, trained, 4)
    changed = table.copy()
    changed.loc["s9"] += 50
    after = describe(changed, trained, 4)
    assert (before.values[:9] == after.values[:9]).all()
    assert not np.allclose(before.values[9], after.values[9])
    assert not before.of(np.array(["nobody"], dtype=object)).any()
    assert np.isclose(before.values[:8, 0].std(), 1, atol=1e-5)
    assert describe(None, trained, 4).of(trained).shape == (8, 0)


def test_features_of_new_rows_are_tables_and_each_row_stands_alone():
    contexts = pd.DataFrame(rng.normal(size=(3, 50)), index=list("ABC"))
    data = training_data(contexts=contexts)
    features, own = fit_features(
        data, data.Y[:, :4], encoding=Encoding(("mean", "sd")), n_expression=8, n_chemistry=8
    )
    assert own.encoded.shape == (24, 2, 2, 4)
    assert own.expression.shape == (24, 2)  # three contexts have two components
    assert own.chemistry.shape == (24, 0)
    wanted = pd.DataFrame({"context": ["A", "Z", "C"], "compound": ["s1", "s2", "new"]})
    found = features.of(wanted)
    assert found.context.tolist() == [0, 3, 2]
    assert found.compound.tolist() == [1, 2, 8]
    assert not found.expression[1].any()
    for i in range(3):
        alone = features.of(wanted.iloc[[i]])
        assert all((v[0] == vars(found)[k][i]).all() for k, v in vars(alone).items())
    read = type(features).from_arrays(*features.to_arrays())
    again = read.of(wanted)
    assert all((v == vars(found)[k]).all() for k, v in vars(again).items())


def test_features_count_rows_by_their_weights():
    data = training_data()
    light = np.where(data.rows["compound"].eq("s3"), 1e-9, 1.0)
    wild = np.where(light[:, None] < 1, 50, data.Y).astype(np.float32)
    made = []
    for Y in (data.Y, wild):
        held = TrainingData(Y, data.rows, light)
        made.append(fit_features(held, Y[:, :4], encoding=Encoding(("mean", "median"))))
    for one, two in zip(*[(each[0].by_context, each[1].encoded[light == 1]) for each in made],
                        strict=True):  # fmt: skip
        assert np.allclose(one, two, atol=1e-3)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """Return a folder with a tiny random encoder and a tokenizer of characters."""
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("rdkit")
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors

    letters = ["<pad>", "<s>", "</s>", "<unk>", *"CNOFSclno()=123[]@H+-#"]
    special = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    unknown = {"unk_token": "<unk>"}
    words = Tokenizer(models.WordLevel({c: i for i, c in enumerate(letters)}, **unknown))
    words.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    words.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", None, [("<s>", 1), ("</s>", 2)]
    )
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=words, **special, **unknown)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = transformers.RobertaModel(
            transformers.RobertaConfig(
                vocab_size=len(letters), hidden_size=32, num_hidden_layers=2,
                num_attention_heads=2, intermediate_size=64, max_position_embeddings=80,
                pad_token_id=0, bos_token_id=1, eos_token_id=2, initializer_range=0.5,
            ),
            add_pooling_layer=False,
        )  # fmt: skip
    folder = tmp_path_factory.mktemp("encoder")
    net.save_pretrained(folder, safe_serialization=True)
    tokenizer.save_pretrained(folder)
    return folder


SMILES = pd.Series(
    {"ethanol": "OCC", "toluene": "Cc1ccccc1", "none": None, "methane": "C", "salt": "CC(=O)O.[Na]"}
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CELLAXES_CACHE", str(tmp_path))
    return tmp_path


def test_an_embedding_is_the_mean_of_last_hidden_states(encoder, cache):
    import torch
    from transformers import AutoModel, AutoTokenizer

    found = cx.perturbation.embed_smiles(SMILES, model=encoder)
    assert list(found.index) == ["ethanol", "toluene", "methane", "salt"]
    tokenizer = AutoTokenizer.from_pretrained(encoder, local_files_only=True)
    net = AutoModel.from_pretrained(encoder, local_files_only=True).eval()
    with torch.no_grad():
        for name, text in (("ethanol", "CCO"), ("methane", "C"), ("salt", "CC(=O)O")):
            told = tokenizer([text], return_tensors="pt")
            alone = net(input_ids=told["input_ids"]).last_hidden_state[0].mean(dim=0)
            assert np.allclose(found.loc[name], alone.numpy(), atol=1e-5)


def test_an_embedding_does_not_depend_on_padding_or_batch(encoder, cache, monkeypatch):
    whole = cx.perturbation.embed_smiles(SMILES, model=encoder)
    for i, batch in ((1, 1), (2, 2)):
        monkeypatch.setenv("CELLAXES_CACHE", str(cache / str(i)))
        again = cx.perturbation.embed_smiles(SMILES[::-1], model=encoder, batch=batch)
        assert np.allclose(again.loc[whole.index], whole, atol=1e-5)


def test_padding_has_no_part_in_the_mean():
    import torch

    hidden = torch.tensor([[[1.0], [3.0], [100.0]]])
    assert pooled(hidden, torch.tensor([[1, 1, 0]])).tolist() == [[2.0]]


def test_embeddings_are_kept_by_model_and_canonical_smiles(encoder, cache, monkeypatch):
    first = cx.perturbation.embed_smiles(SMILES, model=encoder)

    def refuse(*args):
        raise AssertionError("the encoder was asked again")

    monkeypatch.setattr("cellaxes.perturbation._features._smiles._embed", refuse)
    same = pd.Series({"alcohol": "C(O)C"})
    found = cx.perturbation.embed_smiles(same, model=encoder)
    assert (found.loc["alcohol"].to_numpy() == first.loc["ethanol"].to_numpy()).all()
    with pytest.raises(AssertionError):
        cx.perturbation.embed_smiles(pd.Series({"new": "CCCCN"}), model=encoder)
    config = encoder / "config.json"
    before = config.read_text()
    config.write_text(json.dumps({**json.loads(before), "note": 1}))
    with pytest.raises(AssertionError):  # another model, however near
        cx.perturbation.embed_smiles(same, model=encoder)
    config.write_text(before)


def test_pickled_weights_are_not_read(encoder, cache, tmp_path):
    import torch

    for path in encoder.iterdir():
        if path.suffix == ".json":
            (tmp_path / path.name).write_text(path.read_text())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="safetensors"):
        cx.perturbation.embed_smiles(SMILES, model=tmp_path)


def test_an_encoder_that_lacks_weights_is_refused(encoder, cache, tmp_path):
    """What a checkpoint lacks would be drawn at random, and look like an embedding."""
    from safetensors.numpy import load_file, save_file

    for path in encoder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    held = load_file(encoder / "model.safetensors")
    lost = "encoder.layer.1.output.dense.weight"
    save_file({k: v for k, v in held.items() if k != lost}, tmp_path / "model.safetensors")
    with pytest.raises(InputError, match=f"lacks the weights {lost}"):
        cx.perturbation.embed_smiles(SMILES, model=tmp_path)
