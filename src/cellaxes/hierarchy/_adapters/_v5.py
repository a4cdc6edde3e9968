"""V5, the fractal adapter of frac-bio-embed, as published: for comparison."""

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import Adam, find_device, one_thread
from cellaxes._core.random import stream
from cellaxes.hierarchy._adapters import _v5_head as head
from cellaxes.hierarchy._adapters._dense import Arrays
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._sampler import BalancedSampler
from cellaxes.hierarchy._adapters._vote import vote

if TYPE_CHECKING:
    from torch import Tensor

PREFIX = "prefix"
"""Setting that asks for a prefix of this length."""
BATCH, EPOCHS, RATE, DECAY, CLIP = 256, 50, 1e-4, 0.01, 1.0
TEMPERATURE, MARGIN = 0.07, 0.2
ASIDE, JUDGED, PATIENCE = 0.15, 2000, 5


def fit_v5(task: Task) -> tuple[dict[str, NDArray[np.float32]], dict[str, Any]]:
    """Train as the author does (specification of the published code).

    15 % of the cells are kept aside; after each epoch their leave-one-out vote, summed over levels,
    is taken; the best epoch is kept, and five without a better one end it. With ``steps`` there are
    as many epochs as hold them and none is left out: of few cells five epochs are few steps.
    """
    import torch

    rng = stream(task.random_state, "hierarchy", "adapter", "v5")
    device = find_device(task.device)
    order = rng.permutation(len(task))
    n_aside = int(len(order) * ASIDE)
    aside, train = order[:n_aside][:JUDGED], order[n_aside:]
    batch = min(BATCH, len(train))
    per_epoch = max(1, len(train) // batch)
    epochs = EPOCHS if task.steps is None else max(1, round(task.steps / per_epoch))
    patience = PATIENCE if task.steps is None else epochs
    n_steps, rate = epochs * per_epoch, task.learning_rate or RATE
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))
        weights = _start(task, rng, device)
        moved = list(weights.values())
        adam = Adam(moved)
        x = torch.from_numpy(task.x).to(device)
        samplers = [BalancedSampler(level[train], rng) for level in task.codes.T]
        best, waited = -1.0, 0
        kept = [value.detach().clone() for value in moved]
        for epoch in range(epochs):
            dealt = rng.permutation(len(train))
            for at in range(per_epoch):
                some = dealt[at * batch : (at + 1) * batch]
                now = _loss(task, x, weights, train, some, samplers, rng)
                if not torch.isfinite(now):
                    continue
                slopes = torch.autograd.grad(now, moved, allow_unused=True)
                used = [
                    torch.zeros_like(v) if s is None else s
                    for v, s in zip(moved, slopes, strict=True)
                ]
                length = torch.sqrt(sum(((s**2).sum() for s in used), start=torch.zeros(())))
                step_rate = (
                    rate * 0.5 * (1 + math.cos(math.pi * (epoch * per_epoch + at) / n_steps))
                )
                with torch.no_grad():
                    for value in moved:
                        value.mul_(1 - step_rate * DECAY)
                    shrink = min(1.0, CLIP / (float(length) + 1e-6))
                    adam.step([s * shrink for s in used], step_rate)
            worth = _worth(task, x, weights, aside)
            if worth > best:
                best, waited = worth, 0
                kept = [value.detach().clone() for value in moved]
            elif (waited := waited + 1) >= patience:
                break
    arrays = {n: v.cpu().numpy() for n, v in zip(weights, kept, strict=True)}
    return arrays, {"n_levels": len(task.dims)}


def apply_v5(x: NDArray[np.float32], arrays: Arrays, params: dict[str, Any]) -> NDArray[np.float32]:
    """Return the whole vector, or the prefix of a length, which is no slice of it."""
    import torch

    weights = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    with torch.no_grad():
        outputs = head.block_outputs(
            torch.from_numpy(x), weights, params["n_levels"], training=False
        )
        length = params.get(PREFIX)
        found = head.whole(outputs, weights) if length is None else head.prefix(outputs, length)
    return np.asarray(found.numpy(), dtype=np.float32)


