"""What an adapter is fitted to, checked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.hierarchy._adapters._sampler import BalancedSampler
from cellaxes.hierarchy._adapters._unit import unit
from cellaxes.hierarchy._levels import read_groups, read_levels
from cellaxes.hierarchy._neighbours._vectors import Matrix, embedding, norms
from cellaxes.hierarchy._result import Tree

AT_ONCE = 100_000
"""Cells that what has a closed form is learned from, at most."""


@dataclass(frozen=True, eq=False)
class Task:
    """Cells with their levels.

    Attributes
    ----------
    z
        Embedding, ``(n_cells, d)``, array or memory map; no row is zero.
    codes
        Group of each cell at each level, numbered from 0, ``(n_cells, n_levels)``.
    names
        Of the levels.
    dims
        Length of the prefix of each level.
    groups
        Donor or study of each cell, numbered, or None.
    allowed
        Whether finest type k is a right answer for a cell of finest type i: itself and what the
        ontology has below it, ``(n_types, n_types)``.
    steps, learning_rate
        Of training; None: those of the method.
    device
        Of training.
    random_state
        Seed.
    """

    z: Matrix
    codes: NDArray[np.int64]
    names: tuple[str, ...]
    dims: tuple[int, ...]
    groups: NDArray[np.int64] | None
    allowed: NDArray[np.bool_]
    steps: int | None
    learning_rate: float | None
    device: str
    random_state: int

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def x(self) -> NDArray[np.float32]:
        """All rows, of length one, ``(n_cells, d)``; ask `sample` where there may be many."""
        return unit(np.asarray(self.z, dtype=np.float32))

    def rows(self, which: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return some rows, of length one."""
        if len(self) <= AT_ONCE:
            return np.asarray(self.x[which], dtype=np.float32)
        return unit(np.asarray(self.z[which], dtype=np.float32))

    @property
    def leaf(self) -> NDArray[np.int64]:
        """Finest type of each cell."""
        return self.codes[:, -1]

    @property
    def width(self) -> int:
        """Dimensions of the result."""
        return self.dims[-1]

    def take(self, rows: NDArray[np.int64]) -> "Task":
        """Return the task of some cells; types that are gone are numbered anew."""
        codes = np.stack([np.unique(c, return_inverse=True)[1] for c in self.codes[rows].T], axis=1)
        kept = np.unique(self.leaf[rows])
        return replace(
            self,
            z=self.z[rows],
            codes=codes,
            groups=None if self.groups is None else self.groups[rows],
            allowed=self.allowed[np.ix_(kept, kept)],
        )

    @cached_property
    def sample(self) -> "Task":
        """The task itself, or of more than 100,000 cells so many, every type among them."""
        if len(self) <= AT_ONCE:
            return self
        rng = stream(self.random_state, "hierarchy", "adapter", "sample")
        drawn = np.unique(BalancedSampler(self.leaf, rng).draw(AT_ONCE))
        return self.take(np.union1d(drawn, np.unique(self.leaf, return_index=True)[1]))


def read_task(
    Z: ArrayLike,
    levels: Any,
    *,
    groups: Any,
    dims: Sequence[int] | None,
    tree: Tree | None,
    steps: int | None,
    learning_rate: float | None,
    device: str,
    random_state: int,
) -> Task:
    """Check what `fit_adapter` was given."""
    z = embedding(Z, "Z")
    coded = read_levels(levels, len(z))
    norms(z, "Z")
    if steps is not None and (isinstance(steps, bool) or steps < 1):
        raise InputError(f"steps must be a positive whole number, not {steps}.")
    if learning_rate is not None and not learning_rate > 0:
        raise InputError(f"learning_rate must be positive, not {learning_rate}.")
    return Task(
        z=z,
        codes=coded.codes,
        names=coded.levels,
        dims=_dims(dims, z.shape[1], len(coded.levels)),
        groups=None if groups is None else read_groups(groups, len(z), at_least=1)[0],
        allowed=_allowed(coded.names[-1], tree),
        steps=steps,
        learning_rate=learning_rate,
        device=device,
        random_state=random_state,
    )


def _dims(dims: Sequence[int] | None, d: int, n_levels: int) -> tuple[int, ...]:
    """Return the prefix lengths: from a quarter of d to d in equal steps, or what was given."""
    if dims is None:
        if d < n_levels:
            raise InputError(
                f"Z has {d} dimensions, too few for {n_levels} prefixes: give fewer levels."
            )
        if n_levels == 1:
            return (d,)
        share = [0.25 + 0.75 * level / (n_levels - 1) for level in range(n_levels)]
        wanted = np.maximum.accumulate([max(int(d * s), k + 1) for k, s in enumerate(share)])
        room = [d - (n_levels - 1 - level) for level in range(n_levels)]
        return tuple(int(v) for v in np.minimum(wanted, room))
    chosen = tuple(dims)
    if any(isinstance(k, bool) or not isinstance(k, int | np.integer) for k in chosen):
        raise InputError(f"dims must be whole numbers, but are {chosen}.")
    if len(chosen) != n_levels:
        raise InputError(f"dims has {len(chosen)} lengths for {n_levels} levels: give one to each.")
    if chosen[0] < 1 or any(b <= a for a, b in pairwise(chosen)):
        raise InputError(f"dims must rise from level to level, but are {chosen}.")
    return tuple(int(k) for k in chosen)


def _allowed(labels: Sequence[str], tree: Tree | None) -> NDArray[np.bool_]:
    """Return which types are right answers for which: themselves, and those below them."""
    right = np.eye(len(labels), dtype=bool)
    if tree is None:
        return right
    tree.expand(labels)  # refuses labels that it does not have
    rows = [tree.labels.index(label) for label in labels]
    return np.asarray(right | tree.ancestor_matrix()[np.ix_(rows, rows)], dtype=bool)
