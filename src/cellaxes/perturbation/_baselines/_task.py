"""What a baseline may know: profiles of training rows, and which rows are wanted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import (
    Array,
    Codes,
    Groups,
    Labels,
    group_means,
    matched,
)
from cellaxes.perturbation._splits._rows import check_rows


@dataclass(frozen=True, eq=False)
class Task:
    """Training rows and wanted rows, checked. Nothing of a wanted row's profile is in it.

    Attributes
    ----------
    Y
        Profiles of the training rows, ``(n_train, n_genes)``, float64; NaN is missing.
    train, wanted
        ``context`` and ``compound`` of each row; where known ``moa``, several separated by ``;``.
    weights
        Of the training rows, ``(n_train,)``; mean 1 over those that count.
    fingerprints
        ``(n_train + n_wanted, n_bits)``, 0 or 1: of the training rows, then of the wanted ones.
    expression
        Untreated expression, one row per context.
    random_state
        Seed.
    """

    Y: Array
    train: pd.DataFrame
    wanted: pd.DataFrame
    weights: Array
    fingerprints: NDArray[np.uint8] | None
    expression: pd.DataFrame | None
    random_state: int

    @cached_property
    def context(self) -> Labels:
        """Contexts of both tables as codes."""
        return matched(self.train, self.wanted, "context")

    @cached_property
    def compound(self) -> Labels:
        """Compounds of both tables as codes."""
        return matched(self.train, self.wanted, "compound")

    @cached_property
    def counts(self) -> Array:
        """How much each value counts: ``(n_train, n_genes)``, or ``(n_train, 1)`` without gaps."""
        known = ~np.isnan(self.Y)
        column: Array = self.weights[:, None]
        return column if known.all() else column * known

    @cached_property
    def weighted(self) -> Array:
        """Values times how much they count, zero where missing."""
        values: Array = np.nan_to_num(self.Y) * self.counts
        return values

    @cached_property
    def mean(self) -> Array:
        """Mean of the training rows, ``(n_genes,)``; NaN for a gene that was never measured."""
        whole = group_means(self.weighted, self.counts, np.zeros(len(self.Y), int), 1)
        found: Array = whole.means[0]
        return found

    @cached_property
    def by_context(self) -> Groups:
        """Means of contexts."""
        return group_means(self.weighted, self.counts, self.context.train, len(self.context.names))

    @cached_property
    def by_compound(self) -> Groups:
        """Means of compounds."""
        names = self.compound.names
        return group_means(self.weighted, self.counts, self.compound.train, len(names))

    @cached_property
    def pair_codes(self) -> Codes:
        """``context * n_compounds + compound`` of every pair that was measured, sorted."""
        return np.unique(self._pairs[self.weights > 0])

    @cached_property
    def pair(self) -> Codes:
        """Index into `pair_codes` of each training row; any where its weight is 0."""
        last = len(self.pair_codes) - 1
        return np.searchsorted(self.pair_codes, self._pairs).clip(max=last)

    @cached_property
    def by_pair(self) -> Groups:
        """Means of the measured pairs, in the order of `pair_codes`."""
        return group_means(self.weighted, self.counts, self.pair, len(self.pair_codes))

    @property
    def _pairs(self) -> Codes:
        return self.context.train * len(self.compound.names) + self.compound.train

    @property
    def shape(self) -> tuple[int, int]:
        """Of the predictions."""
        return len(self.wanted), self.Y.shape[1]


def make_task(
    Y: ArrayLike,
    rows: pd.DataFrame,
    wanted: pd.DataFrame,
    *,
    weights: ArrayLike | None = None,
    fingerprints: ArrayLike | None = None,
    expression: pd.DataFrame | None = None,
    random_state: int = 0,
) -> Task:
    """Return the task, or say what is wrong with it; parameters as in `predict_baseline`."""
    values = np.asarray(Y, dtype=np.float64)
    check_rows(rows, least=1)
    check_rows(wanted, least=1)
    if values.ndim != 2 or len(values) != len(rows) or not values.shape[1]:
        raise InputError(
            f"Y must hold one profile for each of {len(rows)} training rows, but has shape "
            f"{values.shape}."
        )
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values).any(axis=1))[0])
        raise InputError(f"Y is infinite in row {row}: clip it, or write NaN if not measured.")
    held = _weights(weights, len(rows))
    if np.isnan(values[held > 0]).all():
        raise InputError("Y holds no value in a row of positive weight: nothing can be learned.")
    bits = None if fingerprints is None else _bits(fingerprints, len(rows) + len(wanted))
    if expression is not None and not isinstance(expression, pd.DataFrame):
        raise InputError("expression must be a table with one row per context, named in its index.")
    return Task(values, rows, wanted, held, bits, expression, random_state)


def _weights(weights: ArrayLike | None, n_rows: int) -> Array:
    held = np.ones(n_rows) if weights is None else np.asarray(weights, dtype=np.float64)
    if held.shape != (n_rows,) or not np.isfinite(held).all() or (held < 0).any():
        raise InputError(
            f"weights must hold one finite number of at least 0 per training row ({n_rows}), but "
            f"have shape {held.shape}."
        )
    if not held.any():
        raise InputError("weights are all zero: let one row count at least.")
    scaled: Array = held / held[held > 0].mean()
    return scaled


def _bits(fingerprints: ArrayLike, n_rows: int) -> NDArray[np.uint8]:
    bits = np.asarray(fingerprints)
    if bits.ndim != 2 or len(bits) != n_rows or not np.isin(bits, (0, 1)).all():
        raise InputError(
            f"fingerprints must be 0 or 1 for each of {n_rows} rows (training rows, then wanted "
            f"ones), but have shape {bits.shape}."
        )
    return bits.astype(np.uint8)
