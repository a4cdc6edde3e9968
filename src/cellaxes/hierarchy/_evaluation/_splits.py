"""Which cells are learnt from, and which are asked about."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.hierarchy._levels import read_groups
from cellaxes.hierarchy._neighbours._vectors import whole


@dataclass(frozen=True, eq=False)
class Split:
    """Training and test cells, none of them both.

    Attributes
    ----------
    name
        What it is called in tables.
    train, test
        Masks, ``(n_cells,)``.

    Raises
    ------
    InputError
        If a cell is in both, a side is empty, or the masks differ in length.
    """

    name: str
    train: NDArray[np.bool_]
    test: NDArray[np.bool_]

    def __post_init__(self) -> None:
        if self.train.dtype != np.bool_ or self.test.dtype != np.bool_:
            raise InputError(f"the split {self.name!r} must be two masks of True and False.")
        if self.train.shape != self.test.shape or self.train.ndim != 1:
            raise InputError(
                f"the masks of the split {self.name!r} have shapes {self.train.shape} and "
                f"{self.test.shape}: one value per cell in both."
            )
        if both := int((self.train & self.test).sum()):
            raise InputError(
                f"{both} cells are on both sides of the split {self.name!r}: a cell that was "
                "learnt from says nothing about new ones."
            )
        if not self.train.any() or not self.test.any():
            raise InputError(f"the split {self.name!r} has an empty side.")

    def __repr__(self) -> str:
        return f"Split({self.name!r}: {self.train.sum()} train, {self.test.sum()} test)"


def split_by(
    groups: Any = None,
    n_cells: int | None = None,
    *,
    name: str = "group",
    repeats: int = 3,
    random_state: int = 0,
) -> tuple[Split, ...]:
    """Return one split per group, which is left out, or random halves.

    Parameters
    ----------
    groups
        Donor, technology or study of each cell, ``(n_cells,)``: each is tested once on what was
        learnt from the others. None: random halves of cells, each tested on the other.
    n_cells
        Cells; needed for random halves only.
    name
        What a group is called in the splits' names, as ``"donor"``.
    repeats
        Random halvings; two splits each.
    random_state
        Seed of the halves.

    Raises
    ------
    InputError
        If a group is missing, there is one only, or there are fewer than two cells.

    Examples
    --------
    >>> split_by(["d1", "d1", "d2"], name="donor")
    (Split('donor=d1': 1 train, 2 test), Split('donor=d2': 2 train, 1 test))
    """
    if groups is not None:
        n = len(groups) if n_cells is None else n_cells
        codes, names = read_groups(groups, n)
        return tuple(
            Split(f"{name}={group}", codes != code, codes == code)
            for code, group in enumerate(names)
        )
    n = whole(n_cells, "n_cells (without groups)", 2)
    found = []
    for repeat in range(whole(repeats, "repeats")):
        half = np.zeros(n, dtype=bool)
        half[stream(random_state, "split_by", n, repeat).permutation(n)[: n // 2]] = True
        found += [
            Split(f"half {repeat + 1}a", half, ~half),
            Split(f"half {repeat + 1}b", ~half, half),
        ]
    return tuple(found)
