"""The networks; each reads features of rows and writes scores, and no row sees another."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from cellaxes.perturbation._models._layers import Ids, Shape, dense, stack

if TYPE_CHECKING:
    from cellaxes.perturbation._models._settings import (
        DualEncoder,
        EmbeddingMLP,
        TargetEncodingNet,
        TensorFactorization,
        TokenTransformer,
    )

Features = Mapping[str, Tensor]


class EmbeddingMLPNet(nn.Module):
    """Ids, dense blocks, scores."""

    def __init__(self, how: "EmbeddingMLP", shape: Shape) -> None:
        super().__init__()
        self.ids = Ids(shape, how.emb, how.emb)
        first = nn.BatchNorm1d(2 * how.emb) if how.norm_first else nn.Identity()
        norm = [not (how.norm_first and i == 0) for i in range(len(how.dense))]
        blocks = stack([2 * how.emb, *how.dense], how.dropout, norm=norm)
        self.body = nn.Sequential(first, blocks, dense(how.dense[-1], shape.n_components))

    def forward(self, features: Features) -> Tensor:
        """Return scores ``(n, d)``."""
        out: Tensor = self.body(torch.cat(self.ids(features), dim=1))
        return out


class Tokens(nn.Module):
    """A row as a short sequence: ids, each statistic of each encoding, chemistry, expression."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        self.ids = Ids(shape, width, width)
        n = 2 * shape.n_statistics
        self.encoded = nn.ModuleList(dense(shape.n_components, width) for _ in range(n))
        sizes = {"chemistry": shape.n_chemistry, "expression": shape.n_expression}
        self.told = nn.ModuleDict({k: dense(size, width) for k, size in sizes.items() if size})
        self.length = 2 + n + len(self.told)

    def forward(self, features: Features) -> Tensor:
        """Return tokens ``(n, length, width)``."""
        encoded = features["encoded"].flatten(1, 2)
        tokens = [*self.ids(features)]
        tokens += [layer(encoded[:, i]) for i, layer in enumerate(self.encoded)]
        tokens += [layer(features[name]) for name, layer in self.told.items()]
        return torch.stack(tokens, dim=1)


class Recurrent(nn.Module):
    """A GRU or an LSTM over tokens: all its outputs and the last state of each layer."""

    def __init__(self, head: str, width: int, hidden: int) -> None:
        super().__init__()
        kind = nn.GRU if head == "gru" else nn.LSTM
        self.net = kind(width, hidden, num_layers=2, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(n, (length + 2) * hidden)``."""
        out, state = self.net(tokens)
        last = state[0] if isinstance(state, tuple) else state
        # (layers, n, hidden): rows first, or the reshape would mix them
        return torch.cat([out.flatten(1), last.transpose(0, 1).flatten(1)], dim=1)


class TargetEncodingModule(nn.Module):
    """Tokens, a sequence head, two dense layers, scores."""

    def __init__(self, how: "TargetEncodingNet", shape: Shape) -> None:
        super().__init__()
        self.tokens = Tokens(shape, how.width)
        if how.head == "conv1d":
            self.head: nn.Module = nn.Sequential(
                nn.Conv1d(self.tokens.length, 16, 5, padding=2), nn.Dropout(how.dropout),
                nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(),
                nn.Conv1d(16, 32, 5, stride=2, padding=2), nn.Dropout(how.dropout), nn.Flatten(),
            )  # fmt: skip
            n = 32 * ((how.width + 1) // 2)
        else:
            self.head = Recurrent(how.head, how.width, how.hidden)
            n = (self.tokens.length + 2) * how.hidden
        wide, narrow = how.dense
        self.body = nn.Sequential(
            dense(n, wide), nn.Dropout(how.dropout), nn.ReLU(),
            dense(wide, narrow), nn.Dropout(how.dropout), nn.ReLU(),
            dense(narrow, shape.n_components),
        )  # fmt: skip

    def forward(self, features: Features) -> Tensor:
        """Return scores ``(n, d)``."""
        out: Tensor = self.body(self.head(self.tokens(features)))
        return out


class TokenTransformerModule(nn.Module):
    """Attention among the tokens of a row."""

    def __init__(self, how: "TokenTransformer", shape: Shape) -> None:
        super().__init__()
        self.tokens = Tokens(shape, how.width)
        self.place = nn.Parameter(torch.randn(self.tokens.length, how.width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            how.width, how.heads, how.feed_forward, how.dropout, "gelu",
            batch_first=True, norm_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerEncoder(layer, how.layers, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(how.width * self.tokens.length)
        self.out = dense(how.width * self.tokens.length, shape.n_components)

    def forward(self, features: Features) -> Tensor:
        """Return scores ``(n, d)``."""
        read = self.layers(self.tokens(features) + self.place)  # batch_first: within rows
        out: Tensor = self.out(self.norm(read.flatten(1)))
        return out


class TensorFactorizationModule(nn.Module):
    """One network of three embeddings: context, compound, component; a number each."""

    def __init__(self, how: "TensorFactorization", shape: Shape) -> None:
        super().__init__()
        self.ids = Ids(shape, how.context, how.compound)
        self.component = nn.Parameter(torch.randn(shape.n_components, how.component) * 0.1)
        self.row = dense(how.context + how.compound, how.hidden[0])
        self.column = dense(how.component, how.hidden[0])
        rest = [nn.ReLU(), nn.Dropout(how.dropout)]
        self.body = nn.Sequential(
            *rest,
            stack(how.hidden, [how.dropout] * len(how.hidden), norm=[False] * len(how.hidden)),
            dense(how.hidden[-1], 1),
        )

    def forward(self, features: Features) -> Tensor:
        """Return scores ``(n, d)``."""
        row = self.row(torch.cat(self.ids(features), dim=1))
        # the first layer is a sum: what rows and components bring is computed once each
        out: Tensor = self.body(row[:, None] + self.column(self.component))[..., 0]
        return out


class DualEncoderModule(nn.Module):
    """A branch for what is told of the context, one for the compound, a decoder of both."""

    def __init__(self, how: "DualEncoder", shape: Shape) -> None:
        super().__init__()
        each = shape.n_statistics * shape.n_components
        sizes = (each + shape.n_expression, each + shape.n_chemistry)
        self.branches = nn.ModuleList(
            stack([size, how.hidden, how.latent], [how.dropout] * 2) for size in sizes
        )
        self.body = nn.Sequential(
            stack([2 * how.latent, *how.dense], [how.dropout] * len(how.dense)),
            dense(how.dense[-1], shape.n_components),
        )

    def forward(self, features: Features) -> Tensor:
        """Return scores ``(n, d)``."""
        told = (features["expression"], features["chemistry"])
        read = [
            branch(torch.cat([features["encoded"][:, i].flatten(1), told[i]], dim=1))
            for i, branch in enumerate(self.branches)
        ]
        out: Tensor = self.body(torch.cat(read, dim=1))
        return out
