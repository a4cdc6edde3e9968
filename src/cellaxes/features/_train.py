"""Training of several sparse autoencoders at once: seeds and sparsities in one batched tensor."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import Adam
from cellaxes._core.random import stream
from cellaxes.features._checkpoint import Checkpoint
from cellaxes.features._config import Config
from cellaxes.features._forward import Weights
from cellaxes.features._rows import Rows
from cellaxes.features._step import step_of, waking

if TYPE_CHECKING:
    import torch
    from torch import Tensor

EVERY = 100
"""Steps between entries of the history."""
CLIP = 1.0
"""Longest gradient of a model."""


@dataclass(frozen=True, eq=False)
class Trained:
    """What training leaves behind of one model.

    Attributes
    ----------
    weights
        Float32 arrays by name, their shapes as in `_forward` without the leading axis.
    history
        ``(n, 4)``: step, share of variance unexplained, active features per cell, dead features.
    """

    weights: dict[str, NDArray[np.float32]]
    history: NDArray[np.float64]


def train(
    rows: Rows,
    config: Config,
    members: Sequence[tuple[int, float]],
    *,
    device: "torch.device",
    checkpoint: Checkpoint | None = None,
    tell: Callable[[int], object] = lambda step: None,
) -> list[Trained]:
    """Train one model per member, a pair of seed and k; a member does not depend on the others.

    Parameters
    ----------
    rows
        What is trained on.
    config
        Settings, but for k.
    members
        ``(seed, k)``.
    device
        Where.
    checkpoint
        Where the state is kept, and where training goes on from if it holds one.
    tell
        Called with the step after each.
    """
    import torch

    seeds, ks = [seed for seed, _ in members], [k for _, k in members]
    n_cells = len(rows.rows)
    size = max(1, min(config.batch_size, n_cells // 4))
    w = {name: value.to(device) for name, value in _start(rows, config, seeds).items()}
    for value in w.values():
        value.requires_grad_(True)
    adam = Adam(list(w.values()), mean=0.0 if config.arch in ("gated", "jumprelu") else 0.9)
    silent = torch.zeros(len(members), config.n_features, device=device)
    patience = max(n_cells, 20 * config.n_features / min(ks))  # an epoch; rare ones have time
    penalty = torch.full((len(members),), config.penalty or 0.1, device=device)
    wanted = torch.tensor(ks, device=device)
    variance = _variance(rows)
    n_revived = max(1, rows.z.shape[1] // 2)
    history: list[list[tuple[float, ...]]] = [[] for _ in members]
    first, kept = checkpoint.load() if checkpoint else (0, {})
    if kept:
        with torch.no_grad():
            for name, value in (*w.items(), ("silent", silent), ("penalty", penalty)):
                value.copy_(torch.from_numpy(kept[f"now.{name}"]))
        adam.from_arrays(kept)
        history = [[tuple(entry) for entry in entries] for entries in kept["history"].tolist()]
    batches = rows.batches(seeds, size, skip=first)
    for step in range(first, config.steps):
        x, y, _ = next(batches)
        x, y = x.to(device), y.to(device)
        rise = min(1.0, (step + 1) / (0.05 * config.steps + 1))
        found = step_of(w, x, y, config=config, ks=ks, penalty=penalty * rise, variance=variance)
        slopes = found.slopes
        with torch.no_grad():
            silent += x.shape[1]
            silent.masked_fill_(found.fired, 0)
            dead = silent > patience
        if config.auxiliary and bool(dead.any()):
            more = waking(w, x, found.left, dead, config=config, most=n_revived)
            for name, slope in more.items():
                slopes[name] = slopes[name] + config.auxiliary * slope
        with torch.no_grad():
            if config.penalty is None and config.arch in ("l1", "gated"):
                penalty = penalty * ((found.active / wanted).log().clamp(-1, 1) * 0.02).exp()
            _descend(adam, w, slopes, rate=_rate(config, step))
            if (step + 1) % EVERY == 0 or step + 1 == config.steps:
                unexplained = found.left.square().sum(-1).mean(1) / variance
                for entries, *values in zip(
                    history,
                    unexplained.tolist(),
                    found.active.tolist(),
                    dead.sum(1).tolist(),
                    strict=True,
                ):
                    entries.append((step + 1, *values))
        if checkpoint and checkpoint.due(last=step + 1 == config.steps):
            now = w | {"silent": silent, "penalty": penalty}
            arrays = {f"now.{name}": value.detach().cpu().numpy() for name, value in now.items()}
            arrays["history"] = np.array(history).reshape(len(members), -1, 4)
            checkpoint.save(step + 1, arrays | adam.to_arrays())
        tell(step)
    return [
        Trained(
            {name: value[s].detach().cpu().numpy().copy() for name, value in w.items()},
            np.array(history[s]),
        )
        for s in range(len(members))
    ]


def _rate(config: Config, step: int) -> float:
    """Return the learning rate: up over the first steps, down to zero over the last."""
    up = (step + 1) / (config.warmup * config.steps + 1)
    down = (config.steps - step) / max(config.decay * config.steps, 1e-9)
    return config.learning_rate * min(1.0, up, down)


def _descend(adam: Adam, w: Weights, slopes: Weights, rate: float) -> None:
    """Take a step of Adam that leaves the rows of the decoder at length one."""
    import torch

    decoder, slope = w["decoder"], slopes["decoder"]
    slopes["decoder"] = slope - (slope * decoder).sum(-1, keepdim=True) * decoder
    length = sum(slope.flatten(1).square().sum(1) for slope in slopes.values())
    shrink = (CLIP / torch.as_tensor(length).sqrt().clamp_min(1e-12)).clamp_max(1.0)
    adam.step([slope * shrink.view(-1, 1, 1) for slope in slopes.values()], rate)
    decoder /= decoder.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def _variance(rows: Rows) -> float:
    """Return the mean squared distance of the target from its mean."""
    if rows.target is None:
        return float(rows.z.shape[1])  # what the standard makes it
    return float(rows.target[rows.rows].var(axis=0, dtype=np.float64).sum())


def _start(rows: Rows, config: Config, seeds: Sequence[int]) -> dict[str, "Tensor"]:
    """Return initial weights: unit rows in random directions, the encoder their transpose."""
    import torch

    most = rows.rows[:: max(1, len(rows.rows) // 8192)]
    x, y = rows.read(most)
    d, m = x.shape[1], config.n_features
    varies = x.std(axis=0) > 1e-6  # features do not point where nothing lies
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for seed in seeds:
        rng = stream(seed, "features", "start")
        directions = rng.standard_normal((m, d)).astype(np.float32) * varies
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        start = {"encoder": directions.T, "encoder_bias": np.zeros((1, m), np.float32)}
        if config.target == "embedding":
            start["decoder"] = directions
            start["decoder_bias"] = _middle(x)[None]
        else:
            linear = np.linalg.lstsq(x, y - y.mean(axis=0), rcond=None)[0]
            answer = directions @ linear
            length = np.maximum(np.linalg.norm(answer, axis=1, keepdims=True), 1e-6)
            start["decoder"] = answer / length
            start["decoder_bias"] = y.mean(axis=0, keepdims=True)
            start["log_gain"] = np.full((1, m), np.log(length.mean()), np.float32)
        if config.arch == "gated":
            start["log_gain"] = np.zeros((1, m), np.float32)
            start["magnitude_bias"] = np.zeros((1, m), np.float32)
        if config.arch == "jumprelu":
            start["log_threshold"] = np.full((1, m), np.log(config.bandwidth), np.float32)
        for name, value in start.items():
            parts.setdefault(name, []).append(np.ascontiguousarray(value, dtype=np.float32))
    found = {name: torch.from_numpy(np.stack(values)) for name, values in parts.items()}
    found["encoder"] = found["encoder"].mT.contiguous().mT  # a feature's weights side by side
    return found


def _middle(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the geometric median ``(d,)``, by the iteration of Weiszfeld (1937)."""
    middle = x.mean(axis=0)
    for _ in range(100):
        weight = 1 / np.maximum(np.linalg.norm(x - middle, axis=1), 1e-6)
        moved = weight @ x / weight.sum()
        if np.linalg.norm(moved - middle) < 1e-6 * max(1.0, float(np.linalg.norm(middle))):
            return np.asarray(moved, dtype=np.float32)
        middle = moved
    return np.asarray(middle, dtype=np.float32)
