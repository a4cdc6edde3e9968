"""Kernels for the CPU that touch only active features: selection, reading, slopes of training.

Of m features a cell activates k, and the gradient of the others is zero. What autograd would do by
dense products takes here ``n k (d + o)`` operations instead of ``n m (d + o)``.
"""

import numpy as np
import scipy.sparse as sp
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float32]
FEW = 48
"""Most values selected by the kernel; more by partition."""
_TINY = float(np.finfo(np.float32).tiny)


def largest(values: Array, k: int) -> Array:
    """Return of each row ``(n, m)`` the value that k are at least as large as, ``(n,)``."""
    if k > FEW:
        place = values.shape[1] - k
        return np.ascontiguousarray(np.partition(values, place, axis=1)[:, place])
    bound = np.empty(len(values), np.float32)
    _select(values, k, bound)
    return bound


def compress(f: Array, k: int | None = None) -> sp.csr_matrix:
    """Return the positive activations of ``(n, m)``, or of each row the k largest of them."""
    if k is None or k >= f.shape[1]:
        bound = np.full(len(f), _TINY, np.float32)
    else:
        bound = np.maximum(largest(f, k), _TINY)
    pointers = np.zeros(len(f) + 1, np.int32)
    _count(f, bound, pointers)
    np.cumsum(pointers, out=pointers)
    columns, values = np.empty(pointers[-1], np.int32), np.empty(pointers[-1], np.float32)
    _fill(f, bound, pointers, columns, values)
    return sp.csr_matrix((values, columns, pointers), shape=f.shape)


@njit(cache=True, nogil=True)
def activations(a: Array, gate: Array, threshold: Array, gain: Array, magnitude: Array) -> None:
    """Turn projections ``(n, m)`` into activations, in place: a ReLU where the gate is open."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            value = max(a[i, j] * gain[j] + magnitude[j], np.float32(0))
            a[i, j] = value if a[i, j] + gate[j] > threshold[j] else np.float32(0)


@njit(cache=True, nogil=True)
def _select(values: Array, k: int, bound: Array) -> None:
    """Write the k-th largest of each row.

    Rows are folded on themselves, the larger of two values kept, until less than 4 k remain: the
    k-th largest of these is a lower bound of that of the row, and few values reach it. Hardly a
    branch depends on the values, for a wrong guess costs most.
    """
    n_rows, m = values.shape
    folded, reach, best = np.empty(m, np.float32), np.empty(m, np.float32), np.empty(k, np.float32)
    for i in range(n_rows):
        n = m
        folded[:] = values[i]
        while n >= 4 * k:
            n //= 2
            for p in range(n):
                one, other = folded[p], folded[n + p]
                folded[p] = one if one > other else other
        if n == m:
            bound[i] = _least(folded, m, best)
            continue
        limit = _least(folded, n, best)
        n = 0
        for j in range(m):
            if values[i, j] >= limit:  # rarely
                reach[n] = values[i, j]
                n += 1
        bound[i] = _least(reach, n, best)


@njit(cache=True, nogil=True, inline="always")
def _least(values: Array, n: int, best: Array) -> np.float32:
    """Return the least of the largest of n values, as many as ``best`` holds."""
    best[:] = -np.inf
    for j in range(n):
        value = values[j]
        for p in range(len(best)):
            held = best[p]
            more = value > held
            best[p] = value if more else held
            value = held if more else value
    least: np.float32 = best[-1]
    return least


@njit(cache=True, nogil=True)
def _count(f: Array, bound: Array, pointers: NDArray[np.int32]) -> None:
    for i in range(f.shape[0]):
        n = 0
        for j in range(f.shape[1]):
            n += f[i, j] >= bound[i]
        pointers[i + 1] = n


@njit(cache=True, nogil=True)
def _fill(
    f: Array,
    bound: Array,
    pointers: NDArray[np.int32],
    columns: NDArray[np.int32],
    values: Array,
) -> None:
    for i in range(f.shape[0]):
        n = pointers[i]
        for j in range(f.shape[1]):
            if f[i, j] >= bound[i]:
                columns[n] = j
                values[n] = f[i, j]
                n += 1


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def slopes(
    f: Array,
    bound: Array,
    x: Array,
    y: Array,
    gain: Array,
    decoder: Array,
    decoder_bias: Array,
    ends: NDArray[np.int64],
    weight: float,
    left: Array,
    fired: NDArray[np.bool_],
    to_encoder: Array,
    to_bias: Array,
    to_gain: Array,
    to_decoder: Array,
    to_decoder_bias: Array,
) -> int:
    """Add up the slopes of ``weight`` times the squared error of every nested group.

    With ``e_g`` what the groups up to g leave of y and ``E_j`` the sum of ``e_g`` over the groups
    that hold feature j, the slopes are ``-2 weight`` times: ``E_j . decoder_j`` of ``f_j``,
    ``f_j E_j`` of ``decoder_j``, ``sum_g e_g`` of the decoder's bias. That of the encoder reaches
    f alone: its input's part in the decoder's bias is left to the caller.

    Parameters
    ----------
    f, bound
        Candidates ``(n, m)``; active are those of at least ``bound (n,)``.
    x, y
        What the encoder sees ``(n, d)`` and what is rebuilt ``(n, o)``.
    gain
        What candidates are multiples of pre-activations by, ``(m,)``.
    decoder, decoder_bias
        ``(m, o)``, ``(o,)``.
    ends
        Where each group ends.
    weight
        Of each squared error.
    left, fired
        Out: what all features leave of y; whether a feature was active anywhere ``(m,)``.
    to_encoder, to_bias, to_gain, to_decoder, to_decoder_bias
        Slopes, added to: ``(m, d)``, ``(m,)``, ``(m,)`` of the logarithm, ``(m, o)``, ``(o,)``.

    Returns
    -------
    Active features of all rows.
    """
    n_rows, m = f.shape
    d, o, n_groups = x.shape[1], y.shape[1], len(ends)
    at = np.empty(m, np.int64)
    error = np.empty((n_groups, o), np.float32)
    total = 0
    factor = np.float32(-2 * weight)
    for i in range(n_rows):
        n = 0
        limit = bound[i]
        for j in range(m):
            if f[i, j] >= limit:
                at[n] = j
                n += 1
        total += n
        group = 0
        for c in range(o):
            error[0, c] = y[i, c] - decoder_bias[c]
        for a in range(n):
            j = at[a]
            while j >= ends[group]:
                group += 1
                error[group] = error[group - 1]
            value = f[i, j]
            for c in range(o):
                error[group, c] -= value * decoder[j, c]
        while group + 1 < n_groups:
            group += 1
            error[group] = error[group - 1]
        left[i] = error[group]
        for g in range(n_groups - 2, -1, -1):
            for c in range(o):
                error[g, c] += error[g + 1, c]
        group = 0
        for a in range(n):
            j = at[a]
            while j >= ends[group]:
                group += 1
            fired[j] = True
            value = f[i, j]
            slope = np.float32(0)
            for c in range(o):
                slope += error[group, c] * decoder[j, c]
            slope *= factor
            lever = factor * value
            for c in range(o):
                to_decoder[j, c] += lever * error[group, c]
            to_gain[j] += slope * value
            slope *= gain[j]
            to_bias[j] += slope
            for c in range(d):
                to_encoder[j, c] += slope * x[i, c]
        for c in range(o):
            to_decoder_bias[c] += factor * error[0, c]
    return total
