"""Scores of every pair of a latent dimension and a concept: SMI, SPN and BMMI."""

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.features.metrics._arrays import (
    Array,
    Concepts,
    Matrix,
    blocks,
    check_cells,
    concepts,
    dense_blocks,
    matrix,
    sums_within,
)

N_BINS = 10
"""Bins of equal width between the extremes of a dimension."""


def smi(activations: Matrix, labels: Any) -> Array:
    """Return the scaled mutual information of every dimension with every concept.

    ``I(bin; inside) / H(inside)`` with ten bins of equal width between the extremes of the
    dimension; plug-in, in [0, 1].

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``. Signed latents are better split into their
        halves first, see `signed_halves`.
    labels
        One label per cell, or a 0/1 matrix ``(n_cells, n_concepts)``.

    Returns
    -------
    Array ``(n_features, n_concepts)``.

    Raises
    ------
    InputError
        If the cells differ, or a concept has fewer than two cells or all.

    References
    ----------
    Moinfar & Theis, DRVI (2024); the scores of its package, version 0.2.8.
    """
    x, named = checked_pairs(activations, labels)
    n, inside = x.shape[0], named.sizes
    entropy = _n_log_n(n) - _n_log_n(inside) - _n_log_n(n - inside)
    found = np.empty((x.shape[1], len(inside)))
    for start, block in blocks(x):
        width = block.shape[1]
        bins, of_zero = _bins(block)
        cells = sp.csr_matrix((np.ones(block.nnz), (block.indices, bins)), (n, width * N_BINS))
        joint = sums_within(cells, named.member).reshape(width, N_BINS, -1)
        total = np.bincount(bins, minlength=width * N_BINS).reshape(width, N_BINS).astype(float)
        each = np.arange(width)
        joint[each, of_zero] += inside - joint.sum(axis=1)
        total[each, of_zero] += n - total.sum(axis=1)
        split = _n_log_n(joint) + _n_log_n(total[:, :, None] - joint)
        gain = split.sum(axis=1) - _n_log_n(total).sum(axis=1)[:, None] + entropy
        found[start : start + width] = np.maximum(gain, 0.0) / entropy
    return found


def spn(activations: Matrix, labels: Any, *, random_state: int = 0) -> Array:
    """Return how often neighbours along every dimension are of the same concept.

    Cells are sorted by the dimension; ``max(0, a - p) / (1 - p)`` where a is the number of
    neighbouring pairs inside the concept over its cells less one, and p its share of all cells.
    Cells are shuffled first, so that ties (the zeros of a sparse code) stand in random order.

    Parameters
    ----------
    activations, labels
        As in `smi`.
    random_state
        Seed of the order of ties.

    Returns
    -------
    Array ``(n_features, n_concepts)``.

    Raises
    ------
    InputError
        As in `smi`.

    References
    ----------
    Moinfar & Theis, DRVI (2024); the scores of its package, version 0.2.8.
    """
    x, named = checked_pairs(activations, labels)
    n, inside = x.shape[0], named.sizes
    order = stream(random_state, "spn", n).permutation(n)
    x, member = x[order], named.member[order].toarray() > 0
    share = inside / n
    together = np.empty((x.shape[1], len(inside)))
    for start, block in dense_blocks(x):
        for j, values in enumerate(block.T):
            ranked = member[np.argsort(values, kind="stable")]
            together[start + j] = np.count_nonzero(ranked[:-1] & ranked[1:], axis=0)
    found: Array = np.maximum(together / (inside - 1) - share, 0.0) / (1 - share)
    return found


