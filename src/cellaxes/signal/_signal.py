"""What a cell is known by: a value of its own, or its relation to another cell."""

from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream

Kind = Literal["discrete", "continuous", "pairs"]
Rows = NDArray[np.int64]

MIN_PAIRS = 50
"""Fewest pairs of cells of which information is asked."""


class Relation(Protocol):
    """Which cells belong together."""

    def draw(self, cells: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Return the rows of x and of y, int ``(n_pairs,)`` each, drawn by ``rng``.

        They are of ``cells``, row numbers ``(n,)``; no cell is in two pairs of a draw.
        """


@dataclass(frozen=True, eq=False)
class Signal:
    """What cells are known by, independent of any embedding.

    Attributes
    ----------
    name
        As asked for, e.g. ``"label:cell_type"``.
    kind
        ``"discrete"``, ``"continuous"``, or ``"pairs"``: y is the embedding of another cell.
    values
        Discrete: class codes ``(n_cells,)`` int64. Continuous: ``(n_cells, d)`` float64.
        Pairs: what the relation is made of, clone codes or coordinates, one row per cell.
    categories
        Class names in order of code; empty for other kinds.
    relation
        Of pairs: which cells belong together.
    n_draws
        Of pairs: how often they are drawn; estimates are averaged over draws.
    note
        What a reader of its information must know, in words.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    categories: tuple[str, ...] = ()
    relation: Relation | None = None
    n_draws: int = 1
    note: str = ""

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.values)

    @property
    def entropy(self) -> float:
        """Plug-in entropy in bits of a discrete signal, its ceiling; infinite otherwise."""
        if self.kind != "discrete":
            return float("inf")
        p = np.bincount(self.values) / len(self.values)
        p = p[p > 0]
        return float(-(p * np.log2(p)).sum())

    def pairs(self, cells: Rows, *, random_state: int = 0) -> list[tuple[Rows, Rows]]:
        """Draw pairs of related cells among ``cells`` alone.

        They depend on the cells and the seed, never on an embedding: the same pairs are asked
        about at every depth and of every model.

        Parameters
        ----------
        cells
            Rows of the data, e.g. the test cells ``(n,)``.
        random_state
            Seed.

        Returns
        -------
        One ``(rows_x, rows_y)`` per draw: places within ``cells``, each ``(n_pairs,)``. Within
        a draw each cell stands in one pair at most, so that its pairs share no cell.

        Raises
        ------
        InputError
            If the signal relates no cells, or a draw has fewer than 50 pairs.
        """
        if self.relation is None:
            raise InputError(f"{self.name} relates no cells: pairs are of clone: and space:.")
        found = []
        for index in range(self.n_draws):
            rng = stream(random_state, "pairs", self.name, index)
            left, right = self.relation.draw(cells, rng)
            if len(left) < MIN_PAIRS:
                raise InputError(
                    f"{self.name} has {len(left)} pairs among {len(cells)} test cells, too few to "
                    f"measure information (at least {MIN_PAIRS}): raise test_fraction or n_test, "
                    "or give more cells."
                )
            found.append((left, right))
        return found

    def paired(
        self, embedding: NDArray[Any], cells: Rows, *, random_state: int = 0
    ) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Return x and y, row by row, of each draw: what information is measured between.

        Parameters
        ----------
        embedding
            Of ``cells``, ``(n, d)``.
        cells
            Rows of the data ``(n,)``.
        random_state
            Seed of the pairs.

        Returns
        -------
        For labels and measurements one draw, the embedding ``(n, d)`` with the cells' values
        ``(n,)`` or ``(n, k)``; for pairs the embeddings of the one and of the other cell,
        ``(n_pairs, d)`` each, draw by draw.
        """
        if self.relation is None:
            return [(embedding, self.values[cells])]
        drawn = self.pairs(cells, random_state=random_state)
        return [(embedding[left], embedding[right]) for left, right in drawn]

    def __repr__(self) -> str:
        what = {
            "discrete": f"{len(self.categories)} classes, entropy {self.entropy:.2f} bits",
            "continuous": f"{self.values.shape[-1]} dimensions",
            "pairs": self.note,
        }[self.kind]
        return f"Signal({self.name}: {self.n_cells} cells, {what})"
