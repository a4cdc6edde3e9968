"""A trained sparse autoencoder as plain arrays: reads and rebuilds embeddings without PyTorch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError
from cellaxes.features._active import activations, compress
from cellaxes.features._config import Config
from cellaxes.features._standard import Standard, check_embedding

KIND = "features.sparse"
_VALUES = 1 << 23  # activations held dense at a time


@dataclass(frozen=True, eq=False)
class SparseFeatures:
    """Sparse features of an embedding.

    A cell's activations are ``f = relu(gain a + magnitude_bias)`` where ``a + gate_bias`` exceeds
    ``threshold``, zero elsewhere, with ``a = encoder x`` and x the standardised embedding; for
    ``topk`` the k largest of them. The embedding is rebuilt as ``f decoder + decoder_bias``.

    Attributes
    ----------
    standard
        Centre and scale of the embedding.
    encoder, decoder
        ``(m, d)`` float32. Rows of the decoder have length one, but for a gene transcoder.
    decoder_bias
        ``(d,)``.
    gate_bias, magnitude_bias, gain, threshold
        ``(m,)``.
    level
        Nested group of each feature, 0 the coarsest, ``(m,)``.
    loadings
        What one unit of a feature adds to each gene's log-normalised expression, ``(m, n_genes)``,
        of a gene transcoder; else None.
    config, random_state
        How it was trained.
    history
        ``(n, 4)``: step, share of variance unexplained, active features per cell, silent features.
    n_train, n_dropped
        Training cells; features that no cell activated, left out.
    """

    standard: Standard
    encoder: NDArray[np.float32]
    decoder: NDArray[np.float32]
    decoder_bias: NDArray[np.float32]
    gate_bias: NDArray[np.float32]
    magnitude_bias: NDArray[np.float32]
    gain: NDArray[np.float32]
    threshold: NDArray[np.float32]
    level: NDArray[np.int64]
    loadings: NDArray[np.float32] | None
    config: Config
    random_state: int
    history: NDArray[np.float64]
    n_train: int
    n_dropped: int

    @property
    def n_features(self) -> int:
        """Features m, silent ones left out."""
        return len(self.encoder)

    @property
    def n_dimensions(self) -> int:
        """Dimensions d of the embedding."""
        return int(self.encoder.shape[1])

    def __repr__(self) -> str:
        return (
            f"SparseFeatures({self.n_features} features of {self.n_dimensions} dimensions, "
            f"{self.config.arch}, target={self.config.target}, k={self.config.k:g}, "
            f"n_train={self.n_train})"
        )

    def encode(self, z: NDArray[np.floating]) -> sp.csr_matrix:
        """Return activations ``(n_cells, m)``, float32 CSR; a cell's do not depend on other cells.

        Parameters
        ----------
        z
            Embedding ``(n_cells, d)``, array or memory map.

        Raises
        ------
        InputError
            If the width is another, or values are NaN or infinite.
        """
        n_cells = self._check(z)
        step = max(1, _VALUES // max(self.n_features, self.n_dimensions))
        blocks = [self._block(z[i : i + step], i) for i in range(0, n_cells, step)]
        if not blocks:
            return sp.csr_matrix((0, self.n_features), dtype=np.float32)
        return sp.csr_matrix(sp.vstack(blocks, format="csr"))

    def decode(self, activations: sp.csr_matrix | NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the embedding ``(n_cells, d)`` that activations ``(n_cells, m)`` stand for.

        Raises
        ------
        InputError
            If the number of features is another.
        """
        if activations.ndim != 2 or activations.shape[1] != self.n_features:
            raise InputError(
                f"activations have shape {activations.shape}, but there are {self.n_features} "
                "features: pass what encode returned."
            )
        x = np.asarray(activations @ self.decoder) + self.decoder_bias
        return self.standard.undo(x)

    def error(self, z: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return what the features leave out, ``z - decode(encode(z))``, ``(n_cells, d)``."""
        return np.asarray(z, dtype=np.float32) - self.decode(self.encode(z))

    def directions(self) -> NDArray[np.float32]:
        """Return what one unit of each feature adds to the embedding, ``(m, d)``, in its units."""
        return np.asarray(self.decoder / self.standard.scale, dtype=np.float32)

    def keep(self, features: NDArray[np.int64]) -> "SparseFeatures":
        """Return the model with its ``features``, numbers ``(n_kept,)``, in the order given."""
        chosen = {name: getattr(self, name)[features] for name in (*_PER_FEATURE, "level")}
        loadings = None if self.loadings is None else self.loadings[features]
        return SparseFeatures(**(self.__dict__ | chosen | {"loadings": loadings}))

    def save(self, path: str | Path) -> None:
        """Write the folder ``path``: ``artefact.json`` and ``arrays.safetensors``.

        Raises
        ------
        InputError
            If ``path`` exists.
        """
        arrays = {name: getattr(self, name) for name in (*_PER_FEATURE, "level", "history")}
        arrays |= {"centre": self.standard.centre, "scale": self.standard.scale}
        arrays["decoder_bias"] = self.decoder_bias
        if self.loadings is not None:
            arrays["loadings"] = self.loadings
        params = {
            "config": self.config.to_dict(),
            "random_state": self.random_state,
            "n_train": self.n_train,
            "n_dropped": self.n_dropped,
        }
        Artefact(KIND, params, arrays).save(path)

    def _check(self, z: NDArray[np.floating]) -> int:
        n_cells, d = check_embedding(z)
        if d != self.n_dimensions:
            raise InputError(
                f"the embedding has {d} dimensions, but these features were trained on "
                f"{self.n_dimensions}: pass the embedding they were trained on."
            )
        return n_cells

    def _block(self, z: NDArray[np.floating], first: int) -> sp.csr_matrix:
        x = self.standard.apply(z)
        if not np.isfinite(x).all():
            row = first + int(np.flatnonzero(~np.isfinite(x).all(axis=1))[0])
            raise InputError(
                f"the embedding holds NaN or infinity in row {row}: remove or fill it."
            )
        f = x @ self.encoder.T
        activations(f, self.gate_bias, self.threshold, self.gain, self.magnitude_bias)
        return compress(f, int(self.config.k) if self.config.arch == "topk" else None)


_PER_FEATURE = ("encoder", "decoder", "gate_bias", "magnitude_bias", "gain", "threshold")


def load(path: str | Path) -> SparseFeatures:
    """Read the folder ``path`` that `SparseFeatures.save` wrote; nothing is unpickled.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    with opened(path, KIND, "no sparse features") as found:
        arrays: dict[str, Any] = dict(found.arrays)
        standard = Standard(arrays.pop("centre"), arrays.pop("scale"))
        params = dict(found.params)
        config = Config.from_dict(params.pop("config"))
        arrays.setdefault("loadings", None)
        model = SparseFeatures(standard=standard, config=config, **arrays, **params)
        _check_arrays(model)
        return model


def _check_arrays(model: SparseFeatures) -> None:
    """Refuse arrays whose shapes contradict each other, and values that are not finite."""
    m, d = model.encoder.shape
    shapes = dict.fromkeys(_PER_FEATURE, (m,)) | dict.fromkeys(("encoder", "decoder"), (m, d))
    arrays = {name: getattr(model, name) for name in (*_PER_FEATURE, "level", "decoder_bias")}
    shapes |= {"level": (m,), "decoder_bias": (d,), "centre": (d,), "scale": (d,)}
    arrays |= {"centre": model.standard.centre, "scale": model.standard.scale}
    for name, array in arrays.items():
        if array.shape != shapes[name]:
            raise ValueError(f"{name} has shape {array.shape}, not {shapes[name]}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} is not finite")
    if not (model.standard.scale > 0).all():
        raise ValueError("scale is not positive")
    if model.loadings is not None and len(model.loadings) != m:
        raise ValueError(f"loadings are of {len(model.loadings)} features, not of {m}")
