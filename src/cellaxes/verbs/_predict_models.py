"""Predictions that were made elsewhere, brought to the rows and genes of a table."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import read_table as read_frame

Array = NDArray[np.float64]
Source = p.PerturbationTable | str | Path
KEYS = ("context", "compound", "dose", "time", "donor", "plate", "well", "replicate")
SUFFIXES = (".h5ad", ".parquet", ".csv", ".tsv")
SD = ".sd"
"""Before the suffix of a file with the standard deviations of predictions."""
SHOWN = 5


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


def align(
    source: Source,
    table: p.PerturbationTable,
    *,
    layer: str,
    wanted: NDArray[np.bool_],
    what: str,
    partial: bool = False,
) -> Array:
    """Return a layer of another table on the rows and genes of this one, ``(n_rows, n_genes)``.

    Rows are matched by all columns that tell rows apart and that both have, genes by name.

    Raises
    ------
    InputError
        If a wanted row or a gene is missing (they are named; with ``partial`` rows may be), or
        rows cannot be told apart.
    """
    other = source if isinstance(source, p.PerturbationTable) else _read(Path(source), layer, what)
    absent = table.genes[~np.isin(table.genes, other.genes)]
    if len(absent):
        raise InputError(
            f"{what} lacks {len(absent)} of {table.n_genes} genes ({_some(absent)}): predict "
            "every gene of the table."
        )
    told = [key for key in KEYS if key in table.rows and key in other.rows]
    mine, theirs = (_keys(held.rows, told) for held in (table, other))
    for of, keys in (("the table", mine), (what, theirs)):
        again = keys.duplicated()
        if again.any():
            missing = [k for k in KEYS if (k in table.rows) != (k in other.rows)]
            raise InputError(
                f"{of} has {keys[again][0]} more than once by {', '.join(told)}, which both have"
                + (f": {', '.join(missing)} stands in one of them only." if missing else ".")
            )
    at = theirs.get_indexer(mine)
    gone = mine[wanted & (at < 0)]
    if len(gone) and not (partial and (at >= 0).any()):
        raise InputError(
            f"{what} lacks {len(gone)} of {int(wanted.sum())} test rows ({_some(gone)}): predict "
            "every row that is tested (rows.csv names them)."
        )
    values = np.full((table.n_rows, table.n_genes), np.nan)
    here = other.take_genes(table.genes) if not _same(other, table) else other
    there = np.flatnonzero(at >= 0)
    values[there] = np.asarray(here.layer(layer), dtype=np.float64)[at[there]]
    return values


def _read(path: Path, layer: str, what: str) -> p.PerturbationTable:
    """Read a table; a wide one holds the layer that is predicted."""
    if path.suffix in (".parquet", ".csv", ".tsv"):
        frame = read_frame(path)
        long = {"gene", "genes", "names", "symbol"} & {str(c).lower() for c in frame.columns[:12]}
        if {"context", "compound"} <= set(frame) and not long:
            return p.read_wide({layer: frame})
        del frame
    try:
        return p.read_table(path)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


def _keys(rows: pd.DataFrame, told: list[str]) -> pd.Index:
    """Return what tells rows apart as text; 10 and 10.0 are the same."""
    parts: list[Any] = []
    for key in told:
        column = rows[key]
        number = pd.to_numeric(column, errors="coerce")
        numeric = number.notna().all() and key not in ("context", "compound")
        parts.append((number.astype(float) if numeric else column).astype(str).to_numpy())
    return pd.Index([" | ".join(row) for row in zip(*parts, strict=True)])


def _same(other: p.PerturbationTable, table: p.PerturbationTable) -> bool:
    return len(other.genes) == len(table.genes) and bool((other.genes == table.genes).all())


def _some(names: Any) -> str:
    more = len(names) - SHOWN
    return ", ".join(map(str, names[:SHOWN])) + (f" and {more} more" if more > 0 else "")
