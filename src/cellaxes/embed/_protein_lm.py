"""Protein language models: pretrained, fine-tuned, or untrained as a baseline."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.modality import Modality, Sequences
from cellaxes._core.nets import find_device, seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, settings_of, weights_of
from cellaxes.embed._columns import codes_of, require_columns, require_modality
from cellaxes.embed._hub import build_network, config_of
from cellaxes.embed._mlm import fine_tune
from cellaxes.embed._model import register, require_fitted, require_size
from cellaxes.embed._protein_networks import KIND, pretrained, untrained
from cellaxes.embed._windows import Frame, Tokens, mean_states, spans

if TYPE_CHECKING:
    from transformers import PreTrainedModel

RANDOM = "random"


@dataclass(frozen=True, eq=False)
class _Fitted:
    net: "PreTrainedModel"
    frame: Frame
    tokens: Tokens  # of each code, -1 of what is left out
    length: int
    losses: list[float] = field(default_factory=list)


@register(
    "protein_lm",
    description="a protein language model (ESM2), mean of the hidden states over all residues",
    reference="Lin et al. 2023 (ESM2); windows and masking ours, fine-tuning of arXiv 2503.02726",
    limits="slow without a GPU; gaps and stops are left out; extra 'transformers'",
    reads=("sequences",),
)
@dataclass
class ProteinLM:
    """Protein language model: ``Z_i = mean_r H_ir`` over all residues r of sequence i.

    H is a hidden layer. A sequence longer than the model takes is read in overlapping windows,
    and the states of a residue in several of them are averaged. Gaps and stops are left out.

    Parameters
    ----------
    checkpoint
        Folder with ``config.json``, ``model.safetensors`` and ``vocab.txt`` of a masked language
        model of transformers whose tokens are residues (ESM2, ProtBERT); a hub id in the local
        cache, as ``"facebook/esm2_t6_8M_UR50D"``; or ``"random"``, an ESM2 without training.
    layer
        Hidden layer read: -1 is the last, 0 the token embeddings.
    window, overlap
        Most residues of a window (0: what the model takes), and fewest that neighbours share.
    epochs
        Times the training sequences are shown to predict their masked residues; 0 leaves the
        weights as they are. The paper took 1.
    batch_size, learning_rate
        Of this fine-tuning.
    hidden, n_layers, n_heads, feed_forward
        Size of a ``"random"`` network.
    device
        Of PyTorch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    """

    checkpoint: str = ""
    layer: int = -1
    window: int = 0
    overlap: int = 128
    epochs: int = 0
    batch_size: int = 8
    learning_rate: float = 1e-4
    hidden: int = 64
    n_layers: int = 2
    n_heads: int = 4
    feed_forward: int = 128
    device: str = "cpu"
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.checkpoint:
            raise InputError(
                "a protein_lm needs checkpoint=, a folder, a hub id, or 'random' for one without "
                "training."
            )
        for name in ("batch_size", "hidden", "n_layers", "n_heads", "feed_forward"):
            require_size(getattr(self, name), name)
        if self.window < 0 or self.overlap < 0 or self.epochs < 0:
            raise InputError("window, overlap and epochs must not be negative.")
        if self.hidden % (2 * self.n_heads):
            raise InputError(
                f"hidden ({self.hidden}) must be a multiple of twice n_heads ({self.n_heads})."
            )

    def fit(
        self, sequences: Any, *, random_state: int = 0, modality: Modality | None = None
    ) -> Self:
        """Read the network, and fine-tune it if ``epochs`` says so.

        Parameters
        ----------
        sequences
            Codes of the training sequences ``(n_train, length)``; read only in fine-tuning.
        random_state
            Seed of weights without training, and of masks.
        modality
            Alphabet and length; `embed` and studies pass it.

        Raises
        ------
        InputError
            If the checkpoint is missing, damaged or no such model, or the device missing.
        """
        alphabet = require_modality(modality, Sequences, "protein_lm").alphabet
        codes = codes_of(sequences, len(alphabet))
        rng = stream(random_state, "protein_lm")
        device = find_device(self.device)
        with seeded(rng, device):
            if self.checkpoint == RANDOM:
                found = untrained(self.hidden, self.n_layers, self.n_heads, self.feed_forward)
            else:
                found = pretrained(self.checkpoint, headed=self.epochs > 0)
            self._check_layer(found.net)
            tokens, frame, net = found.tokens(alphabet), found.frame, found.net.to(device)
            losses = []
            if self.epochs:
                window, overlap = self._window(net)
                windows = [
                    row[start:stop]
                    for row in _tokens(codes, tokens)
                    for start, stop in spans(len(row), window, overlap)
                    if stop > start
                ]
                if not windows:
                    raise InputError("there is no residue to learn from in the training sequences.")
                losses = fine_tune(
                    net,
                    windows,
                    frame,
                    epochs=self.epochs,
                    batch_size=self.batch_size,
                    learning_rate=self.learning_rate,
                    rng=rng,
                )
        self._fitted = _Fitted(net.base_model, frame, tokens, codes.shape[1], losses)
        return self

    def transform(self, sequences: Any) -> NDArray[np.float32]:
        """Return the embedding ``(n, d)`` of ``sequences`` ``(n, length)``."""
        fitted = require_fitted(self._fitted, "protein_lm")
        codes = codes_of(sequences, len(fitted.tokens) - 1)
        require_columns(codes.shape[1], fitted.length, "protein_lm", "residues")
        distinct, which = np.unique(codes, axis=0, return_inverse=True)
        window, overlap = self._window(fitted.net)
        found = mean_states(
            fitted.net,
            _tokens(distinct, fitted.tokens),
            fitted.frame,
            window=window,
            overlap=overlap,
            layer=self.layer,
        )
        return found[which.ravel()]

    def to_artefact(self) -> Artefact:
        """Return network and tokens as plain data: the checkpoint is needed no more."""
        fitted = require_fitted(self._fitted, "protein_lm")
        params = settings_of(self) | {
            "config": config_of(fitted.net),
            "frame": asdict(fitted.frame),
            "length": fitted.length,
        }
        return Artefact(
            "embed.protein_lm", params, weights_of(fitted.net) | {"tokens": fitted.tokens}
        )

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        params: dict[str, Any] = dict(artefact.params)
        config, frame = params.pop("config"), Frame(**params.pop("frame"))
        length = int(params.pop("length"))
        model = cls(**params)
        with seeded(stream(0, "protein_lm")):
            net = build_network(config, KIND).base_model
        load_weights(net, artefact.arrays, device=model.device)
        model._fitted = _Fitted(net, frame, artefact.arrays["tokens"], length)
        return model

    def _window(self, net: "PreTrainedModel") -> tuple[int, int]:
        """Return residues per window and of their overlap: what the model takes, less its frame."""
        longest = max(1, int(net.config.max_position_embeddings) - 4)
        window = min(self.window or longest, longest)
        return window, min(self.overlap, window // 2)

    def _check_layer(self, net: "PreTrainedModel") -> None:
        n_layers = int(net.config.num_hidden_layers)
        if not -n_layers - 1 <= self.layer <= n_layers:
            raise InputError(f"layer {self.layer} is none of the {n_layers} layers of the network.")


def _tokens(codes: NDArray[np.uint8], kept: Tokens) -> Sequence[Tokens]:
    """Return the tokens of the residues of each sequence."""
    return [found[found >= 0] for found in map(kept.__getitem__, codes)]
