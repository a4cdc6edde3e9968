"""The nearest reference cells of a query: over all of them, or down a funnel of prefixes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.hierarchy._neighbours._approximate import approximate
from cellaxes.hierarchy._neighbours._exact import Exclude, exact, rerank
from cellaxes.hierarchy._neighbours._vectors import embedding, norms, same_width, whole

EXACT = 200_000
"""Reference cells up to which the search is exact unless told otherwise."""
METHODS = ("auto", "exact", "faiss")
SHORTLIST = 20
"""Cells on the shortlist per neighbour wanted; at least 100."""


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The nearest reference cells of each query cell, nearest first.

    Attributes
    ----------
    index
        Rows of the reference, int64 ``(n_query, k)``; -1 where there are fewer than k. Of equally
        near cells the lower row comes first.
    cosine
        Cosine similarities, float64 ``(n_query, k)``; -inf where there is no neighbour.
    """

    index: NDArray[np.int64]
    cosine: NDArray[np.float64]

    def __repr__(self) -> str:
        n, k = self.index.shape
        here = self.cosine[np.isfinite(self.cosine)]
        mid = f", median cosine {np.median(here):.3f}" if here.size else ""
        return f"Neighbours of {n} cells: {k} each{mid}"

    def to_frame(self) -> pd.DataFrame:
        """Return one row per pair: ``query``, ``rank`` (from 1), ``reference``, ``cosine``."""
        n, k = self.index.shape
        frame = pd.DataFrame(
            {
                "query": np.repeat(np.arange(n), k),
                "rank": np.tile(np.arange(1, k + 1), n),
                "reference": self.index.ravel(),
                "cosine": self.cosine.ravel(),
            }
        )
        return frame[frame["reference"] >= 0].reset_index(drop=True)


def neighbours(
    query: ArrayLike,
    reference: ArrayLike,
    k: int = 5,
    *,
    exclude: Exclude = (),
    method: str = "auto",
    device: str = "cpu",
) -> Neighbours:
    """Return the k nearest reference cells of each query cell, by cosine.

    Parameters
    ----------
    query, reference
        Embeddings, ``(n_query, d)`` and ``(n_reference, d)``.
    k
        Neighbours.
    exclude
        Pairs of integer codes, ``(n_query,)`` and ``(n_reference,)``: cells with equal codes are no
        neighbours. Leave-one-out among n cells is ``[(np.arange(n), np.arange(n))]``; codes of
        donors leave out the own donor.
    method
        ``"exact"``: blocked matrix products; ``"faiss"``: an inverted file of the extra ``faiss``;
        ``"auto"``: exact up to 200,000 reference cells and wherever something is excluded.
    device
        Where the exact search multiplies: ``"cpu"``, ``"cuda"``, ``"mps"``.

    Raises
    ------
    InputError
        If a row is not finite or zero, dimensions differ, k is larger than the reference, there is
        no such method, or faiss is asked for and not installed.

    Examples
    --------
    >>> neighbours([[1.0, 0.1]], [[0.0, 1.0], [1.0, 0.0]], k=1).index
    array([[1]])
    """
    left, right, k = _read(query, reference, k)
    if method not in METHODS:
        raise InputError(f"there is no method {method!r}: {near(method, METHODS)}")
    codes = [_codes(pair, len(left), len(right)) for pair in exclude]
    if method == "faiss" and codes:
        raise InputError("method='faiss' cannot exclude pairs: pass method='exact'.")
    both = (left, norms(left, "the query")), (right, norms(right, "the reference"))
    if method == "faiss" or (method == "auto" and len(right) > EXACT and not codes):
        return Neighbours(*approximate(*both, k))
    return Neighbours(*exact(*both, k, codes, device))


def search(
    query: ArrayLike,
    reference: ArrayLike,
    k: int = 5,
    *,
    dims: Sequence[int] | None = None,
    prefix: int | None = None,
    shortlist: int | None = None,
    method: str = "auto",
    device: str = "cpu",
) -> Neighbours:
    """Return the k nearest reference cells, found on a short prefix and ranked on the full vector.

    The shortlist holds the nearest cells by the cosine of the first ``prefix`` dimensions; the full
    cosine ranks them (adaptive retrieval; Kusupati et al., NeurIPS 2022, section 4.3).

    Parameters
    ----------
    query, reference
        Embeddings, ``(n_query, d)`` and ``(n_reference, d)``; prefixes are slices of the rows.
    k
        Neighbours.
    dims
        Lengths of the prefixes, as an adapter's ``dims``; the first is the prefix unless told.
    prefix
        Length of the prefix. Without ``dims`` and ``prefix`` all cells are ranked in full.
    shortlist
        Cells on the shortlist; ``20 k`` and at least 100 unless told.
    method, device
        Of the search for the shortlist, as in `neighbours`.

    Raises
    ------
    InputError
        As `neighbours`, and if the prefix or the shortlist does not fit.
    """
    left, right, k = _read(query, reference, k)
    width = left.shape[1]
    m = width if prefix is None and dims is None else prefix or checked_dims(dims, width)[0]
    m = whole(m, "prefix")
    if m > width:
        raise InputError(f"prefix is {m}, but the embedding has {width} dimensions.")
    size = max(SHORTLIST * k, 100) if shortlist is None else whole(shortlist, "shortlist", k)
    if m == width or size >= len(right):
        return neighbours(left, right, k, method=method, device=device)
    listed = neighbours(left[:, :m], right[:, :m], size, method=method, device=device)
    both = (left, norms(left, "the query")), (right, norms(right, "the reference"))
    return Neighbours(*rerank(*both, listed.index, k))


def checked_dims(dims: Sequence[int] | None, width: int) -> tuple[int, ...]:
    """Return lengths of prefixes, rising, the last of at most ``width``; None: the full vector."""
    found = (width,) if dims is None else tuple(whole(d, "each of dims") for d in dims)
    if not found or any(a >= b for a, b in pairwise(found)):
        raise InputError(f"dims must rise, as (32, 64, 128), but are {found}.")
    if found[-1] > width:
        raise InputError(f"dims go up to {found[-1]}, but the embedding has {width} dimensions.")
    return found


def _read(query: ArrayLike, reference: ArrayLike, k: int) -> tuple[NDArray[Any], NDArray[Any], int]:
    left, right = embedding(query, "the query"), embedding(reference, "the reference")
    same_width(left, right)
    k = whole(k, "k")
    if k > len(right):
        raise InputError(
            f"k is {k}, but the reference has {len(right)} cells: lower k or add cells."
        )
    return left, right, k


def _codes(
    pair: tuple[ArrayLike, ArrayLike], n_query: int, n_reference: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left, right = np.asarray(pair[0]), np.asarray(pair[1])
    if (
        left.shape != (n_query,)
        or right.shape != (n_reference,)
        or {
            left.dtype.kind,
            right.dtype.kind,
        }
        - {"i", "u"}
    ):
        raise InputError(
            f"exclude takes pairs of integer codes of shape ({n_query},) and ({n_reference},), not "
            f"{left.shape} and {right.shape}: pd.factorize makes them of names."
        )
    return left.astype(np.int64), right.astype(np.int64)
