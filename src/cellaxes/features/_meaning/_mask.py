"""Genes that dominate the expression of every cell and say little of what a feature means."""

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RIBOSOMAL = re.compile(r"RP[LS](\d+[AKLXY]?(\d|L\d?)?|P[0-2]|A)(-?PS?\d+)?")
_MITOCHONDRIAL = re.compile(r"MT-.+")
_NUCLEAR_COPIES = re.compile(r"MT(ATP|CO|CYB|ND|RNR)\dL?P\d+|MTRNR2L\d+")  # read as mitochondrial
_CYTOSOL = ("ACTB", "ACTG1", "TMSB4X", "TMSB10", "GAPDH", "UBB", "UBC", "B2M", "MALAT1", "NEAT1")
_FACTORS = ("EEF1A1", "EEF1B2", "EEF1D", "EEF1G", "EEF2", "FAU", "NACA", "PABPC1", "TPT1", "UBA52")
_EVERYWHERE = frozenset({*_CYTOSOL, *_FACTORS, "RACK1", "GNB2L1"})


def mitochondrial(genes: Sequence[str] | ArrayLike) -> NDArray[np.bool_]:
    """Return which genes lie on the mitochondrial genome (``MT-…``, ``mt-…``), ``(n_genes,)``.

    Examples
    --------
    >>> mitochondrial(["MT-CO1", "mt-Nd2", "MTOR"]).tolist()
    [True, True, False]
    """
    return np.array([bool(_MITOCHONDRIAL.fullmatch(gene)) for gene in _upper(genes)], dtype=bool)


def housekeeping(genes: Sequence[str] | ArrayLike) -> NDArray[np.bool_]:
    """Return which ``genes`` ``(n_genes,)`` are ribosomal, mitochondrial or expressed everywhere.

    They are left out before genes are ranked for gene sets and names: one axis of translation
    would otherwise annotate every feature, those of a random dictionary too. Human and mouse
    symbols.

    Examples
    --------
    >>> housekeeping(["RPL13A", "Rps27l", "RPS6KA1", "mt-Co1", "ACTB", "CD3D"]).tolist()
    [True, True, False, True, True, False]
    """
    upper = _upper(genes)
    patterns = (_RIBOSOMAL, _NUCLEAR_COPIES)
    named = [
        gene in _EVERYWHERE or any(pattern.fullmatch(gene) for pattern in patterns)
        for gene in upper
    ]
    return np.array(named, dtype=bool) | mitochondrial(genes)


def _upper(genes: Sequence[str] | ArrayLike) -> list[str]:
    return [str(gene).upper() for gene in np.asarray(genes, dtype=str).ravel()]
