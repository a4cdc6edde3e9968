"""Binomial thinning of UMI counts: what a shallower sequencing run would have seen."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anndata
import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import counts_name, counts_of
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import (
    ROW_BLOCK,
    Counts,
    as_csr,
    by_rows,
    check_counts,
    csr_rows,
    is_dask,
    require_cells,
    row_blocks,
    row_sums,
    shape_of,
)
from cellaxes._core.version import __version__
from cellaxes.noise._kernel import thin_csr
from cellaxes.noise._stream_h5ad import write_blocks
from cellaxes.noise._types import Thinned


def thin(
    counts: Counts | anndata.AnnData,
    *,
    fraction: float | None = None,
    depth: float | None = None,
    random_state: int = 0,
    layer: str | None = None,
    out: str | Path | None = None,
) -> Thinned:
    """Thin UMI counts binomially to a fraction, or to a target depth per cell.

    Each molecule is kept independently: ``x'_ij ~ Binomial(x_ij, p_i)`` with
    ``p_i = fraction``, or ``p_i = min(1, depth / sum_j x_ij)``, which is exact for
    independent molecule capture. Thinning by ``p1`` and then by ``p2`` has the law of
    thinning by ``p1 * p2``, with the same seed too. Random streams belong to fixed blocks of
    1,024 rows, so the result does not depend on container, storage order, chunks or workers.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``, whole numbers of any dtype: CSR, CSC, dense,
        dask array, backed matrix, or an AnnData that holds one of them.
    fraction
        Probability in [0, 1] that a molecule is kept.
    depth
        Target UMIs per cell (expected); cells below it are left as they are. Give either
        ``fraction`` or ``depth``.
    random_state
        Seed.
    layer
        For an AnnData: where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    out
        For an AnnData: write the result to this new ``.h5ad`` block by block and return it
        backed, in memory bounded by the block. Without it a backed AnnData comes back in
        memory.

    Returns
    -------
    `Thinned`: ``counts`` in the same container type (lazy for dask), cells left empty kept;
    ``depth``, the *measured* median UMIs per cell. In an AnnData, ``obs["umis_per_cell"]``
    and ``uns["cellaxes_thin"]`` are written and ``X`` holds the thinned counts; ``layers`` and
    ``raw``, which would still hold the unthinned ones, are left out.

    Raises
    ------
    InputError
        If the counts are negative, not whole, not finite or all zero, or the arguments
        contradict each other.

    Examples
    --------
    >>> import numpy as np
    >>> counts, depth = thin(np.full((3, 100), 10), fraction=0.1)
    >>> counts.shape, bool(50 < depth < 150)
    ((3, 100), True)
    """
    level = Level(fraction, depth)
    if isinstance(counts, anndata.AnnData):
        return _thin_adata(counts, level, random_state, layer, out)
    if out is not None or layer is not None:
        raise InputError("layer= and out= belong to an AnnData: pass one, or leave them out.")
    return thin_matrix(counts, level, random_state, "counts")


class Level:
    """How much to keep: one capture probability for all rows, or a target depth."""

    def __init__(self, fraction: float | None, depth: float | None) -> None:
        if (fraction is None) == (depth is None):
            raise InputError("thin needs either fraction= or depth=, not both and not neither.")
        if fraction is not None and not 0 <= fraction <= 1:
            raise InputError(f"fraction must lie between 0 and 1, but is {fraction}.")
        if depth is not None and not (np.isfinite(depth) and depth >= 0):
            raise InputError(f"depth must be a number of UMIs per cell >= 0, but is {depth}.")
        self.fraction, self.depth = fraction, depth

    @property
    def key(self) -> tuple[str | float, ...]:
        """What tells apart the draws of different levels."""
        return (
            ("depth", float(self.depth))
            if self.depth is not None
            else ("p", float(self.fraction or 0))
        )

    def per_row(self, block: sp.csr_matrix) -> NDArray[np.float64]:
        """Capture probability of each row of a block."""
        if self.depth is None:
            return np.full(block.shape[0], self.fraction)
        return np.minimum(1.0, self.depth / np.maximum(row_sums(block), 1.0))


@dataclass(frozen=True)
class _Thinner:
    """One draw: what is kept, of what the user calls ``where``, under which seed."""

    level: Level
    random_state: int
    where: str
    key: tuple[str | int, ...] = ()

    def rows(self, block: sp.csr_matrix, first_row: int) -> sp.csr_matrix:
        check_counts(block, self.where, first_row)
        key = (*self.key, *self.level.key)
        return thin_csr(block, self.level.per_row(block), self.random_state, key, first_row)

    def blocks(self, counts: Counts) -> Iterator[sp.csr_matrix]:
        counts = by_rows(counts)
        for start, stop in row_blocks(counts.shape[0]):
            yield self.rows(csr_rows(counts, start, stop), start)

    def dask(self, counts: Counts) -> Counts:
        def on_chunk(chunk: Any, block_info: Any = None) -> Any:
            first_row = block_info[0]["array-location"][0][0]
            return like(self.rows(as_csr(chunk), first_row), chunk)

        aligned = counts.rechunk({0: _aligned(counts.chunks[0]), 1: -1})
        return aligned.map_blocks(on_chunk, dtype=counts.dtype, meta=counts._meta)

    def matrix(self, counts: Counts) -> Thinned:
        n_cells, _ = shape_of(counts)
        require_cells(n_cells, self.where)
        if is_dask(counts):
            thinned = self.dask(counts)
            totals = _dask_row_sums(thinned)
        else:
            in_memory = sp.issparse(counts) or isinstance(counts, np.ndarray)
            csr = (
                self.rows(as_csr(counts), 0)
                if in_memory
                else _stack(self.blocks(counts), counts.shape)
            )
            thinned = like(csr, counts)
            totals = row_sums(csr)
        self.refuse_nothing(totals, counts)
        return Thinned(thinned, float(np.median(totals)))

    def refuse_nothing(self, totals: NDArray[np.float64], counts: Counts) -> None:
        """Refuse a matrix without a single UMI; one that thinning emptied is a result."""
        if not totals.any() and not (_dask_row_sums if is_dask(counts) else row_sums)(counts).any():
            raise InputError(
                f"{self.where} holds no UMI at all: pass the raw counts, e.g. with layer='counts'."
            )


def _aligned(chunks: tuple[int, ...]) -> tuple[int, ...]:
    """Return row chunks of about the same size whose edges are edges of row blocks."""
    edges = np.cumsum([0, *chunks])
    if not np.isfinite(edges).all():
        raise InputError("the dask array has chunks of unknown size: call compute_chunk_sizes().")
    inner = ROW_BLOCK * np.round(edges[1:-1] / ROW_BLOCK).astype(int)
    return tuple(int(n) for n in np.diff(np.unique([0, *inner[inner < edges[-1]], edges[-1]])))


def thin_matrix(
    counts: Counts, level: Level, random_state: int, where: str, *key: str | int
) -> Thinned:
    """Thin a matrix; ``key`` tells apart the draws of one series."""
    return _Thinner(level, random_state, where, key).matrix(counts)


def _stack(blocks: Iterator[sp.csr_matrix], shape: tuple[int, int]) -> sp.csr_matrix:
    """Join row blocks in arrays that grow in place: nothing is held twice."""
    first = next(blocks)
    data, indices = first.data.copy(), first.indices.copy()
    end, lengths = first.nnz, [np.zeros(1, dtype=np.int64), np.diff(first.indptr)]
    for block in blocks:
        if end + block.nnz > len(data):
            for array in (data, indices):
                array.resize(2 * (end + block.nnz), refcheck=False)
        data[end : end + block.nnz] = block.data
        indices[end : end + block.nnz] = block.indices
        lengths.append(np.diff(block.indptr))
        end += block.nnz
    indptr = np.cumsum(np.concatenate(lengths))
    return sp.csr_matrix((data[:end], indices[:end], indptr), shape=shape)


def _dask_row_sums(counts: Counts) -> NDArray[np.float64]:
    sums = counts.rechunk({1: -1}).map_blocks(
        lambda block: row_sums(as_csr(block))[:, None],
        chunks=(counts.chunks[0], (1,)),
        dtype=np.float64,
        meta=np.empty((0, 0)),
    )
    return np.asarray(sums.compute()).ravel()


def like(csr: sp.csr_matrix, template: Any) -> Any:
    """Return ``csr`` in the container type of ``template``."""
    if getattr(template, "format", None) == "csc":
        return (sp.csc_array if isinstance(template, sp.sparray) else sp.csc_matrix)(csr)
    if sp.issparse(template) or hasattr(template, "format"):
        return sp.csr_array(csr) if isinstance(template, sp.sparray) else csr
    return csr.toarray()


def _thin_adata(
    adata: anndata.AnnData,
    level: Level,
    random_state: int,
    layer: str | None,
    out: str | Path | None,
) -> Thinned:
    matrix, names = counts_of(adata, layer)
    where = counts_name(layer)
    obs = adata.obs.copy()
    var = adata.var.copy() if len(names) == adata.n_vars else adata.raw.var.copy()
    params = {
        "fraction": "none" if level.fraction is None else level.fraction,
        "depth": "none" if level.depth is None else level.depth,
        "random_state": random_state,
        "layer": where,
        "version": __version__,
    }
    uns = {**adata.uns, keys.params("thin"): {"params": params}}
    obsm = {
        name: np.array(value, copy=True) if isinstance(value, np.ndarray) else value.copy()
        for name, value in adata.obsm.items()
    }
    varm = (
        {name: value.copy() for name, value in adata.varm.items()}
        if len(names) == adata.n_vars
        else {}
    )
    thinner = _Thinner(level, random_state, where)
    if out is not None:
        require_cells(adata.n_obs, where)
        shell = anndata.AnnData(obs=obs, var=var, uns=uns, obsm=obsm, varm=varm)
        backed = write_blocks(shell, thinner.blocks(matrix), Path(out), matrix.dtype)
        totals = backed.obs[keys.umis_per_cell()].to_numpy()
        try:
            thinner.refuse_nothing(totals, matrix)
        except InputError:
            backed.file.close()
            Path(out).unlink()
            raise
        return Thinned(backed, float(np.median(totals)))
    thinned = thinner.matrix(matrix)
    result = anndata.AnnData(X=thinned.counts, obs=obs, var=var, uns=uns, obsm=obsm, varm=varm)
    result.obs[keys.umis_per_cell()] = thinned.umis_per_cell
    return Thinned(result, thinned.depth)
