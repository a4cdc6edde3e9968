"""What each feature does to each gene, read through a decoder."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.features._hands._decoders import Decoder, check_decoder, decode
from cellaxes.features._model import SparseFeatures

CELLS = 256
"""Cells on which an effect is averaged."""
TYPICAL = 95.0
"""Percentile of a feature's positive activations that is added."""


def effects(
    model: SparseFeatures,
    decoder: Decoder,
    z: NDArray[np.floating],
    *,
    features: Sequence[int] | None = None,
    n_cells: int = CELLS,
    percentile: float = TYPICAL,
    batch: str | int | None = None,
    random_state: int = 0,
) -> NDArray[np.float32]:
    """Return the log fold change of each gene when a feature is switched on.

    ``effect_ig = mean_c [log rate_g(z_c + s_i direction_i) - log rate_g(z_c)]`` over sampled
    cells c, with ``s_i`` a typical strength of the feature.

    Parameters
    ----------
    model
        Features.
    decoder
        Of the embedding.
    z
        Embedding ``(n_cells, d)``.
    features
        Which; default all.
    n_cells
        Cells sampled, the same for every feature.
    percentile
        Of the feature's positive activations, which is the step ``s_i``.
    batch
        As of which the decoder decodes; default its own.
    random_state
        Seed of the sample.

    Returns
    -------
    Array ``(n_features, n_genes)``, natural log; zero for a feature that no cell activates.

    Raises
    ------
    InputError
        If the decoder does not fit the embedding, or there is no such feature.
    """
    check_decoder(decoder)
    which = [
        check_feature(i, model) for i in (range(model.n_features) if features is None else features)
    ]
    active = model.encode(z)
    step = strengths(active, which, percentile)
    if n_cells < 1 or not len(z):
        raise InputError(f"an effect needs a cell: there are {len(z)}, and n_cells is {n_cells}.")
    rng = stream(random_state, "features", "effects")
    rows = np.sort(rng.choice(len(z), min(n_cells, len(z)), replace=False))
    cells = np.asarray(z[rows], dtype=np.float32)
    before = decode(decoder, cells, batch)
    found = np.zeros((len(which), before.shape[1]), dtype=np.float32)
    for row, (feature, size) in enumerate(zip(which, step, strict=True)):
        if size > 0:
            after = decode(decoder, cells + size * model.directions()[feature], batch)
            found[row] = (after - before).mean(axis=0, dtype=np.float64)
    return found


def strengths(
    active: sp.csr_matrix, features: Sequence[int], percentile: float
) -> NDArray[np.float32]:
    """Return a percentile of the positive activations of features, 0 for a silent one."""
    if not 0 <= percentile <= 100:
        raise InputError(f"a percentile lies between 0 and 100, but is {percentile:g}.")
    columns = active[:, list(features)].tocsc()
    columns.eliminate_zeros()
    parts = np.split(columns.data, columns.indptr[1:-1])
    sizes = [np.percentile(part, percentile) if part.size else 0.0 for part in parts]
    return np.asarray(sizes, dtype=np.float32)


def check_feature(feature: int, model: SparseFeatures) -> int:
    """Return the number of a feature, refusing one that is not there."""
    if not isinstance(feature, int | np.integer) or not 0 <= feature < model.n_features:
        raise InputError(
            f"there is no feature {feature!r}: they are numbered 0 to {model.n_features - 1}."
        )
    return int(feature)
