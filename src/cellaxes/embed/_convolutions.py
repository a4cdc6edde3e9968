"""A small convolutional network whose weights lie in one vector."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellaxes._core.modality import Images

if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = (16, 32, 64, 64, 128, 128, 128, 128)
"""Of the convolutions, one after the other."""
KERNEL = 3
SMALL = 7
"""Pixels, per side, to which images are pooled."""


@dataclass(frozen=True)
class Layout:
    """Sizes of the network.

    Attributes
    ----------
    image
        ``(channels, height, width)`` of the images.
    hidden
        Dimension of the representation.
    n_classes
        Of the head.
    """

    image: tuple[int, int, int]
    hidden: int
    n_classes: int

    @classmethod
    def of(cls, images: Images, hidden: int, n_classes: int) -> "Layout":
        """Return the sizes for images of a modality."""
        return cls((images.channels, images.height, images.width), hidden, n_classes)

    @property
    def convolutions(self) -> list[tuple[int, int]]:
        """Channels in and out of each; images are halved after it until they are small."""
        channels, height, width = self.image
        n = 1
        while -(-max(height, width) // 2**n) > SMALL and n < len(CHANNELS):
            n += 1
        return list(zip((channels, *CHANNELS), CHANNELS[:n], strict=False))

    @property
    def flat(self) -> int:
        """Values per image after the convolutions."""
        _, height, width = self.image
        for _ in self.convolutions:
            height, width = -(-height // 2), -(-width // 2)
        return self.convolutions[-1][1] * height * width

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the weights, each followed by its biases."""
        found: list[tuple[int, ...]] = [(o, i, KERNEL, KERNEL) for i, o in self.convolutions]
        return [*found, (self.hidden, self.flat), (self.n_classes, self.hidden)]

    @property
    def n_values(self) -> int:
        """Weights and biases in all."""
        return sum(int(np.prod(shape)) + shape[0] for shape in self.shapes)


@dataclass(frozen=True, eq=False)
class Convolutions:
    """Convolutions with halving, a dense layer (the representation), a dense head.

    Attributes
    ----------
    values
        All weights and biases in one vector, which is what is trained.
    layout
        Sizes.
    """

    values: "Tensor"
    layout: Layout

    def represent(self, images: "Tensor") -> "Tensor":
        """Return the last layer but one before its activation, ``(n, hidden)``."""
        from torch.nn.functional import conv2d, max_pool2d, relu

        *convolutions, dense, _ = self._weights()
        for weight, bias in convolutions:
            images = relu(conv2d(images, weight, bias, padding=KERNEL // 2))
            images = max_pool2d(images, 2, ceil_mode=True)
        return images.flatten(1) @ dense[0].T + dense[1]

    def classify(self, images: "Tensor") -> "Tensor":
        """Return the scores of the classes, ``(n, n_classes)``, natural log odds."""
        from torch.nn.functional import relu

        *_, (weight, bias) = self._weights()
        return relu(self.represent(images)) @ weight.T + bias

    def _weights(self) -> Iterator[tuple["Tensor", "Tensor"]]:
        start = 0
        for shape in self.layout.shapes:
            end = start + int(np.prod(shape))
            yield self.values[start:end].view(shape), self.values[end : end + shape[0]]
            start = end + shape[0]


def convolutions(layout: Layout, rng: np.random.Generator) -> Convolutions:
    """Return a network with weights of variance ``2 / fan in`` (He et al. 2015), biases zero."""
    import torch

    values = []
    for shape in layout.shapes:
        weight = rng.standard_normal(shape, dtype=np.float32)
        values += [weight.ravel() * np.sqrt(2 / np.prod(shape[1:])), np.zeros(shape[0])]
    flat = torch.tensor(np.concatenate(values), dtype=torch.float32, requires_grad=True)
    return Convolutions(flat, layout)
