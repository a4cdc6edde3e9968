"""Batches of an embedding of any length: whole in memory, or in shuffled blocks of a memory map."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes._core.rows import BLOCK, batches, windows
from cellaxes.features._standard import Standard

if TYPE_CHECKING:
    from torch import Tensor

BUFFER = 1 << 25
"""Values held in memory at a time, where the embedding has more."""


@dataclass(frozen=True, eq=False)
class Rows:
    """What is trained on.

    Attributes
    ----------
    z
        Embedding ``(n_cells, d)``, array or memory map.
    standard
        Its centring and scale.
    rows
        Training cells, ascending.
    target
        What features rebuild ``(n_cells, o)`` where that is not the embedding.
    """

    z: NDArray[np.floating]
    standard: Standard
    rows: NDArray[np.int64]
    target: NDArray[np.float32] | None = None

    def read(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return input and target of some cells."""
        x = self.standard.apply(self.z[rows])
        return x, x if self.target is None else self.target[rows]

    def batches(
        self, seeds: Sequence[int], size: int, *, skip: int = 0
    ) -> Iterator[tuple["Tensor", "Tensor", bool]]:
        """Deal every training cell once per epoch, without end, to each seed in its own order.

        Yields input ``(n_seeds, batch, d)``, target ``(n_seeds, batch, o)``, and whether the
        epoch ends with it. Where the embedding fits into memory the order of a seed depends on
        nothing else; blocks of a larger one are read in an order of their own, and shuffled
        by seed within what is held. The first ``skip`` batches are left out, and what they alone
        would read is not read.
        """
        import torch

        held = max(BLOCK, BUFFER // self.z.shape[1] // BLOCK * BLOCK)
        rngs = [stream(seed, "features", "order") for seed in seeds]
        order = stream(0, "features", "blocks")
        n_windows = -(-len(self.rows) // held)
        kept: tuple[Tensor, Tensor] | None = None
        while True:
            for number, rows in enumerate(windows(self.rows, held, order)):
                orders = np.stack([rng.permutation(len(rows)) for rng in rngs])
                dealt = batches(orders, size)
                if skip >= len(dealt):
                    skip -= len(dealt)
                    continue
                if kept is None or n_windows > 1:
                    inputs, target = self.read(rows)
                    x = torch.from_numpy(inputs)
                    kept = x, x if target is inputs else torch.from_numpy(target)
                x, y = kept
                for i, some in enumerate(dealt[skip:], skip):
                    chosen = torch.from_numpy(some)
                    ends = number == n_windows - 1 and i == len(dealt) - 1
                    taken = _take(x, chosen)
                    yield taken, taken if y is x else _take(y, chosen), ends
                skip = 0


def _take(rows: "Tensor", chosen: "Tensor") -> "Tensor":
    """Return ``rows[chosen]``, several times faster."""
    return rows.index_select(0, chosen.reshape(-1)).view(*chosen.shape, rows.shape[1])
