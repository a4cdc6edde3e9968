"""Thinned counts handed out as files, and the embeddings that come back for them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import counts_name, counts_of, finite_matrix, read_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import file_identity, out_dir, part_of, pretty_json, storing, write_atomic
from cellaxes._core.matrix import by_rows, check_counts, csr_rows, row_sums
from cellaxes.noise import depth_ladder, thin_series
from cellaxes.study._spec import ModelSpec, StudySpec

FORMAT = 1
"""Version of the folder: ``handout.json``, ``counts/*.h5ad``, ``embeddings/*.npy``."""


def write_thinned(
    data: str | Path,
    folder: str | Path,
    *,
    layer: str | None = None,
    n_levels: int = 10,
    min_depth: float = 10.0,
    fractions: Sequence[float] | None = None,
    n_seeds: int = 3,
    random_state: int = 0,
) -> list[Path]:
    """Write the counts that a study with these settings measures, one file per seed and depth.

    For a model that cellaxes does not run: embed every cell of each ``counts/NAME.h5ad`` and save
    the matrix ``(n_cells, d)``, rows in the order of the file, as ``embeddings/NAME.npy``. A study
    with the model ``precomputed:folder=FOLDER`` and the same settings reads them. Unthinned
    counts are the same for all seeds and stand once, as ``full.h5ad``.

    Parameters
    ----------
    data
        An ``.h5ad`` file with UMI counts.
    folder
        Where to write; what is there already is kept.
    layer, n_levels, min_depth, fractions, n_seeds, random_state
        As for `prepare`; they must be the same there.

    Returns
    -------
    The files, deepest first.

    Raises
    ------
    InputError
        If the counts or settings cannot be used, or the folder holds a hand-out of others.

    Examples
    --------
    See ``docs/tutorial_your_own_model.md``.
    """
    path, root = Path(data), out_dir(folder)
    adata = read_h5ad(path)
    matrix, _ = counts_of(adata, layer)
    csr = csr_rows(by_rows(matrix), 0, adata.n_obs)
    check_counts(csr, counts_name(layer))
    depth = float(np.median(row_sums(csr)))
    ladder = (
        [float(fraction) for fraction in fractions]
        if fractions is not None
        else depth_ladder(depth, n_levels=n_levels, min_depth=min_depth)
    )
    seeds = list(range(random_state, random_state + n_seeds))
    head = {
        "format": FORMAT,
        "data": file_identity(path),
        "layer": layer,
        "fractions": ladder,
        "seeds": seeds,
        "n_cells": adata.n_obs,
    }
    if (root / "handout.json").exists() and _head(root) != head:
        raise InputError(f"{root} holds a hand-out with other settings: choose another folder.")
    write_atomic(root / "handout.json", pretty_json(head))
    (root / "embeddings").mkdir(exist_ok=True)
    (root / "counts").mkdir(exist_ok=True)
    files: dict[Path, None] = {}
    for seed in seeds:
        levels = thin_series(csr, ladder, random_state=seed)
        for fraction, level in zip(ladder, levels, strict=True):
            file = root / "counts" / f"{_name(seed, fraction)}.h5ad"
            files[file] = None
            if not file.exists():
                var = adata.var if csr.shape[1] == adata.n_vars else adata.raw.var
                _write(anndata.AnnData(level.counts, obs=adata.obs, var=var), file)
    return list(files)


def read_embedding(folder: str | Path, *, seed: int, fraction: float) -> NDArray[np.float64]:
    """Return the embedding that came back for one file of a hand-out, ``(n_cells, d)``.

    Parameters
    ----------
    folder
        As `write_thinned` made it.
    seed, fraction
        Which file.

    Raises
    ------
    InputError
        If it is missing, no matrix of finite numbers, or not one row per cell.
    """
    file = Path(folder) / "embeddings" / f"{_name(seed, fraction)}.npy"
    try:
        values = np.load(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(
            f"{file} is missing: embed counts/{file.stem}.h5ad and save it there."
        ) from error
    except (ValueError, OSError, EOFError) as error:
        raise InputError(f"{file} is no .npy matrix ({error}): save it again.") from error
    matrix = finite_matrix(values, str(file))
    n_cells = _head(Path(folder))["n_cells"]
    if len(matrix) != n_cells:
        raise InputError(
            f"{file} has {len(matrix)} rows for {n_cells} cells: keep every cell, in order."
        )
    return matrix


def pin(model: ModelSpec) -> ModelSpec:
    """Return the model with the identity of its embeddings, so that new ones are new runs."""
    if "folder" not in model.params:
        return model
    folder = Path(str(model.params["folder"])).resolve()
    digest = hashlib.sha256()
    for file in sorted((folder / "embeddings").glob("*.npy")):
        digest.update(f"{file.name}:{file_identity(file)};".encode())
    return ModelSpec(name=model.name, params={"folder": str(folder), "sha256": digest.hexdigest()})


def check_handouts(spec: StudySpec) -> None:
    """Refuse embeddings of other counts, depths or seeds than those of the study."""
    for model in spec.models:
        if "folder" not in model.params:
            continue
        folder = Path(model.params["folder"])
        head = _head(folder)
        for name, mine in (
            ("data", spec.data),
            ("layer", spec.layer),
            ("fractions", list(spec.fractions)),
        ):
            if head[name] != mine:
                raise InputError(
                    f"{folder} was handed out for {name} {head[name]}, the study has {mine}: "
                    "give both the same settings."
                )
        if not set(spec.seeds) <= set(head["seeds"]):
            raise InputError(
                f"{folder} holds seeds {head['seeds']}, the study wants {list(spec.seeds)}: "
                "give both the same n_seeds and random_state."
            )
        if pin(model) != model:
            raise InputError(f"the embeddings in {folder} have changed: start a study anew.")
        for seed in spec.seeds:
            for fraction in spec.fractions:
                read_embedding(folder, seed=seed, fraction=fraction)


def _name(seed: int, fraction: float) -> str:
    return "full" if fraction == 1 else f"seed{seed}_{fraction}"


def _head(root: Path) -> dict[str, Any]:
    try:
        head: dict[str, Any] = json.loads((root / "handout.json").read_text())
        if head["format"] != FORMAT:
            raise InputError(f"{root} has layout {head['format']}, this cellaxes reads {FORMAT}.")
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{root} is no folder of cellaxes.study.write_thinned ({error}): write it first."
        ) from error
    return head


def _write(adata: anndata.AnnData, path: Path) -> None:
    temporary = part_of(path)
    with storing(path):
        try:
            adata.write_h5ad(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
