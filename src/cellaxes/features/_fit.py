"""Fitting sparse features: one model, or many seeds and sparsities at once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from cellaxes._core.errors import InputError, near
from cellaxes._core.matrix import Counts
from cellaxes._core.nets import find_device, one_thread
from cellaxes.features._checkpoint import EVERY, identify, keeping
from cellaxes.features._config import PRESETS, Config
from cellaxes.features._finish import finish
from cellaxes.features._model import SparseFeatures
from cellaxes.features._rows import Rows
from cellaxes.features._standard import check_embedding, sample_rows, standardise
from cellaxes.features._target import Expression, check_target, expression_target
from cellaxes.features._train import train

MIN_CELLS = 50
"""Fewest training cells."""
TRANSCODED = 64
"""Most dimensions at which ``auto`` trains a gene transcoder."""
NESTED = 70
"""Fewest dimensions at which ``auto`` nests features."""


def fit(
    z: NDArray[np.floating],
    *,
    counts: Counts | None = None,
    arch: str = "auto",
    n_features: int | None = None,
    k: float | None = None,
    preset: str | None = None,
    config: Config | None = None,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    checkpoint_every: float = EVERY,
    random_state: int = 0,
    progress: bool = False,
) -> SparseFeatures:
    """Train a sparse autoencoder on an embedding.

    Parameters
    ----------
    z
        Embedding ``(n_cells, d)``, array or memory map of any length.
    counts
        UMI counts ``(n_cells, n_genes)`` of the same cells; with ``arch="auto"`` and at most 64
        dimensions they make a gene transcoder, whose features rebuild expression.
    arch
        One of ``cx.features.ARCHS``, or ``"auto"``: a nested gene transcoder as above,
        ``matryoshka`` from 70 dimensions, else ``batchtopk``.
    n_features
        Width m; default ``4 d``, at least 64, at most a twentieth of the cells.
    k
        Mean number of active features per cell; default 8, less than half of d.
    preset
        ``"sparsesc"``: the recipe of sparseSC with its faults mended.
    config
        All settings at once, instead of ``arch``, ``n_features``, ``k`` and ``preset``.
    rows
        Numbers of the training cells, ``(n_train,)``; default all.
    device
        Of PyTorch.
    checkpoint
        Folder that keeps the state of the training. The same call goes on from there if it was
        stopped or killed, and on the CPU returns the same to the last bit; the folder stays.
    checkpoint_every
        Seconds between states.
    random_state
        Seed: the same gives the same features, alone or among others.
    progress
        Whether a bar is shown.

    Raises
    ------
    InputError
        If the embedding holds NaN or does not vary, k is not below half of its dimensions, there
        are fewer cells than features, counts are none or of other cells, rows are no row numbers,
        or the checkpoint is of other data or settings.
    StoreError
        If the checkpoint cannot be written.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> codes = rng.exponential(size=(2000, 12)) * (rng.random((2000, 12)) < 0.2)
    >>> z = codes @ rng.normal(size=(12, 8))
    >>> model = fit(z, n_features=24, k=2)
    >>> model.encode(z).shape[0]
    2000
    """
    return fit_many(
        z,
        counts=counts,
        arch=arch,
        n_features=n_features,
        ks=(k,),
        seeds=(random_state,),
        preset=preset,
        config=config,
        rows=rows,
        device=device,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )[0]


def fit_many(
    z: NDArray[np.floating],
    *,
    seeds: Sequence[int] = (0, 1, 2, 3),
    ks: Sequence[float | None] = (None,),
    counts: Counts | None = None,
    arch: str = "auto",
    n_features: int | None = None,
    preset: str | None = None,
    config: Config | None = None,
    rows: NDArray[np.int64] | None = None,
    device: str = "cpu",
    checkpoint: str | Path | None = None,
    checkpoint_every: float = EVERY,
    progress: bool = False,
) -> list[SparseFeatures]:
    """Train models of several seeds and sparsities together, in one batched tensor.

    Parameters
    ----------
    z, counts, rows
        Embedding ``(n_cells, d)``, UMI counts ``(n_cells, n_genes)`` and training cells
        ``(n_train,)``, as of `fit`.
    arch, n_features, preset, config, device, progress
        As of `fit`.
    checkpoint, checkpoint_every
        As of `fit`.
    seeds, ks
        Every seed is trained at every k.

    Returns
    -------
    Models, the seeds of the first k first.

    Raises
    ------
    InputError, StoreError
        As `fit`.
    """
    n_cells, d = check_embedding(z)
    if not len(seeds) or not len(ks):
        raise InputError("there is nothing to train: name a seed and a k.")
    rows = np.arange(n_cells) if rows is None else _rows(rows, n_cells)
    if len(rows) < MIN_CELLS:
        raise InputError(
            f"features need at least {MIN_CELLS} training cells, but have {len(rows)}."
        )
    if counts is not None:
        check_target(counts, n_cells)
    if config is None:
        config = _settings(
            d, len(rows), arch=arch, n_features=n_features, preset=preset, counts=counts is not None
        )
        sparsities = [_default_k(d) if k is None else k for k in ks]
    else:
        sparsities = [config.k if k is None else k for k in ks]
    for k in sparsities:
        config.but(k=k)
        if not k < d / 2:
            raise InputError(
                f"k ({k:g}) must be less than half of the {d} dimensions: with more, features are "
                "a rotation of the embedding and mean nothing."
            )
    if config.n_features > len(rows):
        raise InputError(
            f"{config.n_features} features of {len(rows)} training cells: ask for fewer features, "
            "or give more cells."
        )
    if config.target == "expression" and counts is None:
        raise InputError("a gene transcoder needs counts= of the same cells.")
    standard = standardise(z[sample_rows(z, rows, seeds[0])], per_dimension=config.per_dimension)
    expression: Expression | None = None
    if config.target == "expression":
        expression = expression_target(counts, rows)
    held = Rows(z, standard, rows, None if expression is None else expression.scores)
    members = [(seed, k) for k in sparsities for seed in seeds]
    bar = tqdm(
        total=config.steps, unit="step", desc="features", mininterval=2, disable=not progress
    )
    where = find_device(device)
    what = {} if checkpoint is None else identify(held, config, members, counts, where.type)
    with one_thread(), bar, keeping(checkpoint, what, checkpoint_every) as kept:
        trained = train(
            held,
            config,
            members,
            device=where,
            checkpoint=kept,
            tell=lambda step: bar.update(step + 1 - bar.n),
        )
    return [
        finish(one, held, config.but(k=k), seed=seed, expression=expression)
        for one, (seed, k) in zip(trained, members, strict=True)
    ]


def _rows(rows: NDArray[np.int64], n_cells: int) -> NDArray[np.int64]:
    """Return training cells in ascending order, each once, refusing what is no row number."""
    found = np.asarray(rows)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise InputError(
            f"rows must be row numbers, but are {found.dtype} of shape {found.shape}: of a mask "
            "pass np.flatnonzero(mask)."
        )
    if len(found) and not 0 <= found.min() <= found.max() < n_cells:
        raise InputError(
            f"rows run from {found.min()} to {found.max()}, but the embedding has {n_cells} cells."
        )
    return np.unique(found).astype(np.int64)


def _default_k(d: int) -> float:
    """Return the default k: 8, below half of d."""
    if d < 3:
        raise InputError(f"an embedding of {d} dimensions is too narrow for sparse features.")
    return min(8, (d - 1) // 2)


def _settings(
    d: int, n_cells: int, *, arch: str, n_features: int | None, preset: str | None, counts: bool
) -> Config:
    """Return the settings that follow from the data where they are not given."""
    found = Config(n_features=1, k=1)
    width = max(16, min(max(4 * d, 64), n_cells // 20))
    if preset is not None:
        if preset not in PRESETS:
            raise InputError(f"there is no preset {preset!r}: {near(preset, PRESETS)}")
        found, width = found.but(**PRESETS[preset]), 16 * d
    elif arch == "auto":
        if counts and d <= TRANSCODED:
            found = found.but(arch="matryoshka", target="expression")
        else:
            found = found.but(arch="matryoshka" if d >= NESTED else "batchtopk")
    else:
        found = found.but(arch=arch)
    return found.but(n_features=width if n_features is None else n_features)
