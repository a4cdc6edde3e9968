"""What explain is given, read and refused before hours of training."""

from typing import Any

import anndata
import numpy as np
import pandas as pd
from anndata.utils import make_index_unique
from numpy.typing import NDArray

from cellaxes._core.adata import counts_name, counts_of
from cellaxes._core.errors import InputError, near
from cellaxes._core.matrix import Counts, by_rows, check_counts, csr_rows, row_blocks, shape_of
from cellaxes.features import batch_eta_squared, label_scores, metrics

AGREE = 0.99
"""Correlation that an embedding must have with what its model gives."""


def check_annotations(
    z: NDArray[np.float32],
    label: NDArray[Any] | None,
    batches: NDArray[Any] | None,
    *,
    donor: NDArray[Any] | None,
    parents: NDArray[Any] | None,
    random_state: int,
) -> None:
    """Refuse annotations that nothing can be read from, before hours of training."""
    one = np.abs(z[:, :1])  # any activation will do
    held_out = metrics.hold_out(len(z), groups=donor, random_state=random_state)
    if batches is not None:
        batch_eta_squared(one, batches, labels=label)
    if label is not None:
        label_scores(one, label, groups=donor, random_state=random_state)
        metrics.concept_f1(one, label, held_out)
    if parents is not None:
        if label is None:
            raise InputError("parents are parents of labels: name the column of labels as well.")
        two, axes = np.repeat(one, 2, axis=1), np.ones((2, z.shape[1]))
        metrics.absorption(two, label, parents, decoder=axes, embedding=z, held_out=held_out)


def read_counts(
    adata: anndata.AnnData, layer: str | None, gene_names: str | None
) -> tuple[Counts, NDArray[np.str_]]:
    """Return checked counts and the symbols of their genes, repeated ones told apart."""
    counts, index = counts_of(adata, layer)
    counts = by_rows(counts)
    raw = layer == "raw" and "raw" not in adata.layers
    for start, stop in row_blocks(shape_of(counts)[0]):
        check_counts(csr_rows(counts, start, stop), counts_name(layer), start)
    if gene_names is None:
        if not index.is_unique:
            raise InputError("genes repeat in var_names: call adata.var_names_make_unique() first.")
        return counts, np.asarray(index, dtype=str)
    var = adata.raw.var if raw else adata.var
    if gene_names not in var:
        raise InputError(f"var has no column {gene_names!r}: {near(gene_names, var.columns)}")
    symbols = make_index_unique(pd.Index(var[gene_names].astype(str)))
    return counts, np.asarray(symbols, dtype=str)


def check_made(z: NDArray[np.floating], given: NDArray[np.floating]) -> None:
    """Refuse a model that gives another embedding, but for rounding."""
    same = z.shape == given.shape and np.corrcoef(z.ravel(), given.ravel())[0, 1] > AGREE
    if not same:
        raise InputError(
            "the model does not give the embedding that was explained: pass the one that made it."
        )
