"""How compact and how far apart the groups of a level lie."""

import numpy as np
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.hierarchy._neighbours._vectors import embedding, norms

CELLS = 2000


def silhouette(
    Z: ArrayLike, codes: ArrayLike, *, n_cells: int = CELLS, random_state: int = 0
) -> float:
    """Return the mean silhouette in cosine distance, of a sample of cells.

    ``(b - a) / max(a, b)``, a the mean distance to the other cells of the own group, b the least
    mean distance to another group; 0 for a cell alone in its group (Rousseeuw, J Comput Appl Math
    20:53, 1987).

    Parameters
    ----------
    Z
        Embedding, ``(n_cells, d)``.
    codes
        Group of each cell, codes from 0, ``(n_cells,)``.
    n_cells
        Cells that are looked at, at most.
    random_state
        Seed of the sample.

    Returns
    -------
    From -1 to 1; NaN where the sample has one group only.

    Raises
    ------
    InputError
        If a row is zero or not finite, or lengths differ.

    Examples
    --------
    >>> round(silhouette([[1, 0], [1, 0.1], [0, 1], [0.1, 1]], [0, 0, 1, 1]), 2)
    0.99
    """
    z, group = embedding(Z, "Z"), np.asarray(codes)
    if group.shape != (len(z),) or group.dtype.kind not in "iu":
        raise InputError(f"codes must be one whole number per cell, but have shape {group.shape}.")
    if len(z) > n_cells:
        rows = np.sort(stream(random_state, "silhouette", len(z)).choice(len(z), n_cells, False))
        z, group = z[rows], group[rows]
    names, group = np.unique(group, return_inverse=True)
    if len(names) < 2:
        return float("nan")
    unit = np.asarray(z, dtype=np.float64) / norms(z, "Z")[:, None]
    member = np.eye(len(names))[group]
    size = member.sum(axis=0)
    # the mean cosine to a group is the cosine to the sum of its unit vectors
    away = size - unit @ (unit.T @ member)
    rows = np.arange(len(z))
    own = away[rows, group] / np.maximum(size[group] - 1, 1)
    away /= size
    away[rows, group] = np.inf
    other = away.min(axis=1)
    width = np.where(size[group] > 1, (other - own) / np.maximum(np.maximum(own, other), 1e-12), 0)
    return float(width.mean())
