"""Pretrained vision models, read from a checkpoint."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact
from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.modality import Images, Modality
from cellaxes._core.nets import find_device, one_thread, seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, settings_of, weights_of
from cellaxes.embed._columns import pixels_of, require_columns, require_modality
from cellaxes.embed._hub import build_network, config_of, folder_of, read_network, reading
from cellaxes.embed._model import register, require_fitted

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

KIND, WHAT = "AutoModel", "a vision model"
READ = 16
"""Images per pass; a constant, so that no result depends on it."""
HALF = [0.5, 0.5, 0.5]


@dataclass(frozen=True)
class _View:
    """How a model wants its images: height and width, and what is subtracted and divided by."""

    size: tuple[int, int]
    mean: Sequence[float]
    std: Sequence[float]


@dataclass(frozen=True, eq=False)
class _Fitted:
    net: "PreTrainedModel"
    images: Images
    view: _View


@register(
    "vision",
    description="any vision model of transformers (ViT, DINOv2, ConvNeXt, ResNet), pooled output",
    reference="the model's own",
    limits="nothing is trained; slow without a GPU; extra 'transformers'",
    reads=("images",),
)
@dataclass
class Vision:
    """Pretrained vision model: ``Z_i = mean_p H_ip`` over the places p of image i.

    H is the last hidden layer, without the head: patches of a transformer, the map of a
    convolutional network. Images are brought to 0 to 1 by their intensity scale (noise may
    go beyond), resized as the model wants them, bilinear, and standardised by its own mean
    and deviation; grey ones become three equal channels.

    Parameters
    ----------
    checkpoint
        Folder with ``config.json`` and ``model.safetensors``, or a hub id in the local cache,
        as ``"facebook/dinov2-small"``.
    pool
        ``"mean"``: over all places; ``"first"``: the first token of a transformer, which sums
        up the image where the model was trained so.
    size
        Pixels per side that images are resized to; 0: what the checkpoint says.
    device
        Of PyTorch: ``"cpu"``, ``"cuda"``, ``"cuda:1"``.
    """

    checkpoint: str = ""
    pool: Literal["mean", "first"] = "mean"
    size: int = 0
    device: str = "cpu"
    _fitted: _Fitted | None = field(default=None, repr=False, init=False, compare=False)

    def __post_init__(self) -> None:
        if not self.checkpoint:
            raise InputError("a vision model needs checkpoint=, a folder or a hub id.")
        if self.pool not in ("mean", "first"):
            raise InputError(f"pool must be 'mean' or 'first', but is {self.pool!r}.")
        if self.size < 0:
            raise InputError(f"size must not be negative, but is {self.size}.")

    def fit(self, images: Any, *, random_state: int = 0, modality: Modality | None = None) -> Self:
        """Read the checkpoint; the images themselves are not read.

        Parameters
        ----------
        images
            Pixels ``(n_train, height * width * channels)``.
        random_state
            Not used: nothing is drawn.
        modality
            Size, channels and intensity scale; `embed` and studies pass it.

        Raises
        ------
        InputError
            If the checkpoint is missing, damaged or no such model, or the device missing.
        """
        size = require_modality(modality, Images, "vision")
        require_extra("transformers", extra="transformers", what="vision models")
        folder = folder_of(self.checkpoint)
        net = read_network(folder, KIND, what=WHAT)
        view = self._view(folder, net, size)
        net = net.to(find_device(self.device))
        fitted = _Fitted(net, size, view)
        with reading(folder, WHAT):
            self._read(fitted, np.zeros((1, size.n_columns), dtype=np.float32))
        self._fitted = fitted
        return self

    def transform(self, images: Any) -> NDArray[np.float32]:
        """Return the embedding ``(n, d)`` of ``images`` ``(n, n_pixels)`` of the same size."""
        fitted = require_fitted(self._fitted, "vision")
        pixels = pixels_of(images)
        require_columns(pixels.shape[1], fitted.images.n_columns, "vision", "pixels")
        starts = range(0, len(pixels), READ)
        found = [self._read(fitted, pixels[start : start + READ]) for start in starts]
        return np.concatenate(found) if found else self._read(fitted, pixels)

    def to_artefact(self) -> Artefact:
        """Return the network as plain data: the checkpoint is needed no more."""
        fitted = require_fitted(self._fitted, "vision")
        params = settings_of(self) | {
            "config": config_of(fitted.net),
            "images": asdict(fitted.images),
            "view": asdict(fitted.view),
        }
        return Artefact("embed.vision", params, weights_of(fitted.net))

    @classmethod
    def from_artefact(cls, artefact: Artefact) -> Self:
        """Return the model that `to_artefact` wrote as ``artefact``."""
        params: dict[str, Any] = dict(artefact.params)
        config, images = params.pop("config"), Images(**params.pop("images"))
        view = params.pop("view")
        model = cls(**params)
        with seeded(stream(0, "vision")):
            net = build_network(config, KIND)
        load_weights(net, artefact.arrays, device=model.device)
        height, width = view.pop("size")
        model._fitted = _Fitted(net, images, _View((height, width), **view))
        return model

    def _view(self, folder: Path, net: "PreTrainedModel", images: Images) -> _View:
        """Return how images are shown, from settings, ``preprocessor_config.json`` and network."""
        told: dict[str, Any] = {}
        if (folder / "preprocessor_config.json").is_file():
            with reading(folder, WHAT):
                told = dict(json.loads((folder / "preprocessor_config.json").read_text()))
        stated = told.get("crop_size") or told.get("size")
        wanted: Any = self.size or stated or getattr(net.config, "image_size", None)
        if isinstance(wanted, dict):
            side = wanted.get("shortest_edge")
            wanted = [wanted.get("height", side), wanted.get("width", side)]
        wanted = wanted or [images.height, images.width]
        height, width = [wanted] * 2 if isinstance(wanted, int) else wanted
        mean, std = told.get("image_mean") or HALF, told.get("image_std") or HALF
        return _View((int(height), int(width)), mean, std)

    def _read(self, fitted: _Fitted, pixels: NDArray[Any]) -> NDArray[np.float32]:
        """Return the embedding of at most `READ` images."""
        import torch

        padded = np.zeros((READ, fitted.images.n_columns), dtype=np.float32)
        padded[: len(pixels)] = pixels
        with one_thread(), torch.inference_mode():
            shown = _shown(torch.from_numpy(padded), fitted).to(fitted.net.device)
            states = fitted.net(pixel_values=shown).last_hidden_state
            if states.ndim == 4:  # (n, d, height, width) of a convolutional network
                states = states.flatten(2).transpose(1, 2)
            pooled = states.mean(dim=1) if self.pool == "mean" else states[:, 0]
        return np.asarray(pooled.float().cpu().numpy()[: len(pixels)])


def _shown(rows: "Tensor", fitted: _Fitted) -> "Tensor":
    """Return images as the network wants them, ``(n, channels, height, width)``."""
    import torch

    size, view = fitted.images, fitted.view
    found = rows.reshape(-1, size.height, size.width, size.channels).permute(0, 3, 1, 2)
    found = (found - size.low) / (size.high - size.low)
    if (size.height, size.width) != tuple(view.size):
        found = torch.nn.functional.interpolate(
            found, view.size, mode="bilinear", antialias=True, align_corners=False
        )
    channels = int(getattr(fitted.net.config, "num_channels", 3))
    if channels != found.shape[1]:
        found = found.mean(dim=1, keepdim=True).expand(-1, channels, -1, -1)
    mean, std = (torch.tensor(list(value))[:channels] for value in (view.mean, view.std))
    return (found - mean[:, None, None]) / std[:, None, None]