def _start(task: Task, rng: np.random.Generator, device: Any) -> dict[str, "Tensor"]:
    """Return weights uniform within ``1 / sqrt(fan in)``; norms that change nothing."""
    import torch

    n_top, n_leaf = int(task.codes[:, 0].max()) + 1, len(task.allowed)
    made = {}
    shapes = head.shapes(task.z.shape[1], task.dims, n_top, n_leaf)
    for name, shape in shapes.items():
        if name.startswith("norm"):
            value = np.full(shape, float(name.endswith("weight")))
        else:
            bound = 1 / np.sqrt(shapes[name.split(".")[0] + ".weight"][0])
            value = rng.uniform(-bound, bound, shape)
        made[name] = torch.from_numpy(value.astype(np.float32)).to(device).requires_grad_()
    return made


def _loss(
    task: Task,
    x: "Tensor",
    weights: head.Weights,
    train: NDArray[np.int64],
    some: NDArray[np.int64],
    samplers: list[BalancedSampler],
    rng: np.random.Generator,
) -> "Tensor":
    """Return the loss of one batch: the whole vector, and one prefix for the whole batch."""
    import torch
    from torch.nn.functional import cross_entropy

    dims, n_levels = task.dims, len(task.dims)
    codes = task.codes[train[some]]
    wanted = rng.choice(n_levels, len(some), p=head.chances(n_levels))
    level = int(np.bincount(wanted).argmax())
    positives = [train[samplers[j].member(codes[:, j])] for j in (-1, level)]
    rows = np.concatenate([train[some], train[some], *positives])
    outputs = head.block_outputs(x[torch.from_numpy(rows)], weights, n_levels, training=True)
    anchor, shortened, same_leaf, same_level = outputs.chunk(4)
    widths = [stop - start for start, stop in pairwise((0, *dims))]
    dropped = np.repeat(rng.random((len(some), n_levels)) < head.keeping(n_levels), widths, axis=1)
    mask = torch.from_numpy(dropped.astype(np.float32)).to(x.device)
    cut = torch.from_numpy(np.asarray(dims)[wanted][:, None]).to(x.device)
    target = torch.from_numpy(codes).to(x.device)

    full = head.whole(anchor * mask, weights)
    calls = head.dense(head.norm(full, weights, "norm_leaf"), weights, "leaf")
    loss = _contrast(full, head.whole(same_leaf, weights)) + 0.5 * _margin(full, target[:, -1])
    loss = loss + cross_entropy(calls, target[:, -1])

    z = head.prefix(shortened, torch.clamp(cut, max=dims[level]))
    part = _contrast(z, head.whole(same_level, weights)) + 0.5 * _margin(z, target[:, level])
    if level in (0, n_levels - 1):
        name = "top" if level == 0 else "leaf"
        said = head.dense(head.norm(z, weights, f"norm_{name}"), weights, name)
        part = part + cross_entropy(said, target[:, level])
    return loss + 0.6 * part


def _contrast(anchor: "Tensor", positive: "Tensor") -> "Tensor":
    """Return the InfoNCE with one positive; other cells of the class count as negatives."""
    import torch
    from torch.nn.functional import cross_entropy

    return cross_entropy(
        anchor @ positive.T / TEMPERATURE, torch.arange(len(anchor), device=anchor.device)
    )


def _margin(z: "Tensor", codes: "Tensor") -> "Tensor":
    """Return how far the mean cosine to others comes within the margin of that to its own."""
    import torch

    alike = z @ z.T
    same = codes[:, None] == codes[None, :]
    own = same & ~torch.eye(len(z), dtype=torch.bool, device=z.device)
    near = (alike * own).sum(dim=1) / own.sum(dim=1).clamp(min=1)
    far = (alike * ~same).sum(dim=1) / (~same).sum(dim=1).clamp(min=1)
    both = own.any(dim=1) & (~same).any(dim=1)
    return (torch.relu(far - near + MARGIN) * both).mean()


def _worth(task: Task, x: "Tensor", weights: head.Weights, aside: NDArray[np.int64]) -> float:
    """Return the leave-one-out accuracy of the five nearest among cells aside, over levels."""
    import torch

    if len(aside) < 2:
        return 0.0
    with torch.no_grad():
        outputs = head.block_outputs(
            x[torch.from_numpy(aside)], weights, len(task.dims), training=False
        )
        z = head.whole(outputs, weights).cpu().numpy()
    alike = z @ z.T
    np.fill_diagonal(alike, -np.inf)
    codes = task.codes[aside]
    return float((vote(alike, codes) == codes).mean(axis=0).sum())
