"""What the data of a study are, kept so that its page needs them no more."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """Data in numbers.

    Attributes
    ----------
    n_cells, n_genes
        Sizes.
    umis_per_cell
        Full median depth.
    entropies
        Entropy of each discrete signal, bits; infinite for continuous ones.
    """

    n_cells: int
    n_genes: int
    umis_per_cell: float
    entropies: dict[str, float]
