"""What the page of structure states: the data and the protocol, and curves of depth."""

from dataclasses import dataclass

UNTOUCHED = "identity"
"""Name of the adapter that leaves the embedding as it is."""


@dataclass(frozen=True)
class StructureFacts:
    """Data and protocol.

    Attributes
    ----------
    name
        Of the data.
    rep, labels, group
        Keys of the embedding, the cell types and the groups that are held out; None: random halves.
    groups
        Cells of each group; empty where halves are held out.
    one_group
        Name of the only group, where there is one only and halves are held out for it.
    method
        The adapter.
    tree
        ``"ontology"`` or ``"data"``.
    seeds
        Of splits and fits.
    n_evaluated
        Cells that were looked at.
    measure
        Command that measures the levels at falling depth.
    doubts
        What else a reader must know.
    """

    name: str
    rep: str
    labels: str
    group: str | None
    groups: dict[str, int]
    one_group: str | None
    method: str
    tree: str
    seeds: tuple[int, ...]
    n_evaluated: int
    measure: str
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class DepthCurve:
    """What is known of one level at falling depth, by one model.

    Attributes
    ----------
    level, model, n_train
        Names of the curve.
    entropy
        Of the level, bits.
    depth, information, low, high
        Deepest: UMIs per cell, bits and their interval.
    sensitivity
        UMIs per cell where half a bit is gone, and its interval; None where not identified.
    points
        Depth and information of every replicate.
    law
        The fitted law on a grid.
    """

    level: str
    model: str
    n_train: int
    entropy: float
    depth: float
    information: float
    low: float
    high: float
    sensitivity: tuple[float, float, float] | None
    points: tuple[tuple[float, float], ...]
    law: tuple[tuple[float, float], ...]
