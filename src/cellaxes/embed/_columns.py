"""Columns that are no genes, as models read them: pixels and residues, checked."""

from typing import Any, TypeVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import is_dask, shape_of
from cellaxes._core.modality import Images, Modality, Sequences

Kind = TypeVar("Kind", Images, Sequences)


def dense_rows(matrix: Any) -> NDArray[Any]:
    """Return a matrix of any container as a dense array of the type that it has."""
    shape_of(matrix)
    if is_dask(matrix):
        matrix = matrix.compute(scheduler="synchronous")
    if not isinstance(matrix, np.ndarray) and not sp.issparse(matrix):
        matrix = matrix[:]  # h5py, backed
    return np.asarray(matrix.toarray() if sp.issparse(matrix) else matrix)


def pixels_of(images: Any) -> NDArray[Any]:
    """Return images ``(n, n_pixels)`` as a dense array, refusing what is not finite."""
    pixels = dense_rows(images)
    if pixels.dtype.kind == "f" and not np.isfinite(pixels).all():
        row, column = (int(i) for i in np.argwhere(~np.isfinite(pixels))[0])
        raise InputError(
            f"image {row}, pixel {column} holds {pixels[row, column]}: pixels must be finite; "
            "remove or mend the image."
        )
    return pixels


def codes_of(sequences: Any, n_signs: int) -> NDArray[np.uint8]:
    """Return residues ``(n, length)`` as codes from 0 (past the end) to ``n_signs``.

    Raises
    ------
    InputError
        If there is another number.
    """
    codes = dense_rows(sequences)
    if codes.size and (codes.min() < 0 or codes.max() > n_signs or (codes % 1).any()):
        row, column = (
            int(i) for i in np.argwhere((codes < 0) | (codes > n_signs) | (codes % 1 != 0))[0]
        )
        raise InputError(
            f"sequence {row}, residue {column + 1} has code {codes[row, column]}, but codes are "
            f"whole numbers up to {n_signs}: read the file with cellaxes.datasets.read_sequences."
        )
    return codes.astype(np.uint8, copy=False)


def require_modality(modality: Modality | None, kind: type[Kind], name: str) -> Kind:
    """Return the modality that ``fit`` was handed, refusing none and another."""
    if not isinstance(modality, kind):
        raise InputError(
            f"{name} must know what the columns are: pass modality=, of the type {kind.__name__}, "
            "as cellaxes.embed.embed and studies do."
        )
    return modality


def require_columns(n_columns: int, expected: int, name: str, what: str) -> None:
    """Refuse rows of another length than the model was fitted on."""
    if n_columns != expected:
        raise InputError(
            f"the {name} model was fitted on {expected} {what}, these have {n_columns}: pass "
            "images or sequences of one size."
        )
