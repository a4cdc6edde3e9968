"""How features fare beside what needs no training: the run card."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts
from cellaxes.features import metrics
from cellaxes.features._hands import Decoder
from cellaxes.features._judge import Judge
from cellaxes.features._model import SparseFeatures
from cellaxes.features._stability import stability
from cellaxes.features._standard import check_embedding
from cellaxes.features._target import check_target, expression_target

DEFINITIONS = {
    "dimensions": "features, or halves of signed dimensions",
    "active": "mean number of them that a cell activates",
    "unexplained": "share of the embedding's variance that they do not rebuild; of controls by "
    "least squares",
    "loss_recovered": "of what a decoder says of the counts through the embedding, the share that "
    "it still says through them, held-out cells",
    "rare": "share of them active in fewer than one cell of a thousand",
    "stable": "share of them that come back in every other seed, r > 0.8",
    "concept_f1": "best single dimension of each label: F1 on held-out cells, mean over labels",
    "concepts_found": "labels with a dimension of F1 > 0.5, on held-out cells",
    "auroc": "best single dimension of each label: area under the ROC curve on held-out cells",
    "probe_1": "F1 of a logistic probe on one dimension, on held-out cells",
    "lms_smi": "labels matched one to one with dimensions, by normalised information (DRVI)",
    "lms_spn": "the same, by neighbourhood along the dimension",
    "absorption": "cells of a parent label where its feature is silent and another stands in, on "
    "held-out cells: low is good",
    "monosemanticity": "how alike in expression the cells are that share one: mean cosine; what "
    "any two cells have is the row of permuted cells",
    "msgs_smi": "gap between a label's best and second best dimension: low where features repeat",
}
"""What the columns of a run card say."""
FEWEST = 10
"""Cells of a label that is judged."""


@dataclass(frozen=True, eq=False)
class RunCard:
    """Features and their controls, one row each.

    Attributes
    ----------
    table
        One row each: ``features``, ``raw dimensions`` (signed ones in halves), ``random
        dictionary`` (of the same width and activity), ``permuted cells``, and peers if asked;
        columns as in `DEFINITIONS`, NaN where one does not apply.
    n_held_out
        Cells that judged.
    groups
        Whether whole groups of cells (donors) were held out.
    left_out
        Labels of fewer than ten cells, which are not judged.
    """

    table: pd.DataFrame
    n_held_out: int
    groups: bool
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the table in JSON's own types, with what its columns say."""
        rows = self.table.reset_index(names="representation").to_dict("records")
        return {
            "rows": rows,
            "n_held_out": self.n_held_out,
            "held_out_by_group": self.groups,
            "labels_left_out": list(self.left_out),
            "definitions": DEFINITIONS,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return the table, features and controls in one row each."""
        return self.table.copy()

    def __repr__(self) -> str:
        shown = [c for c in ("active", "concept_f1", "lms_smi", "stable") if c in self.table]
        return f"RunCard(\n{self.table[shown].round(2).to_string()}\n)"


def evaluate(
    model: SparseFeatures,
    z: NDArray[np.floating],
    *,
    labels: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    parents: ArrayLike | None = None,
    counts: Counts | None = None,
    decoder: Decoder | None = None,
    others: Sequence[SparseFeatures] = (),
    peers: bool = False,
    random_state: int = 0,
) -> RunCard:
    """Judge features beside raw dimensions, a random dictionary and permuted cells.

    Parameters
    ----------
    model
        The features.
    z
        Embedding ``(n_cells, d)``.
    labels
        One per cell; missing ones, and labels of fewer than ten cells, belong to no concept.
        None leaves out what needs labels.
    groups
        Donor of each cell: half of them are held out, never single cells of one.
    parents
        Coarser label of each cell (lineage of a type), for absorption.
    counts
        UMI counts ``(n_cells, n_genes)``, for monosemanticity and, with ``decoder``, the loss.
    decoder
        Of the embedding: its genes are those of ``counts``.
    others
        Models of other seeds.
    peers
        Whether ICA and varimax are judged as well.
    random_state
        Seed of split and controls.

    Raises
    ------
    InputError
        If the embedding has another width, labels or groups another length, counts another
        number of cells or genes than the embedding or the decoder, or no parent has two labels.
    """
    n_cells, _ = check_embedding(z)
    f = model.encode(z)
    x = np.asarray(z, dtype=np.float32)
    every: dict[str, sp.csr_matrix | NDArray[np.floating]] = {
        "features": f,
        "raw dimensions": metrics.signed_halves(x),
        "random dictionary": metrics.random_relu(
            x, model.n_features, metrics.l0(f), random_state=random_state
        ),
        "permuted cells": metrics.permuted(f, random_state=random_state),
    }
    if peers:
        found = metrics.peers(x, min(x.shape), random_state=random_state)
        every |= {
            name: metrics.signed_halves(found[name]) for name in ("ica", "varimax") if name in found
        }
    judged, left_out = _common(labels, n_cells)
    if counts is not None:
        check_target(counts, n_cells)
    judge = Judge(
        standard=model.standard,
        z=x,
        held_out=metrics.hold_out(n_cells, groups=groups, random_state=random_state),
        labels=judged,
        parents=None if parents is None else np.asarray(parents, dtype=object),
        alike=None if counts is None else expression_target(counts, np.arange(n_cells)).scores,
        counts=counts,
        decoder=decoder,
        random_state=random_state,
    )
    own = {"features": (model.decoder, model.decoder_bias)}
    rows = {name: judge.row(f, own.get(name)) for name, f in every.items()}
    table = pd.DataFrame.from_dict(rows, orient="index")
    if others:
        table.loc["features", "stable"] = stability(model, others, z).stable.mean()
    table = table[[column for column in DEFINITIONS if column in table]]
    return RunCard(table, int(judge.held_out.sum()), groups is not None, left_out)


def _common(labels: ArrayLike | None, n_cells: int) -> tuple[NDArray[Any] | None, tuple[str, ...]]:
    """Return labels without those of few cells, None if fewer than two are left, and these."""
    if labels is None:
        return None, ()
    if np.shape(labels) != (n_cells,):
        raise InputError(f"labels have shape {np.shape(labels)}, but there are {n_cells} cells.")
    kept = pd.Series(np.asarray(labels, dtype=object)).astype("string")
    counts = kept.value_counts()
    rare = counts.index[counts < FEWEST]
    if len(counts) - len(rare) < 2:
        return None, tuple(sorted(rare))
    values = kept.to_numpy(dtype=object).copy()
    values[(kept.isna() | kept.isin(rare)).to_numpy(dtype=bool)] = None
    return values, tuple(sorted(rare))
