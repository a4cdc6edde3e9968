"""What the neighbours of cells say at each level, and how near they are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.hierarchy._neighbours._exact import Codes
from cellaxes.hierarchy._neighbours._search import neighbours
from cellaxes.hierarchy._neighbours._vectors import Matrix
from cellaxes.hierarchy._neighbours._vote import call_down

FLOOR = 1e-6
"""Cosine distance below which cells count as equally near."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A reference to ask, and the cells of it that play the query.

    Attributes
    ----------
    z
        Embedding, ``(n_reference, d)``.
    codes
        Labels, ``(n_reference, n_levels)``.
    units
        What is left out together (donor, or the cell itself), ``(n_reference,)``.
    cells
        Rows that are held out in turn, ``(n_held,)``.
    dims
        Prefix on which each level is asked.
    k
        Neighbours.
    device
        Where distances are computed.
    """

    z: Matrix
    codes: Codes
    units: Codes
    cells: NDArray[np.int64]
    dims: tuple[int, ...]
    k: int
    device: str


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a query's neighbours say.

    Attributes
    ----------
    calls
        Label of each level, ``(n_cells, n_levels)``.
    share
        Share of the k neighbours that have it and agree above.
    distance
        Log of the mean cosine distance to the neighbours, per level.
    excess
        The same less what the neighbours themselves have to theirs, per level.
    """

    calls: Codes
    share: NDArray[np.float64]
    distance: NDArray[np.float64]
    excess: NDArray[np.float64]

    def features(self, level: int) -> NDArray[np.float64]:
        """Return share, distance and excess at a level, ``(n_cells, 3)``."""
        columns = (self.share, self.distance, self.excess)
        return np.column_stack([column[:, level] for column in columns])


Scales = dict[int, NDArray[np.float64]]
"""Log distance of each reference cell to its own neighbours, by prefix."""


def held_out(ref: Reference, scales: Scales | None, without: int | None = None) -> Evidence:
    """Return what the rest of the reference says of its held-out cells.

    Parameters
    ----------
    ref
        Reference.
    scales
        None while they are not known: the excess is then 0.
    without
        Level whose own group is left out as well, so that every cell is of an unknown group.
    """
    exclude = [(ref.units[ref.cells], ref.units)]
    if without is not None:
        exclude.append((ref.codes[ref.cells, without], ref.codes[:, without]))
    return _ask(ref, ref.z[ref.cells], scales, exclude)


def asked(ref: Reference, query: Matrix, scales: Scales) -> Evidence:
    """Return what the whole reference says of a query."""
    return _ask(ref, query, scales, [])


def scales_of(ref: Reference, known: Evidence) -> Scales:
    """Return how far every reference cell is from its neighbours, from the cells held out.

    Cells that were not held out take the scale of the nearest one that was.
    """
    found: Scales = {}
    for level, m in enumerate(ref.dims):
        if m in found:
            continue
        scale = np.empty(len(ref.z))
        scale[ref.cells] = known.distance[:, level]
        rest = np.setdiff1d(np.arange(len(ref.z)), ref.cells)
        if len(rest):
            near = neighbours(
                ref.z[rest, :m], ref.z[ref.cells, :m], 1, method="exact", device=ref.device
            )
            scale[rest] = known.distance[near.index[:, 0], level]
        found[m] = scale
    return found


def _ask(
    ref: Reference, query: Matrix, scales: Scales | None, exclude: list[tuple[Codes, Codes]]
) -> Evidence:
    by_prefix = {}
    for m in dict.fromkeys(ref.dims):
        found = neighbours(query[:, :m], ref.z[:, :m], ref.k, exclude=exclude, device=ref.device)
        there = found.index >= 0
        n = np.maximum(there.sum(axis=1), 1)
        far = np.where(there, 1.0 - found.cosine, 0.0).sum(axis=1) / n
        far[~there.any(axis=1)] = 2.0
        distance = np.log(np.maximum(far, 0.0) + FLOOR)
        own = np.zeros_like(distance)
        if scales is not None:
            own = distance - np.where(there, scales[m][found.index], 0.0).sum(axis=1) / n
            own[~there.any(axis=1)] = 0.0
        by_prefix[m] = found.index, distance, own
    calls, share = call_down(ref.codes, [by_prefix[m][0] for m in ref.dims])
    return Evidence(
        calls,
        share,
        np.column_stack([by_prefix[m][1] for m in ref.dims]),
        np.column_stack([by_prefix[m][2] for m in ref.dims]),
    )
