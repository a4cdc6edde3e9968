"""An orthogonal map that puts the coarse levels first."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._adapters._lda import discriminants, means

_RANK = 1e-6


def coarse_first(
    v: NDArray[np.floating], codes: NDArray[np.int64], width: int
) -> NDArray[np.float32]:
    """Return orthonormal columns ``(D, width)``: level 1, what level 2 adds, …, the rest.

    ``v @ columns`` has the distances and cosines of v where ``width`` is D; a prefix holds the
    directions of the coarse levels first: between the means of its classes, and of level 1 also
    those that tell them apart (`discriminants`), which the means miss where classes spread. After
    the finest level come the principal axes of what is left, about zero (since cosines are about
    zero).

    Parameters
    ----------
    v
        ``(n_cells, D)``.
    codes
        ``(n_cells, n_levels)``, coarse to fine.
    width
        Columns, at most D.
    """
    rows = np.asarray(v, dtype=np.float64)
    columns = np.zeros((rows.shape[1], 0))
    for wanted in _spans(rows, codes):
        columns = np.hstack([columns, _new(wanted, columns)])
    if columns.shape[1] < width:
        rest = np.linalg.qr(columns, mode="complete")[0][:, columns.shape[1] :]
        left = rows @ rest
        _, axes = np.linalg.eigh(left.T @ left)  # smallest first
        columns = np.hstack([columns, rest @ axes[:, ::-1]])
    return np.ascontiguousarray(columns[:, :width], dtype=np.float32)


def _spans(rows: NDArray[np.float64], codes: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    """Yield the directions of each level, one per row."""
    for at, level in enumerate(codes.T):
        if level.max() == 0:
            continue
        yield means(rows, level) - rows.mean(axis=0)
        if at == 0:
            found = discriminants(rows, level)[1].T.astype(np.float64)
            yield found / np.linalg.norm(found, axis=1, keepdims=True)


def _new(wanted: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return orthonormal columns that span what ``wanted`` adds to ``columns``."""
    longest = max(float(np.linalg.norm(wanted, axis=1).max()), 1e-30)
    for _ in range(2):  # once more for the rounding of the first
        wanted = wanted - (wanted @ columns) @ columns.T
    _, size, directions = np.linalg.svd(wanted, full_matrices=False)
    room = columns.shape[0] - columns.shape[1]
    return np.asarray(directions[: min(int((size > _RANK * longest).sum()), room)].T)
