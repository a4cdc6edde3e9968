"""A pretrained rank transformer, read from a checkpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, shape_of
from cellaxes._core.nets import find_device, seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, settings_of, weights_of
from cellaxes.embed._bert import build, config_of, read
from cellaxes.embed._checkpoint import Checkpoint, locate, read_checkpoint
from cellaxes.embed._model import register, require_fitted, require_genes
from cellaxes.embed._tokens import PAD, Vocabulary, tokenise

if TYPE_CHECKING:
    from transformers import BertForMaskedLM


@dataclass(frozen=True, eq=False)
class _Fitted:
    vocabulary: Vocabulary
    net: "BertForMaskedLM"


@register(
    "geneformer",
    description="a pretrained Geneformer-style checkpoint; nothing is trained",
    reference="Theodoris et al. 2023, the first Geneformer's tokens",
    limits="knows the genes of its checkpoint only, by name; extra 'transformers'",
)
@dataclass
class Geneformer:
    """Pretrained rank transformer: tokens and mean pooling as in `RankTransformer`.

    Gene medians and weights are those of the checkpoint. ``fit`` looks genes up by name and
    reads no cell, so thinning the training cells changes nothing.

    Parameters
    ----------
    checkpoint
        Folder with ``config.json``, ``model.safetensors``, ``tokens.json`` (gene to token) and
        ``medians.json`` (gene to median, UMIs per 10,000); or a hub id in the local cache.
    layer
        Hidden layer read: -2 is the last but one.
    min_match
        Smallest share of the data's genes that the checkpoint must know.
    device
        Of PyTorch, as of `RankTransformer`.
    """

    checkpoint: str = ""
    layer: int = -2
    min_match: float = 0.3
    device: str = "cpu"
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.checkpoint:
            raise InputError("a geneformer model needs checkpoint=, a folder or a hub id.")
        if not 0 < self.min_match <= 1:
            raise InputError(f"min_match must lie in (0, 1], but is {self.min_match}.")

    def fit(
        self, counts: Counts, *, random_state: int = 0, genes: Sequence[str] | None = None
    ) -> Self:
        """Read the checkpoint and look up the genes; the cells themselves are not read.

        Parameters
        ----------
        counts
            UMI counts ``(n_train, n_genes)``.
        random_state
            Not used: nothing is drawn.
        genes
            Names of the columns; `embed` and studies pass ``var_names``.

        Raises
        ------
        InputError
            If the checkpoint is missing, damaged or for other genes, or the device missing.
        """
        n_genes = shape_of(counts)[1]
        if genes is None or len(genes) != n_genes:
            raise InputError(
                f"a geneformer model looks genes up by name: pass genes=, {n_genes} names."
            )
        found = read_checkpoint(locate(self.checkpoint))
        if (
            not -found.net.config.num_hidden_layers - 1
            <= self.layer
            < (found.net.config.num_hidden_layers + 1)
        ):
            raise InputError(
                f"layer {self.layer} is none of the {found.net.config.num_hidden_layers} layers "
                "of the checkpoint."
            )
        net = found.net.to(find_device(self.device))
        self._fitted = _Fitted(self._vocabulary(found, genes), net)
        return self

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return the embedding ``(n_cells, d)`` of ``counts`` ``(n_cells, n_genes)``."""
        fitted = require_fitted(self._fitted, "geneformer")
        require_genes(shape_of(counts)[1], len(fitted.vocabulary.tokens), "geneformer")
        longest = fitted.net.config.max_position_embeddings
        tokens = tokenise(counts, fitted.vocabulary, n_tokens=longest)
        return read(fitted.net, tokens, self.layer)

    def to_artefact(self) -> Artefact:
        """Return network and vocabulary as plain data: the checkpoint is needed no more."""
        fitted = require_fitted(self._fitted, "geneformer")
        params = settings_of(self) | {"config": config_of(fitted.net)}
        arrays = weights_of(fitted.net) | {
            "tokens": fitted.vocabulary.tokens,
            "medians": fitted.vocabulary.medians,
        }
        return Artefact("embed.geneformer", params, arrays)

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        params: dict[str, Any] = dict(artefact.params)
        config = params.pop("config")
        model = cls(**params)
        with seeded(stream(0, "geneformer")):
            net = build(config)
        load_weights(net, artefact.arrays, device=model.device)
        vocabulary = Vocabulary(artefact.arrays["tokens"], artefact.arrays["medians"])
        model._fitted = _Fitted(vocabulary, net)
        return model

    def _vocabulary(self, found: Checkpoint, genes: Sequence[str]) -> Vocabulary:
        """Return the tokens of the data's columns; versions (``ENSG….12``) are looked past."""
        names = [name.partition(".")[0] if name.startswith("ENS") else name for name in genes]
        tokens = np.array([found.tokens.get(name, PAD) for name in names], dtype=np.int64)
        medians = np.array([found.medians.get(name, 0.0) for name in names], dtype=np.float32)
        known = (tokens != PAD) & (medians > 0)
        if known.mean() < self.min_match:
            raise InputError(
                f"the checkpoint {self.checkpoint} knows {known.sum()} of the {len(names)} genes "
                f"({', '.join(names[:3])}, …), fewer than min_match={self.min_match:g}; it calls "
                f"its genes {', '.join(list(found.tokens)[:3])}, …: rename yours, or use another "
                "checkpoint."
            )
        return Vocabulary(tokens, medians)
