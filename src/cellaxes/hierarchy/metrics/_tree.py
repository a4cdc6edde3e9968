"""How far from right a call is, in a tree or an ontology."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.hierarchy.metrics._codes import within


@dataclass(frozen=True)
class HierarchicalF:
    """Hierarchical precision, recall and F, each from 0 to 1.

    Attributes
    ----------
    precision
        Share of what was called, with all that is above, that is true.
    recall
        Share of what is true, with all that is above, that was called.
    f
        Their harmonic mean.
    """

    precision: float
    recall: float
    f: float


def ancestor_sets(levels: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which groups each label of the last level belongs to, itself among them.

    A group that repeats the one above it (the same labels, at another level) counts once.

    Parameters
    ----------
    levels
        One row per label, columns from coarse to fine (`Tree.levels`).

    Returns
    -------
    ``(n_labels, n_groups)``, in the order of the rows.

    Examples
    --------
    >>> levels = pd.DataFrame({"level1": ["T", "T", "B"], "level2": ["CD4", "CD8", "B"]})
    >>> ancestor_sets(levels).astype(int)
    array([[0, 1, 1, 0],
           [0, 1, 0, 1],
           [1, 0, 0, 0]])
    """
    columns = [
        (levels[level].astype(str).to_numpy() == group)
        for level in levels
        for group in sorted(set(levels[level].astype(str)))
    ]
    distinct = {column.tobytes(): column for column in columns}
    return np.column_stack(list(distinct.values()))


def hierarchical_f(truth: ArrayLike, predicted: ArrayLike, sets: ArrayLike) -> HierarchicalF:
    """Return how much of what is above the truth is above the call, and the reverse.

    With T and P the sets of groups of the true and the called label,
    ``hP = sum |T ∩ P| / sum |P|``, ``hR = sum |T ∩ P| / sum |T|`` over cells, and F is their
    harmonic mean (Kiritchenko et al., Canadian AI 2006, section 4).

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.
    sets
        Groups of each label, bool ``(n_labels, n_groups)``: `ancestor_sets`.

    Raises
    ------
    InputError
        If there are codes that sets has no row for.

    Examples
    --------
    >>> sets = [[1, 1, 0], [1, 0, 1]]
    >>> hierarchical_f([0, 0], [0, 1], sets)
    HierarchicalF(precision=0.75, recall=0.75, f=0.75)
    """
    member = np.asarray(sets, dtype=np.float64)
    left, right = within(truth, predicted, len(member))
    size = member.sum(axis=1)
    both = (member @ member.T)[left, right].sum()
    precision, recall = both / size[right].sum(), both / size[left].sum()
    f = 2 * precision * recall / (precision + recall) if both else 0.0
    return HierarchicalF(float(precision), float(recall), float(f))


def error_distance(truth: ArrayLike, predicted: ArrayLike, distances: ArrayLike) -> float:
    """Return the mean number of steps between truth and call over the cells called wrong.

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.
    distances
        Steps between labels, ``(n_labels, n_labels)``: `Tree.distance_matrix`.

    Returns
    -------
    Steps; 0 where nothing is wrong.

    Raises
    ------
    InputError
        If there are codes that distances has no row for.

    Examples
    --------
    >>> error_distance([0, 1, 2], [0, 2, 0], [[0, 2, 6], [2, 0, 4], [6, 4, 0]])
    5.0
    """
    steps = _square(distances, "distances")
    left, right = within(truth, predicted, len(steps))
    wrong = left != right
    return float(steps[left[wrong], right[wrong]].mean()) if wrong.any() else 0.0


def subtype_accuracy(truth: ArrayLike, predicted: ArrayLike, ancestors: ArrayLike) -> float:
    """Return the share of cells called by their label or by a subtype of it.

    A cell that is labelled "T cell" and called "CD8 T cell" is right (Fischer et al., Nat Commun
    15:6611, 2024, Methods).

    Parameters
    ----------
    truth, predicted
        Codes of labels, ``(n_cells,)``.
    ancestors
        Whether label i is strictly above label j, ``(n_labels, n_labels)``:
        `Tree.ancestor_matrix`.

    Raises
    ------
    InputError
        If there are codes that ancestors has no row for.

    Examples
    --------
    >>> subtype_accuracy([0, 1], [1, 0], [[False, True], [False, False]])
    0.5
    """
    above = _square(ancestors, "ancestors").astype(bool)
    left, right = within(truth, predicted, len(above))
    return float(((left == right) | above[left, right]).mean())


def _square(values: ArrayLike, what: str) -> NDArray[np.float64]:
    found = np.asarray(values, dtype=np.float64)
    if found.ndim != 2 or found.shape[0] != found.shape[1]:
        raise InputError(f"{what} must be labels by labels, but have shape {found.shape}.")
    return found
