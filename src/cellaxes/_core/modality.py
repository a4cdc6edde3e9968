"""What the columns of a matrix are where they are no genes: pixels, or residues of a sequence."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import anndata

from cellaxes._core import keys

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
"""The twenty amino acids, in the order of their codes."""


@dataclass(frozen=True)
class Images:
    """Images of one size, a row of ``height * width * channels`` pixels each (C order).

    Attributes
    ----------
    height, width, channels
        Pixels, and 1 (grey) or 3 (colour).
    low, high
        Ends of the intensity scale: what black and white are.
    """

    height: int
    width: int
    channels: int
    low: float
    high: float

    @property
    def n_columns(self) -> int:
        """Columns of the matrix."""
        return self.height * self.width * self.channels


@dataclass(frozen=True)
class Sequences:
    """Sequences, a row of uint8 codes each; ``alphabet[code - 1]``, 0 after the end.

    Attributes
    ----------
    alphabet
        Residues, in the order of their codes; what is not one of ``RESIDUES`` (``X``, ``*``,
        ``-``) comes after them.
    length
        Columns of the matrix: residues of the longest sequence.
    """

    alphabet: str
    length: int

    @property
    def n_columns(self) -> int:
        """Columns of the matrix."""
        return self.length


Modality = Images | Sequences

_KINDS: dict[str, type[Images] | type[Sequences]] = {"images": Images, "sequences": Sequences}


def modality_of(adata: anndata.AnnData) -> Modality | None:
    """Return what the columns of ``adata.X`` are; None for genes, that is, for counts."""
    told: Mapping[str, Any] | None = adata.uns.get(keys.modality())
    if told is None:
        return None
    found = {name: getattr(value, "item", lambda v=value: v)() for name, value in told.items()}
    return _KINDS[str(found.pop("kind"))](**found)


def set_modality(adata: anndata.AnnData, modality: Modality) -> None:
    """Write into ``adata.uns`` what the columns of ``adata.X`` are."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(modality, cls))
    adata.uns[keys.modality()] = {"kind": kind, **asdict(modality)}
