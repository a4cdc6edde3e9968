"""A small convolutional network, trained to tell classes apart."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.modality import Images, Modality
from cellaxes._core.nets import ROUND, find_device, one_thread, seeded, train
from cellaxes._core.random import stream
from cellaxes._core.weights import settings_of
from cellaxes.embed._columns import pixels_of, require_columns, require_modality
from cellaxes.embed._convolutions import Convolutions, Layout, convolutions
from cellaxes.embed._model import register, require_fitted, require_size

if TYPE_CHECKING:
    import torch
    from torch import Tensor

READ = 256
"""Images per pass when reading; a constant, so that no result depends on it."""
HELD_OUT = 0.1
MIN_IMAGES = 20
"""Fewest training images."""


@dataclass(frozen=True, eq=False)
class _Fitted:
    net: Convolutions
    images: Images
    mean: float
    std: float
    classes: tuple[str, ...]

    @property
    def device(self) -> "torch.device":
        return self.net.values.device


@register(
    "cnn",
    description="a small convolutional network with a classifier head; its last layer but one",
    reference="the recipe of arXiv 2503.02726 (images), our own network instead of MobileNetV3",
    limits="sees the labels of the training images; knows nothing but these images",
    reads=("images",),
)
@dataclass
class CNN:
    """Convolutional network: ``Z_i`` is its last hidden layer before the activation.

    3 x 3 convolutions with ReLU, images halved after each until 7 pixels or fewer are left, a
    dense layer (the representation) and a head that learns the classes of the training
    images by cross-entropy. Pixels are standardised by mean and deviation of all training
    pixels, so that any noise keeps them in reach. The weights kept are those that did best on
    the tenth of the training images that is watched, not trained on.

    Parameters
    ----------
    label_key
        ``obs`` column with the classes to learn.
    hidden
        Dimension d of the embedding.
    epochs
        Times the training images are shown at most.
    patience
        Readings of the watched loss (one per epoch, or 12 batches) without a fall to stop after.
    batch_size, learning_rate
        Of Adam.
    device
        Of PyTorch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    """

    label_key: str = "label"
    hidden: int = 64
    epochs: int = 20
    patience: int = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    device: str = "cpu"
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("hidden", "epochs", "patience", "batch_size"):
            require_size(getattr(self, name), name)
        if not self.label_key:
            raise InputError("a cnn needs label_key=, the obs column with the classes to learn.")

    def fit(
        self,
        images: Any,
        *,
        random_state: int = 0,
        labels: Sequence[str] | NDArray[Any] | None = None,
        modality: Modality | None = None,
    ) -> Self:
        """Train on images ``(n_train, height * width * channels)``.

        Parameters
        ----------
        images
            Pixels.
        random_state
            Seed of weights, batches and of which images are watched.
        labels
            Class of each, ``(n_train,)``; `embed` and studies pass ``obs[label_key]``.
        modality
            Size and channels; `embed` and studies pass it.

        Raises
        ------
        InputError
            If labels are missing, of another length or of one class, there are fewer than 20
            images, or a pixel is not finite.
        """
        size = require_modality(modality, Images, "cnn")
        pixels = pixels_of(images)
        require_columns(pixels.shape[1], size.n_columns, "cnn", "pixels")
        if labels is None:
            raise InputError("a cnn learns classes: pass labels=, the class of each image.")
        if len(labels) != len(pixels):
            raise InputError(f"there are {len(labels)} labels for {len(pixels)} images.")
        classes, codes = np.unique(np.asarray(labels).astype(str), return_inverse=True)
        if len(classes) < 2 or len(pixels) < MIN_IMAGES:
            raise InputError(
                f"a cnn needs at least two classes and {MIN_IMAGES} training images, but has "
                f"{len(classes)} and {len(pixels)}: give more images."
            )
        rng, device = stream(random_state, "cnn"), find_device(self.device)
        mean, std = _moments(pixels)
        layout = Layout.of(size, self.hidden, len(classes))
        with seeded(rng, device):
            net = convolutions(layout, rng)
            net = Convolutions(net.values.detach().to(device).requires_grad_(), layout)
            fitted = _Fitted(net, size, mean, std, tuple(map(str, classes)))
            self._train(fitted, pixels, codes, rng)
        self._fitted = fitted
        return self

    def transform(self, images: Any) -> NDArray[np.float32]:
        """Return the embedding ``(n, hidden)`` of ``images`` ``(n, n_pixels)`` of the same size."""
        import torch

        fitted = require_fitted(self._fitted, "cnn")
        pixels = pixels_of(images)
        require_columns(pixels.shape[1], fitted.images.n_columns, "cnn", "pixels")
        out = np.empty((len(pixels), self.hidden), dtype=np.float32)
        with one_thread(), torch.no_grad():
            for start in range(0, len(pixels), READ):
                block = pixels[start : start + READ]
                padded = np.zeros((READ, block.shape[1]), dtype=block.dtype)
                padded[: len(block)] = block
                found = fitted.net.represent(_prepared(padded, fitted)).cpu().numpy()
                out[start : start + READ] = found[: len(block)]
        return out

    def to_artefact(self) -> Artefact:
        """Return the fitted model as plain data."""
        fitted = require_fitted(self._fitted, "cnn")
        params = settings_of(self) | {
            "images": asdict(fitted.images),
            "mean": fitted.mean,
            "std": fitted.std,
            "classes": list(fitted.classes),
        }
        values = fitted.net.values.detach().cpu().numpy().copy()
        return Artefact("embed.cnn", params, {"values": values})

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``.

        Raises
        ------
        InputError
            If the saved weights are not of the network that the settings describe.
        """
        import torch

        params = dict(artefact.params)
        images, classes = Images(**params.pop("images")), tuple(params.pop("classes"))
        mean, std = float(params.pop("mean")), float(params.pop("std"))
        model = cls(**params)
        layout = Layout.of(images, model.hidden, len(classes))
        values = torch.tensor(artefact.arrays["values"])
        if len(values) != layout.n_values:
            raise InputError(
                f"the saved weights do not fit the network of their settings ({len(values)} "
                f"instead of {layout.n_values}): save the model again."
            )
        with suppress(InputError):  # trained elsewhere: read on the CPU
            values = values.to(find_device(model.device))
        model._fitted = _Fitted(Convolutions(values, layout), images, mean, std, classes)
        return model

    def _train(
        self,
        fitted: _Fitted,
        pixels: NDArray[Any],
        codes: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> None:
        import torch

        order = rng.permutation(len(pixels))
        n_watched = max(1, round(HELD_OUT * len(pixels)))
        trained, watched = order[n_watched:], order[:n_watched]

        def loss(rows: NDArray[np.int64]) -> "Tensor":
            scores = fitted.net.classify(_prepared(pixels[rows], fitted))
            truth = torch.from_numpy(codes[rows]).to(fitted.device)
            return torch.nn.functional.cross_entropy(scores, truth)

        def worth() -> float:
            parts = [watched[i : i + READ] for i in range(0, len(watched), READ)]
            return -sum(loss(part).item() * len(part) for part in parts) / len(watched)

        per_epoch = max(1, len(trained) // self.batch_size)
        train(
            [fitted.net],
            loss,
            worth,
            rows=trained,
            batch=self.batch_size,
            learning_rate=self.learning_rate,
            max_rounds=-(-self.epochs * per_epoch // min(ROUND, per_epoch)),
            patience=self.patience,
            rng=rng,
        )


def _moments(pixels: NDArray[Any]) -> tuple[float, float]:
    """Return mean and standard deviation of all pixels."""
    starts = range(0, len(pixels), READ)
    mean = sum(float(pixels[i : i + READ].sum(dtype=np.float64)) for i in starts) / pixels.size
    square = sum(float(((pixels[i : i + READ] - mean) ** 2).sum()) for i in starts) / pixels.size
    return mean, float(np.sqrt(square)) or 1.0


def _prepared(pixels: NDArray[Any], fitted: _Fitted) -> "Tensor":
    """Return images ``(n, channels, height, width)``, standardised."""
    import torch

    size = fitted.images
    standard = (pixels.astype(np.float32) - np.float32(fitted.mean)) / np.float32(fitted.std)
    found = torch.from_numpy(standard.reshape(-1, size.height, size.width, size.channels))
    return found.permute(0, 3, 1, 2).to(fitted.device)
