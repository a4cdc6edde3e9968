"""Fitting networks, and what was fitted."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.nets import seeded
from cellaxes._core.random import stream
from cellaxes._core.weights import load_weights, weights_of
from cellaxes.perturbation._features._encoding import Encoding
from cellaxes.perturbation._features._features import Features, Inputs, fit_features
from cellaxes.perturbation._models import _settings
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._settings import MOST, Settings, from_params, to_params
from cellaxes.perturbation._models._targets import Components, fit_components
from cellaxes.perturbation._models._train import make_rows, tensors, train

if TYPE_CHECKING:
    from torch.nn import Module

BLOCK = 1_024
"""Rows predicted at a time."""


@dataclass(frozen=True, eq=False)
class FittedNet:
    """Networks of one kind, one per seed; their median is predicted.

    Attributes
    ----------
    settings
        What was fitted.
    features, components
        Of the training rows.
    scale
        Of the targets, in scores.
    low, high
        Of the training responses, ``(n_genes,)``: no prediction is beyond.
    weights
        Arrays of the networks, by ``"<seed>.<name>"``.
    losses
        Of each network: of its weights on the held-out rows, on the training rows if there
        were none.
    """

    settings: Settings
    features: Features
    components: Components
    scale: float
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    weights: dict[str, NDArray[Any]]
    losses: tuple[float, ...]

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return ``(n_wanted, n_genes)``; a row of new names rests on means and what is told."""
        inputs = self.features.of(rows)
        out = np.empty((len(rows), len(self.low)), dtype=np.float32)
        with seeded(stream(0, "perturbation net")):
            nets = [self._net(i, inputs) for i in range(len(self.losses))]
            for start in range(0, len(rows), BLOCK):
                part = slice(start, start + BLOCK)
                out[part] = self._read(nets, inputs.take(part))
        return out

    def _read(self, nets: list["Module"], inputs: Inputs) -> NDArray[np.float32]:
        import torch

        told = tensors(inputs)
        with torch.no_grad():
            scores = [net(told).numpy() * self.scale for net in nets]
        middle = np.median([self.components.back(each) for each in scores], axis=0)
        found: NDArray[np.float32] = np.clip(middle, self.low, self.high)
        return found

    def _net(self, i: int, inputs: Inputs) -> "Module":
        net = build(self.settings, self.features, inputs, len(self.components.sd))
        load_weights(net, self.weights, prefix=f"{i}.")
        return net

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings as JSON has them, and arrays by name."""
        parts = {"features": self.features.to_arrays(), "components": self.components.to_arrays()}
        params = {part: told for part, (told, _) in parts.items()}
        arrays = {f"{part}.{k}": v for part, (_, held) in parts.items() for k, v in held.items()}
        own = {"scale": self.scale, "losses": list(self.losses)}
        return (
            {"settings": to_params(self.settings), **own, **params},
            {**arrays, **self.weights, "low": self.low, "high": self.high},
        )

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        return cls(
            from_params(params["settings"]),
            Features.from_arrays(params["features"], _part(arrays, "features.")),
            Components.from_arrays(params["components"], _part(arrays, "components.")),
            float(params["scale"]),
            arrays["low"],
            arrays["high"],
            {name: values for name, values in arrays.items() if name.split(".")[0].isdigit()},
            tuple(float(each) for each in params["losses"]),
        )

    def __repr__(self) -> str:
        name = type(self.settings).__name__
        told = f"{len(self.features.contexts)} contexts, {len(self.features.compounds)} compounds"
        return f"FittedNet({name} x {len(self.losses)}: {told}, {len(self.low)} genes)"


def fit_net(settings: Settings, data: TrainingData) -> FittedNet:
    """Fit components, features and networks to the rows that are not held out."""
    how = settings.training
    out = held_out(data, how.held_out)
    own = data.take(~out)
    components = fit_components(
        own.Y, settings.n_dim, weights=own.weights, random_state=data.random_state
    )
    scores = components.scores(own.Y)
    size = np.average(scores.astype(float) ** 2, axis=0, weights=own.weights)
    scale = float(np.sqrt(size.mean())) or 1.0
    features, inputs = fit_features(
        own,
        scores,
        encoding=getattr(settings, "encoding", Encoding()),
        n_expression=MOST,
        n_chemistry=MOST,
    )
    rows = make_rows(inputs, scores / scale, own.weights)
    watched = None
    if out.any():
        aside = data.take(out)
        wanted = components.scores(aside.Y) / scale
        watched = make_rows(features.of(aside.rows), wanted, aside.weights)
    weights: dict[str, NDArray[Any]] = {}
    losses: list[float] = []
    for seed in range(how.n_seeds):
        rng = stream(data.random_state, "perturbation net", seed)
        with seeded(rng):
            net = build(settings, features, inputs, len(components.sd))
            losses.append(train(net, rows, how, watched=watched, rng=rng))
            weights |= weights_of(net, prefix=f"{seed}.")
    low, high = own.range()
    return FittedNet(settings, features, components, scale, low, high, weights, tuple(losses))


def held_out(data: TrainingData, share: float) -> NDArray[np.bool_]:
    """Return which rows are kept aside; two are left at least."""
    n = len(data.Y)
    n_out = max(min(round(share * n), n - 2), 0)
    out = np.zeros(n, dtype=bool)
    out[stream(data.random_state, "perturbation net", "held out", n).permutation(n)[:n_out]] = True
    return out


def build(settings: Settings, features: Features, inputs: Inputs, n_components: int) -> "Module":
    """Return an untrained network; its weights come from PyTorch's current seed."""
    from cellaxes.perturbation._models import _modules
    from cellaxes.perturbation._models._layers import Shape

    shape = Shape(
        len(features.contexts),
        len(features.compounds),
        inputs.encoded.shape[2],
        n_components,
        inputs.expression.shape[1],
        inputs.chemistry.shape[1],
    )
    match settings:
        case _settings.EmbeddingMLP():
            return _modules.EmbeddingMLPNet(settings, shape)
        case _settings.TargetEncodingNet():
            return _modules.TargetEncodingModule(settings, shape)
        case _settings.TokenTransformer():
            return _modules.TokenTransformerModule(settings, shape)
        case _settings.TensorFactorization():
            return _modules.TensorFactorizationModule(settings, shape)
        case _settings.DualEncoder():
            return _modules.DualEncoderModule(settings, shape)


def _part(arrays: dict[str, NDArray[Any]], prefix: str) -> dict[str, NDArray[Any]]:
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
