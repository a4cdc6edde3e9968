"""The network of V5: one shared block, applied once per level."""

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN, HEADS, DROPOUT = 128, 8, 0.1
Weights = Mapping[str, "Tensor"]


def shapes(d: int, dims: tuple[int, ...], n_top: int, n_leaf: int) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight.

    Queries and keys are left out: over a sequence of length one the softmax is 1 whatever they are,
    and they never get a gradient.
    """
    dense = {"in": (d, HIDDEN), "value": (HIDDEN, HIDDEN), "out": (HIDDEN, HIDDEN)}
    dense |= {"up": (HIDDEN, 4 * HIDDEN), "down": (4 * HIDDEN, HIDDEN)}
    norms = {"norm_attention": HIDDEN, "norm_feed": HIDDEN, "norm_final": dims[-1]}
    norms |= {"norm_top": dims[-1], "norm_leaf": dims[-1]}
    for s, (start, stop) in enumerate(pairwise((0, *dims))):
        dense[f"scale{s}"] = (HIDDEN, stop - start)
        norms[f"norm_scale{s}"] = HIDDEN
    dense |= {"top": (dims[-1], n_top), "leaf": (dims[-1], n_leaf)}
    found: dict[str, tuple[int, ...]] = {}
    for name, shape in dense.items():
        found |= {f"{name}.weight": shape, f"{name}.bias": shape[1:]}
    for name, width in norms.items():
        found |= {f"{name}.weight": (width,), f"{name}.bias": (width,)}
    return found


def dense(x: "Tensor", w: Weights, name: str) -> "Tensor":
    """Return ``x weight + bias``."""
    return x @ w[f"{name}.weight"] + w[f"{name}.bias"]


def norm(x: "Tensor", w: Weights, name: str) -> "Tensor":
    """Return x with zero mean and unit variance per row, scaled and shifted."""
    from torch.nn.functional import layer_norm

    return layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"])


def block_outputs(x: "Tensor", w: Weights, n_levels: int, *, training: bool) -> "Tensor":
    """Return the blocks of all levels side by side, ``(n, total)``."""
    import torch
    from torch.nn.functional import dropout, gelu

    x = first = dense(x, w, "in")
    found = []
    for s in range(n_levels):
        value = dense(norm(x, w, "norm_attention"), w, "value")
        heads = torch.ones(len(x), HEADS, 1, device=x.device)
        kept = dropout(heads, DROPOUT, training) * value.view(len(x), HEADS, -1)
        x = x + dense(kept.reshape(len(x), -1), w, "out")
        fed = dropout(gelu(dense(norm(x, w, "norm_feed"), w, "up")), DROPOUT, training)
        x = x + dropout(dense(fed, w, "down"), DROPOUT, training)
        x = x + 0.1 / (1 + 0.3 * s) * first
        found.append(dense(norm(x, w, f"norm_scale{s}"), w, f"scale{s}"))
    return torch.cat(found, dim=1)


def whole(outputs: "Tensor", w: Weights) -> "Tensor":
    """Return the whole vector: normalised across blocks, then of length one."""
    from torch.nn.functional import normalize

    return normalize(norm(outputs, w, "norm_final"), dim=1)


def prefix(outputs: "Tensor", length: "int | Tensor") -> "Tensor":
    """Return the first blocks, zeros behind them, of length one; not normalised across blocks."""
    import torch
    from torch.nn.functional import normalize

    kept = torch.arange(outputs.shape[1], device=outputs.device) < length
    return normalize(outputs * kept, dim=1)


def chances(n_levels: int) -> np.ndarray:
    """Return how often a sample's prefix ends at each level."""
    known = {2: [0.6, 0.4], 3: [0.45, 0.35, 0.2], 4: [0.4, 0.3, 0.2, 0.1]}
    rest = np.arange(n_levels, 0, -1, dtype=float)
    return np.asarray(known.get(n_levels, rest / rest.sum()))


def keeping(n_levels: int) -> np.ndarray:
    """Return how often a block is kept in the whole vector while training."""
    known = {2: [0.95, 0.7], 3: [0.95, 0.85, 0.7], 4: [0.95, 0.9, 0.8, 0.7]}
    return np.asarray(known.get(n_levels, np.linspace(0.95, 0.7, n_levels)))
