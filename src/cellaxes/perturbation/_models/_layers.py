"""Layers that several networks share; importing this imports PyTorch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

SPREAD = 0.05
"""Ids start as numbers within this."""


@dataclass(frozen=True)
class Shape:
    """Sizes of what a network reads and writes.

    Attributes
    ----------
    n_contexts, n_compounds
        Levels that are known; one more code is for what is not.
    n_statistics, n_components
        Of the encodings; targets have the components too.
    n_expression, n_chemistry
        Numbers that describe contexts and compounds.
    """

    n_contexts: int
    n_compounds: int
    n_statistics: int
    n_components: int
    n_expression: int
    n_chemistry: int


class Ids(nn.Module):
    """Learned numbers of contexts and compounds; what is unknown gets their mean."""

    def __init__(self, shape: Shape, n_context: int, n_compound: int) -> None:
        super().__init__()
        self.context = nn.Embedding(shape.n_contexts + 1, n_context)
        self.compound = nn.Embedding(shape.n_compounds + 1, n_compound)
        for table in (self.context, self.compound):
            nn.init.uniform_(table.weight, -SPREAD, SPREAD)

    def forward(self, features: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return those of context and compound of each row."""
        return self.context(features["context"]), self.compound(features["compound"])


def settle(net: nn.Module) -> None:
    """Give the unknown level of every table of ids the mean of the known ones."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, Ids):
                for table in (module.context, module.compound):
                    table.weight[-1] = table.weight[:-1].mean(dim=0)


def dense(n_in: int, n_out: int) -> nn.Linear:
    """Return a layer with Glorot's uniform weights and no offset to begin with."""
    layer = nn.Linear(n_in, n_out)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def stack(
    widths: Sequence[int], dropout: Sequence[float], *, norm: Sequence[bool] | None = None
) -> nn.Sequential:
    """Return blocks of linear, batch norm, ReLU and dropout, input width first.

    ``norm`` says which blocks have a batch norm; all, if None.
    """
    layers: list[nn.Module] = []
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        layers.append(dense(n_in, n_out))
        if norm is None or norm[i]:
            layers.append(nn.BatchNorm1d(n_out))
        layers += [nn.ReLU(), nn.Dropout(dropout[i])]
    return nn.Sequential(*layers)
