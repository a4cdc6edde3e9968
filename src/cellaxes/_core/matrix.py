"""Row blocks of counts, the same from CSR, CSC, dense, backed and dask-backed matrices."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

from cellaxes._core.errors import InputError

ROW_BLOCK = 1024
"""Rows per block. Part of the definition of every row-blocked random draw: never change it."""

Counts = Any
"""CSR, CSC or dense matrix, backed h5ad matrix, h5py data set or dask array, cells in rows."""


def is_dask(counts: Counts) -> bool:
    """Whether ``counts`` is a dask array, asked without importing dask."""
    return type(counts).__module__.partition(".")[0] == "dask"


def shape_of(counts: Counts) -> tuple[int, int]:
    """Return ``(n_cells, n_genes)``, refusing what is not a matrix of numbers."""
    shape: tuple[int, ...] = tuple(getattr(counts, "shape", ()))
    if len(shape) != 2:
        raise InputError(
            f"counts must be a matrix of shape (n_cells, n_genes), but have shape {shape}."
        )
    dtype = getattr(counts, "dtype", None)
    if dtype is None:
        raise InputError(
            f"counts must be a matrix, but are a {type(counts).__name__}: pass adata.X or "
            "frame.to_numpy()."
        )
    if dtype.kind not in "iufb":
        raise InputError(f"counts must be numbers, but are of type {dtype}.")
    return int(shape[0]), int(shape[1])


def by_rows(counts: Counts) -> Counts:
    """Return ``counts`` in a form whose row slices are cheap (CSC becomes CSR)."""
    if getattr(counts, "format", None) == "csc":
        counts = counts if sp.issparse(counts) else counts.to_memory()
        return counts.tocsr()
    return counts


def csr_rows(counts: Counts, start: int, stop: int) -> sp.csr_matrix:
    """Return rows ``start:stop`` as CSR."""
    try:
        block = counts[start:stop]
        if is_dask(block):
            block = block.compute(scheduler="synchronous")
        return as_csr(block)
    except (ValueError, OSError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"rows {start} to {stop} of the counts cannot be read ({error}): the matrix is "
            "damaged; export it again."
        ) from error


def take_rows(counts: Counts, rows: NDArray[np.integer]) -> sp.csr_matrix:
    """Return some rows, in rising order, as CSR."""
    counts = by_rows(counts)
    blocks = [
        csr_rows(counts, start, stop)[rows[np.searchsorted(rows, start) : last] - start]
        for start, stop in row_blocks(shape_of(counts)[0])
        if (last := np.searchsorted(rows, stop)) > np.searchsorted(rows, start)
    ]
    return sp.csr_matrix(sp.vstack(blocks, format="csr"))


def require_cells(n_cells: int, where: str) -> None:
    """Refuse a matrix without rows."""
    if n_cells == 0:
        raise InputError(f"{where} has no cells: hand in at least one.")


def as_csr(block: Any) -> sp.csr_matrix:
    """Return a matrix as CSR of a type that kernels take (no half floats, native bytes)."""
    half = block.dtype.kind == "f" and block.dtype.itemsize == 2
    if half or block.dtype.itemsize > 8:
        block = block.astype(np.float64)
    elif not block.dtype.isnative:
        block = block.astype(block.dtype.newbyteorder("="))
    return sp.csr_matrix(block)


def has_duplicates(csr: sp.csr_matrix) -> bool:
    """Whether a row stores the same column twice (a valid but rare form of CSR)."""
    return not csr.has_canonical_format and bool(_repeats(csr.indices, csr.indptr, csr.shape[1]))


@njit(cache=True, nogil=True)
def _repeats(indices: NDArray[Any], indptr: NDArray[Any], n_columns: int) -> bool:
    last_row = np.full(n_columns, -1, dtype=np.int64)
    for row in range(indptr.size - 1):
        for i in range(indptr[row], indptr[row + 1]):
            if last_row[indices[i]] == row:
                return True
            last_row[indices[i]] = row
    return False


def row_blocks(n_rows: int) -> Iterator[tuple[int, int]]:
    """Yield ``(start, stop)`` of each fixed-size row block."""
    for start in range(0, n_rows, ROW_BLOCK):
        yield start, min(start + ROW_BLOCK, n_rows)


def row_sums(counts: Counts) -> NDArray[np.float64]:
    """Return the sum of each row, shape ``(n_cells,)``: UMIs per cell for counts."""
    counts = by_rows(counts)
    n_cells, _ = shape_of(counts)
    sums = np.empty(n_cells)
    for start in range(0, n_cells, 64 * ROW_BLOCK):  # summing casts a copy of what it sums
        stop = min(start + 64 * ROW_BLOCK, n_cells)
        block = (
            counts[start:stop] if isinstance(counts, np.ndarray) else csr_rows(counts, start, stop)
        )
        sums[start:stop] = np.asarray(block.sum(axis=1, dtype=np.float64)).ravel()
    return sums


def log_normalise(counts: Counts, target_sum: float = 1e4) -> sp.csr_matrix:
    """Return ``log(1 + target_sum * x_ij / sum_j x_ij)`` as float32 CSR; empty cells stay zero.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``.
    target_sum
        UMIs per cell after normalising.
    """
    csr = sp.csr_matrix(csr_rows(counts, 0, shape_of(counts)[0]), dtype=np.float32, copy=True)
    total = row_sums(csr)
    scale = target_sum / np.maximum(total, 1.0)
    csr.data *= np.repeat(scale, np.diff(csr.indptr)).astype(np.float32)
    np.log1p(csr.data, out=csr.data)
    return csr


def highly_variable(log_counts: sp.csr_matrix, n_top_genes: int) -> NDArray[np.int64]:
    """Return the indices of the genes that vary most, ascending.

    The variance of log-normalised expression itself ranks the genes. Rankings normalised
    by mean expression (the ``seurat`` flavours) pick genes seen in a handful of cells when
    depth is low: at 196 UMIs per cell they left 0.9 of 2.3 bits of pancreas cell type.
    Genes seen in no cell are never chosen, so fewer than ``n_top_genes`` may come back.

    Parameters
    ----------
    log_counts
        Log-normalised counts ``(n_cells, n_genes)``.
    n_top_genes
        Genes to keep.
    """
    n_cells = log_counts.shape[0]
    mean = np.asarray(log_counts.sum(axis=0, dtype=np.float64)).ravel() / n_cells
    square = log_counts.copy()
    square.data = square.data.astype(np.float64) ** 2
    variance = np.asarray(square.sum(axis=0)).ravel() / n_cells - mean**2
    varies = np.flatnonzero(variance > 1e-12)
    top = varies[np.argsort(-variance[varies], kind="stable")[:n_top_genes]]
    return np.asarray(np.sort(top), dtype=np.int64)


@njit(cache=True, nogil=True)
def _first_fault(data: NDArray[Any]) -> tuple[int, int]:
    """Return (kind, position) of the first value that is no count; kind 0 if there is none."""
    for i in range(data.size):
        value = data[i]
        if not np.isfinite(value):
            return 1, i
        if value < 0:
            return 2, i
        if value != np.floor(value):
            return 3, i
    return 0, -1


def check_counts(block: sp.csr_matrix, where: str, first_row: int = 0) -> None:
    """Refuse values that are no counts, naming the place and the mend.

    Parameters
    ----------
    block
        Counts as CSR.
    where
        What the user calls this matrix, e.g. ``"X"`` or ``"layers['counts']"``.
    first_row
        Row of the whole matrix at which the block starts.
    """
    kind, at = _first_fault(block.data)
    if kind == 0:
        return
    row = first_row + int(np.searchsorted(block.indptr, at, side="right")) - 1
    place = f"{where}, row {row}, column {block.indices[at]}"
    value = block.data[at]
    if kind == 1:
        raise InputError(f"{place} holds {value}: counts must be finite; remove or mend the cell.")
    if kind == 2:
        raise InputError(
            f"{place} holds the negative value {value:g}: counts cannot be negative; "
            "pass the raw UMI counts, e.g. with layer='counts'."
        )
    finite = block.data[np.isfinite(block.data)]
    looks = (
        "the matrix looks log-normalised; pass the raw UMI counts"
        if finite.max() < 30
        else "the matrix looks normalised; pass the raw UMI counts"
    )
    raise InputError(
        f"{place} holds {value:.6g}, which is no whole number: {looks}, e.g. with layer='counts' "
        "or layer='raw'."
    )