def bmmi(activations: Matrix, labels: Any) -> Array:
    """Return the mutual information at the best single threshold of every dimension.

    ``max_t I(x > t; inside) / H(inside)``, exact: every threshold between two different values
    is tried, by prefix sums.

    Parameters
    ----------
    activations, labels
        As in `smi`.

    Returns
    -------
    Array ``(n_features, n_concepts)``; 0 for a constant dimension.

    Raises
    ------
    InputError
        As in `smi`.

    References
    ----------
    Moinfar & Theis, DRVI (2024); the scores of its package, version 0.2.8.
    """
    x, named = checked_pairs(activations, labels)
    n, inside = x.shape[0], named.sizes.astype(np.int64)
    table = _n_log_n(np.arange(n + 1))  # counts are whole: look up n log n
    member = named.member.astype(np.int32)
    entropy = table[n] - table[inside] - table[n - inside]
    found = np.zeros((x.shape[1], len(inside)))
    for start, block in blocks(x):
        for j in range(block.shape[1]):
            below, hits = _splits(block, j, member, inside)
            if not len(below):
                continue
            parts = table[hits] + table[below - hits]
            parts += table[inside - hits] + table[(n - below) - (inside - hits)]
            gain = parts - (table[below] + table[n - below])
            found[start + j] = np.maximum(gain.max(axis=0) + entropy, 0.0) / entropy
    return found


def checked_pairs(activations: Matrix, labels: Any) -> tuple[Matrix, Concepts]:
    """Return both, refusing concepts whose entropy or neighbours are undefined."""
    x, named = matrix(activations), concepts(labels)
    check_cells(x.shape[0], named.n_cells, "labels")
    sizes = named.sizes
    bad = (sizes < 2) | (sizes == x.shape[0])
    if bad.any():
        at = int(bad.argmax())
        raise InputError(
            f"concept {named.names[at]!r} holds {sizes[at]:.0f} of {x.shape[0]} cells: it needs "
            "two, and a cell outside; leave it out."
        )
    return x, named


def _n_log_n(count: Any) -> Any:
    counts = np.asarray(count, dtype=np.float64)
    return counts * np.log(np.maximum(counts, 1.0))


def _bins(block: sp.csc_matrix) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return column x bin of each stored value as one number, and the bin of zero per column."""
    n, width = block.shape
    bins = np.empty(block.nnz, dtype=np.int64)
    of_zero = np.zeros(width, dtype=np.int64)
    zero = block.data.dtype.type(0)
    for j in range(width):
        stored = slice(block.indptr[j], block.indptr[j + 1])
        values = block.data[stored]
        seen = values if len(values) == n else np.append(values, zero)
        low, high = seen.min(), seen.max()
        if low < high:
            inner = np.linspace(low, high, N_BINS + 1)[1:-1]
            bins[stored] = np.searchsorted(inner, values, side="right")
            of_zero[j] = np.searchsorted(inner, zero, side="right")
        else:
            bins[stored] = 0
        bins[stored] += j * N_BINS
    return bins, of_zero


def _splits(
    block: sp.csc_matrix, j: int, member: sp.csr_matrix, inside: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the cells, and those of each concept, below each threshold between two values.

    Shapes ``(n_splits, 1)`` and ``(n_splits, n_concepts)``. Only stored values are sorted: the
    zeros are one value in the middle.
    """
    stored = slice(block.indptr[j], block.indptr[j + 1])
    values, cells = block.data[stored], block.indices[stored]
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    hits = np.cumsum(member[cells[order]].toarray(), axis=0, dtype=np.int64)
    below = np.arange(1, len(ranked) + 1)
    n_zero = block.shape[0] - len(ranked)
    if n_zero:
        negative = int(np.count_nonzero(ranked < 0))
        zeros_in = inside - (hits[-1] if len(hits) else 0)
        so_far = hits[negative - 1] if negative else np.zeros_like(inside)
        below = np.insert(below + n_zero * (ranked > 0), negative, negative + n_zero)
        hits = np.insert(
            hits + zeros_in * (ranked > 0)[:, None], negative, so_far + zeros_in, axis=0
        )
        ranked = np.insert(ranked, negative, 0)
    ends = np.flatnonzero(ranked[1:] != ranked[:-1])
    return below[ends][:, None], hits[ends]
