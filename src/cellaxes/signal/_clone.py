"""Sister cells: what the embedding of a cell says of another cell of its clone."""

from collections.abc import Sequence
from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.signal._order import in_order
from cellaxes.signal._signal import Rows, Signal

NO_BARCODE = ("", "nan", "none", "na", "<na>")
"""How columns say, in any case of letters, that a cell has no barcode."""


@dataclass(frozen=True, eq=False)
class Sisters:
    """Cells of one clone.

    Attributes
    ----------
    clone
        Code of each cell's clone, -1 without one, ``(n_cells,)``.
    time
        Of each cell, ``(n_cells,)``, if sisters must differ in it; the earlier one is x.
    """

    clone: NDArray[np.int64]
    time: NDArray[np.float64] | None

    def draw(self, cells: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
        """Draw one pair per clone: a cell of it, and another one, of another time if given."""
        clone = self.clone[cells]
        order = np.lexsort((rng.random(len(cells)), clone))
        order = order[clone[order] >= 0]
        _, first, place = np.unique(clone[order], return_index=True, return_inverse=True)
        mark = np.arange(len(cells)) if self.time is None else self.time[cells]
        a = order[first[place]]
        sisters = np.flatnonzero(mark[order] != mark[a])
        _, chosen = np.unique(place[sisters], return_index=True)
        left, right = a[sisters[chosen]], order[sisters[chosen]]
        if self.time is not None:
            late = mark[left] > mark[right]
            left, right = np.where(late, right, left), np.where(late, left, right)
        return left.astype(np.int64), right.astype(np.int64)


def clone(
    adata: anndata.AnnData,
    key: str,
    *,
    time: str | None = None,
    missing: Sequence[str] = (),
    n_draws: int = 5,
) -> Signal:
    """Return the relation between cells of one clone: x is a cell, y a sister cell.

    Each draw takes one pair from every clone that has one, so that its pairs share no cell and
    large clones do not outweigh small ones.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obs`` column with the clone, e.g. a lineage barcode. Cells where it is NaN, empty,
        ``"nan"``, ``"none"`` or ``"NA"`` have none and are left out.
    time
        ``obs`` column, numbers or ordered categories: the sisters are of different times, x
        being the earlier one. Without it, any two cells of a clone.
    missing
        Further values of ``key`` that mean "no barcode", e.g. ``["0"]``.
    n_draws
        How often pairs are drawn.

    Raises
    ------
    InputError
        If a column is missing, no clone has a pair, or time has no order.

    References
    ----------
    Weinreb et al., Science 367:eaaw3381 (2020), LARRY; Gowri et al., arXiv 2503.02726.
    """
    if key not in adata.obs:
        raise InputError(f"obs has no column {key!r}: {near(key, adata.obs.columns)}")
    if n_draws < 1:
        raise InputError(f"n_draws must be at least 1, but is {n_draws}.")
    column = adata.obs[key]
    words = column.astype(str).str.strip()
    without = (
        column.isna() | words.str.lower().isin(NO_BARCODE) | words.isin([str(v) for v in missing])
    )
    codes = pd.factorize(words.where(~without), sort=True)[0].astype(np.int64)
    for value in missing:
        if not (words == str(value)).any():
            raise InputError(
                f"obs[{key!r}] has no value {str(value)!r} that could mean no barcode: "
                f"{near(str(value), words.unique())}"
            )
    times = in_order(adata, time) if time is not None else None
    over = f" over several values of {time}" if time is not None else ""
    several = (
        pd.Series(codes if times is None else times)[codes >= 0]
        .groupby(codes[codes >= 0])
        .agg("size" if times is None else "nunique")
    )
    n_clones = int((several > 1).sum())
    if n_clones == 0:
        raise InputError(
            f"obs[{key!r}] has no clone with two cells{over}, so that there are no pairs: choose "
            "the column with the lineage barcode."
        )
    alone = len(codes) - int(np.isin(codes, several.index[several > 1]).sum())
    options = [f"missing={value}" for value in missing] + [f"n_draws={n_draws}"] * (n_draws != 5)
    return Signal(
        ",".join([f"clone:{key}" + (f"@{time}" if time is not None else ""), *options]),
        "pairs",
        codes,
        relation=Sisters(codes, times),
        n_draws=n_draws,
        note=(
            f"{n_clones} clones with two cells or more{over}; {int(without.sum())} cells without "
            f"barcode and {alone - int(without.sum())} without a sister are left out; one pair "
            f"per clone of the test cells, mean of {n_draws} draws"
        ),
    )
