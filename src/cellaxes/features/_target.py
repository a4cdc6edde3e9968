"""What a gene transcoder rebuilds: leading principal components of log-normalised expression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import (
    Counts,
    by_rows,
    check_counts,
    csr_rows,
    highly_variable,
    log_normalise,
    row_blocks,
    shape_of,
)

N_COMPONENTS = 100
N_GENES = 2000
_ROWS = 4096


@dataclass(frozen=True, eq=False)
class Expression:
    """Log-normalised expression in its principal components.

    Attributes
    ----------
    scores
        ``(n_cells, o)`` float32: what features rebuild.
    components
        ``(o, n_genes)`` float32: each gene's regression on the scores, so that
        ``scores @ components`` is what they say of centred expression. For the variable genes the
        rows are the principal axes.
    """

    scores: NDArray[np.float32]
    components: NDArray[np.float32]


def expression_target(counts: Counts, rows: NDArray[np.int64]) -> Expression:
    """Return the principal components of the most variable genes, fitted on some of the cells.

    Parameters
    ----------
    counts
        UMI counts ``(n_cells, n_genes)``.
    rows
        Cells to fit on.

    Raises
    ------
    InputError
        If no gene varies.
    """
    log_counts = log_normalise(counts)
    some = log_counts[rows] if len(rows) < log_counts.shape[0] else log_counts
    genes = highly_variable(some, N_GENES)
    n_components = min(N_COMPONENTS, len(genes) - 1, len(rows) - 1)
    if n_components < 1:
        raise InputError("no gene varies in these counts: a gene transcoder has no target.")
    varied = some[:, genes]
    mean = np.asarray(varied.mean(axis=0), dtype=np.float64).ravel()
    gram = np.zeros((len(genes), len(genes)))
    for start in range(0, varied.shape[0], _ROWS):
        block = varied[start : start + _ROWS].toarray()
        gram += block.T @ block
    covariance = gram / varied.shape[0] - np.outer(mean, mean)
    last = len(genes) - 1
    values, axes = eigh(covariance, subset_by_index=(last - n_components + 1, last))
    axes *= np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(n_components)])
    order = np.argsort(-values)
    axes = axes[:, order].astype(np.float32)
    scores = log_counts[:, genes] @ axes - (mean @ axes).astype(np.float32)
    seen = scores[rows] if len(rows) < len(scores) else scores
    components = (
        np.asarray((some.T @ seen).T) / np.maximum(len(seen) * values[order], 1e-12)[:, None]
    )
    return Expression(np.asarray(scores, np.float32), components.astype(np.float32))


def check_target(counts: Counts, n_cells: int) -> None:
    """Refuse counts of other cells than the embedding's, and values that are no counts."""
    if shape_of(counts)[0] != n_cells:
        raise InputError(
            f"counts have {shape_of(counts)[0]} cells, but the embedding has {n_cells}: pass those "
            "of the same cells, in the same order."
        )
    counts = by_rows(counts)
    for start, stop in row_blocks(n_cells):
        check_counts(csr_rows(counts, start, stop), "counts", start)
