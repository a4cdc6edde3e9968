"""Slopes of one step of training: by autograd, or from active features alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from cellaxes.features import _active as active_only
from cellaxes.features._config import Config
from cellaxes.features._forward import SELECTING, Weights, activate, bounds, losses, revive

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """What a batch says of S models.

    Attributes
    ----------
    slopes
        Of the loss, by name of the weights.
    left
        What they do not rebuild, ``(S, B, o)``.
    fired
        Whether each feature was active in any cell, ``(S, m)``.
    active
        Mean active features per cell, ``(S,)``.
    """

    slopes: Weights
    left: "Tensor"
    fired: "Tensor"
    active: "Tensor"


def step_of(
    w: Weights,
    x: "Tensor",
    y: "Tensor",
    *,
    config: Config,
    ks: Sequence[float],
    penalty: "Tensor",
    variance: float,
) -> Step:
    """Return the slopes of the loss without the auxiliary term.

    On the CPU, architectures that keep the largest activations touch the active features alone
    (`by_hand`); every other case is left to PyTorch (`by_autograd`).
    """
    if config.arch in SELECTING and x.device.type == "cpu":
        return by_hand(w, x, y, config=config, ks=ks, variance=variance)
    return by_autograd(w, x, y, config=config, ks=ks, penalty=penalty, variance=variance)


def by_autograd(
    w: Weights,
    x: "Tensor",
    y: "Tensor",
    *,
    config: Config,
    ks: Sequence[float],
    penalty: "Tensor",
    variance: float,
) -> Step:
    """Return the slopes of any architecture, anywhere."""
    import torch

    h, f = activate(w, x, config=config, ks=ks)
    loss, left = losses(w, h, f, y, config=config, ks=ks, penalty=penalty, variance=variance)
    found = torch.autograd.grad(loss.sum(), list(w.values()))
    f = f.detach()
    return Step(
        dict(zip(w, found, strict=True)),
        left.detach(),
        f.amax(1) > 0,
        (f > 0).sum(-1).float().mean(1),
    )


def by_hand(
    w: Weights,
    x: "Tensor",
    y: "Tensor",
    *,
    config: Config,
    ks: Sequence[float],
    variance: float,
) -> Step:
    """Return the slopes of an architecture in `SELECTING`, on the CPU."""
    import torch

    with torch.no_grad():
        seen = x - w["decoder_bias"] if config.target == "embedding" else x
        f = torch.baddbmm(w["encoder_bias"], seen, w["encoder"])
        gain = w["log_gain"].exp() if "log_gain" in w else torch.ones_like(w["encoder_bias"])
        if "log_gain" in w:
            f *= gain
        bound = bounds(f, config=config, ks=ks).expand(-1, f.shape[1], 1)
        into = {name: torch.zeros_like(value) for name, value in w.items()}
        into.setdefault("log_gain", torch.zeros_like(gain))
        left, fired = torch.empty_like(y), torch.zeros(f.shape[0], f.shape[2], dtype=torch.bool)
        ends = np.array(config.ends)
        active = [
            active_only.slopes(
                f[s].numpy(),
                bound[s, :, 0].contiguous().numpy(),
                seen[s].numpy(),
                y[s].numpy(),
                gain[s, 0].numpy(),
                w["decoder"][s].numpy(),
                w["decoder_bias"][s, 0].numpy(),
                ends,
                1 / (len(ends) * f.shape[1] * variance),
                left[s].numpy(),
                fired[s].numpy(),
                into["encoder"][s].T.numpy(),
                into["encoder_bias"][s, 0].numpy(),
                into["log_gain"][s, 0].numpy(),
                into["decoder"][s].numpy(),
                into["decoder_bias"][s, 0].numpy(),
            )
            / f.shape[1]
            for s in range(len(f))
        ]
        if config.target == "embedding":
            into["decoder_bias"] -= torch.bmm(into["encoder_bias"], w["encoder"].mT)
    return Step({name: into[name] for name in w}, left, fired, torch.tensor(active))


def waking(
    w: Weights, x: "Tensor", left: "Tensor", dead: "Tensor", *, config: Config, most: int
) -> Weights:
    """Return the slopes of the auxiliary loss, by name; only columns of dead features are touched.

    ``dead`` is ``(S, m)``, and true somewhere.
    """
    import torch

    at = dead.any(0).nonzero().squeeze(1)
    part = {
        "encoder": w["encoder"].detach()[..., at],
        "encoder_bias": w["encoder_bias"].detach()[..., at],
        "decoder": w["decoder"].detach()[:, at],
        "decoder_bias": w["decoder_bias"].detach(),
    }
    for value in part.values():
        value.requires_grad_(True)
    seen = x - part["decoder_bias"] if config.target == "embedding" else x
    h = torch.baddbmm(part["encoder_bias"], seen, part["encoder"])
    lost = revive(part, h, left, dead[:, at], most=most)
    found = torch.autograd.grad(lost.sum(), list(part.values()), materialize_grads=True)
    slopes = dict(zip(part, found, strict=True))
    for name, axis in (("encoder", -1), ("encoder_bias", -1), ("decoder", 1)):
        whole = torch.zeros_like(w[name])
        slopes[name] = whole.index_copy_(axis, at, slopes[name])
    return slopes
