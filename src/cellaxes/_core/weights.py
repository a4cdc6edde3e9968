"""Weights and settings of a network as plain arrays, and back."""

from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.nets import find_device

if TYPE_CHECKING:
    from torch.nn import Module

PREFIX = "net."


def settings_of(model: Any) -> dict[str, Any]:
    """Return the settings of a model: its public fields."""
    return {entry.name: getattr(model, entry.name) for entry in fields(model) if entry.init}


def weights_of(net: "Module", prefix: str = PREFIX) -> dict[str, NDArray[Any]]:
    """Return the weights and buffers of a network, their names prefixed."""
    return {
        prefix + name: value.detach().cpu().numpy().copy()
        for name, value in net.state_dict().items()
    }


def load_weights(
    net: "Module", arrays: dict[str, NDArray[Any]], *, device: str = "cpu", prefix: str = PREFIX
) -> None:
    """Put back what `weights_of` took out, and set the network to reading.

    Where ``device`` is not to be had, as on a laptop that reads what a cluster trained, the
    network stays on the CPU.

    Raises
    ------
    InputError
        If the names or shapes are not those of the network.
    """
    import torch

    found = {
        name.removeprefix(prefix): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(prefix)
    }
    try:
        net.load_state_dict(found)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise InputError(
            f"the saved weights do not fit the network of their settings ({reason}): "
            "save the model again."
        ) from error
    net.eval()
    with suppress(InputError):
        net.to(find_device(device))
