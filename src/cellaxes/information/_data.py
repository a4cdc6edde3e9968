"""Turning what the user hands in into clean pairs."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.adata import finite_matrix
from cellaxes._core.errors import InputError


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pairs (x, y): x ``(n, dx)`` float64; y class codes ``(n,)`` or ``(n, dy)`` float64."""

    x: NDArray[np.float64]
    y: NDArray[Any]

    @property
    def discrete(self) -> bool:
        """Whether y holds classes."""
        return self.y.ndim == 1

    @property
    def n(self) -> int:
        """Number of pairs."""
        return len(self.x)

    def take(self, rows: NDArray[np.int64]) -> "Pairs":
        """Return the pairs at ``rows``."""
        return Pairs(self.x[rows], self.y[rows])

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
    left = finite_matrix(x, "x")
    if is_discrete(y) if discrete is None else discrete:
        column = pd.Series(np.asarray(y).ravel())
        if column.isna().any():
            raise InputError(f"y is missing in {int(column.isna().sum())} pairs: remove them.")
        right: NDArray[Any] = pd.factorize(column, sort=True)[0].astype(np.int64)
    else:
        right = finite_matrix(y, "y")
    if len(left) != len(right):
        raise InputError(f"x has {len(left)} rows and y has {len(right)}: they must be paired.")
    if len(left) < 10:
        raise InputError(
            f"{len(left)} pairs are too few to estimate information: give at least 10."
        )
    pairs = Pairs(left, right)
    if pairs.discrete and len(np.unique(right)) < 2:
        raise InputError("y has one class only: information about a constant is zero.")
    return pairs


def standardise(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return columns with mean 0 and standard deviation 1; constant columns are dropped."""
    spread = values.std(axis=0)
    varies = spread > 1e-12 * np.maximum(np.abs(values).max(axis=0), 1e-300)
    scaled: NDArray[np.float64] = (values - values.mean(axis=0))[:, varies] / spread[varies]
    return np.ascontiguousarray(scaled)


def without_duplicates(pairs: Pairs) -> Pairs:
    """Drop pairs that repeat another exactly, keeping first occurrences in order."""
    if len(np.unique(pairs.x[:, 0])) == pairs.n:
        return pairs
    joint = np.hstack([pairs.x, pairs.y if not pairs.discrete else pairs.y[:, None]])
    _, first = np.unique(joint, axis=0, return_index=True)
    return pairs if len(first) == pairs.n else pairs.take(np.sort(first))
