"""What every metric takes: measured and predicted profiles, some values of them missing."""

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

Axis = Literal["row", "gene"]

Matrix = Any
"""Array or table, ``(n_rows, n_genes)``; NaN is a value that is missing."""


@dataclass(frozen=True)
class Pairs:
    """Measured and predicted profiles that were found to fit each other.

    Attributes
    ----------
    truth, predicted
        ``(n_rows, n_genes)``, zero where not kept.
    guess
        The predictions as they came, NaN where there is none: other rows may know what is
        missing in the truth of this one.
    keep
        Which values count, ``(n_rows, n_genes)``.
    weights
        Of the rows, ``(n_rows,)``; zero where a row has no value that counts.
    """

    truth: Array
    predicted: Array
    guess: Array
    keep: Mask
    weights: Array

    @property
    def n_known(self) -> NDArray[np.intp]:
        """Values that count in each row."""
        return np.asarray(self.keep.sum(axis=1), dtype=np.intp)

    def centred(self, centre: ArrayLike) -> "Pairs":
        """Return both less ``centre``, one value per gene."""
        values = np.asarray(centre, dtype=np.float64)
        n_genes = self.truth.shape[1]
        if values.shape != (n_genes,):
            raise InputError(
                f"centre must hold one value per gene ({n_genes}), but has shape {values.shape}: "
                "pass the mean of the training rows."
            )
        if not np.isfinite(values).all():
            raise InputError(
                f"centre is NaN or infinite for {(~np.isfinite(values)).sum()} genes: take the "
                "mean over the rows that were measured, or leave those genes out."
            )
        truth, predicted = ((x - values) * self.keep for x in (self.truth, self.predicted))
        return replace(self, truth=truth, predicted=predicted, guess=self.guess - values)


def pairs(
    truth: Matrix,
    predicted: Matrix,
    *,
    mask: ArrayLike | None = None,
    weights: ArrayLike | None = None,
) -> Pairs:
    """Return the two matrices as float64 with what counts in them, or say why they do not fit."""
    _same_names(truth, predicted)
    measured, guessed = _matrix(truth, "truth"), _matrix(predicted, "predicted")
    if measured.shape != guessed.shape:
        raise InputError(
            f"truth has shape {measured.shape} and predicted {guessed.shape}: pass the same rows "
            "and the same genes in the same order."
        )
    asked = _mask(mask, measured.shape)
    keep = asked & ~np.isnan(measured)
    _whole(keep, asked, guessed)
    held = _weights(weights, len(measured)) * keep.any(axis=1)
    if not held.any():
        raise InputError("mask and weights leave no row: let one row count at least.")
    return Pairs(np.where(keep, measured, 0), np.where(keep, guessed, 0), guessed, keep, held)


def _same_names(truth: Matrix, predicted: Matrix) -> None:
    if not (isinstance(truth, pd.DataFrame) and isinstance(predicted, pd.DataFrame)):
        return
    for what, a, b in (
        ("genes", truth.columns, predicted.columns),
        ("rows", truth.index, predicted.index),
    ):
        if len(a) == len(b) and not a.equals(b):
            first = int(np.flatnonzero(np.asarray(a != b))[0])
            raise InputError(
                f"truth and predicted name other {what} (first at {first}: {a[first]!r} and "
                f"{b[first]!r}): bring predicted into the order of truth with reindex."
            )


def _matrix(x: Matrix, what: str) -> Array:
    try:
        found = np.asarray(x, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} must hold numbers only ({error}).") from error
    if found.ndim != 2 or 0 in found.shape:
        raise InputError(
            f"{what} must be a matrix with rows of genes, but has shape {found.shape}."
        )
    if np.isinf(found).any():
        row = int(np.flatnonzero(np.isinf(found).any(axis=1))[0])
        raise InputError(
            f"{what} is infinite in row {row}: clip it, or write NaN where nothing was measured."
        )
    return found


def _mask(mask: ArrayLike | None, shape: tuple[int, ...]) -> Mask:
    if mask is None:
        return np.ones(shape, dtype=bool)
    found = np.asarray(mask)
    if found.dtype != bool or found.shape not in (shape, shape[:1]):
        raise InputError(
            f"mask must be true or false for each of {shape[0]} rows, or for each value "
            f"{shape}, but is {found.dtype} of shape {found.shape}."
        )
    return np.array(np.broadcast_to(found if found.ndim == 2 else found[:, None], shape))


def _whole(keep: Mask, asked: Mask, predicted: Array) -> None:
    empty = np.flatnonzero(asked.any(axis=1) & ~keep.any(axis=1))
    if len(empty):
        raise InputError(
            f"truth holds no value in {_rows(empty)}: leave them out, with mask= for instance."
        )
    gaps = np.flatnonzero((keep & np.isnan(predicted)).any(axis=1))
    if len(gaps):
        raise InputError(
            f"predicted is NaN where truth is known, in {_rows(gaps)}: predict every value, or "
            "leave these out of every model with mask=."
        )


def _rows(found: NDArray[np.intp]) -> str:
    shown = ", ".join(str(row) for row in found[:5])
    return f"{len(found)} rows ({shown}{', …' if len(found) > 5 else ''})"


def _weights(weights: ArrayLike | None, n_rows: int) -> Array:
    if weights is None:
        return np.ones(n_rows)
    found = np.asarray(weights, dtype=np.float64)
    if found.shape != (n_rows,) or not np.isfinite(found).all() or (found < 0).any():
        raise InputError(
            f"weights must hold one finite number of at least 0 per row ({n_rows}), but have "
            f"shape {found.shape}."
        )
    return found


def labels(values: Any, n_rows: int, what: str) -> tuple[NDArray[np.intp], list[Any]]:
    """Return the code of each row's label and the labels, none of them missing."""
    if np.ndim(values) != 1 or len(values) != n_rows:
        raise InputError(
            f"{what} must name one label for each of {n_rows} rows, but has shape "
            f"{np.shape(values)}."
        )
    codes, names = pd.factorize(np.asarray(values, dtype=object))
    if (codes < 0).any():
        raise InputError(f"{what} is missing in {_rows(np.flatnonzero(codes < 0))}: name it.")
    return np.asarray(codes, dtype=np.intp), list(names)


def mean_over_rows(scores: Array, weights: Array) -> float:
    """Return the weighted mean of the rows that have a score, NaN where none has."""
    known = ~np.isnan(scores) & (weights > 0)
    if not known.any():
        return float("nan")
    return float(np.average(scores[known], weights=weights[known]))
