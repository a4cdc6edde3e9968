"""A decreasing chain of depths, each a thinning of the one before."""

from collections.abc import Sequence
from itertools import pairwise

import anndata
import numpy as np

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.noise._thin import Level, thin_matrix
from cellaxes.noise._types import Thinned


def depth_ladder(
    depth: float, *, n_levels: int = 10, min_depth: float = 10.0, max_fraction: float = 1.0
) -> list[float]:
    """Return capture fractions, evenly spaced in log depth, deepest first.

    Parameters
    ----------
    depth
        Full median depth, UMIs per cell.
    n_levels
        Number of levels.
    min_depth
        Depth of the shallowest level, UMIs per cell.
    max_fraction
        Fraction of the deepest level.

    Raises
    ------
    InputError
        If there is no level, or ``min_depth`` is not below the depth of the deepest.

    Examples
    --------
    >>> depth_ladder(1000, n_levels=3)
    [1.0, 0.1, 0.01]
    """
    if n_levels < 1:
        raise InputError(f"n_levels must be at least 1, but is {n_levels}.")
    if n_levels == 1:
        return [max_fraction]
    if not 0 < min_depth < depth * max_fraction:
        raise InputError(
            f"min_depth ({min_depth:g}) must lie between 0 and the depth of the deepest level "
            f"({depth * max_fraction:g} UMIs per cell)."
        )
    lowest = min_depth / depth
    return [float(f) for f in np.round(np.geomspace(max_fraction, lowest, n_levels), 7)]


def thin_series(
    counts: Counts, fractions: Sequence[float], *, random_state: int = 0
) -> list[Thinned]:
    """Thin counts to a decreasing chain of fractions, each level thinned from the previous.

    Curves over such a chain differ by the molecules lost alone: a molecule that is absent
    at one level is absent at every lower one. Each level has the law of thinning the
    original by its own fraction.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``: CSR, CSC, dense, backed or dask matrix.
    fractions
        Capture fractions of the original, decreasing, in (0, 1].
    random_state
        Seed.

    Returns
    -------
    One `Thinned` per fraction, in the order given.

    Raises
    ------
    InputError
        If the fractions do not decrease or lie outside (0, 1], or the counts are no counts.
    """
    if isinstance(counts, anndata.AnnData):
        raise InputError("thin_series takes a matrix: pass adata.X or the layer with the counts.")
    values = [float(fraction) for fraction in fractions]
    decreasing = all(low < high for high, low in pairwise(values))
    if not values or not decreasing or not 0 < values[-1] <= values[0] <= 1:
        raise InputError(f"fractions must decrease within (0, 1], but are {values}.")
    levels: list[Thinned] = []
    current, reached = counts, 1.0
    for index, fraction in enumerate(values):
        if levels and levels[-1].depth == 0 and not levels[-1].umis_per_cell.any():
            levels.append(levels[-1])  # every molecule is lost already
            continue
        step = Level(fraction / reached, None)
        level = thin_matrix(current, step, random_state, "counts", "series", index)
        levels.append(level)
        current, reached = level.counts, fraction
    return levels
