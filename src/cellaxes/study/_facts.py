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
        Full median depth; ``None`` where the data are no counts.
    entropies
        Entropy of each discrete signal, bits; infinite for continuous ones.
    notes
        What a reader must know of a signal, where there is something: how its pairs are drawn.
    shape
        What a row is, where it is no cell: ``"28 × 28 pixels"``.
    remarks
        What a reader of files left out or could not do.
    """

    n_cells: int
    n_genes: int
    umis_per_cell: float | None
    entropies: dict[str, float]
    notes: dict[str, str] = field(default_factory=dict)
    shape: str = ""
    remarks: tuple[str, ...] = ()
