"""A transformer over ranked genes, trained from scratch on the training cells."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, highly_variable, log_normalise, shape_of
from cellaxes._core.nets import find_device, seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, settings_of, weights_of
from cellaxes.embed._bert import (
    Training,
    build,
    hold_out,
    read,
    train,
    vocabulary_size,
)
from cellaxes.embed._model import register, require_fitted, require_genes, require_size
from cellaxes.embed._tokens import FIRST_GENE, Vocabulary, gene_medians, tokenise

if TYPE_CHECKING:
    from transformers import BertForMaskedLM

MIN_CELLS = 20
"""Fewest training cells with a token."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    vocabulary: Vocabulary
    net: "BertForMaskedLM"


@register(
    "rank_transformer",
    description="genes ranked by count / gene median, masked-token BERT trained from scratch",
    reference="Theodoris et al. 2023 (Geneformer); settings of arXiv 2503.02726 as preset 'paper'",
    limits="keeps ranks, not amounts; slow: minutes where PCA takes a second; extra 'transformers'",
)
@dataclass
class RankTransformer:
    """Rank transformer: ``Z_i = mean_t H^(layer)_it`` over the ranked genes t of cell i.

    A cell becomes the list of its genes, ordered by ``x_ij / sum_j x_ij * target_sum / m_j``,
    highest first, with m_j the median of gene j's non-zero values in the training cells. A
    BERT learns to predict masked genes of such lists; H are its hidden states.
    Training stops when the loss on held-out training cells no longer falls.

    Parameters
    ----------
    n_genes
        Genes with a token: those that vary most in the training cells.
    n_tokens
        Longest list of genes.
    hidden, n_layers, n_heads, feed_forward, dropout
        Size of the network; ``hidden`` is the dimension d of the embedding.
    layer
        Hidden layer read: -2 is the last but one, 0 the token embeddings.
    batch_size, learning_rate, weight_decay, warmup_steps
        Of AdamW; the rate falls linearly after warming up.
    max_cells_seen
        Cells shown in training at most, every showing counted; one epoch is always done.
    eval_steps, patience
        Steps between readings of the held-out loss, and readings without a fall to stop after.
    held_out
        Share of the training cells that is watched, not trained on.
    target_sum
        UMIs per cell after normalising.
    device
        Of PyTorch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``. The same seed gives the same bits on the
        CPU; a GPU rounds otherwise.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {
            "n_genes": 100_000,
            "n_tokens": 512,
            "hidden": 256,
            "n_layers": 3,
            "n_heads": 4,
            "feed_forward": 512,
            "dropout": 0.02,
            "batch_size": 64,
            "learning_rate": 1e-3,
            "weight_decay": 1e-3,
            "warmup_steps": 5000,
            "max_cells_seen": 1e8,
            "eval_steps": 1000,
            "patience": 5,
        }
    }

    n_genes: int = 2000
    n_tokens: int = 128
    hidden: int = 64
    n_layers: int = 2
    n_heads: int = 4
    feed_forward: int = 128
    dropout: float = 0.0
    layer: int = -2
    batch_size: int = 32
    learning_rate: float = 4e-3
    weight_decay: float = 1e-3
    warmup_steps: int = 100
    max_cells_seen: float = 3.2e4
    eval_steps: int = 100
    patience: int = 3
    held_out: float = 0.1
    target_sum: float = 1e4
    device: str = "cpu"
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("n_genes", "n_tokens", "hidden", "n_layers", "n_heads", "feed_forward"):
            require_size(getattr(self, name), name)
        for name in ("batch_size", "eval_steps", "patience"):
            require_size(getattr(self, name), name)
        if self.hidden % self.n_heads:
            raise InputError(
                f"hidden ({self.hidden}) must be a multiple of n_heads ({self.n_heads})."
            )
        if not -self.n_layers - 1 <= self.layer <= self.n_layers:
            raise InputError(
                f"layer must lie between {-self.n_layers - 1} and {self.n_layers}, "
                f"but is {self.layer}."
            )
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out must lie between 0 and 1, but is {self.held_out}.")

    def fit(self, counts: Counts, *, random_state: int = 0) -> Self:
        """Learn medians, genes and the network from training ``counts`` ``(n_train, n_genes)``.

        ``random_state`` is the seed of the weights and of the batches.

        Raises
        ------
        InputError
            If the extra or the device is missing, or fewer than 20 cells have a gene.
        """
        vocabulary = self._vocabulary(counts)
        tokens = self._tokens(counts, vocabulary)
        n_alive = int(tokens.any(axis=1).sum())
        if n_alive < MIN_CELLS:
            raise InputError(
                f"a rank transformer needs at least {MIN_CELLS} training cells with a UMI, but "
                f"has {n_alive}: give more cells or depth."
            )
        trained, watched = hold_out(len(tokens), self.held_out, random_state)
        epoch = max(1, len(trained) // self.batch_size)
        how = Training(
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            warmup_steps=self.warmup_steps,
            max_steps=max(epoch, int(self.max_cells_seen / self.batch_size)),
            eval_steps=self.eval_steps,
            patience=self.patience,
        )
        rng = stream(random_state, "rank_transformer")
        device = find_device(self.device)
        with seeded(rng, device):
            net = build(self._config(int(vocabulary.tokens.max()))).to(device)
            train(net, tokens[trained], tokens[watched], how=how, rng=rng)
        self._fitted = _Fitted(vocabulary, net)
        return self

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return the embedding ``(n_cells, hidden)`` of ``counts`` ``(n_cells, n_genes)``."""
        fitted = require_fitted(self._fitted, "rank transformer")
        require_genes(shape_of(counts)[1], len(fitted.vocabulary.tokens), "rank transformer")
        return read(fitted.net, self._tokens(counts, fitted.vocabulary), self.layer)

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "rank transformer")
        arrays = weights_of(fitted.net) | {
            "tokens": fitted.vocabulary.tokens,
            "medians": fitted.vocabulary.medians,
        }
        return Artefact("embed.rank_transformer", settings_of(self), arrays)

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        model = cls(**artefact.params)
        weights = dict(artefact.arrays)
        vocabulary = Vocabulary(weights.pop("tokens"), weights.pop("medians"))
        with seeded(stream(0, "rank_transformer")):
            net = build(model._config(int(vocabulary.tokens.max())))
        load_weights(net, weights, device=model.device)
        model._fitted = _Fitted(vocabulary, net)
        return model

    def _vocabulary(self, counts: Counts) -> Vocabulary:
        medians = gene_medians(counts, self.target_sum)
        chosen = highly_variable(log_normalise(counts, self.target_sum), self.n_genes)
        tokens = np.zeros(len(medians), dtype=np.int64)
        tokens[chosen] = FIRST_GENE + np.arange(len(chosen))
        return Vocabulary(tokens, medians)

    def _tokens(self, counts: Counts, vocabulary: Vocabulary) -> NDArray[np.int32]:
        return tokenise(counts, vocabulary, n_tokens=self.n_tokens, target_sum=self.target_sum)

    def _config(self, last_token: int) -> dict[str, Any]:
        return {
            "vocab_size": vocabulary_size(last_token - FIRST_GENE + 1),
            "hidden_size": self.hidden,
            "num_hidden_layers": self.n_layers,
            "num_attention_heads": self.n_heads,
            "intermediate_size": self.feed_forward,
            "hidden_act": "relu",
            "hidden_dropout_prob": self.dropout,
            "attention_probs_dropout_prob": self.dropout,
            "max_position_embeddings": self.n_tokens,
            "type_vocab_size": 1,
        }
