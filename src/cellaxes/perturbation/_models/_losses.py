"""Losses of predicted targets, by name; each a number per row, then a weighted mean."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from cellaxes._core.errors import InputError, near

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-8
"""Under the root of MRRMSE, so that a perfect row has a slope."""
HUBER = 1.0
"""Error from which Huber's loss is linear."""
SCALE = 3.0
"""Of the log-cosh in the mixture."""
SHARES = (0.32, 0.24, 0.24, 0.20)
"""Of MSE, log-cosh, MAE and cross-entropy of sigmoids in the mixture."""


def loss(
    name: str,
    predicted: "Tensor",
    truth: "Tensor",
    *,
    weights: "Tensor | None" = None,
    known: "Tensor | None" = None,
) -> "Tensor":
    """Return the weighted mean over rows of a loss of each row, a mean over its values.

    ========= ==============================================================
    mrrmse    √(mean e²): every row pulls alike, however large its errors
    mse       mean e²
    mae       mean |e|
    huber     e²/2 below an error of 1, |e| − ½ above
    log_cosh  ln cosh e
    mixture   .32 e² + .24 ln cosh(e/3) + .24 |e| + .20 cross-entropy of
              σ(prediction) to σ(truth), which still pulls near zero
    ========= ==============================================================

    Parameters
    ----------
    name
        Of the loss.
    predicted, truth
        ``(n_rows, d)``.
    weights
        Of the rows, ``(n_rows,)``.
    known
        Which values count, ``(n_rows, d)``; a row without any counts nothing.

    Raises
    ------
    InputError
        If there is no such loss.

    References
    ----------
    The mixture is that of the winner of the Open Problems competition of 2023.
    """
    import torch

    if name not in LOSSES:
        raise InputError(f"there is no loss {name!r}: {near(name, LOSSES)}")
    counts = torch.ones_like(truth) if known is None else known.to(truth.dtype)
    n = counts.sum(dim=-1)
    error = LOSSES[name](predicted, torch.where(counts > 0, truth, 0.0))
    rows = (error * counts).sum(dim=-1) / n.clamp(min=1)
    if name == "mrrmse":
        rows = (rows + TINY).sqrt()
    each = (n > 0).to(truth.dtype)
    each = each if weights is None else each * weights
    return (rows * each).sum() / each.sum()


def _square(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    return (predicted - truth) ** 2


def _absolute(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    return (predicted - truth).abs()


def _huber(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    error = (predicted - truth).abs()
    near_zero = error.clamp(max=HUBER)
    return near_zero * (error - near_zero / 2)


def _log_cosh(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    from torch.nn.functional import softplus

    error = predicted - truth
    return error.abs() + softplus(-2 * error.abs()) - 0.6931471805599453


def _cross_entropy(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    from torch.nn.functional import softplus

    return softplus(predicted) - truth.sigmoid() * predicted


def _mixture(predicted: "Tensor", truth: "Tensor") -> "Tensor":
    parts = (
        _square(predicted, truth),
        _log_cosh(predicted / SCALE, truth / SCALE),
        _absolute(predicted, truth),
        _cross_entropy(predicted, truth),
    )
    return sum((s * part for s, part in zip(SHARES, parts, strict=True)), start=parts[0] * 0)


LOSSES: dict[str, Callable[["Tensor", "Tensor"], "Tensor"]] = {
    "mrrmse": _square,
    "mse": _square,
    "mae": _absolute,
    "huber": _huber,
    "log_cosh": _log_cosh,
    "mixture": _mixture,
}
"""Loss of each value; MRRMSE takes the root of its mean over a row."""
