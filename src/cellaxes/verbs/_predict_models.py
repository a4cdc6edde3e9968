"""Predictions that were made elsewhere, by name."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes.verbs._predict_align import Array, Source, align

SUFFIXES = (".h5ad", ".parquet", ".csv", ".tsv")
SD = ".sd"
"""Before the suffix of a file with the standard deviations of predictions."""


def models_in(folder: str | Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the predictions of a folder by the names of their files, and standard deviations.

    ``mlp.parquet`` is the prediction of ``mlp``, ``mlp.sd.parquet`` its standard deviations.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder of predictions.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix not in SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise InputError(f"{found[path.stem]} and {path} are both of {path.stem!r}: keep one.")
        found[path.stem] = path
    models = {name: path for name, path in found.items() if not name.endswith(SD)}
    sds = {name.removesuffix(SD): path for name, path in found.items() if name.endswith(SD)}
    if not models:
        raise InputError(f"{folder} holds no table ({', '.join(SUFFIXES)}).")
    return models, sds


def read_models(
    predictions: Mapping[str, Source],
    sds: Mapping[str, Source],
    table: p.PerturbationTable,
    *,
    layer: str,
    wanted: NDArray[np.bool_],
) -> dict[str, Array | tuple[Array, Array]]:
    """Return predictions (and their sd) of every row of the table, NaN of rows not wanted.

    Parameters
    ----------
    predictions, sds
        By name.
    table
        Whose rows and genes they must have.
    layer
        What is predicted.
    wanted
        Rows that are tested, ``(n_rows,)``.
    """
    for name in sds:
        if name not in predictions:
            raise InputError(
                f"there are standard deviations of {name!r} but no prediction: "
                f"{near(name, predictions)}"
            )
    found: dict[str, Array | tuple[Array, Array]] = {}
    for name, source in predictions.items():
        values = align(source, table, layer=layer, wanted=wanted, what=f"the prediction {name!r}")
        if name not in sds:
            found[name] = values
            continue
        what = f"the sd of {name!r}"
        found[name] = values, align(sds[name], table, layer=layer, wanted=wanted, what=what)
    return found


def ready_of(
    predictions: Mapping[str, Source] | str | Path | None, sds: Mapping[str, Source] | None
) -> tuple[dict[str, Source], dict[str, Source]]:
    """Return predictions and standard deviations by name."""
    if predictions is None or isinstance(predictions, Mapping):
        return dict(predictions or {}), dict(sds or {})
    models, beside = models_in(predictions)
    return {**models}, {**beside, **(sds or {})}
