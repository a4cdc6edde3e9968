"""What a page states: the data, and one curve."""

from dataclasses import dataclass, field

from cellaxes._core.axis import DEPTH, Axis
from cellaxes.scaling import NoiseFit


@dataclass(frozen=True)
class DataFacts:
    """What was measured: data and protocol in numbers.

    Attributes
    ----------
    name
        What the page calls the data.
    n_cells, n_genes, n_test
        Cells, columns, and test cells of a split.
    umis_per_cell
        Full median depth; ``None`` where the data are no counts.
    depths
        Noise coordinate of the noisiest and the cleanest level: of counts the measured depth of
        the thinned cells, UMIs per cell.
    sizes, seeds
        Numbers of training cells, and seeds of the replicates.
    study, data
        What tells the study and the file of the data from others.
    layer
        Where the counts are; None: ``X``.
    n_permutations
        Of the null.
    seconds
        What the runs took, seconds, added up over workers.
    entropies
        Entropy of each discrete signal, bits; infinite for continuous ones.
    notes
        What a reader must know of a signal, where there is something: how its pairs are drawn.
    noise, axis, shape
        Kind of noise, how its coordinate is spoken of, and what a row is where it is no cell.
    remarks
        What a reader of files left out or could not do.
    """

    name: str
    n_cells: int
    n_genes: int
    umis_per_cell: float | None
    depths: tuple[float, float]
    n_test: int
    sizes: tuple[int, ...]
    seeds: tuple[int, ...]
    entropies: dict[str, float]
    study: str
    data: str
    layer: str
    n_permutations: int
    seconds: float
    notes: dict[str, str] = field(default_factory=dict)
    noise: str = "thinning"
    axis: Axis = DEPTH
    shape: str = ""
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class CoordinateFit:
    """The law of one curve on another coordinate than that of its axis.

    Attributes
    ----------
    coordinate
        Its name, ``"snr"`` for the measured signal-to-noise ratio.
    unit
        Its unit.
    fit
        The law, whose sensitivity has this unit.
    """

    coordinate: str
    unit: str
    fit: NoiseFit


@dataclass(frozen=True)
class Curve:
    """One curve of information against depth and its law.

    Attributes
    ----------
    signal, model
        Names.
    n_train
        Training cells.
    depth, information
        At the deepest level: measured UMIs per cell (or another noise coordinate), and bits
        averaged over replicates.
    low, high
        95 % interval of that average, bits.
    null_high
        Largest estimate with permuted signal over the curve, bits.
    estimator
        Name of the estimator.
    given
        Whether the embedding was handed in: it may have seen the test cells.
    doubts
        Why estimates on this curve are not reliable; empty if all are.
    fit
        The law; ``None`` where fewer than three points exist.
    thin
        Which cells are thinned: ``"both"`` training and test cells, or ``"train"`` or
        ``"query"`` (test cells) alone.
    axis
        How its coordinate is spoken of.
    others
        The law on other coordinates, measured signal-to-noise ratio last.
    """

    signal: str
    model: str
    n_train: int
    depth: float
    information: float
    low: float
    high: float
    null_high: float
    estimator: str
    given: bool
    doubts: tuple[str, ...]
    fit: NoiseFit | None
    thin: str = "both"
    axis: Axis = DEPTH
    others: tuple[CoordinateFit, ...] = ()

    @property
    def title(self) -> str:
        """The model, and which cells are thinned where it is not all of them."""
        axis = self.axis
        which = {"train": f", training {axis.rows} {axis.done}", "query": f", queries {axis.done}"}
        return self.model + which.get(self.thin, "")
