"""What stands beside the counts and some models ask for: gene names, batches, the modality."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import counts_of, obs_column
from cellaxes._core.modality import Modality, modality_of
from cellaxes.embed._model import Model


@dataclass(frozen=True, eq=False)
class Annotations:
    """Gene names, batch labels and modality of a data set.

    A model that needs them declares a keyword ``genes``, ``batch`` or ``modality`` in its
    ``fit``; models that do not never hear of them.

    Attributes
    ----------
    genes
        Names of the columns of the counts, ``(n_genes,)``.
    batches
        Labels of all cells, ``(n_cells,)``, by ``obs`` column.
    modality
        What the columns are where they are no genes: pixels or residues.
    """

    genes: NDArray[np.str_]
    batches: dict[str, NDArray[np.str_]]
    modality: Modality | None = None

    @classmethod
    def of(
        cls, adata: anndata.AnnData, models: Iterable[Model], *, layer: str | None = None
    ) -> Self:
        """Read what these models may ask for.

        Raises
        ------
        InputError
            If the ``batch_key`` of a model is no ``obs`` column, or has missing values.
        """
        keys = {getattr(model, "batch_key", "") for model in models} - {""}
        names = counts_of(adata, layer)[1]
        return cls(
            genes=np.asarray(names, dtype=str),
            batches={key: np.asarray(obs_column(adata, key), dtype=str) for key in keys},
            modality=modality_of(adata),
        )

    def asked_by(self, model: Model, rows: NDArray[np.int64]) -> dict[str, Any]:
        """Return the keywords that ``model.fit`` asks for, for these cells.

        Parameters
        ----------
        model
            An unfitted model.
        rows
            Training cells, as indices ``(n_train,)``.
        """
        known: dict[str, Any] = {"genes": self.genes, "modality": self.modality}
        key = getattr(model, "batch_key", "")
        if key:
            known["batch"] = self.batches[key][rows]
        asked = inspect.signature(model.fit).parameters
        return {name: value for name, value in known.items() if name in asked}
