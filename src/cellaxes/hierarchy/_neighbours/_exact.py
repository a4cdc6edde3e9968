"""Exact nearest cells: blocked matrix products, then a second look at the candidates."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import find_device
from cellaxes.hierarchy._neighbours._vectors import BLOCK, Matrix

if TYPE_CHECKING:
    from torch import Tensor

Codes = NDArray[np.int64]
Exclude = Sequence[tuple[Codes, Codes]]
"""Pairs of codes of query and reference cells; a pair with equal codes are no neighbours."""

QUERIES = 512
SPARE = 8
"""Candidates beyond k that the first look keeps."""
NEAR, DECIMALS = 2e-6, 9
"""Similarities nearer than ``NEAR`` may change places when single precision is mended; those that
agree to ``DECIMALS`` are equal, and the lower row comes first."""


def exact(
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    k: int,
    exclude: Exclude = (),
    device: str = "cpu",
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return rows and cosines of the k nearest reference cells, ``(n_query, k)`` each.

    Parameters
    ----------
    query, reference
        Matrix ``(n, d)`` and the lengths of its rows.
    k
        Neighbours.
    exclude
        Pairs that are no neighbours.
    device
        Where PyTorch multiplies.

    Returns
    -------
    Rows of the reference, nearest first, -1 where there are fewer than k; cosines, -inf there.
    """
    n = len(reference[0])
    m = min(k + SPARE, n)
    rows, rough = _candidates(query, reference, m, exclude, device)
    index, cosine = rerank(query, reference, rows, k)
    if m < n:
        open_ = np.flatnonzero(np.isfinite(cosine[:, -1]) & (rough[:, -1] >= cosine[:, -1] - NEAR))
        _settle(open_, query, reference, exclude, index, cosine)
    return index, cosine


def _candidates(
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    m: int,
    exclude: Exclude,
    device: str,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the m nearest cells in single precision: rows (-1: none), cosines, nearest first."""
    import torch

    where = find_device(device)
    n_query, n = len(query[0]), len(reference[0])
    rows = torch.full((n_query, m), -1, dtype=torch.int64)
    best = torch.full((n_query, m), -torch.inf)
    for first in range(0, n, BLOCK):
        columns = slice(first, first + BLOCK)
        there = _unit(reference, columns).to(where).T
        for start in range(0, n_query, QUERIES):
            part = slice(start, start + QUERIES)
            close = _unit(query, part).to(where) @ there
            for left, right in exclude:
                same = torch.from_numpy(left[part, None]).to(where) == torch.from_numpy(
                    right[None, columns]
                ).to(where)
                close.masked_fill_(same, -torch.inf)
            value, column = torch.topk(close, min(m, close.shape[1]), dim=1)
            value, column = value.cpu(), column.cpu() + first
            column[torch.isinf(value)] = -1
            value, order = torch.topk(torch.cat([best[part], value], dim=1), m, dim=1)
            rows[part] = torch.cat([rows[part], column], dim=1).gather(1, order)
            best[part] = value
    return rows.numpy(), best.numpy().astype(np.float64)


def _unit(cells: tuple[Matrix, NDArray[np.float64]], part: slice) -> "Tensor":
    import torch

    values = np.asarray(cells[0][part], dtype=np.float64) / cells[1][part, None]
    return torch.from_numpy(values.astype(np.float32))


def _cosines(
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    part: slice,
    rows: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return cosines of cells and their candidates in double precision; -inf for none."""
    left = np.asarray(query[0][part], dtype=np.float64) / query[1][part, None]
    there = np.maximum(rows, 0)
    right = np.asarray(reference[0][there.ravel()], dtype=np.float64).reshape(*rows.shape, -1)
    close = np.einsum("ij,ikj->ik", left, right) / reference[1][there]
    return np.where(rows >= 0, close, -np.inf)


def rerank(
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    rows: NDArray[np.int64],
    k: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k nearest of some candidates ``(n_query, m)``, as `exact` returns them."""
    index = np.empty((len(rows), k), dtype=np.int64)
    cosine = np.empty((len(rows), k))
    for start in range(0, len(rows), QUERIES):
        part = slice(start, start + QUERIES)
        close = _cosines(query, reference, part, rows[part])
        index[part], cosine[part] = _first(close, rows[part], k)
    return index, cosine


def _first(
    close: NDArray[np.float64], rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the k largest of each row, the lower row of the reference first among equals."""
    close = np.round(close, DECIMALS)
    order = np.lexsort((rows, -close), axis=1)[:, :k]
    return np.take_along_axis(rows, order, 1), np.take_along_axis(close, order, 1)


def _settle(
    open_: NDArray[np.int64],
    query: tuple[Matrix, NDArray[np.float64]],
    reference: tuple[Matrix, NDArray[np.float64]],
    exclude: Exclude,
    index: NDArray[np.int64],
    cosine: NDArray[np.float64],
) -> None:
    """Search again, in double precision, for cells with more equals than were kept."""
    n, k = len(reference[0]), index.shape[1]
    step = max(1, 2**24 // n)
    for start in range(0, len(open_), step):
        cells = open_[start : start + step]
        left = np.asarray(query[0][cells], dtype=np.float64) / query[1][cells, None]
        close = np.empty((len(cells), n))
        for first in range(0, n, BLOCK):
            part = slice(first, first + BLOCK)
            right = np.asarray(reference[0][part], dtype=np.float64) / reference[1][part, None]
            close[:, part] = left @ right.T
        for one, other in exclude:
            close[one[cells, None] == other[None, :]] = -np.inf
        close = np.round(close, DECIMALS)
        order = np.argsort(-close, axis=1, kind="stable")[:, :k]
        cosine[cells] = np.take_along_axis(close, order, 1)
        index[cells] = np.where(np.isfinite(cosine[cells]), order, -1)
