"""Designs of linear models: groups, and covariates that say something the groups do not."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._counts import Array

TOLERANCE = 1e-7
"""A column is dependent whose part beyond the columns before it is smaller than this share."""


@dataclass(frozen=True)
class Dropped:
    """A ``column`` of the design that adds nothing, and the ``reason``."""

    column: str
    reason: str


@dataclass(frozen=True, eq=False)
class Design:
    """A linear model ``~ 0 + group + covariates`` of full rank.

    Attributes
    ----------
    groups
        ``(n,)``, the group of each sample as an index into ``group_names``; no group where
        there are no names (a design given as a matrix).
    group_names
        One coefficient each.
    covariates
        ``(n, q)``.
    covariate_names
        One coefficient each.
    dropped
        Covariates left out because they depend on what comes before them.
    """

    groups: NDArray[np.int64]
    group_names: tuple[str, ...]
    covariates: Array
    covariate_names: tuple[str, ...]
    dropped: tuple[Dropped, ...] = ()

    @property
    def n(self) -> int:
        """Samples."""
        return len(self.covariates)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the coefficients: groups, then covariates."""
        return self.group_names + self.covariate_names

    @property
    def rank(self) -> int:
        """Coefficients."""
        return len(self.names)

    @cached_property
    def indicator(self) -> sp.csr_matrix:
        """Membership of samples in groups, ``(n_groups, n)``."""
        shape = (len(self.group_names), self.n)
        if not self.group_names:
            return sp.csr_matrix(shape)
        return sp.csr_matrix((np.ones(self.n), (self.groups, np.arange(self.n))), shape=shape)

    @property
    def matrix(self) -> Array:
        """The model matrix ``(n, rank)``."""
        return np.hstack([self.indicator.toarray().T, self.covariates])

    def leverage(self) -> Array:
        """Return the diagonal of the hat matrix, ``(n,)``."""
        q, _ = np.linalg.qr(self.matrix)
        found: Array = (q**2).sum(axis=1)
        return found

    def __repr__(self) -> str:
        left = ", ".join(d.column for d in self.dropped)
        return (
            f"Design({self.n} samples, {len(self.group_names)} groups, covariates "
            f"{list(self.covariate_names)}{f'; dropped {left}' if left else ''})"
        )


def make_design(obs: pd.DataFrame, group: str, *, covariates: Sequence[str] = ()) -> Design:
    """Return the design ``~ 0 + group + covariates`` of a table of samples.

    A covariate that is text or categorical gets one column per level after the first, in the
    order of its categories (sorted for text); a number is taken as it is. Columns that depend
    on those before them are dropped, first come first kept, and named with the reason.

    Parameters
    ----------
    obs
        One row per sample.
    group
        Column whose levels are compared, e.g. the compound.
    covariates
        Columns to adjust for, e.g. donor, plate, row of the plate.

    Raises
    ------
    InputError
        If a column is missing or holds missing values.

    Examples
    --------
    >>> obs = pd.DataFrame({"drug": list("aabb"), "donor": list("xyxy"), "plate": list("pqpq")})
    >>> make_design(obs, "drug", covariates=["donor", "plate"])
    Design(4 samples, 2 groups, covariates ['donor[y]']; dropped plate[q])
    """
    return design_of(column_of(obs, group), obs, covariates)


def design_of(group: pd.Series, obs: pd.DataFrame, covariates: Sequence[str]) -> Design:
    """Return the design of groups given apart from the table of covariates; see `make_design`."""
    if isinstance(covariates, str):
        raise InputError(f"covariates must be a list of columns: pass [{covariates!r}].")
    codes, names = _levels(group)
    columns: list[Array] = []
    labels: list[str] = []
    for key in dict.fromkeys(covariates):
        column = column_of(obs, key)
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64))
            labels.append(key)
            continue
        inner, levels = _levels(column)
        columns += [(inner == i).astype(np.float64) for i in range(1, len(levels))]
        labels += [f"{key}[{level}]" for level in levels[1:]]
    z = np.column_stack(columns) if columns else np.empty((len(obs), 0))
    return _of_full_rank(codes, names, z, labels)


def as_design(design: Design | ArrayLike | pd.DataFrame) -> Design:
    """Return a design; of a matrix, its independent columns, first come first kept."""
    if isinstance(design, Design):
        return design
    if isinstance(design, pd.DataFrame):
        labels = [str(name) for name in design.columns]
        matrix = design.to_numpy(dtype=np.float64)
    else:
        matrix = np.asarray(design, dtype=np.float64)
        labels = [f"column {i}" for i in range(matrix.shape[1] if matrix.ndim == 2 else 0)]
    if matrix.ndim != 2 or not np.isfinite(matrix).all():
        raise InputError("the design must be a finite matrix (n_samples, p), or a Design.")
    return _of_full_rank(np.zeros(len(matrix), dtype=np.int64), (), matrix, labels)


def column_of(obs: pd.DataFrame, key: str) -> pd.Series:
    """Return a column of a table of samples, refusing missing values."""
    if key not in obs:
        raise InputError(f"obs has no column {key!r}: {near(key, obs.columns)}")
    column: pd.Series = obs[key]
    missing = int(column.isna().sum())
    if missing:
        raise InputError(
            f"obs[{key!r}] is missing in {missing} of {len(column)} samples: fill or remove them."
        )
    return column


def _levels(column: pd.Series) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the level of each sample and the names of the levels that occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
    else:
        column = column.astype(str).astype("category")
    names = tuple(str(name) for name in column.cat.categories)
    return column.cat.codes.to_numpy().astype(np.int64), names


def _of_full_rank(
    codes: NDArray[np.int64], names: tuple[str, ...], z: Array, labels: list[str]
) -> Design:
    """Return the design without dependent covariates, which are named."""
    beyond = z.copy()
    for k in range(len(names)):
        here = codes == k
        beyond[here] -= beyond[here].mean(axis=0)
    common = z - z.mean(axis=0) if names else beyond
    kept: list[int] = []
    dropped: list[Dropped] = []
    own: list[Array] = []
    shared: list[Array] = []
    for j, label in enumerate(labels):
        size = float(np.linalg.norm(z[:, j]))
        direction = _residual(beyond[:, j], own)
        length = float(np.linalg.norm(direction))
        if length > TOLERANCE * size:
            kept.append(j)
            own.append(direction / length)
            rest = _residual(common[:, j], shared)
            shared.append(rest / np.linalg.norm(rest))
        else:
            alone = np.linalg.norm(_residual(common[:, j], shared)) > TOLERANCE * size
            dropped.append(
                Dropped(
                    label,
                    "confounded with the groups: their contrasts hold its effect too"
                    if alone
                    else "determined by the covariates before it",
                )
            )
    return Design(codes, names, z[:, kept], tuple(labels[j] for j in kept), tuple(dropped))


def _residual(vector: Array, basis: list[Array]) -> Array:
    for _ in range(2 if basis else 0):  # twice is enough
        q = np.array(basis)
        vector = vector - (q @ vector) @ q
    return vector
