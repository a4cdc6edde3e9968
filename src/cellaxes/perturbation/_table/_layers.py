"""Layers of a table that are stored, and those that follow from others."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._table._check import LAYERS
from cellaxes.perturbation._table._conversion import infer_df, signed_log10_p, t_statistic

if TYPE_CHECKING:
    from cellaxes.perturbation._table._table import PerturbationTable

SOURCES = {"t": "signed_log10_p", "signed_log10_p": "t"}


def df_of(table: "PerturbationTable") -> Array:
    """Return the degrees of freedom of each row, infinite where nothing tells."""
    if "df" in table.rows:
        return table.rows["df"].to_numpy(dtype=np.float64)
    if table.t is not None and table.signed_log10_p is not None:
        return infer_df(table.t, table.signed_log10_p)
    return np.full(table.n_rows, np.inf)


def origin_of(table: "PerturbationTable", name: str) -> str:
    """Say whether a layer is stored or what it follows from, refusing one that does not."""
    if name not in LAYERS:
        raise InputError(f"there is no layer {name!r}: {near(name, LAYERS)}")
    if name in table.stored:
        return "stored"
    source = SOURCES.get(name)
    if source not in table.stored:
        raise InputError(
            f"the table has no {name}, and it does not follow from {', '.join(table.stored)}: "
            "read it from where the others came from."
        )
    tail = "with the df of each row" if "df" in table.rows else "as if normal"
    return f"from {source} {tail}"


def layer_of(table: "PerturbationTable", name: str, df: ArrayLike | None) -> NDArray[Any]:
    """Return a layer, derived where it is not stored."""
    if origin_of(table, name) == "stored":
        stored: NDArray[Any] = getattr(table, name)
        return stored
    freedom = df_of(table) if df is None else df
    source = getattr(table, SOURCES[name])
    return t_statistic(source, freedom) if name == "t" else signed_log10_p(source, freedom)
