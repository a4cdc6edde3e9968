"""Noise of protein sequences: substituted, unknown and lost residues."""

from dataclasses import replace as with_fields
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.coordinates import coordinate
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import row_blocks
from cellaxes._core.modality import RESIDUES, Sequences
from cellaxes._core.random import stream
from cellaxes.noise._blosum import background, conditional
from cellaxes.noise._noisy import Noisy, check_matrix, check_share
from cellaxes.noise._sequence_kernel import changed, cut, replace

UNKNOWN = "X"
"""The letter of a residue that is not known."""


def substitute(
    codes: ArrayLike,
    sequences: Sequences,
    *,
    p: float,
    by: Literal["uniform", "blosum62"] = "uniform",
    random_state: int = 0,
    first_row: int = 0,
) -> Noisy:
    """Replace each residue with probability p by a draw from the twenty.

    A draw may be the true residue again: the measured ratio counts what really changed. Which
    places are replaced at a rate, and by what, is kept at every higher rate of the same seed.
    Letters that are none of the twenty are replaced as well, the space after the end is not.

    Parameters
    ----------
    codes
        Sequences ``(n, length)``, 0 after the end.
    sequences
        What the codes mean.
    p
        Probability that a residue is drawn anew, in [0, 1).
    by
        ``"uniform"``, or ``"blosum62"``: in proportion to how often evolution puts the drawn
        residue in the place of the true one, itself included.
    random_state
        Seed.
    first_row
        Where these rows start in the whole matrix, a multiple of 1,024.

    Returns
    -------
    `Noisy`, uint8; nominal coordinate ``(1 - p) / p``; measured ratio by `sequence_snr`.

    Raises
    ------
    InputError
        If p is outside [0, 1), a code is unknown, or the matrix is not of this modality.

    Examples
    --------
    >>> sequences = Sequences("ACDEFGHIKLMNPQRSTVWY", 100)
    >>> noisy = substitute(np.full((50, 100), 3), sequences, p=0.2)
    >>> noisy.coordinate, bool(3.5 < noisy.snr < 5)
    (4.0, True)
    """
    check_share(p, "the substitution rate p")
    if by not in ("uniform", "blosum62"):
        raise InputError(f"residues cannot be drawn by {by!r}: take 'uniform' or 'blosum62'.")
    clean = checked_codes(codes, sequences, first_row)
    return _replaced(
        clean, sequences, p, _drawing(sequences, by), "substitution", random_state, first_row
    )


def mask(
    codes: ArrayLike,
    sequences: Sequences,
    *,
    p: float,
    random_state: int = 0,
    first_row: int = 0,
) -> Noisy:
    """Make each residue unknown (``X``) with probability p.

    What is unknown at a rate is unknown at every higher rate of the same seed. An alphabet
    without ``X`` gets it as its last letter; the modality of the result says so.

    Parameters
    ----------
    codes
        Sequences ``(n, length)``, 0 after the end.
    sequences, p, random_state, first_row
        As for `substitute`.

    Returns
    -------
    `Noisy`, uint8; nominal coordinate ``(1 - p) / p``.

    Raises
    ------
    InputError
        As `substitute`.
    """
    check_share(p, "the masking rate p")
    clean = checked_codes(codes, sequences, first_row)
    after = with_unknown(sequences)
    drawn = np.ones((len(after.alphabet) + 1, after.alphabet.index(UNKNOWN) + 1))
    drawn[:, :-1] = 0.0
    return _replaced(clean, after, p, drawn, "masking", random_state, first_row)


def truncate(codes: ArrayLike, sequences: Sequences, *, p: float, first_row: int = 0) -> Noisy:
    """Cut off the last share p of each sequence, rounded to whole residues; nothing is drawn.

    Parameters
    ----------
    codes
        Sequences ``(n, length)``, 0 after the end.
    sequences, p, first_row
        As for `substitute`.

    Returns
    -------
    `Noisy`, uint8; nominal coordinate ``(1 - p) / p``.

    Raises
    ------
    InputError
        As `substitute`.
    """
    check_share(p, "the truncated share p")
    clean = checked_codes(codes, sequences, first_row)
    out = np.empty_like(clean)
    cut(clean, float(p), out)
    return Noisy(out, coordinate("lost", p), sequence_snr(clean, out), sequences)


def sequence_snr(clean: ArrayLike, noisy: ArrayLike) -> float:
    """Measure the ratio of true to changed residues, ``(1 - c) / c``.

    c is the share of residues that differ; silent draws do not count. A uniform draw of every
    residue leaves 1 in 20 true by chance, so that this ratio ends at about 1/19, not at 0.

    Parameters
    ----------
    clean, noisy
        Codes of the same sequences ``(n, length)``, 0 after the end of the clean ones.

    Returns
    -------
    The ratio; infinite where nothing changed.
    """
    x = np.ascontiguousarray(clean, dtype=np.uint8).ravel()
    y = np.ascontiguousarray(noisy, dtype=np.uint8).ravel()
    there, differ = changed(x, y)
    return (there - differ) / differ if differ else float("inf")


def with_unknown(sequences: Sequences) -> Sequences:
    """Return the sequences' modality with ``X`` in its alphabet."""
    if UNKNOWN in sequences.alphabet:
        return sequences
    return with_fields(sequences, alphabet=sequences.alphabet + UNKNOWN)


def _drawing(sequences: Sequences, by: str) -> NDArray[np.float64]:
    """Return for each code the probabilities of the twenty residues, added up."""
    if not sequences.alphabet.startswith(RESIDUES):
        raise InputError(
            f"the alphabet {sequences.alphabet!r} does not begin with the twenty residues "
            f"{RESIDUES!r}: read the sequences again."
        )
    n = len(sequences.alphabet) + 1
    if by == "uniform":
        return np.tile(np.arange(1, 21) / 20, (n, 1))
    drawn = np.tile(background(), (n, 1))
    drawn[1:21] = conditional()
    return np.asarray(drawn.cumsum(axis=1))


def _replaced(
    clean: NDArray[np.uint8],
    after: Sequences,
    p: float,
    drawn: NDArray[np.float64],
    name: Literal["substitution", "masking"],
    random_state: int,
    first_row: int,
) -> Noisy:
    seeds = [
        stream(random_state, "noise", name, first_row + start).integers(2**64, dtype=np.uint64)
        for start, _ in row_blocks(len(clean))
    ]
    out = np.empty_like(clean)
    replace(clean, float(p), drawn, np.array(seeds, dtype=np.uint64), out)
    kind = "substitution" if name == "substitution" else "lost"
    return Noisy(out, coordinate(kind, p), sequence_snr(clean, out), after)


def checked_codes(codes: ArrayLike, sequences: Sequences, first_row: int = 0) -> NDArray[np.uint8]:
    """Return codes as a dense uint8 matrix, refusing unknown ones."""
    found = check_matrix(codes, sequences, first_row)
    top = len(sequences.alphabet)
    if found.size and (float(found.min()) < 0 or float(found.max()) > top):
        row, column = np.argwhere(~((found >= 0) & (found <= top)))[0]
        raise InputError(
            f"sequence {first_row + row} has the unknown code {found[row, column]:g} at residue "
            f"{column + 1}: codes are 0 (after the end) to {top} ({sequences.alphabet})."
        )
    whole = found.astype(np.uint8)
    if found.dtype.kind == "f" and (whole != found).any():
        row, column = np.argwhere(whole != found)[0]
        raise InputError(
            f"sequence {first_row + row} has the unknown code {found[row, column]:g} at residue "
            f"{column + 1}: codes are whole numbers."
        )
    return np.ascontiguousarray(whole)
