"""Networks of protein language models with the tokens that residues have."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.modality import RESIDUES
from cellaxes.embed._hub import build_network, folder_of, read_network, reading
from cellaxes.embed._windows import Frame, Tokens

if TYPE_CHECKING:
    from transformers import PreTrainedModel

KIND, WHAT = "AutoModelForMaskedLM", "a protein language model"
LEFT_OUT = "*-"
"""Signs that are no residues: stop and gap."""
START, END, PAD, MASK, UNKNOWN = "<cls>", "<eos>", "<pad>", "<mask>", "<unk>"
VOCABULARY = (START, PAD, END, UNKNOWN, *RESIDUES, *"XBZU", MASK)
"""Tokens of an untrained network."""


@dataclass(frozen=True, eq=False)
class ProteinNetwork:
    """A masked language model of residues.

    Attributes
    ----------
    net
        With its head.
    vocabulary
        Token of each residue, by its letter.
    unknown
        Token of a letter without one.
    frame
        Tokens around residues.
    """

    net: "PreTrainedModel"
    vocabulary: dict[str, int]
    unknown: int
    frame: Frame

    def tokens(self, alphabet: str) -> Tokens:
        """Return the token of each code: -1 past the end, of gaps and of stops."""
        found = [self.vocabulary.get(sign, self.unknown) for sign in alphabet]
        out = [-1 if sign in LEFT_OUT else t for sign, t in zip(alphabet, found, strict=True)]
        return np.array([-1, *out], dtype=np.int64)


def untrained(hidden: int, n_layers: int, n_heads: int, feed_forward: int) -> ProteinNetwork:
    """Return an ESM2 of any size whose weights come from PyTorch's current seed."""
    vocabulary = {sign: place for place, sign in enumerate(VOCABULARY)}
    start, end, pad, mask, unknown = (vocabulary[t] for t in (START, END, PAD, MASK, UNKNOWN))
    config = {
        "model_type": "esm",
        "vocab_size": len(VOCABULARY),
        "pad_token_id": pad,
        "mask_token_id": mask,
        "hidden_size": hidden,
        "num_hidden_layers": n_layers,
        "num_attention_heads": n_heads,
        "intermediate_size": feed_forward,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "max_position_embeddings": 1026,
        "position_embedding_type": "rotary",
        "token_dropout": True,
        "emb_layer_norm_before": False,
    }
    net = build_network(config, KIND)
    return ProteinNetwork(net, vocabulary, unknown, Frame(start, end, pad, mask))


def pretrained(checkpoint: str, *, headed: bool) -> ProteinNetwork:
    """Read a checkpoint: a folder, or a hub id in the local cache.

    Raises
    ------
    InputError
        If it is missing or damaged, lacks the head that is to be trained, or its tokens are
        no residues.
    """
    require_extra("transformers", extra="transformers", what="protein language models")
    from transformers import AutoTokenizer

    folder = folder_of(checkpoint)
    net = read_network(folder, KIND, what=WHAT, headed=headed)
    with reading(folder, WHAT):
        names = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
        vocabulary = {str(sign): int(token) for sign, token in names.get_vocab().items()}
    end = names.eos_token_id if names.eos_token_id is not None else names.sep_token_id
    frame = (names.cls_token_id, end, names.pad_token_id, names.mask_token_id)
    without = [sign for sign in RESIDUES if sign not in vocabulary]
    if without or None in frame or names.unk_token_id is None:
        raise InputError(
            f"{folder} has no tokens for {', '.join(without) or 'start, end, padding and mask'}: "
            f"it is not {WHAT}."
        )
    if max(vocabulary.values()) >= net.config.vocab_size:
        raise InputError(f"{folder} has more tokens than weights: download or save it again.")
    return ProteinNetwork(net, vocabulary, int(names.unk_token_id), Frame(*map(int, frame)))
