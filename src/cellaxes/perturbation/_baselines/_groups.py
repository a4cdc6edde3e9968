"""Means of groups of rows, some values of them missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes.perturbation._splits._rows import names

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Labels:
    """A column of two tables as codes into the sorted names of both.

    Attributes
    ----------
    names
        Of training rows and wanted rows together.
    train, wanted
        Codes ``(n_train,)`` and ``(n_wanted,)``.
    """

    names: NDArray[np.object_]
    train: Codes
    wanted: Codes


@dataclass(frozen=True, eq=False)
class Groups:
    """Means of groups.

    Attributes
    ----------
    means
        ``(n_groups, n_genes)``, NaN where a group has no value.
    sizes
        Summed weights, ``(n_groups, n_genes)``, or ``(n_groups, 1)`` where nothing is missing.
    sums
        Weighted sums, ``(n_groups, n_genes)``.
    """

    means: Array
    sizes: Array
    sums: Array


def matched(train: pd.DataFrame, wanted: pd.DataFrame, column: str) -> Labels:
    """Return a column of both tables as codes."""
    both = np.concatenate([names(train, column), names(wanted, column)])
    found, codes = np.unique(both.astype(str), return_inverse=True)
    return Labels(found.astype(object), codes[: len(train)], codes[len(train) :])


def group_means(weighted: Array, counts: Array, codes: Codes, n_groups: int) -> Groups:
    """Return the means of groups.

    Parameters
    ----------
    weighted
        Values times weights, ``(n_rows, n_genes)``, zero where missing.
    counts
        Weights, of the same shape or ``(n_rows, 1)``.
    codes
        Group of each row, ``(n_rows,)``.
    n_groups
        How many there are, also without rows.
    """
    n = len(codes)
    members = sp.csr_matrix((np.ones(n), (codes, np.arange(n))), shape=(n_groups, n))
    sums, sizes = np.asarray(members @ weighted), np.asarray(members @ counts)
    return Groups(ratio(sums, sizes), sizes, sums)


def ratio(sums: Array, sizes: Array) -> Array:
    """Return ``sums / sizes``, NaN where nothing was summed."""
    found: Array = sums / np.where(sizes > 0, sizes, np.nan)
    return found


def average(values: Array, weights: Array) -> Array:
    """Return the weighted mean of rows ``(n, n_genes)``, NaN where no row has a value."""
    known = weights[:, None] * ~np.isnan(values)
    return ratio(np.einsum("ij,ij->j", known, np.nan_to_num(values)), known.sum(axis=0))
