"""Decoders: what an embedding says about each gene, from loadings or any function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import (
    Counts,
    by_rows,
    check_counts,
    csr_rows,
    log_normalise,
    row_blocks,
    shape_of,
)
from cellaxes.features._standard import check_embedding


@runtime_checkable
class Decoder(Protocol):
    """What turns an embedding into log expression.

    Attributes
    ----------
    genes
        Names, ``(n_genes,)``.
    """

    @property
    def genes(self) -> NDArray[np.str_]:
        """Names of the genes, ``(n_genes,)``."""
        ...

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return natural log expression ``(n_cells, n_genes)`` of ``z`` ``(n_cells, d)``.

        As if every cell were of ``batch``, where the decoder knows batches.
        """
        ...


@dataclass(frozen=True, eq=False)
class LinearDecoder:
    """``log rate = mean + z components``: principal components, or a regression.

    Attributes
    ----------
    components
        ``(d, n_genes)``: what one unit of each dimension adds to log-normalised expression. Of a
        PCA these are its components.
    mean
        Log-normalised expression where z is zero, ``(n_genes,)``. Of a PCA, the mean cell.
    genes
        Names, ``(n_genes,)``.
    """

    components: NDArray[np.floating]
    mean: NDArray[np.floating]
    genes: NDArray[np.str_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "components", np.asarray(self.components, dtype=np.float32))
        object.__setattr__(self, "mean", np.asarray(self.mean, dtype=np.float32))
        if self.components.ndim != 2 or self.mean.shape != self.components.shape[1:]:
            raise InputError(
                f"components have shape {self.components.shape} and mean {self.mean.shape}: they "
                "must be (n_dimensions, n_genes) and (n_genes,)."
            )
        object.__setattr__(self, "genes", gene_names(self.genes, len(self.mean)))

    @classmethod
    def fit(
        cls,
        z: NDArray[np.floating],
        counts: Counts,
        genes: Sequence[str] | ArrayLike,
        *,
        ridge: float = 1e-3,
    ) -> Self:
        """Regress log-normalised expression on the embedding.

        Parameters
        ----------
        z
            Embedding ``(n_cells, d)``.
        counts
            UMI counts ``(n_cells, n_genes)`` of the same cells.
        genes
            Names, ``(n_genes,)``.
        ridge
            Penalty, as a share of the mean variance of a dimension.

        Raises
        ------
        InputError
            If there is no cell, the cells differ, the embedding holds NaN, or a value is no count.
        """
        n_cells, d = check_embedding(z)
        if shape_of(counts)[0] != n_cells:
            raise InputError(
                f"counts have {shape_of(counts)[0]} cells, but the embedding has {n_cells}: pass "
                "those of the same cells, in the same order."
            )
        if not n_cells:
            raise InputError("a decoder cannot be fitted on no cells.")
        x = np.asarray(z, dtype=np.float64)
        if not np.isfinite(x).all():
            raise InputError("the embedding holds NaN or infinity: remove or fill those cells.")
        centre = x.mean(axis=0)
        x -= centre
        gram = x.T @ x
        gram[np.diag_indices(d)] += max(ridge * float(np.trace(gram)) / d, 1e-12)
        cross, total = np.zeros((d, shape_of(counts)[1])), np.zeros(shape_of(counts)[1])
        counts = by_rows(counts)
        for start, stop in row_blocks(n_cells):
            block = csr_rows(counts, start, stop)
            check_counts(block, "counts", start)
            logs = log_normalise(block).astype(np.float64)
            cross += (logs.T @ x[start:stop]).T
            total += np.asarray(logs.sum(axis=0)).ravel()
        components = np.linalg.solve(gram, cross)
        return cls(components, total / n_cells - centre @ components, gene_names(genes, len(total)))

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return natural log expression ``(n_cells, n_genes)`` of embedding rows.

        Parameters
        ----------
        z
            Embedding ``(n_cells, d)``.
        batch
            None: a linear decoder knows of no batch.

        Raises
        ------
        InputError
            If a batch is named, or ``z`` has other dimensions.
        """
        _refuse_batch(batch, "a linear decoder")
        check_width(z, len(self.components))
        return np.asarray(np.asarray(z, dtype=np.float32) @ self.components + self.mean)


@dataclass(frozen=True, eq=False)
class CallableDecoder:
    """Any function from an embedding ``(n_cells, d)`` to log rates ``(n_cells, n_genes)``.

    Attributes
    ----------
    function
        Natural log of expression of each cell, from its own row alone.
    genes
        Names, ``(n_genes,)``.
    """

    function: Callable[[NDArray[np.floating]], ArrayLike]
    genes: NDArray[np.str_]

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", gene_names(self.genes, np.size(self.genes)))

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return natural log expression ``(n_cells, n_genes)`` of embedding rows.

        Parameters
        ----------
        z
            Embedding ``(n_cells, d)``.
        batch
            None: a function knows of no batch.

        Raises
        ------
        InputError
            If a batch is named, or the function cannot read the embedding.
        """
        _refuse_batch(batch, "this function")
        try:
            return np.asarray(self.function(z), dtype=np.float32)
        except (ValueError, IndexError, RuntimeError) as error:
            raise InputError(
                f"the decoder cannot read an embedding of {z.shape[1]} dimensions ({error}): pass "
                "the decoder of this embedding."
            ) from error


def decode(
    decoder: Decoder, z: NDArray[np.floating], batch: str | int | None = None
) -> NDArray[np.float32]:
    """Return a decoder's log rates ``(n_cells, n_genes)``, refusing what is none.

    Raises
    ------
    InputError
        If the decoder is of another width, or returns another shape or values not finite.
    """
    rates = np.asarray(decoder.log_rates(z, batch), dtype=np.float32)
    shape = (len(z), len(decoder.genes))
    if rates.shape != shape:
        raise InputError(
            f"the decoder returned shape {rates.shape} for {shape[0]} cells and {shape[1]} genes: "
            "it must return one log rate per cell and gene."
        )
    if not np.isfinite(rates).all():
        raise InputError("the decoder returned log rates that are not finite: add a floor.")
    return rates


def check_decoder(decoder: Decoder) -> None:
    """Refuse what cannot decode, as a model of scvi-tools that nobody wrapped."""
    if not isinstance(decoder, Decoder):
        raise InputError(
            f"{type(decoder).__name__} is no decoder: wrap it in LinearDecoder, SCVIDecoder or "
            "CallableDecoder."
        )


def gene_names(genes: Sequence[str] | ArrayLike, n_genes: int) -> NDArray[np.str_]:
    """Return names, one per gene of the decoder."""
    names = np.asarray(genes, dtype=str).ravel()
    if len(names) != n_genes:
        raise InputError(f"genes holds {len(names)} names, but the decoder has {n_genes} genes.")
    return names


def check_width(z: NDArray[np.floating], n_dimensions: int) -> None:
    """Refuse an embedding of another width than the decoder's."""
    if check_embedding(z)[1] != n_dimensions:
        raise InputError(
            f"the decoder reads {n_dimensions} dimensions, but the embedding has {z.shape[1]}: "
            "pass the decoder of this embedding."
        )


def _refuse_batch(batch: str | int | None, what: str) -> None:
    if batch is not None:
        raise InputError(f"{what} knows no batches: leave batch out, but it is {batch!r}.")
