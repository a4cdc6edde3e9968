"""The contrastive bound with a learned critic on top of the Gaussian one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.nets import network, one_thread, train
from cellaxes.information._critic import GaussianCritic, blocks, contrast, gaussian_terms
from cellaxes.information._data import Pairs

if TYPE_CHECKING:
    from torch import Tensor

HIDDEN, FEATURES = 64, 16
BATCH = 256
LEARNING_RATE = 1e-3
MAX_ROUNDS, PATIENCE = 120, 12
"""Rounds of training at most, and without a better bound in the pairs that watch."""
MIN_WATCHING, MAX_WATCHING = 5, 1000
"""Pairs that watch; with fewer nothing is learned, of more only so many watch."""


def cross_fit_learned(
    pairs: Pairs, folds: Sequence[NDArray[np.int64]], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return each pair's share in the bound, bits, and what learning added to it, ``(n,)`` each.

    For each fold a critic ``gaussian(u, v) + g(u) . h(v)`` is trained on the other folds:
    the Gaussian part is fitted and fixed, g and h are networks of two hidden layers on its
    canonical coordinates. A fifth of the other folds watches when to stop; where learning
    never beat the Gaussian part there, nothing is added. The fold itself is used for neither.

    Parameters
    ----------
    pairs
        Continuous pairs.
    folds
        Rows of each fold.
    rng
        Draws initial weights, batches, and the pairs that watch.
    """
    total, added = np.empty(pairs.n), np.empty(pairs.n)
    with one_thread():
        for fold in folds:
            rest = rng.permutation(np.setdiff1d(np.arange(pairs.n), fold))
            critic = _Learned(pairs.take(rest), rng)
            for block in blocks(fold):
                total[block], added[block] = critic.shares(pairs.take(block))
    return total / np.log(2), added / np.log(2)


class _Learned:
    """A Gaussian critic with a learned residual."""

    def __init__(self, pairs: Pairs, rng: np.random.Generator) -> None:
        import torch

        n_watch = min(pairs.n // 5, MAX_WATCHING)
        self.gaussian = GaussianCritic.fit(pairs.take(np.arange(n_watch, pairs.n)))
        u, v = (torch.as_tensor(side, dtype=torch.float32) for side in self.coordinates(pairs))
        self.nets = [
            network([side.shape[1], HIDDEN, HIDDEN, FEATURES], rng, last=0.3) for side in (u, v)
        ]
        self.learned = False
        if n_watch < MIN_WATCHING:
            return
        watch = slice(0, n_watch)
        plain = self._base(u[watch], v[watch])
        start = float(_bound(plain))

        def loss(rows: NDArray[np.int64]) -> "Tensor":
            a, b = u[rows], v[rows]
            return -_bound(self._base(a, b) + self._residual(a, b))

        def worth() -> float:
            return float(_bound(plain + self._residual(u[watch], v[watch]))) - start

        self.learned = (
            train(
                self.nets,
                loss,
                worth,
                rows=np.arange(n_watch, pairs.n),
                batch=BATCH,
                learning_rate=LEARNING_RATE,
                max_rounds=MAX_ROUNDS,
                patience=PATIENCE,
                rng=rng,
                floor=0.0,
            )
            > 0
        )

    def coordinates(self, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return self.gaussian.coordinates(pairs)

    def _base(self, u: "Tensor", v: "Tensor") -> "Tensor":
        import torch

        constant, square, product = gaussian_terms(self.gaussian.rho)
        r = len(product)
        u, v = u[:, :r], v[:, :r]
        squares = torch.as_tensor(square, dtype=u.dtype)
        products = torch.as_tensor(product, dtype=u.dtype)
        scores: Tensor = (u * products) @ v.T + constant
        return scores + (u**2 @ squares)[:, None] + (v**2 @ squares)[None]

    def _residual(self, u: "Tensor", v: "Tensor") -> "Tensor":
        residual: Tensor = self.nets[0](u) @ self.nets[1](v).T * (2 / FEATURES**0.5)
        return residual

    def shares(self, pairs: Pairs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Each pair's share in the bound, and what learning added, nats."""
        import torch

        u, v = self.coordinates(pairs)
        scores = self.gaussian.scores(u, v)
        plain = contrast(scores)
        if not self.learned:
            return plain, np.zeros(pairs.n)
        with torch.no_grad():
            residual = self._residual(
                torch.as_tensor(u, dtype=torch.float32), torch.as_tensor(v, dtype=torch.float32)
            )
        total = contrast(scores + residual.numpy().astype(np.float64))
        return total, total - plain


def _bound(scores: "Tensor") -> "Tensor":
    """Return the mean of `contrast`, differentiable."""
    normaliser = scores.logsumexp(0).mean() + scores.logsumexp(1).mean()
    bound: Tensor = scores.diagonal().mean() - 0.5 * normaliser + float(np.log(len(scores)))
    return bound
