"""What a corruption of images or sequences returns, and what all of them check."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import ROW_BLOCK
from cellaxes._core.modality import Images, Sequences


@dataclass(frozen=True, eq=False)
class Noisy:
    """Noisy images or sequences, and how noisy they are.

    Attributes
    ----------
    values
        Pixels, float32, or codes of residues, uint8, ``(n, n_columns)``.
    coordinate
        Nominal noise coordinate u: what the strength alone says, infinite without noise.
    snr
        Measured signal-to-noise ratio: `image_snr` or `sequence_snr` of what came out.
    modality
        What the columns of ``values`` are.
    """

    values: NDArray[Any]
    coordinate: float
    snr: float
    modality: Images | Sequences

    def __repr__(self) -> str:
        n, columns = self.values.shape
        return f"Noisy({n} x {columns}, u {self.coordinate:.4g}, measured SNR {self.snr:.4g})"


def check_matrix(values: Any, modality: Images | Sequences, first_row: int) -> NDArray[Any]:
    """Return a dense matrix of the modality's width, refusing others and half row blocks."""
    kind = "images" if isinstance(modality, Images) else "sequences"
    found: NDArray[Any] = np.asarray(values)
    if found.ndim != 2 or found.dtype.kind not in "iufb":
        raise InputError(
            f"{kind} must be a dense matrix of numbers (n, {modality.n_columns}), but have shape "
            f"{found.shape} and type {found.dtype}."
        )
    if found.shape[1] != modality.n_columns:
        raise InputError(
            f"the {kind} have {found.shape[1]} columns, but their modality says "
            f"{modality.n_columns}: read them again, or mend the modality."
        )
    if first_row % ROW_BLOCK:
        raise InputError(f"first_row must be a multiple of {ROW_BLOCK}, but is {first_row}.")
    return found


def check_share(p: float, name: str) -> None:
    """Refuse what is no share in [0, 1)."""
    if not 0 <= p < 1:
        raise InputError(f"{name} must be at least 0 and below 1, but is {p}.")
