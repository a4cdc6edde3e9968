"""Neighbours in a tissue: what the embedding of a cell says of a cell beside it."""

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from cellaxes._core.adata import obs_column, obsm_matrix
from cellaxes._core.errors import InputError
from cellaxes.signal._signal import Rows, Signal

FAR = 3.0
"""Times the median distance to the k-th neighbour beyond which a cell is no neighbour."""
MAX_TIES = 12
"""Cells as near as the k-th one that are looked at: on a grid they count as well."""


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """Which cells lie beside each other.

    Attributes
    ----------
    graph
        Neighbours of each cell, boolean CSR ``(n_cells, n_cells)``.
    """

    graph: sp.csr_matrix

    def draw(self, cells: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Draw disjoint pairs: cells in random order, each with a random free neighbour."""
        among = self.graph[cells][:, cells]
        free = np.ones(len(cells), dtype=bool)
        left, right = [], []
        for cell in rng.permutation(len(cells)):
            beside = among.indices[among.indptr[cell] : among.indptr[cell + 1]]
            beside = beside[free[beside]]
            if free[cell] and len(beside):
                other = beside[rng.integers(len(beside))]
                free[[cell, other]] = False
                left.append(cell)
                right.append(other)
        return np.array(left, dtype=np.int64), np.array(right, dtype=np.int64)


def space(
    adata: anndata.AnnData, key: str, *, section: str | None = None, k: int = 4, n_draws: int = 5
) -> Signal:
    """Return the relation between neighbours in a tissue: x is a cell, y a cell beside it.

    Neighbours are the ``k`` nearest cells of the whole section, those as near as the k-th with
    them (on a grid). A cell farther away than three times the section's median distance to the
    k-th neighbour is none: across a hole or beyond the edge of the tissue nothing is near.
    A draw pairs test cells with test cells, each in one pair at most: were a pair and its mirror
    image both there, an estimator that learns on one part of the pairs would meet them again
    in the other.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obsm`` key of coordinates ``(n_cells, 2 or 3)``.
    section
        ``obs`` column: only cells of one section are neighbours.
    k
        Nearest neighbours.
    n_draws
        How often pairs are drawn.

    Raises
    ------
    InputError
        If the coordinates are missing, hold NaN, coincide, or no two cells are neighbours.

    References
    ----------
    Gowri et al., arXiv 2503.02726, whose pairs are drawn with mirror images.
    """
    places = obsm_matrix(adata, key)
    if k < 1 or n_draws < 1:
        raise InputError(f"k and n_draws must be at least 1, but are {k} and {n_draws}.")
    names = np.zeros(len(places)) if section is None else obs_column(adata, section)
    codes = pd.factorize(np.asarray(names))[0]
    rows, columns = [], []
    for code in range(codes.max() + 1):
        members = np.flatnonzero(codes == code)
        if len(members) > k:
            cell, other = _beside(places[members], k, f"obsm[{key!r}]", section is None)
            rows.append(members[cell])
            columns.append(members[other])
    if not rows:
        raise InputError(
            f"obsm[{key!r}] has no section of more than {k} cells, so that nothing has {k} "
            "neighbours: lower k, or choose another section column."
        )
    row, column = np.concatenate(rows), np.concatenate(columns)
    n = len(places)
    graph = sp.csr_matrix((np.ones(len(row), dtype=bool), (row, column)), shape=(n, n))
    lonely = int((graph.getnnz(axis=1) == 0).sum())
    options = [f"k={k}"] * (k != 4) + [f"n_draws={n_draws}"] * (n_draws != 5)
    return Signal(
        ",".join([f"space:{key}" + (f"@{section}" if section is not None else ""), *options]),
        "pairs",
        places,
        relation=Neighbourhood(graph),
        n_draws=n_draws,
        note=(
            f"a cell and one of its {k} nearest neighbours among the test cells"
            + (f", within a {section}" if section is not None else "")
            + f"; {lonely} cells without a neighbour at hand are left out; each cell in one pair "
            f"at most, mean of {n_draws} draws"
        ),
    )


def _beside(places: NDArray[np.float64], k: int, where: str, one: bool) -> tuple[Rows, Rows]:
    """Return cells and their neighbours in one section."""
    distance, other = cKDTree(places).query(places, min(len(places), k + 1 + MAX_TIES))
    own = other == np.arange(len(places))[:, None]
    own[~own.any(axis=1), -1] = True  # more cells at one place than were looked at
    shape = (len(places), distance.shape[1] - 1)
    distance, other = distance[~own].reshape(shape), other[~own].reshape(shape)
    kth = distance[:, k - 1]
    crowded = int((kth == 0).sum())
    if crowded or np.median(distance[:, 0]) == 0:
        raise InputError(
            f"{where} has {crowded or int((distance[:, 0] == 0).sum())} cells that share their "
            "place with others: remove cells without a position"
            + (", or name the section (space:KEY@OBS_KEY)." if one else ".")
        )
    near = distance <= np.minimum(kth * (1 + 1e-6), FAR * np.median(kth))[:, None]
    cell = np.broadcast_to(np.arange(len(places))[:, None], near.shape)
    return cell[near], other[near].astype(np.int64)
