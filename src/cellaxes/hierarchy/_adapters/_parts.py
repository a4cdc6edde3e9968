"""The parts of a residual adapter: the embedding, its discriminants, a network."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._adapters import _dense
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._lda import discriminants
from cellaxes.hierarchy._adapters._losses import levels_and_contrast
from cellaxes.hierarchy._adapters._train import train_network
from cellaxes.hierarchy._adapters._unit import unit

WIDTH = 128
"""Dimensions of the network's part."""


@dataclass(frozen=True)
class Strength:
    """How long the learned parts are beside the embedding, whose rows have length one.

    Attributes
    ----------
    linear
        Of the discriminants of the finest level.
    network
        Of the network.
    """

    linear: float = 0.0
    network: float = 0.0

    @property
    def untouched(self) -> bool:
        """Whether nothing is added."""
        return self.linear == 0 and self.network == 0


def learn(task: Task) -> dict[str, NDArray[np.float32]]:
    """Return the arrays of both learned parts."""
    centre, linear = discriminants(task.sample.x, task.sample.leaf)
    network = train_network(task, levels_and_contrast, WIDTH)
    return {"linear_centre": centre, "linear": linear, **network}


def parts(
    x: NDArray[np.float32], arrays: _dense.Arrays
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the embedding, its discriminants and the network's output, rows of length one."""
    linear = (x - arrays["linear_centre"]) @ arrays["linear"]
    return x, unit(linear), unit(_dense.forward(x, arrays))


def join(x: NDArray[np.float32], arrays: _dense.Arrays, strength: Strength) -> NDArray[np.float32]:
    """Return the embedding with the learned parts beside it, ``(n_cells, D)``."""
    if strength.untouched:
        return x
    _, linear, network = parts(x, arrays)
    sizes = ((linear, strength.linear), (network, strength.network))
    return np.hstack([x, *(size * part for part, size in sizes if size > 0)], dtype=np.float32)
