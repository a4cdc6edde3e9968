"""What the page of predictions states: the data and the protocol, and what is doubted of rows."""

from dataclasses import dataclass

Codes = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class SuspectRows:
    """What is doubted of each row.

    Attributes
    ----------
    reasons, warnings
        Codes of each row (`cellaxes.perturbation.REASONS`, `WARNINGS`).
    told
        Why rows were not judged; empty where they were.
    """

    reasons: Codes
    warnings: Codes
    told: str = ""


@dataclass(frozen=True)
class Likeness:
    """The context in training whose responses are most like those of a held-out one.

    Attributes
    ----------
    context, nearest
        Names.
    cosine
        Mean over the compounds that both have, of their mean profiles.
    n_compounds
        That both have.
    """

    context: str
    nearest: str
    cosine: float
    n_compounds: int


@dataclass(frozen=True)
class PredictFacts:
    """Data and protocol.

    Attributes
    ----------
    name
        Of the data.
    layer, origin
        What is predicted, and whether it is stored or follows from another layer.
    n_rows, n_genes, n_contexts, n_compounds
        Of the table.
    missing
        Share of the values that are not known.
    largest
        Largest absolute value.
    split
        Name of the split as asked for.
    how
        How it was chosen what to hold out.
    seeds
        Of the splits.
    weighted
        Whether training rows count by the weight of their quality.
    left_out
        Contexts that were left out altogether.
    chemistry
        A sentence on fingerprints.
    ready, taught
        Names of models: predictions handed in, and those fitted to each split.
    replicates
        Whether a second profile was handed in.
    likeness
        Of each held-out context.
    notes
        Of the table.
    """

    name: str
    layer: str
    origin: str
    n_rows: int
    n_genes: int
    n_contexts: int
    n_compounds: int
    missing: float
    largest: float
    split: str
    how: str
    seeds: tuple[int, ...]
    weighted: bool
    left_out: tuple[str, ...]
    chemistry: str
    ready: tuple[str, ...] = ()
    taught: tuple[str, ...] = ()
    replicates: bool = False
    likeness: tuple[Likeness, ...] = ()
    notes: tuple[str, ...] = ()
