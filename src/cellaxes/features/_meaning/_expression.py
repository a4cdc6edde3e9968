"""Log expression of any container, block by block, with the moments of each gene."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import (
    ROW_BLOCK,
    Counts,
    by_rows,
    check_counts,
    csr_rows,
    row_sums,
    shape_of,
)
from cellaxes.features._meaning._inputs import Array, as_genes

Values = Literal["counts", "log"]
BLOCK = 16 * ROW_BLOCK
"""Cells read at once."""
FEWEST_CELLS, FEWEST_SHARE = 10, 0.01
"""A gene found in fewer cells than both is not ranked: a few cells correlate with anything."""
TARGET_SUM = 1e6
"""Counts per cell after scaling: counts per million."""


@dataclass(frozen=True, eq=False)
class Expression:
    """Log expression, ``log1p(1e6 x / sum(x))`` of counts x, read in blocks of cells.

    Attributes
    ----------
    genes
        Names, ``(n_genes,)``.
    mean, sd
        Of each gene over all cells, ``(n_genes,)``, natural log units.
    ranked
        Genes found in 10 cells or 1 % of them, whichever is less, ``(n_genes,)``.
    depth
        Sum of each cell's values, ``(n_cells,)``: UMIs per cell where counts were given.
    source
        Log values in memory, or counts that are scaled as they are read (``scaled`` false).
    scaled
        Whether `source` holds log values already.
    """

    genes: NDArray[np.str_]
    mean: Array
    sd: Array
    ranked: NDArray[np.bool_]
    depth: Array
    source: Counts
    scaled: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Cells and genes."""
        return len(self.depth), len(self.genes)

    def blocks(self) -> Iterator[tuple[int, int, sp.csr_matrix]]:
        """Yield ``(start, stop, log values as CSR)`` of each block of cells."""
        return _blocks(self.source, None if self.scaled else self.depth)


def expression(
    X: Counts, genes: Sequence[str] | ArrayLike, *, values: Values = "counts"
) -> Expression:
    """Return log expression of counts, or of log values as they are.

    What is in memory is taken to logs once, of the size of `X`; what is not (backed, dask) is
    read anew, block by block, whenever it is asked for.

    Raises
    ------
    InputError
        If names do not fit or repeat, a value is no count (``values="counts"``) or not finite.
    """
    if values not in ("counts", "log"):
        raise InputError(f"values must be 'counts' or 'log', not {values!r}.")
    n_cells, n_genes = shape_of(X)
    names = as_genes(genes, n_genes)
    if n_cells < 3:
        raise InputError(f"expression has {n_cells} cells: a correlation needs three or more.")
    X = by_rows(X)
    depth = row_sums(X)
    counted = values == "counts"
    in_memory = sp.issparse(X) or isinstance(X, np.ndarray)
    kept, total, square = [], np.zeros(n_genes), np.zeros(n_genes)
    found_in = np.zeros(n_genes, dtype=np.int64)
    for start, stop, block in _blocks(X, None, check=counted, finite=not counted):
        logs = _logs(block, depth[start:stop]) if counted else block
        found_in += np.asarray((logs != 0).sum(axis=0)).ravel()
        exact = logs.astype(np.float64)
        total += np.asarray(exact.sum(axis=0)).ravel()
        square += np.asarray(exact.multiply(exact).sum(axis=0)).ravel()
        if counted and in_memory:
            kept.append(logs)
    mean = total / n_cells
    spread = square / n_cells - mean**2
    spread[spread < 1e-12 * square / n_cells] = 0.0
    source = sp.vstack(kept, format="csr") if kept else X
    return Expression(
        genes=names,
        mean=mean,
        sd=np.sqrt(spread),
        ranked=found_in >= min(FEWEST_CELLS, FEWEST_SHARE * n_cells),
        depth=depth,
        source=source,
        scaled=bool(kept) or not counted,
    )


def _blocks(
    source: Counts, depth: Array | None, *, check: bool = False, finite: bool = False
) -> Iterator[tuple[int, int, sp.csr_matrix]]:
    n_cells = shape_of(source)[0]
    for start in range(0, n_cells, BLOCK):
        stop = min(start + BLOCK, n_cells)
        block = csr_rows(source, start, stop)
        if check:
            check_counts(block, "X", start)
        if finite and not np.isfinite(block.data).all():
            raise InputError(f"X, rows {start} to {stop}, hold values that are not finite.")
        yield start, stop, block if depth is None else _logs(block, depth[start:stop])


def _logs(block: sp.csr_matrix, depth: Any) -> sp.csr_matrix:
    """Return ``log1p`` of counts per million, float32."""
    factor = np.divide(TARGET_SUM, depth, out=np.zeros(len(depth)), where=depth > 0)
    scaled = np.log1p(block.data * np.repeat(factor, np.diff(block.indptr))).astype(np.float32)
    return sp.csr_matrix((scaled, block.indices, block.indptr), shape=block.shape)
