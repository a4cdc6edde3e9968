"""From trained weights to a model: thresholds, order, silent features, the way back."""

import numpy as np
from numpy.typing import NDArray

from cellaxes.features._config import Config
from cellaxes.features._model import SparseFeatures
from cellaxes.features._regress import regress
from cellaxes.features._rows import Rows
from cellaxes.features._standard import sample_rows
from cellaxes.features._target import Expression
from cellaxes.features._train import Trained


def finish(
    trained: Trained, rows: Rows, config: Config, *, seed: int, expression: Expression | None
) -> SparseFeatures:
    """Return the model of trained weights.

    Gains are folded into the encoder. For ``batchtopk`` and ``matryoshka`` the threshold is set so
    that k features are active in the mean training cell; those of ``jumprelu`` are all raised or
    lowered by one factor to that end. Features are put in the order of frequency
    times mean square inside their group, and those that no training cell activates are left out.
    Features that rebuild expression get their way back to the embedding by least squares.

    Parameters
    ----------
    trained
        Weights.
    rows
        What they were trained on; of many cells a sample is read.
    config
        Settings, with this model's k.
    seed
        Of this model.
    expression
        What the target of a gene transcoder stands for.
    """
    w = {name: np.squeeze(value, 0) if value.shape[0] == 1 and name != "decoder" else value
         for name, value in trained.weights.items()}  # fmt: skip
    m = config.n_features
    encoder = np.ascontiguousarray(w["encoder"].T)
    bias = w["encoder_bias"]
    if config.target == "embedding":
        bias = bias - encoder @ w["decoder_bias"]
    gain, magnitude, threshold = np.ones(m), bias, np.zeros(m)
    if config.arch == "gated":
        gain = np.exp(w["log_gain"])
        magnitude = w["magnitude_bias"] - gain * (encoder @ w["decoder_bias"])
    elif "log_gain" in w:
        encoder = encoder * np.exp(w["log_gain"])[:, None]
        bias = magnitude = bias * np.exp(w["log_gain"])
    group = np.searchsorted(config.ends, np.arange(m), side="right")
    chosen = sample_rows(rows.z, rows.rows, seed)
    if config.arch in ("batchtopk", "matryoshka"):
        x = rows.read(chosen)[0]
        threshold = np.full(m, _threshold(x, encoder, bias, k=config.k))
    elif config.arch == "jumprelu":
        x, theta = rows.read(chosen)[0], np.exp(w["log_threshold"])
        threshold = theta * _threshold(x, encoder / theta[:, None], bias / theta, k=config.k)

    def as_float(values: NDArray[np.floating]) -> NDArray[np.float32]:
        return np.ascontiguousarray(values, dtype=np.float32)

    model = SparseFeatures(
        standard=rows.standard,
        encoder=as_float(encoder),
        decoder=as_float(w["decoder"]),
        decoder_bias=as_float(w["decoder_bias"]),
        gate_bias=as_float(bias),
        magnitude_bias=as_float(magnitude),
        gain=as_float(gain),
        threshold=as_float(threshold),
        level=group.astype(np.int64),
        loadings=None,
        config=config,
        random_state=seed,
        history=trained.history,
        n_train=len(rows.rows),
        n_dropped=0,
    )
    f = model.encode(rows.z[chosen])
    worth = np.asarray(f.multiply(f).sum(axis=0)).ravel() * (f.getnnz(axis=0) / f.shape[0])
    order = np.lexsort((-worth, group)) if config.sorted_features else np.arange(m)
    order = order[f.getnnz(axis=0)[order] > 0]
    changes: dict[str, object] = {"n_dropped": m - len(order)}
    if expression is not None:
        x = rows.read(chosen)[0]
        changes["decoder"], changes["decoder_bias"] = regress(f, x)
        changes["loadings"] = as_float(model.decoder @ expression.components)
    return SparseFeatures(**(model.__dict__ | changes)).keep(order)


def _threshold(
    x: NDArray[np.float32], encoder: NDArray[np.floating], bias: NDArray[np.floating], *, k: float
) -> float:
    """Return the pre-activation that k features exceed in the mean cell; never below zero."""
    most = max(1, (1 << 24) // len(encoder))
    x = x[:: -(-len(x) // most)]
    h = np.maximum(x @ encoder.T.astype(np.float32) + bias.astype(np.float32), 0.0).ravel()
    place = h.size - min(round(k * len(x)), h.size - 1) - 1
    return float(np.partition(h, place)[place])
