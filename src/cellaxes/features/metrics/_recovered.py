"""Loss recovered: how much of what an embedding says about the counts survives the features."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import Array, check_cells, dense


@dataclass(frozen=True)
class LossRecovered:
    """Losses of a decoder fed with the embedding, its reconstruction, and its mean.

    Attributes
    ----------
    nats_embedding, nats_features, nats_mean
        Mean negative log-likelihood per cell, nats.
    """

    nats_embedding: float
    nats_features: float
    nats_mean: float

    @property
    def share(self) -> float:
        """1: the features lose nothing; 0: no better than the mean cell."""
        lost = self.nats_mean - self.nats_features
        return lost / (self.nats_mean - self.nats_embedding)

    def to_dict(self) -> dict[str, Any]:
        """Return the share and the losses."""
        return {
            "loss_recovered": self.share,
            "nats_embedding": self.nats_embedding,
            "nats_features": self.nats_features,
            "nats_mean": self.nats_mean,
        }

    def to_frame(self) -> pd.DataFrame:
        """Return one row."""
        return pd.DataFrame([self.to_dict()])

    def __repr__(self) -> str:
        return (
            f"LossRecovered({self.share:.4f}: {self.nats_embedding:.1f} → "
            f"{self.nats_features:.1f} nats per cell, mean {self.nats_mean:.1f})"
        )


def loss_recovered(
    loss: Callable[[Array], ArrayLike], z: ArrayLike, z_hat: ArrayLike
) -> LossRecovered:
    """Compare a decoder's loss on the reconstruction with those on the embedding and its mean.

    ``(L_mean - L_features) / (L_mean - L_embedding)``.

    Parameters
    ----------
    loss
        Takes an embedding ``(n_cells, d)`` and returns the negative log-likelihood of each
        cell's counts under the decoder, nats, ``(n_cells,)``.
    z, z_hat
        Embedding and its reconstruction from the features, ``(n_cells, d)`` each.

    Raises
    ------
    InputError
        If shapes differ, a loss is not one finite number per cell, or the mean embedding does
        as well as the embedding itself.

    Examples
    --------
    >>> z = np.array([[1.0], [-1.0]])
    >>> loss_recovered(lambda a: ((a - z) ** 2).sum(axis=1), z, 0.5 * z).share
    0.75
    """
    truth, found = dense(z, "the embedding"), dense(z_hat, "the reconstruction")
    check_cells(len(truth), len(found), "the reconstruction")
    if truth.shape != found.shape:
        raise InputError(
            f"the reconstruction has {found.shape[1]} dimensions, the embedding {truth.shape[1]}."
        )
    mean = np.broadcast_to(truth.mean(axis=0), truth.shape).copy()
    result = LossRecovered(*(_mean_loss(loss, at) for at in (truth, found, mean)))
    if result.nats_mean <= result.nats_embedding:
        raise InputError(
            "the decoder does no better on the embedding than on its mean "
            f"({result.nats_embedding:.4g} and {result.nats_mean:.4g} nats): it is not the decoder "
            "of this embedding."
        )
    return result


def _mean_loss(loss: Callable[[Array], ArrayLike], z: Array) -> float:
    nats = np.asarray(loss(z), dtype=np.float64)
    if nats.shape != (len(z),) or not np.isfinite(nats).all():
        raise InputError(
            f"the loss must return one finite number for each of the {len(z)} cells, but "
            f"returned {'values that are not finite' if nats.shape == (len(z),) else nats.shape}."
        )
    return float(nats.mean())
