"""Principal components of pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.random import stream
from cellaxes._core.weights import settings_of
from cellaxes.embed._columns import pixels_of, require_columns
from cellaxes.embed._model import register, require_fitted, require_size
from cellaxes.embed._principal import ROWS, Components, principal


@register(
    "pixel_pca",
    description="principal components of pixel intensities, as they stand",
    reference="Turk and Pentland 1991; Halko et al. 2011 beyond 1,024 pixels",
    limits="linear; a shifted image is another one",
    reads=("images",),
)
@dataclass
class PixelPCA:
    """PCA of pixels: ``Z = (X - mean) V``, nothing normalised.

    Mean and components V come from the training images alone, see `principal`.

    Parameters
    ----------
    n_components
        Dimension d of the embedding.
    """

    n_components: int = 16
    _fitted: Components | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        require_size(self.n_components, "n_components")

    def fit(self, images: Any, *, random_state: int = 0) -> Self:
        """Fit on training ``images``, ``(n_train, height * width * channels)``.

        ``random_state`` is the seed of the randomised solver.

        Raises
        ------
        InputError
            If a pixel is not finite, or there are too few images that vary.
        """
        pixels = pixels_of(images)
        self._fitted = principal(
            lambda: _blocks(pixels),
            pixels.shape[1],
            self.n_components,
            rng=stream(random_state, "pixel_pca"),
        )
        return self

    def transform(self, images: Any) -> NDArray[np.float32]:
        """Return the scores ``(n, n_components)`` of ``images`` ``(n, n_pixels)``, same size."""
        fitted = require_fitted(self._fitted, "pixel PCA")
        pixels = pixels_of(images)
        require_columns(pixels.shape[1], len(fitted.mean), "pixel PCA", "pixels")
        return fitted.score(_blocks(pixels))

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "pixel PCA")
        return Artefact("embed.pixel_pca", settings_of(self), fitted.to_arrays())

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        model = cls(**artefact.params)
        model._fitted = Components(**artefact.arrays)
        return model


def _blocks(pixels: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(pixels), ROWS):
        yield pixels[start : start + ROWS].astype(np.float64)
