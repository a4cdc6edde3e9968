"""How features match a truth, or another dictionary: correlations, cosines, one-to-one matches."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import (
    Array,
    Matrix,
    check_cells,
    dense,
    dense_blocks,
    matrix,
    moments,
)

GOOD = 0.8
"""A truth is recovered if its feature correlates more than this."""


@dataclass(frozen=True, eq=False)
class Matched:
    """Features matched one to one with known activities.

    Attributes
    ----------
    names
        Of the truths.
    feature
        Feature matched with each truth, ``(n_truths,)``; -1 where there are fewer features.
    r
        Pearson correlation of the two, with its sign, ``(n_truths,)``; 0 where unmatched.
    best
        Largest ``|r|`` of any feature with each truth, also if another truth took it.
    """

    names: tuple[str, ...]
    feature: NDArray[np.int64]
    r: Array
    best: Array

    @property
    def mean(self) -> float:
        """Mean ``|r|`` over all truths."""
        return float(np.abs(self.r).mean())

    @property
    def n_recovered(self) -> int:
        """Truths with ``|r|`` above 0.8."""
        return int((np.abs(self.r) > GOOD).sum())

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers."""
        return {"matched_r": self.mean, "recovered": self.n_recovered, "truths": len(self.r)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per truth."""
        return pd.DataFrame(
            {"truth": self.names, "feature": self.feature, "r": self.r, "best_abs_r": self.best}
        )

    def __repr__(self) -> str:
        return f"Matched({self.n_recovered} of {len(self.r)} recovered, mean |r| {self.mean:.3f})"


def correlations(a: Matrix, b: Matrix) -> Array:
    """Return the Pearson correlation of every column of ``a`` with every column of ``b``.

    Parameters
    ----------
    a, b
        CSR or dense, ``(n_cells, n_a)`` and ``(n_cells, n_b)``; at most a block of columns is
        made dense at a time.

    Returns
    -------
    Array ``(n_a, n_b)``; 0 where a column is constant, as a dead feature is.

    Raises
    ------
    InputError
        If the two have other cells.

    Examples
    --------
    >>> correlations(np.array([[0.0], [1.0], [2.0]]), np.array([[3.0, 0], [2, 0], [1, 0]]))
    array([[-1.,  0.]])
    """
    x, y = matrix(a), matrix(b)
    check_cells(x.shape[0], y.shape[0], "the other matrix")
    (_, sd_x), (mean_y, sd_y) = moments(x), moments(y)
    cross = np.empty((x.shape[1], y.shape[1]))
    for start, part in dense_blocks(y):
        here = slice(start, start + part.shape[1])
        cross[:, here] = _product(x, part - mean_y[here])
    scale = x.shape[0] * np.outer(sd_x, sd_y)
    flat = np.outer(_flat(x, sd_x), np.ones(y.shape[1], bool)) | _flat(y, sd_y)
    cross[flat], scale[flat] = 0.0, 1.0
    return np.asarray(np.clip(cross / scale, -1.0, 1.0))


def matched_correlation(activations: Matrix, truth: Matrix) -> Matched:
    """Match features one to one with known activities so that the sum of ``|r|`` is largest.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``. Signed ones count by ``|r|``.
    truth
        Known activity of each programme, CSR, dense or a frame, ``(n_cells, n_truths)``.

    Raises
    ------
    InputError
        If the cells differ, or a truth is constant on them.

    References
    ----------
    Paulo & Belrose, arXiv 2501.16615, and 2505.20254: one-to-one matching by the Hungarian
    algorithm.

    Examples
    --------
    >>> truth = np.eye(4)[:, :2]
    >>> matched_correlation(truth[:, ::-1], truth)
    Matched(2 of 2 recovered, mean |r| 1.000)
    """
    columns = truth.columns if isinstance(truth, pd.DataFrame) else range(np.shape(truth)[1])
    names = tuple(str(name) for name in columns)
    known = matrix(truth, "truth")
    flat = _flat(known, moments(known)[1])
    if flat.any():
        raise InputError(
            f"truth {names[int(flat.argmax())]!r} is constant on these cells: leave it out."
        )
    r = correlations(activations, known)
    features, truths = linear_sum_assignment(np.abs(r), maximize=True)
    feature = np.full(len(names), -1, dtype=np.int64)
    feature[truths] = features
    taken = np.zeros(len(names))
    taken[truths] = r[features, truths]
    return Matched(names, feature, taken, np.abs(r).max(axis=0))


def cosines(a: ArrayLike, b: ArrayLike) -> Array:
    """Return the cosine of every row of ``a`` with every row of ``b``, ``(n_a, n_b)``.

    Parameters
    ----------
    a, b
        Dictionaries: one direction per row, ``(n_a, d)`` and ``(n_b, d)``. A row of zeros has
        cosine 0 with everything.

    Raises
    ------
    InputError
        If the directions have other lengths.
    """
    x, y = dense(a, "the dictionary"), dense(b, "the other dictionary")
    if x.shape[1] != y.shape[1]:
        raise InputError(
            f"the dictionaries live in {x.shape[1]} and {y.shape[1]} dimensions: compare those of "
            "one embedding."
        )
    return np.asarray(np.clip(unit_rows(x) @ unit_rows(y).T, -1.0, 1.0))


def mcc(dictionary: ArrayLike, truth: ArrayLike) -> float:
    """Return the mean ``|cosine|`` of the true directions with their one-to-one matches.

    Parameters
    ----------
    dictionary, truth
        One direction per row, ``(n_features, d)`` and ``(n_truths, d)``. A truth that finds no
        feature, because there are fewer, counts 0.

    References
    ----------
    Mean correlation coefficient, arXiv 2505.20254.

    Examples
    --------
    >>> mcc(np.array([[0.0, 2.0], [-1.0, 0.0]]), np.eye(2))
    1.0
    """
    similar = np.abs(cosines(dictionary, truth))
    rows, columns = linear_sum_assignment(similar, maximize=True)
    return float(similar[rows, columns].sum() / similar.shape[1])


def mmcs(dictionary: ArrayLike, other: ArrayLike) -> float:
    """Return the mean over features of the largest cosine with a feature of another run.

    Parameters
    ----------
    dictionary, other
        One direction per row, ``(n_features, d)`` each. Not symmetric; several features may
        point at the same one.

    Examples
    --------
    >>> mmcs(np.array([[1.0, 0.0], [1.0, 0.0]]), np.eye(2))
    1.0
    """
    return float(cosines(dictionary, other).max(axis=1).mean())


def uniqueness(similarity: ArrayLike) -> float:
    """Return the number of different truths that features resemble most, per feature.

    Parameters
    ----------
    similarity
        Of features with truths, ``(n_features, n_truths)``: `correlations` or `cosines`;
        counted by size. Features that resemble nothing (all 0) are no truth's.

    Examples
    --------
    >>> uniqueness([[0.9, 0.1], [0.8, 0.2], [0.1, 0.7], [0.0, 0.0]])
    0.5
    """
    size = np.abs(dense(similarity, "the similarity"))
    alive = size.max(axis=1) > 0
    return len(np.unique(size[alive].argmax(axis=1))) / len(size)


def unit_rows(x: Array) -> Array:
    """Return the rows at length one; rows of zeros stay."""
    norm = np.linalg.norm(x, axis=1, keepdims=True)
    unit: Array = x / np.where(norm > 0, norm, 1.0)
    return unit


def _product(x: Matrix, y: Array) -> Array:
    """Return ``x.T @ y`` in double precision, a block of columns of a dense x at a time."""
    if sp.issparse(x):
        return np.asarray(x.T @ y)
    return np.concatenate([part.T @ y for _, part in dense_blocks(x)])


def _flat(x: Matrix, sd: Array) -> NDArray[np.bool_]:
    """Which columns are constant, but for rounding."""
    flat: NDArray[np.bool_] = sd <= 1e-12 * np.abs(moments(x)[0])
    return flat
