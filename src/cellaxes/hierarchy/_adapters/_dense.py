"""A network of one hidden layer, applied without PyTorch."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Arrays = Mapping[str, NDArray[np.float32]]

NETWORK = ("centre", "scale", "weight0", "bias0", "weight1", "bias1")
"""Arrays of a trained network."""


def standardise(
    x: NDArray[np.floating], centre: NDArray[np.float32], scale: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return rows about the centre of the training cells, of unit variance on average."""
    return np.asarray((x - centre) / scale, dtype=np.float32)


def forward(x: NDArray[np.float32], arrays: Arrays) -> NDArray[np.float32]:
    """Return ``silu(s weight0 + bias0) weight1 + bias1`` with s the standardised rows."""
    hidden = standardise(x, arrays["centre"], arrays["scale"]) @ arrays["weight0"] + arrays["bias0"]
    return np.asarray(hidden * expit(hidden) @ arrays["weight1"] + arrays["bias1"], np.float32)
