"""Small networks on the CPU: seeded by our own streams, trained until they stop improving."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


BETA_MEAN, BETA_SQUARE = 0.9, 0.999
DEVICES = ("cpu", "cuda", "mps")
ROUND = 12
"""Batches after which training looks up, where an epoch is longer."""


@contextmanager
def one_thread() -> Iterator[None]:
    """Run PyTorch on one thread: fastest for small batches, and the same result anywhere."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(rng: np.random.Generator, device: "torch.device | None" = None) -> Iterator[None]:
    """Seed PyTorch from a stream, on one thread, and leave its global state as it was."""
    import torch

    forked = [device] if device is not None and device.type == "cuda" else []
    with one_thread(), torch.random.fork_rng(devices=forked):
        torch.manual_seed(int(rng.integers(2**63)))
        yield


def find_device(name: str) -> "torch.device":
    """Return the PyTorch device of that name, as ``"cpu"``, ``"cuda"`` or ``"cuda:1"``.

    Raises
    ------
    InputError
        If there is no such kind of device, or none of it here.
    """
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # no such name; none of it on this machine
        device = None
    if device is None or device.type not in DEVICES:
        raise InputError(
            f"device={name!r} is none that PyTorch can use here: write 'cpu', or 'cuda' (an NVIDIA "
            "GPU) or 'mps' (Apple's) on a machine that has one."
        )
    return device


@dataclass(frozen=True, eq=False)
class Network:
    """A stack of dense layers with SiLU between them.

    Attributes
    ----------
    values
        All weights and biases in one vector, which is what is trained.
    widths
        Of the layers, input first.
    """

    values: "Tensor"
    widths: tuple[int, ...]

    def __call__(self, rows: "Tensor") -> "Tensor":
        from torch.nn.functional import silu

        start = 0
        for layer, (fan_in, fan_out) in enumerate(pairwise(self.widths)):
            bias = start + fan_in * fan_out
            weight = self.values[start:bias].view(fan_in, fan_out)
            start = bias + fan_out
            rows = (silu(rows) if layer else rows) @ weight + self.values[bias:start]
        return rows


def network(widths: Sequence[int], rng: np.random.Generator, last: float = 1.0) -> Network:
    """Return a network with these layer widths, weights uniform within ``1 / sqrt(fan in)``.

    ``last`` scales the weights of the last layer.
    """
    import torch

    values = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
        bound = 1 / np.sqrt(max(fan_in, 1))
        weight = rng.uniform(-bound, bound, fan_in * fan_out)
        values += [weight * (last if layer == len(widths) - 2 else 1.0)]
        values += [rng.uniform(-bound, bound, fan_out)]
    flat = torch.tensor(np.concatenate(values), dtype=torch.float32, requires_grad=True)
    return Network(flat, tuple(widths))


class Adam:
    """Adam (Kingma and Ba 2015), without what the optimisers of PyTorch import.

    Parameters
    ----------
    values
        What is moved, in place.
    mean
        Decay of the running mean of the slopes.
    """

    def __init__(self, values: Sequence["Tensor"], *, mean: float = BETA_MEAN) -> None:
        import torch

        self._values, self._mean, self._step = list(values), mean, 0
        self._moments = [(torch.zeros_like(v), torch.zeros_like(v)) for v in values]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the running means and the number of steps."""
        arrays = {"steps": np.array([self._step])}
        for i, moments in enumerate(self._moments):
            for name, value in zip(("mean", "square"), moments, strict=True):
                arrays[f"{name}.{i}"] = value.detach().cpu().numpy().copy()
        return arrays

    def from_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Go on from what `to_arrays` returned."""
        import torch

        self._step = int(arrays["steps"][0])
        for i, moments in enumerate(self._moments):
            for name, value in zip(("mean", "square"), moments, strict=True):
                value.copy_(torch.from_numpy(arrays[f"{name}.{i}"]))

    def step(self, slopes: Sequence["Tensor"], learning_rate: float) -> None:
        """Move against the slopes; call without gradients."""
        self._step += 1
        rate = learning_rate / (1 - self._mean**self._step)
        for value, slope, (mean, square) in zip(self._values, slopes, self._moments, strict=True):
            mean.lerp_(slope, 1 - self._mean)
            square.lerp_(slope * slope, 1 - BETA_SQUARE)
            size = (square / (1 - BETA_SQUARE**self._step)).sqrt_().add_(1e-8)
            value.addcdiv_(mean, size, value=-rate)


def batches_of(
    rows: NDArray[np.int64], batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Deal the rows to batches, and again, without end."""
    while True:
        yield from np.array_split(rng.permutation(rows), max(1, len(rows) // batch))


class Trainable(Protocol):
    """A network whose weights lie in one vector."""

    @property
    def values(self) -> "Tensor":
        """All weights, which training changes in place."""


def train(
    networks: Sequence[Trainable],
    loss: Callable[[NDArray[np.int64]], "Tensor"],
    worth: Callable[[], float],
    *,
    rows: NDArray[np.int64],
    batch: int,
    learning_rate: float,
    max_rounds: int,
    patience: int,
    rng: np.random.Generator,
    floor: float = float("-inf"),
) -> float:
    """Train in place until ``worth`` stops rising, and leave the best weights behind.

    Parameters
    ----------
    networks
        What is trained, by Adam (Kingma and Ba 2015).
    loss
        Of a batch of rows.
    worth
        What is to rise, on rows kept aside; evaluated without gradients after each round: an
        epoch, or `ROUND` batches of a longer one.
    rows, batch
        Rows trained on, and how many at a time.
    learning_rate, max_rounds
        Step size; rounds at most.
    patience
        Rounds without a rise of ``worth`` after which training stops.
    rng
        Shuffles the rows.
    floor
        Worth of doing without; where it is never exceeded the weights mean nothing.

    Returns
    -------
    The best ``worth``, whose weights are left in place, or ``floor``.
    """
    import torch

    adam = Adam([net.values for net in networks])
    best, waited, kept = floor, 0, None
    batches = batches_of(rows, batch, rng)
    for _ in range(max_rounds):
        for part in islice(batches, min(ROUND, max(1, len(rows) // batch))):
            slopes = torch.autograd.grad(loss(part), [net.values for net in networks])
            with torch.no_grad():
                adam.step(slopes, learning_rate)
        with torch.no_grad():
            now = worth()
        if now > best:
            best, waited = now, 0
            kept = [net.values.detach().clone() for net in networks]
        else:
            waited += 1
            if waited >= patience:
                break
    if kept is not None:
        with torch.no_grad():
            for net, values in zip(networks, kept, strict=True):
                net.values.copy_(values)
    return best
