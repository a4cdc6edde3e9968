"""Gaussian random projection: the baseline that learns nothing."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.matrix import Counts, csr_rows, log_normalise, shape_of
from cellaxes._core.random import stream
from cellaxes.embed._model import (
    register,
    require_fitted,
    require_genes,
    require_positive,
    require_size,
)


@register(
    "random_projection",
    description="raw (or log-normalised) counts times a Gaussian matrix",
    reference="Johnson and Lindenstrauss 1984; the RandomProjection baseline of arXiv 2503.02726",
    limits="learns nothing from cells: a floor to compare with",
)
@dataclass
class RandomProjection:
    """Gaussian random projection: ``Z = X R / sqrt(d)`` with R_ij ~ N(0, 1).

    Parameters
    ----------
    n_components
        Dimension d of the embedding.
    log_normalise
        Project log-normalised counts instead of raw ones. Raw is what the paper did and
        holds more: noise of the many rare genes drowns the rest once logarithms are taken.
    target_sum
        UMIs per cell after normalising.
    """

    n_components: int = 16
    log_normalise: bool = False
    target_sum: float = 1e4
    _matrix: NDArray[np.float32] | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        require_size(self.n_components, "n_components")
        require_positive(self.target_sum, "target_sum")

    def fit(self, counts: Counts, *, random_state: int = 0) -> Self:
        """Draw R, seed ``random_state``, for the genes of ``counts`` ``(n_cells, n_genes)``.

        The cells themselves are not read.
        """
        rng = stream(random_state, "random_projection")
        size = (shape_of(counts)[1], self.n_components)
        self._matrix = rng.standard_normal(size, dtype=np.float32) / np.float32(
            np.sqrt(self.n_components)
        )
        return self

    def transform(self, counts: Counts) -> NDArray[np.float32]:
        """Return projections ``(n_cells, n_components)`` of ``counts`` ``(n_cells, n_genes)``."""
        matrix = require_fitted(self._matrix, "random projection")
        require_genes(shape_of(counts)[1], len(matrix), "random projection")
        if self.log_normalise:
            values = log_normalise(counts, self.target_sum)
        else:
            values = csr_rows(counts, 0, shape_of(counts)[0]).astype(np.float32)
        return np.asarray(values @ matrix, dtype=np.float32)

    def to_artefact(self) -> Artefact:
        """Return the drawn matrix as plain data."""
        matrix = require_fitted(self._matrix, "random projection")
        params = {
            "n_components": self.n_components,
            "log_normalise": self.log_normalise,
            "target_sum": self.target_sum,
        }
        return Artefact("embed.random_projection", params, {"matrix": matrix})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        model = cls(**artefact.params)
        model._matrix = artefact.arrays["matrix"]
        return model
