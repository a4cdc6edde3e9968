"""Noisy data handed out as files, and the embeddings that come back for them."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.adata import finite_matrix, write_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import (
    file_atomic,
    file_identity,
    path_identity,
    pretty_json,
    storing,
    write_atomic,
)
from cellaxes._core.folders import out_dir
from cellaxes._core.modality import modality_of, set_modality
from cellaxes._core.reading import open_npy, reading
from cellaxes.datasets import open_data
from cellaxes.noise import THINNING, clean_matrix, kind_for, levels_of
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
    noise: str | None = None,
    strengths: Sequence[float] | None = None,
    random_state: int = 0,
) -> list[Path]:
    """Write the data that a study with these settings measures, one file per seed and level.

    For a model that cellaxes does not run: embed every cell of each ``counts/NAME.h5ad`` and save
    the matrix ``(n_cells, d)``, rows in the order of the file, as ``embeddings/NAME.npy``. A study
    with the model ``precomputed:folder=FOLDER`` and the same settings reads them. Unthinned
    counts are the same for all seeds and stand once, as ``full.h5ad``. Images and sequences are
    written alike, noisy.

    Parameters
    ----------
    data
        As for `prepare`.
    folder
        Where to write; what is there already is kept.
    layer, n_levels, min_depth, fractions, n_seeds, noise, strengths, random_state
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
    adata = open_data(path)
    modality = modality_of(adata)
    kind = kind_for(modality, noise)
    clean = clean_matrix(adata, layer=layer)
    ladder = levels_of(kind, fractions, strengths)
    if ladder is None:
        ladder = kind.ladder(clean, modality, n_levels, min_depth)
    seeds = list(range(random_state, random_state + n_seeds))
    head = {
        "format": FORMAT,
        "data": path_identity(path),
        "layer": layer,
        "fractions": ladder,
        "seeds": seeds,
        "n_cells": adata.n_obs,
    }
    if kind.name != THINNING:
        head["noise"] = kind.name
    if (root / "handout.json").exists() and _head(root) != head:
        raise InputError(f"{root} holds a hand-out with other settings: choose another folder.")
    write_atomic(root / "handout.json", pretty_json(head))
    with storing(root):
        (root / "embeddings").mkdir(exist_ok=True)
        (root / "counts").mkdir(exist_ok=True)
    files: dict[Path, None] = {}
    for seed in seeds:
        levels = kind.series(clean, ladder, modality, seed)
        for fraction, level in zip(ladder, levels, strict=True):
            file = root / "counts" / f"{_name(seed, fraction, kind.name)}.h5ad"
            files[file] = None
            if not file.exists():
                var = adata.var if clean.shape[1] == adata.n_vars else adata.raw.var
                made = anndata.AnnData(level, obs=adata.obs, var=var)
                if modality is not None:
                    set_modality(made, kind.after(modality))
                with file_atomic(file) as temporary:
                    write_h5ad(made, temporary)
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
    head = _head(Path(folder))
    name = _name(seed, fraction, head.get("noise", THINNING))
    file = Path(folder) / "embeddings" / f"{name}.npy"
    if not file.exists():
        raise InputError(f"{file} is missing: embed counts/{file.stem}.h5ad and save it there.")
    matrix = finite_matrix(open_npy(file), str(file))
    n_cells = head["n_cells"]
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
            ("noise", spec.noise),
            ("data", spec.data),
            ("layer", spec.layer),
            ("fractions", list(spec.fractions)),
        ):
            if head.get(name, THINNING if name == "noise" else None) != mine:
                raise InputError(
                    f"{folder} was handed out for {name} {head.get(name)}, the study has {mine}: "
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


def _name(seed: int, fraction: float, noise: str) -> str:
    return "full" if noise == THINNING and fraction == 1 else f"seed{seed}_{fraction}"


def _head(root: Path) -> dict[str, Any]:
    file = root / "handout.json"
    if not file.is_file():
        raise InputError(
            f"{root} is no folder of cellaxes.study.write_thinned (no {file.name}): write it first."
        )
    with reading(file, "a hand-out", "write it again with write_thinned"):
        head: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if head["format"] != FORMAT:
            raise InputError(f"{root} has layout {head['format']}, this cellaxes reads {FORMAT}.")
        if not {"n_cells", "seeds", "fractions"} <= set(head):
            raise ValueError("it lacks the settings of the hand-out")
    return head
