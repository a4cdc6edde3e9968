"""The nine disentanglement scores of DRVI: three pair scores, three ways to join them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import Array, Matrix, dense
from cellaxes.features.metrics._pairs import bmmi, checked_pairs, smi, spn


@dataclass(frozen=True, eq=False)
class Disentanglement:
    """How cleanly each concept has a dimension of its own.

    Attributes
    ----------
    names
        Of the concepts.
    smi, spn, bmmi
        Pair scores, ``(n_features, n_concepts)`` each.
    """

    names: tuple[str, ...]
    smi: Array
    spn: Array
    bmmi: Array

    def to_dict(self) -> dict[str, float]:
        """Return the nine scores under names such as ``"LMS-SMI"``."""
        by_join = self.to_frame().to_dict()
        return {f"{how}-{pair}": by_join[how][pair] for how in by_join for pair in by_join[how]}

    def to_frame(self) -> pd.DataFrame:
        """Return the nine scores, shape (3, 3): rows SMI, SPN, BMMI, columns LMS, MSAS, MSGS."""
        pairs = {"SMI": self.smi, "SPN": self.spn, "BMMI": self.bmmi}
        return pd.DataFrame(
            {
                "LMS": [lms(scores) for scores in pairs.values()],
                "MSAS": [msas(scores) for scores in pairs.values()],
                "MSGS": [msgs(scores) for scores in pairs.values()],
            },
            index=list(pairs),
        )

    def __repr__(self) -> str:
        return (
            f"Disentanglement({self.smi.shape[0]} dimensions, {len(self.names)} concepts: LMS-SMI "
            f"{lms(self.smi):.3f}, LMS-SPN {lms(self.spn):.3f}, MSGS-SMI {msgs(self.smi):.3f})"
        )


def drvi(activations: Matrix, labels: Any, *, random_state: int = 0) -> Disentanglement:
    """Score how cleanly each concept has a dimension of its own, as DRVI does.

    Signed latents are undersold unless split into their halves first (`signed_halves`). Wide
    random dictionaries score low, which AUROC does not grant.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.
    labels
        One label per cell, or a 0/1 matrix ``(n_cells, n_concepts)``.
    random_state
        Seed of the order of ties, see `spn`.

    Raises
    ------
    InputError
        If the cells differ, there is one dimension only, or a concept has fewer than two cells
        or all.

    References
    ----------
    Moinfar & Theis, DRVI (2024); equal to its package, version 0.2.8 (benchmark v3_1). Earlier
    versions had other scores: its paper's numbers are not comparable.

    Examples
    --------
    >>> x = np.repeat([[2.0, 0.0], [0.0, 1.0]], 10, axis=0)
    >>> drvi(x, ["T cell"] * 10 + ["B cell"] * 10).to_frame().loc["SMI"].to_dict()
    {'LMS': 1.0, 'MSAS': 1.0, 'MSGS': 0.0}
    """
    x, named = checked_pairs(activations, labels)
    if x.shape[1] < 2:
        raise InputError("disentanglement compares dimensions, but there is one only.")
    return Disentanglement(
        names=named.names,
        smi=smi(x, named),
        spn=spn(x, named, random_state=random_state),
        bmmi=bmmi(x, named),
    )


def lms(pairs: ArrayLike) -> float:
    """Return the latent matching score: best one-to-one match, over the number of concepts.

    Parameters
    ----------
    pairs
        Scores >= 0, ``(n_features, n_concepts)``. A concept without a dimension counts 0.

    Examples
    --------
    >>> lms([[0.9, 0.1, 1.0], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.9, 0.1]])
    0.9
    """
    scores = dense(pairs, "pair scores")
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return float(scores[rows, columns].sum() / scores.shape[1])


def msas(pairs: ArrayLike) -> float:
    """Return the most similar averaging score: mean over concepts of the best dimension.

    Parameters
    ----------
    pairs
        Scores, ``(n_features, n_concepts)``.

    Examples
    --------
    >>> round(msas([[0.9, 0.1, 1.0], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.9, 0.1]]), 4)
    0.9333
    """
    return float(dense(pairs, "pair scores").max(axis=0).mean())


def msgs(pairs: ArrayLike) -> float:
    """Return the most similar gap score: mean over concepts of best less second best dimension.

    It exposes redundant features: report it beside `lms`.

    Parameters
    ----------
    pairs
        Scores, ``(n_features, n_concepts)``, two dimensions or more.

    Raises
    ------
    InputError
        If there is one dimension only.

    Examples
    --------
    >>> round(msgs([[0.9, 0.1, 1.0], [0.1, 0.9, 0.1], [0.1, 0.1, 0.9], [0.1, 0.9, 0.1]]), 4)
    0.3
    """
    scores = dense(pairs, "pair scores")
    if len(scores) < 2:
        raise InputError("a gap needs two dimensions, but there is one only.")
    second, first = np.sort(scores, axis=0)[-2:]
    return float((first - second).mean())
