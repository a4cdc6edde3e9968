"""What an adapter is fitted to, checked."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.adata import finite_matrix
from cellaxes._core.errors import InputError
from cellaxes.hierarchy._adapters._unit import unit
from cellaxes.hierarchy._result import Tree

Levels = pd.DataFrame | Sequence[ArrayLike]


@dataclass(frozen=True, eq=False)
class Task:
    """Cells with their levels.

    Attributes
    ----------
    x
        Embedding, rows of length one (zero rows stay zero), ``(n_cells, d)`` float32.
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

    x: NDArray[np.float32]
    codes: NDArray[np.int64]
    names: tuple[str, ...]
    dims: tuple[int, ...]
    groups: NDArray[np.int64] | None
    allowed: NDArray[np.bool_]
    steps: int | None
    learning_rate: float | None
    device: str
    random_state: int

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
        groups = None if self.groups is None else self.groups[rows]
        changed = {"x": self.x[rows], "codes": codes, "groups": groups}
        return Task(**(self.__dict__ | changed | {"allowed": self.allowed[np.ix_(kept, kept)]}))


def read_task(
    Z: ArrayLike,
    levels: Levels,
    *,
    groups: ArrayLike | None,
    dims: Sequence[int] | None,
    tree: Tree | None,
    steps: int | None,
    learning_rate: float | None,
    device: str,
    random_state: int,
) -> Task:
    """Check what `fit_adapter` was given."""
    values = finite_matrix(Z, "Z")
    frame = _levels(levels, len(values))
    coded = [pd.factorize(frame[name], sort=True) for name in frame]
    names = tuple(str(name) for name in frame)
    if steps is not None and (isinstance(steps, bool) or steps < 1):
        raise InputError(f"steps must be a positive whole number, not {steps}.")
    if learning_rate is not None and not learning_rate > 0:
        raise InputError(f"learning_rate must be positive, not {learning_rate}.")
    return Task(
        x=unit(values.astype(np.float32)),
        codes=np.stack([codes for codes, _ in coded], axis=1).astype(np.int64),
        names=names,
        dims=_dims(dims, values.shape[1], len(names)),
        groups=_groups(groups, len(values)),
        allowed=_allowed([str(label) for label in coded[-1][1]], tree),
        steps=steps,
        learning_rate=learning_rate,
        device=device,
        random_state=random_state,
    )


def _levels(levels: Levels, n_cells: int) -> pd.DataFrame:
    """Return the levels as a frame of strings, checked."""
    if isinstance(levels, pd.DataFrame):
        columns = {str(name): levels[name].to_numpy(dtype=object) for name in levels}
    else:
        given = [np.asarray(level, dtype=object) for level in levels]
        if any(level.ndim != 1 for level in given):
            raise InputError(
                "levels must hold one array of labels per level, coarse to fine: put a single "
                "level into a list."
            )
        columns = {f"level{k}": level for k, level in enumerate(given, 1)}
    if not columns:
        raise InputError("levels is empty: give at least one array of labels.")
    for name, level in columns.items():
        if len(level) != n_cells:
            raise InputError(
                f"{name} has {len(level)} labels for {n_cells} rows of Z: give one to each cell."
            )
        if missing := int(pd.isna(level).sum()):
            raise InputError(f"{name} is missing in {missing} cells: remove or fill them.")
    frame = pd.DataFrame({name: level.astype(str) for name, level in columns.items()})
    finest = frame.columns[-1]
    if frame[finest].nunique() < 2:
        raise InputError(
            f"{finest}, the finest level, has a single class: an adapter needs two at least."
        )
    return frame


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


def _groups(groups: ArrayLike | None, n_cells: int) -> NDArray[np.int64] | None:
    if groups is None:
        return None
    given = np.asarray(groups, dtype=object)
    if given.shape != (n_cells,):
        raise InputError(
            f"groups has shape {given.shape}, but Z has {n_cells} rows: give one to each cell."
        )
    if missing := int(pd.isna(given).sum()):
        raise InputError(f"groups is missing in {missing} cells: remove these cells or fill them.")
    return np.asarray(pd.factorize(given.astype(str), sort=True)[0], dtype=np.int64)


def _allowed(labels: list[str], tree: Tree | None) -> NDArray[np.bool_]:
    """Return which types are right answers for which: themselves, and those below them."""
    right = np.eye(len(labels), dtype=bool)
    if tree is None:
        return right
    tree.expand(labels)  # refuses labels that it does not have
    rows = pd.Index(tree.labels).get_indexer(pd.Index(labels))
    return np.asarray(right | tree.ancestor_matrix()[np.ix_(rows, rows)], dtype=bool)
