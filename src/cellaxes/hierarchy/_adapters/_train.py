"""Training of a network of one hidden layer on class-balanced batches."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import Adam, find_device, network, one_thread
from cellaxes._core.random import stream
from cellaxes.hierarchy._adapters._dense import standardise
from cellaxes.hierarchy._adapters._inputs import Task
from cellaxes.hierarchy._adapters._losses import Loss
from cellaxes.hierarchy._adapters._sampler import BalancedSampler

HIDDEN = 256
BATCH = 256
STEPS = 300
LEARNING_RATE = 3e-3
NOISE = 0.5
"""Gaussian noise on the standardised input, in standard deviations: keeps the map smooth."""


def train_network(
    task: Task, make_loss: Callable[[Task], Loss], width: int, *, noise: float = NOISE
) -> dict[str, NDArray[np.float32]]:
    """Train by Adam, the rate falling along a cosine, and return the arrays of `_dense.forward`.

    One forward pass per step; batches by index arrays (`BalancedSampler`).
    """
    import torch

    rng = stream(task.random_state, "hierarchy", "adapter", "network")
    device = find_device(task.device)
    known, d = task.sample.x, task.z.shape[1]
    centre = known.mean(axis=0)
    scale = np.sqrt(np.maximum(((known - centre) ** 2).mean(), 1e-30))[None].astype(np.float32)
    steps, rate = task.steps or STEPS, task.learning_rate or LEARNING_RATE
    with one_thread():
        net = network((d, HIDDEN, width), rng)
        values = net.values.detach().to(device).requires_grad_()
        net = type(net)(values, net.widths)
        prototypes = [
            torch.from_numpy(rng.standard_normal((n, width)).astype(np.float32))
            .to(device)
            .requires_grad_()
            for n in task.codes.max(axis=0) + 1
        ]
        moved = [values, *prototypes]
        adam, loss = Adam(moved), make_loss(task)
        sampler = BalancedSampler(task.leaf, rng)
        for step in range(steps):
            rows = sampler.draw(BATCH)
            x = standardise(task.rows(rows), centre, scale)
            x += np.float32(noise) * rng.standard_normal(x.shape, dtype=np.float32)
            codes = torch.from_numpy(task.codes[rows]).to(device)
            now = loss(net(torch.from_numpy(x).to(device)), codes, prototypes)
            slopes = torch.autograd.grad(now, moved, allow_unused=True)
            used = [
                torch.zeros_like(v) if s is None else s for v, s in zip(moved, slopes, strict=True)
            ]
            with torch.no_grad():
                adam.step(used, rate * 0.5 * (1 + math.cos(math.pi * step / steps)))
        flat = values.detach().cpu().numpy()
    return {"centre": centre, "scale": scale, **_layers(flat, net.widths)}


def _layers(flat: NDArray[np.float32], widths: tuple[int, ...]) -> dict[str, NDArray[np.float32]]:
    """Return weights and biases by name."""
    arrays, start = {}, 0
    for k in range(len(widths) - 1):
        size = widths[k] * widths[k + 1]
        arrays[f"weight{k}"] = flat[start : start + size].reshape(widths[k], widths[k + 1])
        arrays[f"bias{k}"] = flat[start + size : start + size + widths[k + 1]]
        start += size + widths[k + 1]
    return arrays
