"""Gene-wise thinning as in the code of the noise-scaling paper, for reproduction only."""

import anndata
import numpy as np
import scipy.sparse as sp

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


def thin_genewise(counts: Counts, fraction: float, *, random_state: int = 0) -> Thinned:
    """Keep exactly ``floor(T_g * fraction)`` molecules of each gene over all cells.

    This is how Gowri et al. (arXiv 2503.02726, ``prepare/utils.py``) thinned: without
    replacement across cells, gene by gene. Genes with ``T_g * fraction < 1`` vanish, so the
    depth falls short of nominal (by up to five times for few cells) and depth and cell
    number are confounded. Use `thin` for anything but reproducing published numbers.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``, CSR, CSC or dense, in memory.
    fraction
        Fraction of each gene's molecules to keep, in [0, 1].
    random_state
        Seed.

    Returns
    -------
    `Thinned` with the measured depth; emptied cells are kept (the paper dropped them).

    Raises
    ------
    InputError
        If the counts are no counts or ``fraction`` lies outside [0, 1].
    """
    if not 0 <= fraction <= 1:
        raise InputError(f"fraction must lie between 0 and 1, but is {fraction}.")
    if isinstance(counts, anndata.AnnData):
        raise InputError("thin_genewise takes a matrix: pass adata.X or the layer with the counts.")
    require_cells(shape_of(counts)[0], "counts")
    if is_dask(counts):
        raise InputError("thin_genewise needs all cells at once: pass counts.compute().")
    csr = as_csr(counts).copy()
    csr.sum_duplicates()
    check_counts(csr, "counts")
    columns = csr.tocsc()
    rng = stream(random_state, "thin_genewise")
    data = np.zeros_like(columns.data)
    for gene in range(columns.shape[1]):
        here = slice(columns.indptr[gene], columns.indptr[gene + 1])
        molecules = columns.data[here].astype(np.int64)
        kept = int(molecules.sum() * fraction)
        if kept:
            data[here] = rng.multivariate_hypergeometric(molecules, kept, method="marginals")
    thinned = sp.csc_matrix((data, columns.indices, columns.indptr), shape=columns.shape).tocsr()
    thinned.eliminate_zeros()
    return Thinned(like(thinned, counts), float(np.median(row_sums(thinned))))
