"""The decoder of scVI: log shares of expression, as of any batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.nets import one_thread
from cellaxes.features._hands._decoders import check_width, gene_names

_READ = 256  # cells per pass of a network; a constant, so that no result depends on it
_FLOOR = 1e-30  # smallest share of a cell's expression


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
        object.__setattr__(self, "genes", gene_names(self.genes, int(module.n_input)))
        self._code(self.batch)

    def log_rates(
        self, z: NDArray[np.floating], batch: str | int | None = None
    ) -> NDArray[np.float32]:
        """Return log shares ``(n_cells, n_genes)`` of ``z`` ``(n_cells, d)``, as of ``batch``."""
        import torch

        module = self._module
        code = self._code(self.batch if batch is None else batch)
        check_width(z, int(module.n_latent))
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


def _module_of(model: Any) -> Any:
    """Return the network inside a model, or the model if it is one."""
    module = getattr(model, "module", model)
    if not all(hasattr(module, name) for name in ("generative", "n_input", "n_latent", "n_batch")):
        raise InputError(
            f"{type(model).__name__} holds no trained scVI network: fit it first, or pass a model "
            "of scvi-tools."
        )
    return module
