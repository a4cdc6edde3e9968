"""Decoders: what an embedding says about each gene, from loadings, scVI or any function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, csr_rows, log_normalise, row_blocks, shape_of
from cellaxes._core.nets import one_thread
from cellaxes.features._standard import check_embedding

_READ = 256  # cells per pass of a network; a constant, so that no result depends on it
_FLOOR = 1e-30  # smallest share of a cell's expression


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
        """Return natural log expression ``(n_cells, n_genes)`` of embedding rows, as of a batch."""
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
        object.__setattr__(self, "genes", _names(self.genes, len(self.mean)))

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
            Names.
        ridge
            Penalty, as a share of the mean variance of a dimension.

        Raises
        ------
        InputError
            If the cells differ, or the embedding holds NaN.
        """
        n_cells, d = check_embedding(z)
        if shape_of(counts)[0] != n_cells:
            raise InputError(
                f"counts have {shape_of(counts)[0]} cells, but the embedding has {n_cells}: pass "
                "those of the same cells, in the same order."
            )
        x = np.asarray(z, dtype=np.float64)
        if not np.isfinite(x).all():
            raise InputError("the embedding holds NaN or infinity: remove or fill those cells.")
        centre = x.mean(axis=0)
        x -= centre
        gram = x.T @ x
        gram[np.diag_indices(d)] += max(ridge * float(np.trace(gram)) / d, 1e-12)
        cross, total = np.zeros((d, shape_of(counts)[1])), np.zeros(shape_of(counts)[1])
        for start, stop in row_blocks(n_cells):
            logs = log_normalise(csr_rows(counts, start, stop)).astype(np.float64)
            cross += (logs.T @ x[start:stop]).T
            total += np.asarray(logs.sum(axis=0)).ravel()
        components = np.linalg.solve(gram, cross)
        return cls(components, total / n_cells - centre @ components, _names(genes, len(total)))

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return natural log expression ``(n_cells, n_genes)``; a batch is refused."""
        _refuse_batch(batch, "a linear decoder")
        _check_width(z, len(self.components))
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
        object.__setattr__(self, "genes", _names(self.genes, np.size(self.genes)))

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return natural log expression ``(n_cells, n_genes)``; a batch is refused."""
        _refuse_batch(batch, "this function")
        try:
            return np.asarray(self.function(z), dtype=np.float32)
        except (ValueError, IndexError, RuntimeError) as error:
            raise InputError(
                f"the decoder cannot read an embedding of {z.shape[1]} dimensions ({error}): pass "
                "the decoder of this embedding."
            ) from error


@dataclass(frozen=True, eq=False)
class SCVIDecoder:
    """The decoder of a trained scVI: log of each gene's share of the cell's expression.

    Attributes
    ----------
    model
        A fitted `cellaxes.embed.SCVI`, a model of scvi-tools, or its PyTorch module.
    genes
        Names, in the order of training, ``(n_genes,)``.
    batch
        Batch as of which cells are decoded, whatever their own: its number, or its name if
        ``batches`` are told.
    batches
        Names of the batches in the order of the model (sorted, for `cellaxes.embed.SCVI`).
    """

    model: Any
    genes: NDArray[np.str_]
    batch: str | int = 0
    batches: Sequence[str] = ()
    _module: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        module = _module_of(self.model)
        object.__setattr__(self, "_module", module)
        object.__setattr__(self, "genes", _names(self.genes, int(module.n_input)))
        self._code(self.batch)

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return log shares ``(n_cells, n_genes)``, of each cell as if it were of ``batch``."""
        import torch

        module = self._module
        code = self._code(self.batch if batch is None else batch)
        _check_width(z, int(module.n_latent))
        device = next(module.parameters()).device
        rates = np.empty((len(z), len(self.genes)), dtype=np.float32)
        training = module.training
        module.eval()
        try:
            with one_thread(), torch.no_grad():
                of = torch.full((_READ, 1), code, dtype=torch.int64, device=device)
                library = torch.zeros((_READ, 1), device=device)
                for start in range(0, len(z), _READ):
                    block = np.zeros((_READ, z.shape[1]), dtype=np.float32)
                    rows = z[start : start + _READ]
                    block[: len(rows)] = rows
                    cells = torch.from_numpy(block).to(device)
                    found = module.generative(z=cells, library=library, batch_index=of)
                    share = found["px"].scale[: len(rows)].clamp_min(_FLOOR)
                    rates[start : start + len(rows)] = share.log().cpu().numpy()
        finally:
            module.train(training)
        return rates

    def _code(self, batch: str | int) -> int:
        n = max(1, int(self._module.n_batch))
        if isinstance(batch, str):
            if batch not in self.batches:
                known = ", ".join(self.batches) or "none was named: pass batches=, or a number"
                raise InputError(f"there is no batch {batch!r}; known: {known}.")
            batch = list(self.batches).index(batch)
        if not 0 <= batch < n:
            raise InputError(f"there is no batch {batch}: the model knows {n}, counted from 0.")
        return int(batch)


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


def _module_of(model: Any) -> Any:
    """Return the network inside a model, or the model if it is one."""
    fitted = getattr(model, "_fitted", None)
    module = fitted[0] if isinstance(fitted, tuple) else getattr(model, "module", model)
    if not all(hasattr(module, name) for name in ("generative", "n_input", "n_latent", "n_batch")):
        raise InputError(
            f"{type(model).__name__} holds no trained scVI network: fit it first, or pass a model "
            "of scvi-tools."
        )
    return module


def _names(genes: Sequence[str] | ArrayLike, n_genes: int) -> NDArray[np.str_]:
    names = np.asarray(genes, dtype=str).ravel()
    if len(names) != n_genes:
        raise InputError(f"genes holds {len(names)} names, but the decoder has {n_genes} genes.")
    return names


def _check_width(z: NDArray[np.floating], n_dimensions: int) -> None:
    if check_embedding(z)[1] != n_dimensions:
        raise InputError(
            f"the decoder reads {n_dimensions} dimensions, but the embedding has {z.shape[1]}: "
            "pass the decoder of this embedding."
        )


def _refuse_batch(batch: str | int | None, what: str) -> None:
    if batch is not None:
        raise InputError(f"{what} knows no batches: leave batch out, but it is {batch!r}.")
