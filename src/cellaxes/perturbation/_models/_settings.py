"""Settings of the networks; each is fitted by the same function."""

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from cellaxes._core.errors import InputError
from cellaxes.perturbation._features._encoding import Encoding
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._train import Training

if TYPE_CHECKING:
    from cellaxes.perturbation._models._fitted import FittedNet

Head = Literal["conv1d", "gru", "lstm"]
MOST = 32
"""Components that a table of contexts or compounds is reduced to at most."""


@dataclass(frozen=True)
class EmbeddingMLP:
    """Learned ids, dense blocks with batch norm, scores of the targets' components.

    The third place of the Open Problems competition of 2023, and the best when its organisers
    scored all again. Settings are those of no team; see `presets` for theirs.

    Attributes
    ----------
    emb
        Numbers per context and per compound.
    dense, dropout
        Widths of the blocks, and the share each drops.
    norm_first
        Batch norm of the ids instead of the first block.
    n_dim
        Components of the targets.
    training
        How it is trained.
    """

    emb: int = 32
    dense: tuple[int, ...] = (384, 512)
    dropout: tuple[float, ...] = (0.4, 0.2)
    norm_first: bool = False
    n_dim: int = 60
    training: Training = field(default_factory=Training)

    def __post_init__(self) -> None:
        if not self.dense or len(self.dense) != len(self.dropout):
            raise InputError(
                f"dense and dropout must be as long, but are {self.dense} and {self.dropout}."
            )

    def fit(self, data: TrainingData) -> "FittedNet":
        """Return the networks fitted to the rows of ``data``."""
        return _fit(self, data)


@dataclass(frozen=True)
class TargetEncodingNet:
    """Statistics of a row's context and compound as tokens, read by a sequence head.

    The winner of the competition, mended: statistics leave out the row they are told to, hidden
    states of rows are not mixed, features are set to zero anew at every step.

    Attributes
    ----------
    head
        ``"conv1d"``, ``"gru"`` or ``"lstm"``.
    width, hidden
        Of tokens and of the recurrent layers.
    dense, dropout
        Two dense layers after the head.
    encoding
        Statistics that are told.
    n_dim, training
        As in `EmbeddingMLP`.
    """

    head: Head = "gru"
    width: int = 64
    hidden: int = 64
    dense: tuple[int, int] = (512, 256)
    dropout: float = 0.3
    encoding: Encoding = field(default_factory=lambda: Encoding(("mean", "sd")))
    n_dim: int = 60
    training: Training = field(
        default_factory=lambda: Training(epochs=100, learning_rate=1e-3, clip=5.0, zeroing=0.3)
    )

    def __post_init__(self) -> None:
        if self.head not in ("conv1d", "gru", "lstm") or len(self.dense) != 2:
            raise InputError("head must be 'conv1d', 'gru' or 'lstm', and dense two widths.")

    def fit(self, data: TrainingData) -> "FittedNet":
        """Return the networks fitted to the rows of ``data``."""
        return _fit(self, data)


@dataclass(frozen=True)
class TokenTransformer:
    """Attention among what is told of one row: ids, statistics, chemistry, expression.

    The second place, mended: theirs let the rows of a batch attend to each other.

    Attributes
    ----------
    width, heads, layers, feed_forward, dropout
        Of the encoder.
    encoding, n_dim, training
        As in `TargetEncodingNet`.
    """

    width: int = 64
    heads: int = 4
    layers: int = 2
    feed_forward: int = 128
    dropout: float = 0.2
    encoding: Encoding = field(default_factory=lambda: Encoding(("mean", "sd")))
    n_dim: int = 60
    training: Training = field(
        default_factory=lambda: Training(epochs=100, learning_rate=1e-3, clip=1.0, zeroing=0.3)
    )

    def __post_init__(self) -> None:
        if self.width % self.heads:
            raise InputError(f"width {self.width} is no multiple of {self.heads} heads.")

    def fit(self, data: TrainingData) -> "FittedNet":
        """Return the networks fitted to the rows of ``data``."""
        return _fit(self, data)


@dataclass(frozen=True)
class TensorFactorization:
    """One network from embeddings of context, compound and component to a number.

    The seventh place, on components in place of genes, so that its cost does not grow with them.

    Attributes
    ----------
    context, compound, component
        Numbers per context, compound and component.
    hidden, dropout
        Of the layers.
    n_dim, training
        As in `EmbeddingMLP`.
    """

    context: int = 4
    compound: int = 16
    component: int = 128
    hidden: tuple[int, ...] = (128, 128)
    dropout: float = 0.1
    n_dim: int = 60
    training: Training = field(default_factory=lambda: Training(epochs=100, learning_rate=2e-3))

    def fit(self, data: TrainingData) -> "FittedNet":
        """Return the networks fitted to the rows of ``data``."""
        return _fit(self, data)


@dataclass(frozen=True)
class DualEncoder:
    """Two branches, for what is told of the context and of the compound, and a decoder.

    After ScAPE, the sixteenth place and second when scored again, which tells medians.

    Attributes
    ----------
    hidden, latent
        Layers of a branch.
    dense, dropout
        Of the decoder; the branches drop as much.
    encoding, n_dim, training
        As in `TargetEncodingNet`.
    """

    hidden: int = 128
    latent: int = 64
    dense: tuple[int, ...] = (256,)
    dropout: float = 0.2
    encoding: Encoding = field(default_factory=lambda: Encoding(("mean", "median")))
    n_dim: int = 60
    training: Training = field(
        default_factory=lambda: Training(epochs=100, learning_rate=3e-3, zeroing=0.3)
    )

    def fit(self, data: TrainingData) -> "FittedNet":
        """Return the networks fitted to the rows of ``data``."""
        return _fit(self, data)


Settings = EmbeddingMLP | TargetEncodingNet | TokenTransformer | TensorFactorization | DualEncoder
NETS: dict[str, type[Settings]] = {
    "embedding_mlp": EmbeddingMLP,
    "target_encoding_net": TargetEncodingNet,
    "token_transformer": TokenTransformer,
    "tensor_factorization": TensorFactorization,
    "dual_encoder": DualEncoder,
}


def to_params(settings: Settings) -> dict[str, Any]:
    """Return settings as JSON has them, with the name of their model."""
    name = next(name for name, made in NETS.items() if made is type(settings))
    return {"model": name, **asdict(settings)}


def from_params(params: dict[str, Any]) -> Settings:
    """Return the settings that `to_params` told of."""
    held: dict[str, Any] = {key: _tuples(value) for key, value in params.items() if key != "model"}
    held["training"] = Training(**_floats(held["training"]))
    if "encoding" in held:
        held["encoding"] = Encoding(**{k: _tuples(v) for k, v in held["encoding"].items()})
    return NETS[params["model"]](**held)


def _tuples(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _floats(training: dict[str, Any]) -> dict[str, Any]:
    return {**training, "clip": float(training["clip"])}


def _fit(settings: Settings, data: TrainingData) -> "FittedNet":
    from cellaxes.perturbation._models._fitted import fit_net

    return fit_net(settings, data)
