"""What every metric takes: activations, dense or CSR, and concepts that cells belong to."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]

Matrix = Any
"""`scipy.sparse.csr_matrix` or dense array, ``(n_cells, n_features)``."""

BLOCK = 32
"""Columns of a dense matrix that are looked at together."""


def matrix(x: Matrix, what: str = "activations") -> Matrix:
    """Return ``x`` as finite CSR or dense floats (float32 stays), refusing anything else."""
    if sp.issparse(x):
        found = sp.csr_matrix(x)
        if not found.has_canonical_format:
            found = found.copy()
            found.sum_duplicates()
    else:
        found = np.asarray(x)
    if found.ndim != 2:
        raise InputError(
            f"{what} must be a matrix with cells in rows, but have shape {found.shape}."
        )
    if found.shape[0] == 0 or found.shape[1] == 0:
        raise InputError(f"{what} of shape {found.shape} are empty.")
    if found.dtype.kind not in "fiub":
        raise InputError(f"{what} must be numbers, but are of type {found.dtype}.")
    if found.dtype not in (np.float32, np.float64):
        found = found.astype(np.float32 if found.dtype.itemsize <= 2 else np.float64)
    values = found.data if sp.issparse(found) else found
    if not np.isfinite(values).all():
        raise InputError(
            f"{what} hold NaN or infinite values: leave those cells out, or train anew."
        )
    return found


def dense(x: ArrayLike, what: str) -> Array:
    """Return ``x`` as a finite dense float64 matrix."""
    found = matrix(x, what)
    return np.asarray(found.toarray() if sp.issparse(found) else found, dtype=np.float64)


def check_cells(n_cells: int, n_other: int, what: str) -> None:
    """Refuse ``what`` if it is of other cells than the activations."""
    if n_cells != n_other:
        raise InputError(
            f"{what} has {n_other} rows for {n_cells} cells: pass both for the same cells."
        )


def blocks(x: Matrix) -> Iterator[tuple[int, sp.csc_matrix]]:
    """Yield ``(first column, CSC of nonzero values)`` over the columns of a checked matrix."""
    if sp.issparse(x):
        whole = x.tocsc()
        whole.eliminate_zeros()
        yield 0, whole
        return
    for start in range(0, x.shape[1], BLOCK):
        yield start, sp.csc_matrix(x[:, start : start + BLOCK])


def dense_blocks(x: Matrix) -> Iterator[tuple[int, Array]]:
    """Yield ``(first column, dense float64 block)`` over the columns of a checked matrix."""
    by_column = x.tocsc() if sp.issparse(x) else x
    for start in range(0, x.shape[1], BLOCK):
        part = by_column[:, start : start + BLOCK]
        yield start, np.asarray(part.toarray() if sp.issparse(part) else part, dtype=np.float64)


def moments(x: Matrix) -> tuple[Array, Array]:
    """Return mean and standard deviation of each column, ``(n_features,)`` each."""
    if not sp.issparse(x):
        mean = x.mean(axis=0, dtype=np.float64)
        parts = range(0, x.shape[1], BLOCK)
        sd = [
            np.sqrt(((x[:, i : i + BLOCK] - mean[i : i + BLOCK]) ** 2).mean(axis=0)) for i in parts
        ]
        return mean, np.concatenate(sd)
    n, m = x.shape
    mean = np.bincount(x.indices, weights=x.data, minlength=m) / n
    stored = np.bincount(x.indices, minlength=m)
    scatter = np.bincount(x.indices, weights=(x.data - mean[x.indices]) ** 2, minlength=m)
    return mean, np.sqrt((scatter + (n - stored) * mean**2) / n)


def peaks(x: Matrix) -> Array:
    """Return the largest value of each column, and 0 where none is positive."""
    top = x.max(axis=0).toarray() if sp.issparse(x) else x.max(axis=0)
    return np.maximum(np.asarray(top, dtype=np.float64).ravel(), 0.0)


def sums_within(x: Matrix, member: sp.csr_matrix) -> Array:
    """Return the sum of each feature over the cells of each concept, ``(m, n_concepts)``."""
    found = member.T @ x
    return np.asarray(found.toarray() if sp.issparse(found) else found, dtype=np.float64).T


@dataclass(frozen=True, eq=False)
class Concepts:
    """Which cells belong to which concept.

    Attributes
    ----------
    names
        Of the concepts.
    member
        1 where the cell (row) belongs to the concept, CSR float64 ``(n_cells, n_concepts)``.
    """

    names: tuple[str, ...]
    member: sp.csr_matrix

    @property
    def n_cells(self) -> int:
        """Cells, those of no concept too."""
        return int(self.member.shape[0])

    @property
    def sizes(self) -> Array:
        """Cells of each concept, ``(n_concepts,)``."""
        return np.asarray(self.member.sum(axis=0), dtype=np.float64).ravel()

    def rows(self, which: NDArray[Any]) -> "Concepts":
        """Return the same concepts for some of the cells."""
        return Concepts(self.names, self.member[which])


def concepts(labels: Any) -> Concepts:
    """Read labels: one per cell, or a 0/1 matrix whose concepts may overlap.

    Parameters
    ----------
    labels
        One label per cell, ``(n_cells,)``, where a missing one means "of no concept"; or a
        matrix or frame of zeros and ones, ``(n_cells, n_concepts)``.

    Raises
    ------
    InputError
        If there is no concept, or a matrix holds anything but 0 and 1.
    """
    if isinstance(labels, Concepts):
        return labels
    if isinstance(labels, pd.DataFrame) or sp.issparse(labels) or np.ndim(labels) == 2:
        columns = labels.columns if isinstance(labels, pd.DataFrame) else range(labels.shape[1])
        member = matrix(labels, "labels").astype(np.float64)
        member = sp.csr_matrix(member)
        member.eliminate_zeros()
        if not (member.data == 1).all():
            raise InputError(
                "labels as a matrix must hold 0 and 1 only: say which cells belong to a concept, "
                "e.g. activity > 0."
            )
        return Concepts(tuple(str(name) for name in columns), member)
    if np.ndim(labels) != 1:
        raise InputError(
            f"labels must be one per cell or a 0/1 matrix, not of {np.ndim(labels)} dimensions."
        )
    category = pd.Categorical(labels).remove_unused_categories()
    if not len(category.categories):
        raise InputError("labels are all missing: name the concept of some cells.")
    codes = np.asarray(category.codes, dtype=np.int64)
    here = np.flatnonzero(codes >= 0)
    member = sp.csr_matrix(
        (np.ones(len(here)), (here, codes[here])), shape=(len(codes), len(category.categories))
    )
    return Concepts(tuple(str(name) for name in category.categories), member)


def mask_of(held_out: ArrayLike, n_cells: int) -> NDArray[np.bool_]:
    """Return the held-out cells as a mask that leaves cells on both sides."""
    mask = np.asarray(held_out)
    if mask.dtype != np.bool_ or mask.shape != (n_cells,):
        raise InputError(
            f"held_out must be a mask of True and False, one per cell ({n_cells}): take it from "
            "hold_out(n_cells, groups=donors)."
        )
    if mask.all() or not mask.any():
        raise InputError("held_out must leave cells on both sides of the split.")
    return mask


def mean_of(values: Array) -> float:
    """Return the mean of what is known, and NaN where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else float("nan")
