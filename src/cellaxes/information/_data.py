"""Turning what the user hands in into clean pairs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.adata import finite_matrix
from cellaxes._core.errors import InputError
from cellaxes._core.random import stream


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs (x, y): x ``(n, dx)`` float64; y class codes ``(n,)`` or ``(n, dy)`` float64.

    ``counted`` says that x is one column of class codes as well.
    """

    x: NDArray[np.float64]
    y: NDArray[Any]
    counted: bool = False

    @property
    def discrete(self) -> bool:
        """Whether y holds classes."""
        return self.y.ndim == 1

    @property
    def kinds(self) -> tuple[str, str]:
        """What x and y hold, each ``"classes"`` or ``"numbers"``."""
        return "classes" if self.counted else "numbers", "classes" if self.discrete else "numbers"

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.x)

    def take(self, rows: NDArray[np.int64]) -> "Pairs":
        """Return the pairs at ``rows``."""
        return replace(self, x=self.x[rows], y=self.y[rows])

    def permuted(self, rng: np.random.Generator) -> "Pairs":
        """Return the pairs with y permuted: no information left."""
        return replace(self, y=self.y[rng.permutation(self.n)])


def is_discrete(values: ArrayLike) -> bool:
    """Whether values are classes: one column of anything but fractional numbers."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] != 1:
        return False
    if isinstance(values, pd.Series | pd.Categorical) and not pd.api.types.is_numeric_dtype(
        values.dtype
    ):
        return True
    if array.dtype.kind in "OUSb":
        return True
    return array.dtype.kind in "iu" and len(np.unique(array)) <= max(2, len(array) // 4)


def make_pairs(x: ArrayLike, y: ArrayLike, discrete: bool | None = None) -> Pairs:
    """Check and pair two variables; the discrete one, if any, becomes y.

    ``discrete`` says whether y holds classes; ``None`` asks `is_discrete`.

    Raises
    ------
    InputError
        If lengths differ, values are missing, or there are fewer than 10 pairs.
    """
    if discrete is None and is_discrete(x) and not is_discrete(y):
        x, y = y, x
    classes = is_discrete(y) if discrete is None else discrete
    counted = classes and is_discrete(x)
    left = _codes(x, "x")[:, None].astype(np.float64) if counted else finite_matrix(x, "x")
    right: NDArray[Any] = _codes(y, "y") if classes else finite_matrix(y, "y")
    if len(left) != len(right):
        raise InputError(f"x has {len(left)} rows and y has {len(right)}: they must be paired.")
    if len(left) < 10:
        raise InputError(
            f"{len(left)} pairs are too few to estimate information: give at least 10."
        )
    pairs = Pairs(left, right, counted)
    if pairs.discrete and len(np.unique(right)) < 2:
        raise InputError("y has one class only: information about a constant is zero.")
    return pairs


def _codes(values: ArrayLike, name: str) -> NDArray[np.int64]:
    """Return the classes of a column as codes in sorted order of the classes."""
    column = pd.Series(np.asarray(values).ravel())
    if column.isna().any():
        raise InputError(f"{name} is missing in {int(column.isna().sum())} pairs: remove them.")
    return pd.factorize(column, sort=True)[0].astype(np.int64)


def standardise(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns with mean 0 and standard deviation 1; constant columns are dropped."""
    largest = np.abs(values).max(axis=0, initial=0.0)
    values = values / np.where(largest > 0, largest, 1.0)
    spread = values.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    scaled: NDArray[np.float64] = (values - values.mean(axis=0))[:, varies] / spread[varies]
    return np.ascontiguousarray(scaled)


def ordered_once(pairs: Pairs) -> Pairs:
    """Return the pairs in an order of their own, exact copies of a pair once.

    The order depends on the values alone, so that no estimate depends on the order in which
    pairs came. Where y holds classes, equal pairs stay: at low depth many cells have the same
    counts. Whole numbers on both sides repeat as well; they get uniform noise within one unit,
    which hides none of their information and leaves no ties.
    """
    sides = pairs.x, pairs.y.reshape(pairs.n, -1)
    keys = [side.sum(axis=1) for side in sides]
    if len(np.unique(np.column_stack(keys), axis=0)) < pairs.n:
        keys = [*sides[1].T[::-1], *sides[0].T[::-1]]
    pairs = pairs.take(np.lexsort(keys))
    if pairs.discrete:
        return pairs
    if all(bool((side == np.round(side)).all()) for side in sides):
        rng = stream(0, "whole numbers", pairs.n)
        return replace(
            pairs, x=pairs.x + rng.random(pairs.x.shape), y=pairs.y + rng.random(pairs.y.shape)
        )
    if len(np.unique(pairs.x[:, 0])) == pairs.n:
        return pairs
    joint = np.hstack([pairs.x, pairs.y.reshape(pairs.n, -1)])
    _, first = np.unique(joint, axis=0, return_index=True)
    return pairs if len(first) == pairs.n else pairs.take(np.sort(first))
