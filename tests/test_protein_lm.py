"""Protein language models: read by the real path, windows, masks, no trace of padding."""

from itertools import pairwise

import anndata
import numpy as np
import pytest
import torch

import cellaxes as cx
from cellaxes._core.modality import RESIDUES, Sequences, set_modality
from cellaxes.embed._mlm import fine_tune, masked
from cellaxes.embed._windows import Frame, mean_states, spans

pytest.importorskip("transformers")
ALPHABET = RESIDUES + "XU*-"
ESM = (
    "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <null_1> <mask>"
)
SHAPE = {
    "vocab_size": 33,
    "mask_token_id": 32,
    "pad_token_id": 1,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 66,
    "position_embedding_type": "rotary",
    "token_dropout": True,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}


def quiet(save):
    from transformers.utils import logging

    logging.disable_progress_bar()
    save()
    logging.enable_progress_bar()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A tiny ESM2 with the vocabulary of the real ones, for windows of 62 residues."""
    from transformers import EsmConfig, EsmForMaskedLM, EsmTokenizer

    folder = tmp_path_factory.mktemp("esm2")
    (folder / "vocab.txt").write_text("\n".join(ESM.split()))
    EsmTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = EsmForMaskedLM(EsmConfig(**SHAPE))
        for weight in net.parameters():  # of untrained size, contexts would hardly count
            weight.data.mul_(4)
    quiet(lambda: net.save_pretrained(folder))
    return folder


@pytest.fixture(scope="module")
def sequences():
    """40 sequences of 5 to 150 residues, the last one twice."""
    rng = np.random.default_rng(0)
    codes = rng.integers(1, 22, (40, 150)).astype(np.uint8)
    lengths = rng.integers(5, 151, 40)
    lengths[:2] = 150, 5
    codes[np.arange(150) >= lengths[:, None]] = 0
    codes[39] = codes[38]
    adata = anndata.AnnData(codes)
    set_modality(adata, Sequences(ALPHABET, 150))
    return adata


def fitted(adata, random_state=0, **settings):
    modality = Sequences(ALPHABET, adata.X.shape[1])
    model = cx.embed.make("protein_lm", **settings)
    return model.fit(adata.X, random_state=random_state, modality=modality)


def test_a_checkpoint_gives_what_transformers_gives(checkpoint, sequences, capfd):
    from transformers import AutoTokenizer, EsmModel

    capfd.readouterr()
    z = fitted(sequences, checkpoint=str(checkpoint)).transform(sequences.X)
    assert capfd.readouterr() == ("", "")
    net = EsmModel.from_pretrained(checkpoint, add_pooling_layer=False).eval()
    names = AutoTokenizer.from_pretrained(checkpoint)
    for row in np.flatnonzero((sequences.X > 0).sum(axis=1) <= 62):
        text = "".join(ALPHABET[code - 1] for code in sequences.X[row] if code)
        with torch.no_grad():
            states = net(**names(text, return_tensors="pt")).last_hidden_state[0, 1:-1]
        np.testing.assert_allclose(z[row], states.mean(dim=0), rtol=2e-4, atol=2e-5)
    np.testing.assert_array_equal(z[38], z[39])
    capfd.readouterr()


def test_long_sequences_are_means_over_all_residues_of_overlapping_windows(checkpoint, sequences):
    model = fitted(sequences, checkpoint=str(checkpoint), window=40, overlap=10)
    whole = model.transform(sequences.X[:1])[0]
    net, frame = model._fitted.net, model._fitted.frame
    tokens = model._fitted.tokens[sequences.X[0]]
    found, times = np.zeros((150, 16)), np.zeros((150, 1))
    cut = spans(150, 40, 10)
    assert len(cut) == 5
    for start, stop in cut:
        ids = torch.tensor([[frame.start, *tokens[start:stop], frame.end]])
        with torch.no_grad():
            found[start:stop] += net(ids).last_hidden_state[0, 1:-1].numpy()
        times[start:stop] += 1
    np.testing.assert_allclose(whole, (found / times).mean(axis=0), rtol=2e-4, atol=2e-5)
    cut_short = model.transform(np.where(np.arange(150) < 40, sequences.X[:1], 0))[0]
    assert np.abs(cut_short - whole).max() > 0.01 * np.abs(whole).max()


@pytest.mark.parametrize("length", [1, 5, 62, 63, 100, 1273, 5000])
@pytest.mark.parametrize(("window", "overlap"), [(62, 10), (62, 0), (1022, 128), (5, 2)])
def test_windows_cover_all_residues_and_overlap_enough(length, window, overlap):
    cut = spans(length, window, overlap)
    sizes = {stop - start for start, stop in cut}
    assert len(sizes) == 1
    assert max(sizes) <= window
    assert (cut[0][0], cut[-1][1]) == (0, length)
    assert all(first[1] - second[0] >= overlap - 1 for first, second in pairwise(cut))
    assert len(cut) == max(1, -(-(length - overlap) // (window - overlap)))


@pytest.mark.parametrize("where", ["checkpoint", "random"])
def test_embeddings_do_not_depend_on_padding_or_on_the_sequences_beside(
    where, checkpoint, sequences
):
    settings = {"checkpoint": str(checkpoint) if where == "checkpoint" else "random"}
    model = fitted(sequences, **settings)
    z = model.transform(sequences.X)
    rows = [30, 2, 1]
    np.testing.assert_array_equal(model.transform(sequences.X[rows]), z[rows])
    np.testing.assert_array_equal(model.transform(sequences.X[1:2]), z[1:2])  # the shortest
    wide = anndata.AnnData(np.pad(sequences.X, ((0, 0), (0, 90))))
    np.testing.assert_array_equal(fitted(wide, **settings).transform(wide.X), z)


def test_gaps_and_stops_are_left_out_and_nothing_is_at_the_origin(checkpoint, sequences):
    model = fitted(sequences, checkpoint=str(checkpoint))
    gap, stop = ALPHABET.index("-") + 1, ALPHABET.index("*") + 1
    codes = np.zeros((3, 150), dtype=np.uint8)
    codes[0, :4] = 1, 2, 3, 4
    codes[1, :6] = 1, gap, 2, 3, 4, stop
    codes[2, :2] = gap, stop
    z = model.transform(codes)
    np.testing.assert_array_equal(z[0], z[1])
    assert not z[2].any()
    assert z[0].any()


def test_layers_are_those_of_the_network(checkpoint, sequences):
    first = fitted(sequences, checkpoint=str(checkpoint), layer=0)
    z = first.transform(sequences.X[1:2])
    words = first._fitted.net.embeddings.word_embeddings.weight.detach().numpy()
    tokens = first._fitted.tokens[sequences.X[1, :5]]
    np.testing.assert_allclose(z[0], words[tokens].mean(axis=0) * 0.88, rtol=1e-4)  # token dropout
    with pytest.raises(cx.InputError, match="layer 5 is none of the 2 layers"):
        fitted(sequences, checkpoint=str(checkpoint), layer=5)


@pytest.mark.parametrize("settings", [{"hidden": 16}, {"epochs": 1}], ids=["random", "tuned"])
def test_saved_models_embed_as_before_and_seeds_decide(settings, checkpoint, sequences, tmp_path):
    where = "random" if "hidden" in settings else str(checkpoint)
    model = fitted(sequences, checkpoint=where, **settings)
    z = model.transform(sequences.X)
    model.to_artefact().save(tmp_path / "m")
    np.testing.assert_array_equal(cx.embed.load(tmp_path / "m").transform(sequences.X), z)
    state = torch.get_rng_state()
    again = fitted(sequences, checkpoint=where, **settings).transform(sequences.X)
    np.testing.assert_array_equal(again, z)
    assert torch.equal(torch.get_rng_state(), state)
    other = fitted(sequences, 1, checkpoint=where, **settings).transform(sequences.X)
    assert np.abs(other - z).max() > 1e-4


def test_fine_tuning_learns_and_leaves_unmasked_tokens_out_of_its_loss(checkpoint, monkeypatch):
    from transformers import EsmForMaskedLM

    judged, real = [], torch.nn.functional.cross_entropy

    def counted(scores, wanted):
        judged.append(len(wanted))
        return real(scores, wanted)

    monkeypatch.setattr(torch.nn.functional, "cross_entropy", counted)

    frame = Frame(0, 2, 1, 32)
    net = EsmForMaskedLM.from_pretrained(checkpoint)
    motif = np.array([4, 5, 6, 7] * 10)
    losses = fine_tune(
        net,
        [motif] * 16,
        frame,
        epochs=20,
        batch_size=8,
        learning_rate=3e-3,
        rng=np.random.default_rng(0),
    )
    assert len(losses) == 40
    assert np.mean(judged) == pytest.approx(0.15 * 8 * 40, rel=0.1)
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:2])
    tokens = np.array([[0, 4, 5, 6, 2, 1, 1]] * 2000)
    shown, asked = masked(tokens, frame, np.arange(4, 24), np.random.default_rng(0))
    assert not asked[:, [0, 4, 5, 6]].any()
    assert asked[:, 1:4].mean() == pytest.approx(0.15, abs=0.02)
    assert (shown[asked] == 32).mean() == pytest.approx(0.8, abs=0.05)
    assert (shown[asked] == tokens[asked]).mean() == pytest.approx(0.105, abs=0.03)
    np.testing.assert_array_equal(shown[~asked], tokens[~asked])


def test_a_sequence_without_its_neighbours_has_the_mean_of_its_states(checkpoint, sequences):
    model = fitted(sequences, checkpoint=str(checkpoint))
    found = mean_states(model._fitted.net, [], model._fitted.frame, window=62, overlap=8, layer=-1)
    assert found.shape == (0, 16)


def test_broken_checkpoints_are_refused(checkpoint, sequences, tmp_path):
    import shutil

    def broken(change):
        folder = tmp_path / "esm"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(checkpoint, folder)
        change(folder)
        return str(folder)

    from safetensors.numpy import load_file, save_file

    def without(part):
        def change(folder):
            weights = load_file(folder / "model.safetensors")
            kept = {name: w for name, w in weights.items() if part not in name}
            save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})

        return change

    words = ESM.replace(" W ", " w ")
    cases = {
        "lacks config.json": lambda folder: (folder / "config.json").unlink(),
        "has no weights": lambda folder: (folder / "model.safetensors").unlink(),
        "pytorch_model.bin, which can run code": lambda folder: (
            folder / "model.safetensors"
        ).rename(folder / "pytorch_model.bin"),
        "cannot be read as a protein language": lambda folder: (
            folder / "model.safetensors"
        ).write_bytes(b"x" * 50),
        "the weights lack esm.encoder.layer.1": without("layer.1.attention.self.query"),
        "has no tokens for W: it is not a protein language model": lambda folder: (
            [path.unlink() for path in folder.glob("tokenizer*")],
            (folder / "vocab.txt").write_text("\n".join(words.split())),
        ),
    }
    for message, change in cases.items():
        with pytest.raises(cx.InputError, match=message) as caught:
            fitted(sequences, checkpoint=broken(change))
        assert "\n" not in str(caught.value)
    headless = broken(without("lm_head"))
    assert np.isfinite(fitted(sequences, checkpoint=headless).transform(sequences.X[:2])).all()
    with pytest.raises(cx.InputError, match="the weights lack lm_head"):
        fitted(sequences, checkpoint=headless, epochs=1)
    with pytest.raises(cx.InputError, match="hf download nobody/nothing"):
        fitted(sequences, checkpoint="nobody/nothing")


def test_misuse_is_named(sequences, cells, monkeypatch):
    with pytest.raises(cx.InputError, match="needs checkpoint=, a folder, a hub id, or 'random'"):
        cx.embed.make("protein_lm")
    with pytest.raises(cx.InputError, match="must be a multiple of twice n_heads"):
        cx.embed.make("protein_lm", checkpoint="random", hidden=20)
    with pytest.raises(cx.InputError, match="must not be negative"):
        cx.embed.make("protein_lm", checkpoint="random", epochs=-1)
    with pytest.raises(cx.InputError, match=r"must know .* pass modality="):
        cx.embed.make("protein_lm", checkpoint="random").fit(sequences.X)
    with pytest.raises(cx.InputError, match="protein_lm reads sequences, but X holds counts"):
        cx.embed.embed(cells, "protein_lm", checkpoint="random", copy=True)
    nothing = anndata.AnnData(np.zeros((3, 150), dtype=np.uint8))
    with pytest.raises(cx.InputError, match="no residue to learn from"):
        fitted(nothing, checkpoint="random", epochs=1)
    real = cx._core.extras.importlib.util.find_spec
    monkeypatch.setattr(
        cx._core.extras.importlib.util,
        "find_spec",
        lambda name: None if name == "transformers" else real(name),
    )
    with pytest.raises(cx.InputError, match="need transformers, which is not installed"):
        fitted(sequences, checkpoint="random")
