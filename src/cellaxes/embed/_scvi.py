"""scVI: a variational autoencoder of counts, trained by scvi-tools."""

import contextlib
import io
import logging
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

import anndata
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.matrix import Counts, csr_rows, row_sums, shape_of
from cellaxes._core.nets import find_device, one_thread, seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, settings_of, weights_of
from cellaxes.embed._bert import hold_out
from cellaxes.embed._model import (
    register,
    require_fitted,
    require_genes,
    require_size,
)

if TYPE_CHECKING:
    import scipy.sparse as sp
    from torch.nn import Module

LIKELIHOODS = ("zinb", "nb", "poisson")
MIN_CELLS = 20
"""Fewest training cells with a UMI."""

_READ = 256  # cells per pass when reading; a constant, so that no result depends on it


@register(
    "scvi",
    description="variational autoencoder of raw counts; the mean of the latent is the embedding",
    reference="Lopez et al. 2018 (scVI); settings of arXiv 2503.02726 as preset 'paper'",
    limits="slow: minutes where PCA takes a second; the seed matters; extra 'scvi'",
)
@dataclass
class SCVI:
    """scVI: ``Z_i = E[z | x_i]``, the mean of the encoder's normal distribution.

    Counts are explained by a zero-inflated negative binomial whose mean is decoded from z and
    the batch. The encoder sees counts alone, never the batch: cells of a batch that was not
    trained on are embedded like any other, and `transform` needs no labels.

    Parameters
    ----------
    n_latent
        Dimension d of the embedding.
    n_hidden, n_layers, dropout
        Size of encoder and decoder.
    gene_likelihood
        ``"zinb"``, ``"nb"`` or ``"poisson"``.
    batch_key
        ``obs`` column of the batches, which `embed` and studies hand to ``fit`` as ``batch=``;
        empty for none.
    batch_size, learning_rate
        Of Adam; weight decay 1e-6, epsilon 0.01, and the rate falls on a plateau.
    kl_warmup_epochs
        Epochs over which the Kullback-Leibler term rises.
    max_cells_seen
        Cells shown in training at most, every showing counted; one epoch is always done.
    patience, min_delta
        Epochs without a fall of the held-out loss (nats per cell) by ``min_delta`` to stop after.
    held_out
        Share of the training cells that is watched, not trained on.
    device
        Of PyTorch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``. The same seed gives the same bits on the
        CPU; a GPU rounds otherwise.
    """

    presets: ClassVar[dict[str, dict[str, Any]]] = {
        "paper": {
            "n_latent": 16,
            "n_hidden": 512,
            "n_layers": 1,
            "dropout": 0.1,
            "gene_likelihood": "zinb",
            "batch_size": 512,
            "learning_rate": 1e-3,
            "kl_warmup_epochs": 1,
            "max_cells_seen": 1e7,
            "patience": 3,
            "min_delta": 0.01,
            "held_out": 0.2,
        }
    }

    n_latent: int = 16
    n_hidden: int = 128
    n_layers: int = 1
    dropout: float = 0.1
    gene_likelihood: str = "zinb"
    batch_key: str = ""
    batch_size: int = 128
    learning_rate: float = 1e-3
    kl_warmup_epochs: int = 1
    max_cells_seen: float = 3e5
    patience: int = 3
    min_delta: float = 0.01
    held_out: float = 0.1
    device: str = "cpu"
    _fitted: "tuple[Module, int] | None" = field(
        default=None, repr=False, init=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("n_latent", "n_hidden", "n_layers", "batch_size", "patience"):
            require_size(getattr(self, name), name)
        if self.gene_likelihood not in LIKELIHOODS:
            raise InputError(
                f"gene_likelihood must be one of {', '.join(LIKELIHOODS)}, "
                f"but is {self.gene_likelihood!r}."
            )
        if not 0 < self.held_out < 1:
            raise InputError(f"held_out must lie between 0 and 1, but is {self.held_out}.")

    def fit(self, counts: Counts, *, random_state: int = 0, batch: ArrayLike | None = None) -> Self:
        """Train on training counts ``(n_train, n_genes)``; cells without a UMI are left out.

        Parameters
        ----------
        counts
            UMI counts.
        random_state
            Seed.
        batch
            Label of each cell's batch, ``(n_train,)``.

        Raises
        ------
        InputError
            If the extra or the device is missing, there are fewer than 20 cells with a UMI, or
            the labels are not one per cell.
        """
        csr = csr_rows(counts, 0, shape_of(counts)[0]).astype(np.float32)
        codes = _codes(batch, csr.shape[0])
        alive = row_sums(csr) > 0
        if alive.sum() < MIN_CELLS:
            raise InputError(
                f"scVI needs at least {MIN_CELLS} training cells with a UMI, but has "
                f"{alive.sum()}: give more cells or depth."
            )
        module = self._train(csr[alive], codes[alive], random_state)
        self._fitted = (module, int(codes.max()) + 1)
        return self

    @property
    def module(self) -> "Module":
        """The trained network, of scvi-tools; for what decodes, such as `features.SCVIDecoder`."""
        return require_fitted(self._fitted, "scVI")[0]

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return the latent means ``(n_cells, n_latent)`` of ``counts`` ``(n_cells, n_genes)``."""
        import torch

        module: Any = self.module
        n_cells, n_genes = shape_of(counts)
        require_genes(n_genes, module.n_input, "scVI")
        csr = csr_rows(counts, 0, n_cells).astype(np.float32)
        out = np.empty((n_cells, self.n_latent), dtype=np.float32)
        with one_thread(), torch.no_grad():
            for start in range(0, n_cells, _READ):
                block = csr[start : start + _READ].toarray()
                full = np.zeros((_READ, n_genes), dtype=np.float32)
                full[: len(block)] = np.log1p(block)
                batch = torch.zeros(_READ, 1)  # encode_covariates is off: never read
                cells = torch.from_numpy(full).to(module.device)
                mean = module.z_encoder(cells, batch.to(module.device))[0].loc
                out[start : start + len(block)] = mean.cpu().numpy()[: len(block)]
        return out

    def to_artefact(self) -> Artefact:
        """Return the trained weights as plain data."""
        module, n_batches = require_fitted(self._fitted, "scVI")
        params = settings_of(self) | {"n_input": module.n_input, "n_batches": n_batches}
        return Artefact("embed.scvi", params, weights_of(module))

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``; no pickle is read."""
        params = dict(artefact.params)
        n_input, n_batches = int(params.pop("n_input")), int(params.pop("n_batches"))
        model = cls(**params)
        with seeded(stream(0, "scvi")), _quiet():
            from scvi.module import VAE

            module = VAE(n_input, n_batch=n_batches, n_labels=1, **model._network())
        load_weights(module, artefact.arrays, device=model.device)
        model._fitted = (module, n_batches)
        return model

    def _network(self) -> dict[str, Any]:
        return {
            "n_hidden": self.n_hidden,
            "n_latent": self.n_latent,
            "n_layers": self.n_layers,
            "dropout_rate": self.dropout,
            "gene_likelihood": self.gene_likelihood,
            "encode_covariates": False,
        }

    def _train(self, csr: "sp.csr_matrix", codes: NDArray[np.int64], random_state: int) -> "Module":
        n_cells = csr.shape[0]
        trained, watched = hold_out(n_cells, self.held_out, random_state)
        obs = pd.DataFrame(
            {"batch": pd.Categorical(codes, range(int(codes.max()) + 1))},
            index=[str(i) for i in range(n_cells)],
        )
        adata = anndata.AnnData(csr, obs=obs)
        device = find_device(self.device)
        with (
            _quiet(),
            tempfile.TemporaryDirectory() as folder,
            seeded(stream(random_state, "scvi"), device),
        ):
            from scvi.model import SCVI as Library  # noqa: N811  two SCVIs

            Library.setup_anndata(adata, batch_key="batch")
            library = Library(adata, **self._network())
            library.train(
                max_epochs=max(1, int(self.max_cells_seen / n_cells)),
                accelerator=device.type,
                devices=1 if device.index is None else [device.index],
                batch_size=self.batch_size,
                early_stopping=True,
                early_stopping_patience=self.patience,
                early_stopping_min_delta=self.min_delta,
                datasplitter_kwargs={
                    "external_indexing": [trained, watched, watched[:0]],
                    # one cell left over is no batch to normalise
                    "drop_last": len(trained) % self.batch_size == 1,
                },
                plan_kwargs={
                    "lr": self.learning_rate,
                    "n_epochs_kl_warmup": self.kl_warmup_epochs,
                    "reduce_lr_on_plateau": True,
                    "lr_min": 1e-6,
                },
                enable_progress_bar=False,
                default_root_dir=folder,
            )
        module: Module = library.module
        return module.eval().to(device)


def _codes(batch: ArrayLike | None, n_cells: int) -> NDArray[np.int64]:
    """Return the number of each cell's batch, ``(n_cells,)``; all zero without labels."""
    if batch is None:
        return np.zeros(n_cells, dtype=np.int64)
    labels = np.asarray(batch)
    if labels.shape != (n_cells,):
        raise InputError(f"batch has shape {labels.shape}, but there are {n_cells} cells.")
    return np.unique(labels.astype(str), return_inverse=True)[1]


@contextmanager
def _quiet() -> Iterator[None]:
    """Import and run scvi-tools without a word, leaving warnings and loggers as they were."""
    require_extra("scvi", extra="scvi", what="scVI models")
    loggers = [logging.getLogger(name) for name in ("lightning", "lightning.pytorch", "scvi")]
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        import scvi  # noqa: F401  sets its loggers up before they are hushed

        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)
