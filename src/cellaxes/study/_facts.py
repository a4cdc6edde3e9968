"""What the data of a study are, kept so that its page needs them no more."""

from dataclasses import dataclass, field


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
    notes
        What a reader must know of a signal, where there is something: how its pairs are drawn.
    """

    n_cells: int
    n_genes: int
    umis_per_cell: float
    entropies: dict[str, float]
    notes: dict[str, str] = field(default_factory=dict)
