"""What stands beside the rows and some models ask for: genes, batches, labels, the modality."""

import inspect
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import counts_of, obs_column
from cellaxes._core.modality import Modality, modality_of
from cellaxes.embed._model import Model, require_reads


@dataclass(frozen=True, eq=False)
class Annotations:
    """Gene names, batches, class labels and modality of a data set.

    A model that needs them declares a keyword ``genes``, ``batch``, ``labels`` or ``modality``
    in its ``fit``; models that do not never hear of them.

    Attributes
    ----------
    genes
        Names of the columns of the counts, ``(n_genes,)``.
    batches
        Labels of all cells, ``(n_cells,)``, by ``obs`` column.
    modality
        What the columns are where they are no genes: pixels or residues.
    labels
        Classes of all rows, ``(n_cells,)``, by ``obs`` column.
    """

    genes: NDArray[np.str_]
    batches: dict[str, NDArray[np.str_]]
    modality: Modality | None = None
    labels: dict[str, NDArray[np.str_]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, adata: anndata.AnnData, models: Iterable[Model], *, layer: str | None = None
    ) -> Self:
        """Read what these models may ask for.

        Parameters
        ----------
        adata
            Cells, images or sequences.
        models
            That will be fitted on them.
        layer
            Where the counts are, whose columns ``genes`` names (``None``: ``X``).

        Raises
        ------
        InputError
            If a model reads other rows than these, or its ``batch_key`` or ``label_key`` is no
            ``obs`` column, or has missing values.
        """
        models, modality = list(models), modality_of(adata)
        for model in models:
            require_reads(model, modality)
        names = counts_of(adata, layer)[1]
        return cls(
            genes=np.asarray(names, dtype=str),
            batches=_columns(adata, models, "batch_key"),
            modality=modality,
            labels=_columns(adata, models, "label_key"),
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
        for name, setting, columns in (
            ("batch", "batch_key", self.batches),
            ("labels", "label_key", self.labels),
        ):
            if key := getattr(model, setting, ""):
                known[name] = columns[key][rows]
        asked = inspect.signature(model.fit).parameters
        return {name: value for name, value in known.items() if name in asked}


def _columns(
    adata: anndata.AnnData, models: Iterable[Model], setting: str
) -> dict[str, NDArray[np.str_]]:
    """Return the ``obs`` columns that a setting of the models names."""
    keys = {getattr(model, setting, "") for model in models} - {""}
    return {key: np.asarray(obs_column(adata, key), dtype=str) for key in sorted(keys)}
