"""Representations of sequences that need no weights: residues in their places, and words."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.modality import RESIDUES, Modality, Sequences
from cellaxes._core.random import stream
from cellaxes._core.weights import settings_of
from cellaxes.embed._columns import codes_of, require_columns, require_modality
from cellaxes.embed._model import register, require_fitted, require_size
from cellaxes.embed._principal import ROWS, Components, principal

MAX_WORD = 4
"""Longest word: there are 20^4 = 160,000 of them."""

UINT8 = 255
"""Largest code: signs beyond the twenty need no names here."""


def one_hot_rows(codes: NDArray[np.uint8], n_signs: int) -> sp.csr_matrix:
    """Return a one for each residue in its place, ``(n, length * n_signs)`` CSR.

    Column ``place * n_signs + code - 1``; past the end there is none.
    """
    there = codes > 0
    columns = np.arange(codes.shape[1]) * n_signs + codes.astype(np.int64) - 1
    return _ones(columns[there], there.sum(axis=1), codes.shape[1] * n_signs)


def word_counts(codes: NDArray[np.uint8], k: int) -> sp.csr_matrix:
    """Return how often each word of k residues occurs, ``(n, 20^k)`` CSR.

    Words that hold anything but the twenty amino acids are not counted.
    """
    n, length = codes.shape
    n_places = max(length - k + 1, 0)
    words = np.zeros((n, n_places), dtype=np.int64)
    known = np.ones((n, n_places), dtype=bool)
    for offset in range(k):
        part = codes[:, offset : offset + n_places]
        known &= (part > 0) & (part <= len(RESIDUES))
        words = words * len(RESIDUES) + part - 1
    counts = _ones(words[known], known.sum(axis=1), len(RESIDUES) ** k)
    counts.sum_duplicates()
    return counts


def _ones(columns: NDArray[np.int64], per_row: NDArray[np.int64], n_columns: int) -> sp.csr_matrix:
    starts = np.concatenate([[0], np.cumsum(per_row)])
    values = np.ones(len(columns))
    return sp.csr_matrix((values, columns, starts), shape=(len(per_row), n_columns))


@dataclass(frozen=True, eq=False)
class _Fitted:
    length: int
    n_signs: int
    components: Components


@register(
    "one_hot",
    description="a one for each residue in its place, principal components",
    reference="the baseline without weights; components by Halko et al. 2011",
    limits="wants aligned sequences: an insertion shifts what follows",
    reads=("sequences",),
)
@dataclass
class OneHot:
    """PCA of residues in their places: ``Z = (O - mean) V`` with O one-hot.

    Parameters
    ----------
    n_components
        Dimension d of the embedding.
    """

    n_components: int = 16
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        require_size(self.n_components, "n_components")

    def fit(
        self, sequences: Any, *, random_state: int = 0, modality: Modality | None = None
    ) -> Self:
        """Fit on training sequences ``(n_train, length)`` of codes.

        Parameters
        ----------
        sequences
            Codes, as of `cellaxes.datasets.read_sequences`.
        random_state
            Seed of the components.
        modality
            Alphabet and length; `embed` and studies pass it.

        Raises
        ------
        InputError
            If a code is none of the alphabet, or too few sequences vary.
        """
        n_signs = len(require_modality(modality, Sequences, "one_hot").alphabet)
        codes = codes_of(sequences, n_signs)
        components = principal(
            lambda: self._blocks(codes, n_signs),
            codes.shape[1] * n_signs,
            self.n_components,
            rng=stream(random_state, "one_hot"),
        )
        self._fitted = _Fitted(codes.shape[1], n_signs, components)
        return self

    def transform(self, sequences: Any) -> NDArray[np.float32]:
        """Return the scores ``(n, n_components)`` of ``sequences`` ``(n, length)``, same length."""
        fitted = require_fitted(self._fitted, "one_hot")
        codes = codes_of(sequences, fitted.n_signs)
        require_columns(codes.shape[1], fitted.length, "one_hot", "residues")
        return fitted.components.score(self._blocks(codes, fitted.n_signs))

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "one_hot")
        params = settings_of(self) | {"length": fitted.length, "n_signs": fitted.n_signs}
        return Artefact("embed.one_hot", params, fitted.components.to_arrays())

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        params = dict(artefact.params)
        shape = int(params.pop("length")), int(params.pop("n_signs"))
        model = cls(**params)
        model._fitted = _Fitted(*shape, Components(**artefact.arrays))
        return model

    @staticmethod
    def _blocks(codes: NDArray[np.uint8], n_signs: int) -> Iterator[sp.csr_matrix]:
        for start in range(0, len(codes), ROWS):
            yield one_hot_rows(codes[start : start + ROWS], n_signs)


@register(
    "kmer",
    description="how often each word of k residues occurs, principal components",
    reference="the baseline without weights and without alignment; Halko et al. 2011",
    limits="where a word stands is lost; k at most 4",
    reads=("sequences",),
)
@dataclass
class KMer:
    """PCA of word counts: ``Z = (C - mean) V``, ``C_iw`` how often word w occurs in sequence i.

    Words overlap; those with anything but the twenty amino acids are not counted.

    Parameters
    ----------
    n_components
        Dimension d of the embedding.
    k
        Residues per word, 1 (composition) to 4.
    """

    n_components: int = 16
    k: int = 3
    _fitted: Components | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        require_size(self.n_components, "n_components")
        require_size(self.k, "k")
        if self.k > MAX_WORD:
            raise InputError(f"k must be at most {MAX_WORD}, but is {self.k}.")

    def fit(self, sequences: Any, *, random_state: int = 0) -> Self:
        """Fit on training ``sequences``, codes ``(n_train, length)``.

        ``random_state`` is the seed of the randomised solver.

        Raises
        ------
        InputError
            If a code is no residue, or too few sequences vary.
        """
        codes = codes_of(sequences, UINT8)
        self._fitted = principal(
            lambda: self._blocks(codes),
            len(RESIDUES) ** self.k,
            self.n_components,
            rng=stream(random_state, "kmer"),
        )
        return self

    def transform(self, sequences: Any) -> NDArray[np.float32]:
        """Return the scores ``(n, n_components)`` of ``sequences`` ``(n, length)``, any length."""
        fitted = require_fitted(self._fitted, "kmer")
        return fitted.score(self._blocks(codes_of(sequences, UINT8)))

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "kmer")
        return Artefact("embed.kmer", settings_of(self), fitted.to_arrays())

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        model = cls(**artefact.params)
        model._fitted = Components(**artefact.arrays)
        return model

    def _blocks(self, codes: NDArray[np.uint8]) -> Iterator[sp.csr_matrix]:
        for start in range(0, len(codes), ROWS):
            yield word_counts(codes[start : start + ROWS], self.k)
