"""Small networks on the CPU: seeded by our own streams, trained until they stop improving."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


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


@dataclass(frozen=True, eq=False)
class Network:
    """A stack of dense layers with SiLU between them."""

    weights: list["Tensor"]
    biases: list["Tensor"]

    @property
    def parameters(self) -> list["Tensor"]:
        """All weights and biases."""
        return [*self.weights, *self.biases]

    def __call__(self, values: "Tensor") -> "Tensor":
        from torch.nn.functional import silu

        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            values = silu(values @ weight + bias)
        return values @ self.weights[-1] + self.biases[-1]


def network(widths: Sequence[int], rng: np.random.Generator) -> Network:
    """Return a network with these layer widths, weights uniform within ``1 / sqrt(fan in)``."""
    import torch

    weights, biases = [], []
    for fan_in, fan_out in pairwise(widths):
        bound = 1 / np.sqrt(max(fan_in, 1))
        weight = rng.uniform(-bound, bound, (fan_in, fan_out))
        bias = rng.uniform(-bound, bound, fan_out)
        weights.append(torch.tensor(weight, dtype=torch.float32, requires_grad=True))
        biases.append(torch.tensor(bias, dtype=torch.float32, requires_grad=True))
    return Network(weights, biases)


def _batches(
    rows: NDArray[np.int64], batch: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """Deal the rows to batches, and again, without end."""
    while True:
        yield from np.array_split(rng.permutation(rows), max(1, len(rows) // batch))


def adam_steps(
    parameters: Sequence["Tensor"],
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
    """Train in place until ``worth`` stops rising, and leave the best parameters behind.

    Parameters
    ----------
    parameters
        What is trained, by AdamW.
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
        Worth of doing without; where it is never exceeded the parameters mean nothing.

    Returns
    -------
    The best ``worth``, whose parameters are left in place, or ``floor``.
    """
    import torch

    optimiser = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=1e-3)
    best, waited, kept = floor, 0, None
    batches = _batches(rows, batch, rng)
    steps = min(ROUND, max(1, len(rows) // batch))
    for _ in range(max_rounds):
        for part in islice(batches, steps):
            optimiser.zero_grad()
            torch.autograd.backward(loss(part))
            optimiser.step()
        with torch.no_grad():
            now = worth()
        if now > best:
            best, waited = now, 0
            kept = [parameter.detach().clone() for parameter in parameters]
        else:
            waited += 1
            if waited >= patience:
                break
    if kept is not None:
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)
    return best
