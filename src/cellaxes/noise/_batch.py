"""Batch effects: each batch sees every gene a little more or a little less."""

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import (
    Counts,
    as_csr,
    check_counts,
    is_dask,
    require_cells,
    row_sums,
    shape_of,
)
from cellaxes._core.random import stream
from cellaxes.noise._thin import like
from cellaxes.noise._types import Thinned


def batch_shift(
    counts: Counts, batch: ArrayLike, *, strength: float, random_state: int = 0
) -> Thinned:
    """Shift the genes of each batch coherently by log-normal factors of mean one.

    Gene g of batch b gets the factor ``f_bg = exp(strength z_bg - strength^2 / 2)``, z standard
    normal, the same for all cells of the batch. Each molecule becomes ``floor(f)`` molecules,
    and one more with probability ``f - floor(f)``: counts stay whole, the expectation of a count
    is f times the count, and for ``f <= 1`` this is binomial thinning. Where ``f > 1`` copies
    add no information: the relative noise of a gene stays that of the molecules that were
    seen (at most an eighth more variance). Depth is kept in expectation over genes; what came
    out is measured.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``, CSR, CSC or dense, in memory.
    batch
        Batch of each cell, ``(n_cells,)``, two batches or more. The factors of a batch belong
        to its name and the seed, whatever other batches there are.
    strength
        Standard deviation of ``ln f``, natural log units; 0 changes nothing, 0.2 to 0.7 is
        what laboratories see.
    random_state
        Seed.

    Returns
    -------
    `Thinned`: the shifted counts in their container and dtype, and their measured depth.

    Raises
    ------
    InputError
        If the counts are no counts or outgrow their dtype, ``strength`` is negative, or batch
        has another length, missing values, a batch of one cell, or one batch only.

    Examples
    --------
    >>> counts = np.full((4, 3), 50)
    >>> shifted, _ = batch_shift(counts, ["a", "a", "b", "b"], strength=0.5)
    >>> shifted.shape, bool((shifted != counts).any())
    ((4, 3), True)
    """
    if not (np.isfinite(strength) and strength >= 0):
        raise InputError(f"strength must be a number >= 0, but is {strength}.")
    if isinstance(counts, anndata.AnnData):
        raise InputError("batch_shift takes a matrix: pass adata.X or the layer with the counts.")
    n_cells, n_genes = shape_of(counts)
    if is_dask(counts):
        raise InputError("batch_shift needs all cells at once: pass counts.compute().")
    require_cells(n_cells, "counts")
    codes, names = _batches(batch, n_cells)
    csr = as_csr(counts).copy()
    csr.sum_duplicates()
    check_counts(csr, "counts")
    factors = np.stack(
        [
            np.exp(
                strength * stream(random_state, "batch_shift", name).standard_normal(n_genes)
                - strength**2 / 2
            )
            for name in names
        ]
    )
    rows = np.repeat(np.arange(n_cells), np.diff(csr.indptr))
    factor = factors[codes[rows], csr.indices]
    molecules = csr.data.astype(np.int64)
    rng = stream(random_state, "batch_shift molecules")
    shifted = molecules * np.floor(factor).astype(np.int64)
    shifted += rng.binomial(molecules, factor % 1)
    data = shifted.astype(csr.data.dtype)
    if (data != shifted).any():
        raise InputError(
            f"shifted counts reach {shifted.max()}, too large for {data.dtype}: pass int32 counts."
        )
    result = sp.csr_matrix((data, csr.indices, csr.indptr), shape=csr.shape)
    result.eliminate_zeros()
    return Thinned(like(result, counts), float(np.median(row_sums(result))))


def _batches(batch: ArrayLike, n_cells: int) -> tuple[NDArray[np.int64], list[str]]:
    """Return the code of each cell's batch, and the batches' names."""
    column = pd.Series(np.asarray(batch).ravel())
    if len(column) != n_cells:
        raise InputError(
            f"batch has {len(column)} entries for {n_cells} cells: give one for each cell."
        )
    if column.isna().any():
        raise InputError(
            f"batch is missing in {int(column.isna().sum())} of {n_cells} cells: remove or fill "
            "them."
        )
    codes, names = pd.factorize(column.astype(str), sort=True)
    if len(names) < 2:
        raise InputError(f"there is one batch only ({names[0]}): a batch effect needs two.")
    single = np.flatnonzero(np.bincount(codes) == 1)
    if len(single):
        raise InputError(
            f"batch {names[single[0]]!r} has one cell only: remove this cell, or join the batch "
            "with another."
        )
    return codes, [str(name) for name in names]
