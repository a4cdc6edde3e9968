"""Forward pass and loss of every architecture, for several models at once.

All tensors have a leading axis of S models: input x ``(S, B, d)``, pre-activations h and
activations f ``(S, B, m)``, weights ``encoder (S, d, m)`` and ``decoder (S, m, o)``, biases
``(S, 1, m)`` and ``(S, 1, o)``. Losses are ``(S,)``, in units of the variance of the target, so
that 1 is what its mean achieves.
"""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cellaxes.features._active import largest
from cellaxes.features._config import Config

if TYPE_CHECKING:
    from torch import Tensor

SELECTING = ("topk", "batchtopk", "matryoshka")
"""Architectures that keep the largest activations."""
WIDE = 512
"""Features from which only the active ones are decoded."""
Weights = dict[str, "Tensor"]


def activate(
    w: Weights, x: "Tensor", *, config: Config, ks: Sequence[float]
) -> tuple["Tensor", "Tensor"]:
    """Return pre-activations and activations of a batch."""
    import torch

    seen = x - w["decoder_bias"] if config.target == "embedding" else x
    if config.arch == "gated":
        shared = torch.bmm(seen, w["encoder"])
        gate = shared + w["encoder_bias"]
        magnitude = torch.relu(shared * w["log_gain"].exp() + w["magnitude_bias"])
        return gate, magnitude * (gate > 0)
    h = torch.baddbmm(w["encoder_bias"], seen, w["encoder"])
    if config.arch == "jumprelu":
        return h, jump(h, w["log_threshold"], config.bandwidth)[0]
    f = h * w["log_gain"].exp() if "log_gain" in w else h
    if config.arch in SELECTING:
        return h, f.masked_fill(f < bounds(f, config=config, ks=ks), 0.0)
    return h, torch.relu(f)


def bounds(f: "Tensor", *, config: Config, ks: Sequence[float]) -> "Tensor":
    """Return what an activation must reach to be among the k largest, ``(S, B or 1, 1)``."""
    if config.arch == "topk":
        return _largest(f, [int(k) for k in ks])
    return _largest(f.flatten(1), [round(k * f.shape[1]) for k in ks]).unsqueeze(1)


def losses(
    w: Weights,
    h: "Tensor",
    f: "Tensor",
    y: "Tensor",
    *,
    config: Config,
    ks: Sequence[float],
    penalty: "Tensor",
    variance: float,
) -> tuple["Tensor", "Tensor"]:
    """Return the loss of each model without the auxiliary term, and what it leaves unexplained.

    Raises nothing: NaN shows in the loss.
    """
    import torch

    ends = [0, *config.ends]
    rebuilt = w["decoder_bias"]
    total = torch.zeros(len(f), device=f.device)
    for start, stop in itertools.pairwise(ends):
        rebuilt = rebuilt + decode(f[:, :, start:stop], w["decoder"][:, start:stop])
        total = total + (y - rebuilt).square().sum(-1).mean(1) / variance
    loss = total / (len(ends) - 1)
    if config.arch == "l1":
        loss = loss + penalty * f.sum(-1).mean(1)
    elif config.arch == "gated":
        gate = torch.relu(h)
        alone = torch.bmm(gate, w["decoder"].detach()) + w["decoder_bias"].detach()
        loss = loss + penalty * gate.sum(-1).mean(1)
        loss = loss + (y - alone).square().sum(-1).mean(1) / variance
    elif config.arch == "jumprelu":
        wanted = torch.tensor(list(ks), device=f.device)
        active = jump(h, w["log_threshold"], config.bandwidth)[1].sum(-1).mean(1)
        loss = loss + (active / wanted - 1).square()
    return loss, y - rebuilt


