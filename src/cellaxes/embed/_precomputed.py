"""An embedding that was computed elsewhere."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import finite_matrix
from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes.embed._model import register


@register(
    "precomputed",
    description="an embedding that stands in obsm already; nothing is fitted",
    reference="any model: scVI, a foundation model, a published latent",
    limits="holds for the depth it was computed at only; the study measures it there",
)
@dataclass
class Precomputed:
    """The identity: what it is given *is* the embedding.

    Parameters
    ----------
    use_rep
        ``obsm`` key where the embedding stands, e.g. ``"X_scVI"``.
    """

    use_rep: str = ""

    def __post_init__(self) -> None:
        if not self.use_rep:
            raise InputError("a precomputed model needs use_rep=, the obsm key of the embedding.")

    def fit(self, counts: Any, *, random_state: int = 0) -> Self:
        """Return the model itself: there is nothing to learn."""
        return self

    def transform(self, counts: Any) -> NDArray[np.float32]:
        """Return the embedding ``(n_cells, d)``, checked to be finite, as float32."""
        return finite_matrix(counts, f"obsm[{self.use_rep!r}]").astype(np.float32)

    def to_artefact(self) -> Artefact:
        """Return the key as plain data."""
        return Artefact("embed.precomputed", {"use_rep": self.use_rep}, {})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` described."""
        return cls(**artefact.params)
