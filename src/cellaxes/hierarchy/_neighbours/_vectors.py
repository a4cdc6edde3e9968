"""Embeddings that have a direction in every row, read in blocks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError

BLOCK = 65_536
"""Rows that are looked at together."""

Matrix = NDArray[Any]


def embedding(values: Any, what: str) -> Matrix:
    """Return ``values`` as a matrix of numbers ``(n_cells, d)``, without a copy where possible.

    Raises
    ------
    InputError
        If it is no matrix of numbers, or has no cell or no dimension.
    """
    found = np.asarray(values.toarray() if hasattr(values, "toarray") else values)
    if found.ndim != 2 or 0 in found.shape:
        raise InputError(
            f"{what} must be a matrix with cells in rows, but has shape {found.shape}."
        )
    if found.dtype.kind not in "fiub":
        raise InputError(f"{what} must hold numbers, but is of type {found.dtype}.")
    return found


def norms(z: Matrix, what: str) -> NDArray[np.float64]:
    """Return the length of each row, ``(n_cells,)``, refusing rows without a direction.

    Raises
    ------
    InputError
        If a row holds NaN or infinity, or is zero.
    """
    found = np.empty(len(z))
    for start in range(0, len(z), BLOCK):
        block = np.asarray(z[start : start + BLOCK], dtype=np.float64)
        found[start : start + BLOCK] = np.sqrt(np.einsum("ij,ij->i", block, block))
    for wrong, said, mend in (
        (~np.isfinite(found), "NaN or infinite", "remove or fill them"),
        (found == 0, "zero and have no direction", "remove them"),
    ):
        if wrong.any():
            raise InputError(
                f"{int(wrong.sum())} of {len(z)} rows of {what} are {said}, the first at row "
                f"{int(wrong.argmax())}: {mend}."
            )
    return found


def same_width(query: Matrix, reference: Matrix) -> None:
    """Refuse a query and a reference of different dimensions."""
    if query.shape[1] != reference.shape[1]:
        raise InputError(
            f"the query has {query.shape[1]} dimensions and the reference {reference.shape[1]}: "
            "embed both with one model."
        )


def whole(value: Any, what: str, at_least: int = 1) -> int:
    """Return a whole number, refusing anything else or anything smaller."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < at_least:
        raise InputError(f"{what} must be a whole number of at least {at_least}, not {value!r}.")
    return int(value)
