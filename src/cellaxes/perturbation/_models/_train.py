"""One training loop for every network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.nets import Adam, batches_of
from cellaxes.perturbation._features._features import Inputs
from cellaxes.perturbation._models._losses import LOSSES, loss

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True)
class Training:
    """How a network is trained.

    Attributes
    ----------
    epochs, batch
        Passes through the rows, and rows at a time.
    learning_rate, schedule
        Of Adam; ``"cosine"`` lets it fall to zero.
    loss
        Of `LOSSES`.
    clip
        Largest norm of the slopes of all weights; infinity lets them be.
    zeroing
        Share of the features that are set to zero in one half of the rows of every batch, anew
        at each step.
    held_out
        Share of the rows that features, components and training never see. They choose the
        epoch: the weights of the least loss are kept. At 0 the last weights are.
    n_seeds
        Networks; their median is predicted.
    """

    epochs: int = 120
    batch: int = 64
    learning_rate: float = 5e-3
    schedule: Literal["constant", "cosine"] = "cosine"
    loss: str = "mrrmse"
    clip: float = float("inf")
    zeroing: float = 0.0
    held_out: float = 0.0
    n_seeds: int = 3

    def __post_init__(self) -> None:
        if self.loss not in LOSSES or self.schedule not in ("constant", "cosine"):
            raise InputError(
                f"loss must be one of {', '.join(LOSSES)} and schedule 'constant' or 'cosine', not "
                f"{self.loss!r} and {self.schedule!r}."
            )
        if min(self.epochs, self.batch, self.n_seeds) < 1 or self.learning_rate <= 0:
            raise InputError("epochs, batch, n_seeds and learning_rate must be positive.")
        if not (0 <= self.zeroing < 1 and 0 <= self.held_out < 1 and self.clip > 0):
            raise InputError("zeroing and held_out must be in [0, 1), and clip above 0.")


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows as tensors.

    Attributes
    ----------
    features
        What the network reads: `tensors`.
    targets
        ``(n_rows, d)``.
    weights
        ``(n_rows,)``.
    """

    features: dict[str, "Tensor"]
    targets: "Tensor"
    weights: "Tensor"

    def take(self, rows: NDArray[np.int64]) -> "Rows":
        """Return some of the rows."""
        import torch

        at = torch.from_numpy(rows)
        found = {name: values[at] for name, values in self.features.items()}
        return Rows(found, self.targets[at], self.weights[at])


def tensors(inputs: Inputs) -> dict[str, "Tensor"]:
    """Return features as tensors by name; they share memory."""
    import torch

    return {name: torch.from_numpy(np.ascontiguousarray(v)) for name, v in vars(inputs).items()}


def make_rows(inputs: Inputs, targets: NDArray[np.float32], weights: NDArray[np.float64]) -> Rows:
    """Return rows as tensors."""
    import torch

    return Rows(
        tensors(inputs),
        torch.from_numpy(np.ascontiguousarray(targets)),
        torch.from_numpy(weights.astype(np.float32)),
    )


def loss_of(net: "Module", rows: Rows, name: str) -> float:
    """Return the loss of a network on rows, reading rather than training."""
    import torch

    net.eval()
    with torch.no_grad():
        return float(loss(name, net(rows.features), rows.targets, weights=rows.weights))


def train(
    net: "Module", rows: Rows, how: Training, *, watched: Rows | None, rng: np.random.Generator
) -> float:
    """Train in place; leave the weights of the least loss on the watched rows, else the last.

    PyTorch's own stream draws dropout and what is set to zero: seed it before.

    Returns
    -------
    The loss of the weights that are left, on the watched rows; on the trained ones without.
    """
    import torch

    from cellaxes.perturbation._models._layers import settle

    values = [value for value in net.parameters() if value.requires_grad]
    adam, n = Adam(values), len(rows.targets)
    per_epoch = max(1, n // how.batch)
    batches, steps = batches_of(np.arange(n), how.batch, rng), how.epochs * per_epoch
    best, kept = float("inf"), None
    for step in range(steps):
        net.train()
        part = rows.take(next(batches))
        features = zeroed(part.features, how.zeroing)
        value = loss(how.loss, net(features), part.targets, weights=part.weights)
        slopes = torch.autograd.grad(value, values)
        falling = (1 + np.cos(np.pi * step / steps)) / 2 if how.schedule == "cosine" else 1.0
        with torch.no_grad():
            adam.step(_clipped(slopes, how.clip), how.learning_rate * falling)
        if watched is not None and (step + 1) % per_epoch == 0:
            settle(net)
            now = loss_of(net, watched, how.loss)
            if now < best:  # a copy: state_dict() is a view of weights that go on changing
                best = now
                kept = {name: held.detach().clone() for name, held in net.state_dict().items()}
    if kept is not None:
        net.load_state_dict(kept)
    settle(net)
    return loss_of(net, rows, how.loss) if watched is None else best


def zeroed(features: Mapping[str, "Tensor"], share: float) -> dict[str, "Tensor"]:
    """Set a share of the numbers to zero in one half of the rows; codes stay."""
    import torch

    found = dict(features)
    for name, values in features.items():
        if share and values.is_floating_point() and values.numel():
            keep = torch.rand(values.shape) >= share
            keep[: len(values) // 2] = True
            found[name] = values * keep
    return found


def _clipped(slopes: Any, most: float) -> Any:
    import torch

    if not np.isfinite(most):
        return slopes
    norm = torch.stack([slope.square().sum() for slope in slopes]).sum().sqrt()
    factor = (most / (norm + 1e-6)).clamp(max=1.0)
    return [slope * factor for slope in slopes]
