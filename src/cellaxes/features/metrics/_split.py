"""Cells held out, by donor where donors are known."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream


def hold_out(
    n_cells: int, *, groups: Any = None, fraction: float = 0.5, random_state: int = 0
) -> NDArray[np.bool_]:
    """Choose the cells on which a metric is reported; the others choose its features.

    With groups, whole groups are held out, never some cells of one: cells of one donor share
    more than their type.

    Parameters
    ----------
    n_cells
        Cells.
    groups
        Donor (or sample, …) of each cell, ``(n_cells,)``; without, cells are held out one by one.
    fraction
        Share of cells to hold out; with groups as near to it as whole groups allow.
    random_state
        Seed.

    Returns
    -------
    Mask ``(n_cells,)``, true where held out.

    Raises
    ------
    InputError
        If there are fewer than two cells or groups, a group is missing, or the fraction is not
        between 0 and 1.

    Examples
    --------
    >>> hold_out(6, groups=["d1", "d1", "d2", "d2", "d3", "d3"], fraction=0.3).sum()
    np.int64(2)
    """
    if not 0 < fraction < 1:
        raise InputError(f"fraction must lie between 0 and 1, not {fraction}.")
    if n_cells < 2:
        raise InputError(f"holding out needs two cells, but there are {n_cells}.")
    units = np.arange(n_cells) if groups is None else _codes(groups, n_cells)
    sizes = np.bincount(units)
    order = stream(random_state, "hold_out", n_cells, len(sizes)).permutation(len(sizes))
    reached = np.cumsum(sizes[order])[:-1]
    n_out = int(np.abs(reached - fraction * n_cells).argmin()) + 1
    out = np.zeros(len(sizes), dtype=bool)
    out[order[:n_out]] = True
    found: NDArray[np.bool_] = out[units]
    return found


def _codes(groups: Any, n_cells: int) -> NDArray[np.int64]:
    if np.ndim(groups) != 1 or len(groups) != n_cells:
        raise InputError(
            f"groups must name the donor of each of the {n_cells} cells, but have shape "
            f"{np.shape(groups)}."
        )
    codes, names = pd.factorize(np.asarray(groups, dtype=object))
    if (codes < 0).any():
        raise InputError(
            f"groups are missing for {(codes < 0).sum()} cells: name their donor, or leave "
            "them out."
        )
    if len(names) < 2:
        raise InputError(
            f"groups hold one donor only ({names[0]!r}): a claim about new donors needs a second; "
            "without groups= cells are held out one by one."
        )
    return np.asarray(codes, dtype=np.int64)
