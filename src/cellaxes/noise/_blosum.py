"""BLOSUM62 and what it says about substitutions.

Scores: Henikoff and Henikoff, PNAS 89, 10915 (1992), half bits. Background frequencies:
Robinson and Robinson, PNAS 88, 8880 (1991).
"""

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.modality import RESIDUES

_ORDER = "ARNDCQEGHILKMFPSTWYV"
_LOWER = """
 4
-1  5
-2  0  6
-2 -2  1  6
 0 -3 -3 -3  9
-1  1  0  0 -3  5
-1  0  0  2 -4  2  5
 0 -2  0 -1 -3 -2 -2  6
-2  0  1 -1 -3  0  0 -2  8
-1 -3 -3 -3 -1 -3 -3 -4 -3  4
-1 -2 -3 -4 -1 -2 -3 -4 -3  2  4
-1  2  0 -1 -3  1  1 -2 -1 -3 -2  5
-1 -1 -2 -3 -1  0 -2 -3 -2  1  2 -1  5
-2 -3 -3 -3 -2 -3 -3 -3 -1  0  0 -3  0  6
-1 -2 -2 -1 -3 -1 -1 -2 -2 -3 -3 -1 -2 -4  7
 1 -1  1  0 -1  0  0  0 -1 -2 -2  0 -1 -2 -1  4
 0 -1  0 -1 -1 -1 -1 -2 -2 -1 -1 -1 -1 -2 -1  1  5
-3 -3 -4 -4 -2 -2 -3 -2 -2 -3 -2 -3 -1  1 -4 -3 -2 11
-2 -2 -2 -3 -2 -1 -2 -3  2 -1 -1 -2 -1  3 -3 -2 -2  2  7
 0 -3 -3 -3 -1 -2 -2 -3 -3  3  1 -2  1 -1 -2 -2  0 -3 -1  4
"""
_BACKGROUND = {
    "A": 0.07805,
    "R": 0.05129,
    "N": 0.04487,
    "D": 0.05364,
    "C": 0.01925,
    "Q": 0.04264,
    "E": 0.06295,
    "G": 0.07377,
    "H": 0.02199,
    "I": 0.05142,
    "L": 0.09019,
    "K": 0.05744,
    "M": 0.02243,
    "F": 0.03856,
    "P": 0.05203,
    "S": 0.07120,
    "T": 0.05841,
    "W": 0.01330,
    "Y": 0.03216,
    "V": 0.06441,
}


def scores() -> NDArray[np.int64]:
    """Return the BLOSUM62 scores, ``(20, 20)``, residues in the order of their codes."""
    rows = [[int(score) for score in line.split()] for line in _LOWER.strip().splitlines()]
    full = np.zeros((20, 20), dtype=np.int64)
    for i, row in enumerate(rows):
        full[i, : i + 1] = full[: i + 1, i] = row
    place = [_ORDER.index(residue) for residue in RESIDUES]
    return full[np.ix_(place, place)]


def background() -> NDArray[np.float64]:
    """Return the frequency of each residue, ``(20,)``, adding up to 1."""
    found = np.array([_BACKGROUND[residue] for residue in RESIDUES])
    return np.asarray(found / found.sum())


def conditional() -> NDArray[np.float64]:
    """Return the probability of drawing each residue for a true one, ``(20 true, 20 drawn)``.

    ``P(j | i)`` in proportion to ``p_j 2^(S_ij / 2)``: what a score of S half bits says of the
    odds against chance. A residue is drawn for itself most often.
    """
    odds = background() * 2.0 ** (scores() / 2)
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))
