"""What a network is trained to do: one function per method."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from cellaxes._core.nets import find_device
from cellaxes.hierarchy._adapters._inputs import Task

if TYPE_CHECKING:
    from torch import Tensor

TEMPERATURE = 0.1

Loss = Callable[["Tensor", "Tensor", Sequence["Tensor"]], "Tensor"]
"""Of the output ``(batch, width)``, the codes ``(batch, n_levels)`` and the prototypes of each
level, ``(n_classes, width)``."""


def cosine_softmax(z: "Tensor", codes: "Tensor", prototypes: "Tensor") -> "Tensor":
    """Return the cross-entropy of the cosines to the prototypes over the temperature."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(_cosines(z, prototypes) / TEMPERATURE, codes)


def each_prefix_its_level(task: Task) -> Loss:
    """Return the mean over levels j of the loss of level j on prefix j."""

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        parts = [
            cosine_softmax(z[:, :k], codes[:, j], prototypes[j][:, :k])
            for j, k in enumerate(task.dims)
        ]
        return sum(parts[1:], start=parts[0]) / len(parts)

    return loss


def the_finest(task: Task) -> Loss:
    """Return the loss of the finest level on the whole vector."""

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        return cosine_softmax(z, codes[:, -1], prototypes[-1])

    return loss


def each_prefix_the_finest(task: Task) -> Loss:
    """Return the mean over prefixes of the loss of the finest level (Kusupati et al. 2022)."""

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        parts = [cosine_softmax(z[:, :k], codes[:, -1], prototypes[-1][:, :k]) for k in task.dims]
        return sum(parts[1:], start=parts[0]) / len(parts)

    return loss


def supervised_contrast(task: Task) -> Loss:
    """Return the contrast of cells of one finest type with all others (Khosla et al. 2020, eq. 2).

    ``-mean_i mean_{p in P(i)} log(exp(z_i z_p / t) / sum_{a != i} exp(z_i z_a / t))`` with P(i) all
    other cells of the batch of the type of i; cells that are alone are left out.
    """
    import torch

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        alike = _cosines(z, z) / TEMPERATURE
        itself = torch.eye(len(z), dtype=torch.bool, device=z.device)
        alike = alike.masked_fill(itself, float("-inf"))
        log_share = torch.log_softmax(alike, dim=1).masked_fill(itself, 0.0)
        positive = (codes[:, -1, None] == codes[None, :, -1]) & ~itself
        n_positive = positive.sum(dim=1)
        per_cell = -(log_share * positive).sum(dim=1) / n_positive.clamp(min=1)
        return per_cell.sum() / (n_positive > 0).sum().clamp(min=1)

    return loss


def levels_and_contrast(task: Task) -> Loss:
    """Return the mean over levels of their loss on the whole vector, and a third of the contrast.

    The levels keep the coarse apart; the contrast of the finest level (`supervised_contrast`) is
    what neighbours are asked for.
    """
    contrast = supervised_contrast(task)

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        parts = [cosine_softmax(z, codes[:, j], p) for j, p in enumerate(prototypes)]
        return sum(parts[1:], start=parts[0]) / len(parts) + contrast(z, codes, prototypes) / 3

    return loss


def hierarchical(task: Task) -> Loss:
    """Return the cross-entropy in which the probability of a group is that of all below it.

    ``p(group) = sum of p(type)`` over the types in it; the loss is the mean over levels of
    ``-log p(group of the cell)``. At the finest level the group of a type is the type itself and
    those below it in the ontology, which are right answers (Nat Comput Sci 2026,
    s43588-025-00945-z).
    """
    import torch

    n_types = len(task.allowed)
    within = np.zeros((task.codes.shape[1], n_types, n_types), dtype=bool)
    first = np.unique(task.leaf, return_index=True)[1]
    for j, level in enumerate(task.codes.T):
        group = level[first]
        within[j] = group[:, None] == group[None, :]
    within[-1] = task.allowed
    below = torch.from_numpy(within).to(find_device(task.device))

    def loss(z: "Tensor", codes: "Tensor", prototypes: Sequence["Tensor"]) -> "Tensor":
        log_p = torch.log_softmax(_cosines(z, prototypes[-1]) / TEMPERATURE, dim=1)
        leaf = codes[:, -1]
        inside = [
            torch.logsumexp(log_p.masked_fill(~rows[leaf], float("-inf")), dim=1) for rows in below
        ]
        return -torch.stack(inside).mean()

    return loss


def _cosines(z: "Tensor", other: "Tensor") -> "Tensor":
    from torch.nn.functional import normalize

    return normalize(z, dim=1) @ normalize(other, dim=1).T
