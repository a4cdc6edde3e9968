"""Latent mutual information: neighbours in a code that each side learns of the other."""

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.nets import network, one_thread, train
from cellaxes.information._charts import components
from cellaxes.information._critic import deal
from cellaxes.information._data import Pairs, standardise
from cellaxes.information._ksg import ksg_shares

N_FOLDS = 2
DIMENSIONS = (1, 2, 4, 8)
"""Code lengths tried."""
HIDDEN = (128, 64)
CLIP = 10.0
"""Standard deviations at which standardised values are cut."""


def latent_shares(
    pairs: Pairs, k: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], int]:
    """Return each pair's share in the latent information, bits, and the longer code length.

    Both sides are encoded by networks trained to rebuild each side from its own code and
    from the other's; KSG then reads the codes (Gowri et al., NeurIPS 2024). For each of two
    folds the networks are trained on the other fold, a fifth of which watches when to stop,
    so that every pair is read through networks that never saw it. The code length is the one
    with which the pairs that watch read most.

    Parameters
    ----------
    pairs
        Continuous pairs.
    k
        Neighbours.
    rng
        Deals folds, draws initial weights and batches.
    """
    least = 2 * N_FOLDS * 5 * (k + 1)
    if pairs.n < least:
        raise InputError(f"latent with k={k} needs at least {least} pairs, not {pairs.n}.")
    sides = [components(np.clip(standardise(side), -CLIP, CLIP)) for side in (pairs.x, pairs.y)]
    if 0 in (sides[0].shape[1], sides[1].shape[1]):
        return np.zeros(pairs.n), 0
    scaled = Pairs(
        *(side / np.sqrt((side**2).sum(axis=1).mean() / side.shape[1]) for side in sides)
    )
    folds = deal(pairs.n, rng, N_FOLDS)
    widest = max(scaled.x.shape[1], scaled.y.shape[1])
    lengths = sorted({min(length, widest) for length in DIMENSIONS})
    shares = np.empty(pairs.n)
    with one_thread():
        chosen = []
        for fold, rest in (folds, folds[::-1]):
            coders = [_Coder(scaled.take(rest), length, rng) for length in lengths]
            watching = [float(ksg_shares(coder.encode(coder.watch), k).mean()) for coder in coders]
            best = int(np.argmax(watching))
            shares[fold] = ksg_shares(coders[best].encode(scaled.take(fold)), k)
            chosen.append(lengths[best])
    return shares, max(chosen)


class _Coder:
    """Two encoders and four decoders, trained together."""

    def __init__(self, pairs: Pairs, length: int, rng: np.random.Generator) -> None:
        import torch

        n_watch = pairs.n // 5
        self.watch = pairs.take(np.arange(n_watch))
        sides = [torch.as_tensor(side, dtype=torch.float32) for side in (pairs.x, pairs.y)]
        self.encoders = [network([side.shape[1], *HIDDEN, length], rng) for side in sides]
        decoders = [
            [network([length, *HIDDEN[::-1], side.shape[1]], rng) for side in sides]
            for _ in self.encoders
        ]

        def loss(rows: "NDArray[np.int64] | slice") -> "torch.Tensor":
            total = torch.zeros(())
            for encoder, side, own in zip(self.encoders, sides, decoders, strict=True):
                code = encoder(side[rows])
                for decoder, goal in zip(own, sides, strict=True):
                    total = total + (decoder(code) - goal[rows]).square().mean()
            return total

        train(
            [*self.encoders, *(net for own in decoders for net in own)],
            loss,
            lambda: -float(loss(slice(0, n_watch))),
            rows=np.arange(n_watch, pairs.n),
            batch=256,
            learning_rate=1e-3,
            max_rounds=200,
            patience=12,
            rng=rng,
        )

    def encode(self, pairs: Pairs) -> Pairs:
        """Return the codes of pairs."""
        import torch

        with torch.no_grad():
            codes = [
                encoder(torch.as_tensor(side, dtype=torch.float32)).double().numpy()
                for encoder, side in zip(self.encoders, (pairs.x, pairs.y), strict=True)
            ]
        return Pairs(codes[0], codes[1])
