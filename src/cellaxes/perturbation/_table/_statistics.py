"""Columns of results of differential expression, whatever the tool calls them, as layers."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._table._conversion import FLOOR, infer_df, signed_log10_p

COLUMNS = {
    "gene": ("gene", "names", "gene_name", "gene_symbol", "symbol", "Unnamed: 0", ""),
    "t": ("t", "stat", "scores", "score", "z", "t_statistic"),
    "logFC": ("logFC", "log2FoldChange", "logfoldchanges", "log2fc", "log_fc", "logfc", "lfc"),
    "p": ("p", "P.Value", "pvalue", "pvals", "p_value", "pval", "PValue"),
    "signed_log10_p": ("signed_log10_p", "sign_log10_pval", "slogp"),
}
"""Names of columns by what they hold: limma, edgeR, DESeq2, scanpy, and our own."""
DEEP = 300.0
"""-log10 p that a p of 0 must reach to be believed."""


def find_columns(columns: Iterable[object], asked: dict[str, str | None]) -> dict[str, str]:
    """Return the column of each quantity: the one asked for, or the first with a usual name.

    Raises
    ------
    InputError
        If one that is asked for is not there.
    """
    there = [str(c) for c in columns]
    found: dict[str, str] = {}
    for what, usual in COLUMNS.items():
        name = asked.get(what)
        if name is not None:
            if name not in there:
                raise InputError(f"there is no column {name!r}: {near(name, there)}")
            found[what] = name
            continue
        for candidate in usual:
            if candidate in there:
                found[what] = candidate
                break
    return found


def numbers(frame: pd.DataFrame, column: str) -> Array:
    """Return a column as float64, naming the first value that is no number."""
    values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=np.float64)
    bad = np.flatnonzero(np.isnan(values) & frame[column].notna().to_numpy())
    if len(bad):
        raise InputError(
            f"column {column!r} holds {frame[column].iloc[bad[0]]!r} in row {bad[0]}, which is no "
            "number."
        )
    return values


def statistics(frame: pd.DataFrame, found: dict[str, str]) -> dict[str, Array]:
    """Return what a frame holds of t, logFC, p and signed_log10_p, each ``(n,)``.

    Raises
    ------
    InputError
        If a value is no number, a p-value not in [0, 1], or nothing tells its direction.
    """
    values = {what: numbers(frame, name) for what, name in found.items() if what != "gene"}
    if "p" in values:
        p = values["p"]
        bad = np.flatnonzero((p < 0) | (p > 1))
        if len(bad):
            raise InputError(
                f"column {found['p']!r} holds {p[bad[0]]:g} in row {bad[0]}, which is no p-value."
            )
        if len(values) == 1:
            raise InputError(
                f"p-values ({found['p']}) come without a statistic or fold change, so their "
                "direction is not known: add a column t or logFC."
            )
    return values


def as_layers(values: dict[str, Array]) -> tuple[dict[str, Any], list[str]]:
    """Return the layers ``(n_rows, n_genes)`` of statistics, and what was done to get them.

    A p-value becomes a signed exponent: the sign is that of t, else of logFC. Where p is 0, the
    exponent follows from t in log space, with the degrees of freedom that join t and p in the
    other genes of the row; without t it is that of the smallest positive number.
    """
    layers = {what: matrix for what, matrix in values.items() if what != "p"}
    if "p" not in values or "signed_log10_p" in layers:
        return layers, []
    t = values.get("t")
    with np.errstate(divide="ignore"):
        size, notes = fill_zero_p(-np.log10(values["p"]), t)
    sign = values["logFC"] if "logFC" in values else np.full(size.shape, np.nan)
    if t is not None:
        sign = np.where(np.isnan(t), sign, t)
    layers["signed_log10_p"] = np.where(size == 0, 0.0, np.sign(sign) * size)
    return layers, notes


def fill_zero_p(size: Array, t: Array | None) -> tuple[Array, list[str]]:
    """Return ``-log10 p`` with what stands for p = 0 (infinity) filled in, and what was done."""
    zero = np.isposinf(size)
    if not zero.any():
        return size, []
    filled = np.full(size.shape, np.nan)
    if t is not None:
        some = np.flatnonzero(zero.any(axis=1))
        filled[some] = np.abs(signed_log10_p(t[some], infer_df(t[some], size[some])))
    told = zero & (filled >= DEEP) & np.isfinite(filled)
    found = np.where(zero, np.where(told, filled, FLOOR), size)
    notes = []
    if n := int(told.sum()):
        notes.append(f"{n} p-values of 0 follow from their statistic")
    if n := int((zero & ~told).sum()):
        notes.append(f"{n} p-values of 0 are set to 5e-324")
    return found, notes


def summed(notes: list[str]) -> tuple[str, ...]:
    """Return notes that differ only in the number they begin with as one, numbers summed."""
    total: dict[str, int] = {}
    for note in notes:
        number, _, rest = note.partition(" ")
        total[rest] = total.get(rest, 0) + int(number)
    return tuple(f"{n} {rest}" for rest, n in total.items())


def gene_names(frame: pd.DataFrame, found: dict[str, str]) -> NDArray[np.object_]:
    """Return the names of genes of a frame: its column of them, or its index.

    Raises
    ------
    InputError
        If the index only counts, or a name is missing.
    """
    if "gene" in found:
        names = frame[found["gene"]]
        if names.isna().any():
            raise InputError(
                f"column {found['gene']!r} has no name in row {names.isna().argmax()}."
            )
        return names.astype(str).to_numpy(dtype=object)
    if isinstance(frame.index, pd.RangeIndex) or pd.api.types.is_numeric_dtype(frame.index):
        raise InputError("genes are named neither by a column 'gene' or 'names' nor by the index.")
    return frame.index.astype(str).to_numpy(dtype=object)
