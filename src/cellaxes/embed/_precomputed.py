"""An embedding that was computed elsewhere."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import finite_matrix
from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.weights import settings_of
from cellaxes.embed._model import register


@register(
    "precomputed",
    description="an embedding made elsewhere, in obsm or one file per depth; nothing is fitted",
    reference="any model: scVI, a foundation model, a published latent",
    limits="holds for the depths it was computed at only; the study measures it there",
    reads=("counts", "images", "sequences"),
)
@dataclass
class Precomputed:
    """The identity: what it is given *is* the embedding.

    Parameters
    ----------
    use_rep
        ``obsm`` key where the embedding stands, e.g. ``"X_scVI"``.
    folder
        For studies, instead of ``use_rep``: embeddings of thinned counts, one per depth, as
        `cellaxes.study.write_thinned` lays them out.
    sha256
        Identity of what is in ``folder``; a study fills it in.
    """

    use_rep: str = ""
    folder: str = ""
    sha256: str = ""

    def __post_init__(self) -> None:
        if bool(self.use_rep) == bool(self.folder):
            raise InputError(
                "a precomputed model needs use_rep=, the obsm key of the embedding, or (in a "
                "study) folder=, where embeddings of thinned counts are; one of the two."
            )

    def fit(self, counts: Any, *, random_state: int = 0) -> Self:
        """Return the model itself; neither ``counts`` nor ``random_state`` is read."""
        return self

    def transform(self, counts: Any) -> NDArray[np.float32]:
        """Return ``counts``, an embedding ``(n_cells, d)``, checked to be finite, as float32."""
        return finite_matrix(counts, self.folder or f"obsm[{self.use_rep!r}]").astype(np.float32)

    def to_artefact(self) -> Artefact:
        """Return the key as plain data."""
        return Artefact("embed.precomputed", settings_of(self), {})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        return cls(**artefact.params)