def revive(w: Weights, h: "Tensor", left: "Tensor", dead: "Tensor", *, most: int) -> "Tensor":
    """Return the auxiliary loss ``(S,)``: what silent features explain of what is left.

    Gao et al. 2406.04093, appendix A.2: the ``most`` largest of the dead features rebuild the
    error, in units of its own variance; 0 where none is dead.
    """
    import torch

    left = left.detach()
    asleep = torch.relu(h).masked_fill(~dead.unsqueeze(1), 0.0)
    bound = _largest(asleep, [min(most, h.shape[-1])] * len(h))
    guess = torch.bmm(asleep.masked_fill(asleep < bound, 0.0), w["decoder"])
    spread = (left - left.mean(1, keepdim=True)).square().sum(-1).mean(1)
    lost = (left - guess).square().sum(-1).mean(1) / spread
    return torch.where(dead.any(1), lost.nan_to_num(0.0, 0.0, 0.0), torch.zeros_like(lost))


def decode(f: "Tensor", decoder: "Tensor") -> "Tensor":
    """Return ``f @ decoder``; where there are many features, from the active ones alone."""
    import torch

    if f.shape[-1] < WIDE:
        return torch.bmm(f, decoder)
    n_models, n_rows, width = f.shape
    flat = f.reshape(n_models * n_rows, width)
    rows, columns = flat.detach().nonzero(as_tuple=True)
    counts = torch.bincount(rows, minlength=len(flat))
    bags = torch.nn.functional.embedding_bag(
        columns + rows.div(n_rows, rounding_mode="floor") * width,
        decoder.reshape(-1, decoder.shape[-1]),
        counts.cumsum(0) - counts,
        mode="sum",
        per_sample_weights=flat[rows, columns],
    )
    return bags.view(n_models, n_rows, -1)


def jump(h: "Tensor", log_threshold: "Tensor", bandwidth: float) -> tuple["Tensor", "Tensor"]:
    """Return ``h`` where it exceeds its threshold, and whether it does, both differentiable.

    Straight-through estimates with a rectangular kernel K of width ``bandwidth``: the threshold's
    slope is ``-(theta / bandwidth) K`` for the value, ``-K / bandwidth`` for the step
    (2407.14435, equations 11 and 12).
    """
    import torch

    class Jump(torch.autograd.Function):
        @staticmethod
        def forward(context: Any, h: "Tensor", theta: "Tensor") -> tuple["Tensor", "Tensor"]:
            context.save_for_backward(h, theta)
            on = (h > theta).to(h.dtype)
            return h * on, on

        @staticmethod
        def backward(context: Any, *slopes: Any) -> tuple["Tensor", "Tensor"]:
            h, theta = context.saved_tensors
            value, step = slopes
            near = ((h - theta).abs() < bandwidth / 2).to(h.dtype) / bandwidth
            down = -(theta * value + step) * near
            return value * (h > theta), down.sum(dim=1, keepdim=True)

    kept, on = Jump.apply(h, log_threshold.exp())  # type: ignore[no-untyped-call]
    return kept, on


def _largest(f: "Tensor", counts: Sequence[int]) -> "Tensor":
    """Return the value of which ``counts[s]`` are at least as large, along the last axis.

    Never zero, so that no silent feature counts as active.
    """
    import torch

    n = f.shape[-1]
    found = []
    for values, count in zip(f.detach(), counts, strict=True):
        count = min(max(count, 1), n)
        if values.is_cuda:
            bound = torch.topk(values, count, dim=-1, sorted=False).values.amin(-1, keepdim=True)
        elif values.ndim == 2:
            bound = torch.from_numpy(largest(values.contiguous().numpy(), count))[:, None]
        else:  # numpy selects several times faster than torch
            array = values.numpy()
            kept = array[array > 0]
            place = len(kept) - count
            bound = (
                torch.zeros(1)
                if place < 0
                else torch.from_numpy(np.partition(kept, place))[place, None]
            )
        found.append(bound)
    return torch.stack(found).clamp_min(torch.finfo(f.dtype).tiny)
