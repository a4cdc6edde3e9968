"""All that is known of what features mean, in one object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.features._meaning._enrich import enrich_read
from cellaxes.features._meaning._enrichment import Enrichment
from cellaxes.features._meaning._expression import Values, expression
from cellaxes.features._meaning._gene_sets import GeneSets, Source
from cellaxes.features._meaning._genes import Markers, read_markers
from cellaxes.features._meaning._inputs import Activations, as_activations
from cellaxes.features._meaning._labels import LabelScores, label_scores
from cellaxes.features._meaning._leakage import Leakage, read_leakage
from cellaxes.features._meaning._names import Name, name_features


@dataclass(frozen=True, eq=False, repr=False)
class Annotation:
    """What features mean and how far that can be trusted.

    Attributes
    ----------
    features
        One row per feature: its name and evidence, how often it is active, its best label, genes
        and term, its leakage and, where given, its stability.
    names
        Name of each feature with its evidence.
    markers, leakage
        Genes and technical variation.
    labels, sets
        Labels and gene sets, where they were given.
    """

    features: pd.DataFrame
    names: tuple[Name, ...]
    markers: Markers
    leakage: Leakage
    labels: LabelScores | None
    sets: Enrichment | None

    def to_frame(self) -> pd.DataFrame:
        """Return the table of features, a row per feature."""
        return self.features.copy()

    def __repr__(self) -> str:
        named = sum(not name.text.startswith("unnamed") for name in self.names)
        parts = [part for part in (self.labels, self.sets, self.leakage) if part is not None]
        return "\n  ".join(
            [f"Annotation: {named} of {len(self.names)} features named", *map(repr, parts)]
        )


def annotate(
    F: Activations,
    X: Counts,
    genes: Sequence[str] | ArrayLike,
    *,
    labels: ArrayLike | None = None,
    batch: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    gene_sets: Source | GeneSets | Sequence[str] | None = None,
    stability: ArrayLike | None = None,
    lfc: ArrayLike | None = None,
    states: Mapping[str, ArrayLike] | None = None,
    values: Values = "counts",
    n_permutations: int = 20,
    random_state: int = 0,
) -> Annotation:
    """Read genes, gene sets, labels and leakage of all features, and name them.

    Parameters
    ----------
    F, X, genes, values, lfc
        As in `markers`: activations ``(n_cells, n_features)``, counts ``(n_cells, n_genes)``, names
        ``(n_genes,)`` and log fold changes ``(n_features, n_genes)``.
    labels, groups
        As in `label_scores`, ``(n_cells,)``.
    batch, states
        As in `leakage`, ``(n_cells,)`` each; types are the `labels`.
    gene_sets
        What `gene_sets` takes; None leaves gene sets out.
    stability
        Agreement of each feature with other seeds, ``(n_features,)``, 0 to 1.
    n_permutations, random_state
        As in `enrich`.

    Raises
    ------
    InputError
        As in the functions named above.
    """
    cells = expression(X, genes, values=values)
    F = as_activations(F, cells.shape[0])
    n = F.shape[1]
    held = None if stability is None else np.asarray(stability, dtype=np.float64).ravel()
    if held is not None and len(held) != n:
        raise InputError(f"stability has {len(held)} entries for {n} features.")
    scored = None
    if labels is not None:
        scored = label_scores(F, labels, groups=groups, random_state=random_state)
    leaks = read_leakage(F, cells, batch=batch, labels=labels, states=states)
    found = read_markers(F, cells, lfc=lfc)
    sets = None
    if gene_sets is not None:
        sets = enrich_read(
            F, cells, sets=gene_sets, n_permutations=n_permutations, random_state=random_state
        )
    names = name_features(found, labels=scored, sets=sets, leakage=leaks, stability=held)
    active = np.bincount(F.indices, minlength=n)
    table = pd.DataFrame(
        {
            "name": [name.text for name in names],
            "evidence": ["; ".join(name.evidence) for name in names],
            "frequency": active / F.shape[0],
            "mean_active": np.asarray(F.sum(axis=0)).ravel() / np.maximum(active, 1),
        },
        index=pd.RangeIndex(n, name="feature"),
    )
    if held is not None:
        table["stability"] = held
    table["genes"] = ["/".join(found.top(feature, 5)["gene"]) for feature in range(n)]
    if scored is not None:
        best = scored.best()[["label", "f1", "auroc", "precision", "recall", "threshold"]]
        table = table.join(best)
    if sets is not None:
        table = table.join(sets.best()[["term", "q", "q_permuted", "specificity", "annotated"]])
    return Annotation(table.join(leaks.table), names, found, leaks, scored, sets)
