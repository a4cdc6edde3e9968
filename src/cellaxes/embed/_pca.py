"""Principal components of log-normalised, highly variable genes."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import Counts, highly_variable, log_normalise, shape_of
from cellaxes.embed._model import (
    register,
    require_fitted,
    require_genes,
    require_positive,
    require_size,
)


@dataclass(frozen=True)
class _Fitted:
    n_genes: int
    genes: NDArray[np.int64]
    mean: NDArray[np.float32]
    components: NDArray[np.float32]


@register(
    "pca",
    description="log-normalise, highly variable genes of the training cells, truncated SVD",
    reference="Gowri et al. arXiv 2503.02726 (PCA), genes ranked by variance",
    limits="linear; at very low depth few genes vary beyond noise",
)
@dataclass
class PCA:
    """PCA: ``Z = (L[:, hvg] - mean) V`` with L the log-normalised counts.

    Genes, mean and components V come from the training cells alone; V holds the leading
    right singular vectors of the centred matrix (truncated SVD, ARPACK).

    Parameters
    ----------
    n_components
        Dimension d of the embedding.
    n_top_genes
        Highly variable genes kept (the paper kept 750).
    target_sum
        UMIs per cell after normalising.
    """

    n_components: int = 16
    n_top_genes: int = 1000
    target_sum: float = 1e4
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        require_size(self.n_components, "n_components")
        require_size(self.n_top_genes, "n_top_genes")
        require_positive(self.target_sum, "target_sum")

    def fit(self, counts: Counts, *, random_state: int = 0) -> Self:
        """Fit on training ``counts``, ``(n_train, n_genes)``; ``random_state`` seeds the solver.

        Raises
        ------
        InputError
            If there are too few cells or varying genes for ``n_components``.
        """
        from sklearn.decomposition import PCA as SklearnPCA  # noqa: N811  two PCAs

        n_cells, n_genes = shape_of(counts)
        log_counts = log_normalise(counts, self.target_sum)
        genes = highly_variable(log_counts, self.n_top_genes)
        if self.n_components >= min(n_cells, len(genes)):
            raise InputError(
                f"PCA with {self.n_components} components needs more than {self.n_components} "
                f"training cells and expressed genes, but has {n_cells} and {len(genes)}: "
                "lower n_components, or give more cells or depth."
            )
        solver = SklearnPCA(
            n_components=self.n_components, svd_solver="arpack", random_state=random_state
        )
        solver.fit(log_counts[:, genes].astype(np.float64))
        self._fitted = _Fitted(
            n_genes=n_genes,
            genes=genes,
            mean=np.asarray(solver.mean_, dtype=np.float32),
            components=np.asarray(solver.components_, dtype=np.float32),
        )
        return self

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return the scores ``(n_cells, n_components)`` of ``counts`` ``(n_cells, n_genes)``."""
        fitted = require_fitted(self._fitted, "PCA")
        require_genes(shape_of(counts)[1], fitted.n_genes, "PCA")
        log_counts = log_normalise(counts, self.target_sum)[:, fitted.genes]
        scores = log_counts @ fitted.components.T - fitted.mean @ fitted.components.T
        return np.asarray(scores, dtype=np.float32)

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "PCA")
        params = {
            "n_components": self.n_components,
            "n_top_genes": self.n_top_genes,
            "target_sum": self.target_sum,
            "n_genes": fitted.n_genes,
        }
        arrays: dict[str, NDArray[Any]] = {
            "genes": fitted.genes,
            "mean": fitted.mean,
            "components": fitted.components,
        }
        return Artefact("embed.pca", params, arrays)

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        params = dict(artefact.params)
        n_genes = int(params.pop("n_genes"))
        model = cls(**params)
        fitted = _Fitted(n_genes=n_genes, **artefact.arrays)
        if not np.isin(fitted.genes, np.arange(n_genes)).all():
            raise ValueError(f"it names genes beyond the {n_genes} that it was fitted on")
        model._fitted = fitted
        return model
