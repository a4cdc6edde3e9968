"""Sums of raw counts over the cells of each sample."""

from collections.abc import Sequence
from typing import Any

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.adata import counts_name, counts_of, obs_column
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import ROW_BLOCK, Counts, by_rows, check_counts, csr_rows, shape_of
from cellaxes._core.version import __version__
from cellaxes.perturbation._counts import unique_names

BLOCK = 8 * ROW_BLOCK
"""Cells read at a time."""


def pseudobulk(
    adata: anndata.AnnData,
    *,
    by: Sequence[str],
    layer: str | None = None,
    min_cells: int = 1,
    min_counts: int = 1,
) -> anndata.AnnData:
    """Sum the raw counts of the cells of each combination of ``by``.

    Cells are read in blocks of rows, so that a backed or dask-backed AnnData needs the memory
    of one block and of the sums.

    Parameters
    ----------
    adata
        Cells x genes, in memory, backed or dask-backed; raw counts.
    by
        Columns of ``obs`` whose combinations are the samples, e.g. ``["cell_type", "compound",
        "donor", "plate", "well"]``.
    layer
        Where the counts are (``None``: ``X``; ``"raw"``: ``raw.X``).
    min_cells, min_counts
        Samples with fewer cells or counts are left out, and listed in
        ``uns["cellaxes_pseudobulk"]["left_out"]``.

    Returns
    -------
    AnnData of samples x genes, sorted by ``by``: ``X`` CSR float64 of whole numbers; ``obs``
    with ``by``, every column that has one value in each sample, ``n_cells`` and
    ``total_counts``; ``var`` as it was.

    Raises
    ------
    InputError
        If a column or the layer is missing, a value is no count, gene names occur twice, or no
        sample is left.

    Examples
    --------
    >>> cells = anndata.AnnData(
    ...     np.array([[1, 0], [2, 5], [0, 3]]),
    ...     obs=pd.DataFrame({"drug": ["a", "a", "b"]}, index=["c1", "c2", "c3"]),
    ... )
    >>> sums = pseudobulk(cells, by=["drug"])
    >>> sums.X.toarray(), sums.obs["n_cells"].tolist()
    (array([[3., 5.],
           [0., 3.]]), [2, 1])
    """
    columns = list(dict.fromkeys([by] if isinstance(by, str) else by))
    if not columns:
        raise InputError("by is empty: name the columns of obs whose combinations are the samples.")
    counts, genes = counts_of(adata, layer)
    unique_names(genes, "gene")
    codes, samples = _samples(adata, columns)
    sums = _sums(counts, codes, len(samples), counts_name(layer))
    samples["n_cells"] = np.bincount(codes, minlength=len(samples))
    samples["total_counts"] = np.asarray(sums.sum(axis=1)).ravel()
    kept = ((samples["n_cells"] >= min_cells) & (samples["total_counts"] >= min_counts)).to_numpy()
    if not kept.any():
        raise InputError(
            f"no sample has {min_cells} cells and {min_counts} counts: the largest of "
            f"{len(samples)} has {samples['n_cells'].max()} cells and "
            f"{samples['total_counts'].max():g} counts."
        )
    var = adata.raw.var if layer == "raw" and genes is not adata.var_names else adata.var
    found = anndata.AnnData(sums[kept], obs=samples[kept].copy(), var=var.copy())
    left_out = samples.loc[~kept, ["n_cells", "total_counts"]]
    found.uns[keys.params("pseudobulk")] = {
        "by": columns,
        "layer": counts_name(layer),
        "min_cells": min_cells,
        "min_counts": min_counts,
        "left_out": left_out.reset_index(names="sample"),
        "version": __version__,
    }
    return found


def _samples(adata: anndata.AnnData, columns: list[str]) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Return the sample of each cell, and the table of samples."""
    for key in ("n_cells", "total_counts"):
        if key in columns:
            raise InputError(
                f"by holds {key!r}, which pseudobulk writes itself: rename the column."
            )
    table = pd.DataFrame({key: obs_column(adata, key).to_numpy() for key in columns})
    for key in columns:
        if isinstance(adata.obs[key].dtype, pd.CategoricalDtype):
            table[key] = pd.Categorical(table[key], categories=adata.obs[key].cat.categories)
    grouped = table.groupby(columns, observed=True, sort=True)
    codes = grouped.ngroup().to_numpy().astype(np.int64)
    _, first = np.unique(codes, return_index=True)
    samples = table.iloc[first].reset_index(drop=True)
    for key in adata.obs.columns.difference(table.columns, sort=False):
        values = pd.Series(pd.factorize(adata.obs[key])[0])
        if key not in ("n_cells", "total_counts") and _constant(values.to_numpy(), codes, first):
            samples[key] = adata.obs[key].iloc[first].to_numpy()
    names = samples[columns].astype(str).agg("_".join, axis=1)
    if names.duplicated().any():
        names = names + "#" + samples.index.astype(str)
    samples.index = pd.Index(names.to_numpy(), dtype=object)
    return codes, samples


def _constant(values: NDArray[Any], codes: NDArray[np.int64], first: NDArray[np.int64]) -> bool:
    """Whether every cell has the value of the first cell of its sample."""
    return bool((values == values[first][codes]).all())


def _sums(counts: Counts, codes: NDArray[np.int64], n_samples: int, where: str) -> sp.csr_matrix:
    """Return the sums of counts, ``(n_samples, n_genes)``."""
    counts = by_rows(counts)
    n, n_genes = shape_of(counts)
    total = sp.csr_matrix((n_samples, n_genes))
    for start in range(0, n, BLOCK):
        stop = min(start + BLOCK, n)
        block = csr_rows(counts, start, stop)
        check_counts(block, where, start)
        ones = np.ones(stop - start)
        member = sp.csr_matrix(
            (ones, (codes[start:stop], np.arange(stop - start))), shape=(n_samples, stop - start)
        )
        total = total + member @ block.astype(np.float64)
    total.sort_indices()
    return sp.csr_matrix(total)
