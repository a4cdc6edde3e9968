"""A table of responses as it is made: every field checked, quality joined to rows."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._counts import Array
from cellaxes.perturbation._quality import Quality, row_quality
from cellaxes.perturbation._table._check import (
    LAYERS,
    clean_compounds,
    clean_contexts,
    clean_genes,
    clean_layer,
    clean_reasons,
    clean_rows,
    clean_weight,
    place,
    some,
)

if TYPE_CHECKING:
    from cellaxes.perturbation._table._table import PerturbationTable


def cleaned(table: "PerturbationTable") -> dict[str, Any]:
    """Return the fields of a table in one form, refusing what cannot be used."""
    given = table.rows["weight"] if "weight" in table.rows and not len(table.weight) else None
    rows, genes = clean_rows(table.rows), clean_genes(table.genes)
    clean: dict[str, Any] = {"rows": rows, "genes": genes}
    known = np.zeros(len(rows), dtype=bool)
    for name in table.stored:
        clean[name] = clean_layer(name, getattr(table, name), rows, genes)
        known |= ~np.isnan(clean[name]).all(axis=1)
    if not table.stored:
        raise InputError(f"the table has no values: give one of {', '.join(LAYERS)}.")
    empty = np.flatnonzero(~known)
    if len(empty):
        named = some([place(rows, i) for i in empty])
        raise InputError(f"{len(empty)} rows hold no value: {named}; leave them out.")
    if table.measured is not None:
        measured = np.array(table.measured, dtype=bool)
        if measured.shape != (len(rows), len(genes)):
            raise InputError(f"measured has shape {measured.shape}, not that of the layers.")
        measured.setflags(write=False)
        clean["measured"] = measured
    clean["weight"] = clean_weight(
        table.weight if given is None else given.to_numpy(dtype=np.float64), rows
    )
    clean["reasons"] = clean_reasons(table.reasons, rows)
    clean["compounds"] = clean_compounds(table.compounds)
    if table.contexts is not None:
        clean["contexts"] = clean_contexts(table.contexts, rows, genes)
    clean["notes"] = tuple(table.notes)
    return clean


def judge(
    table: "PerturbationTable", quality: Quality | None
) -> tuple[Array, tuple[tuple[str, ...], ...]]:
    """Return weight and reasons of each row, as ``quality`` or `row_quality` of t says."""
    if quality is None:
        quality = row_quality(
            table.layer("t"),
            table.rows,
            signed_log10_p=table.layer("signed_log10_p"),
            supported=table.measured,
            genes=table.genes,
        )
    said = quality.rows
    same = [key for key in ("context", "compound") if key in said]
    if (
        len(said) != table.n_rows
        or not (said[same].astype(str).to_numpy() == table.rows[same].to_numpy()).all()
    ):
        raise InputError("quality speaks of other rows than the table has, or in other order.")
    return said["weight"].to_numpy(dtype=np.float64), tuple(said["reasons"])


def row_numbers(rows: ArrayLike | slice, n_rows: int) -> NDArray[np.int64]:
    """Return the numbers of rows that numbers, a mask or a slice select."""
    if not isinstance(rows, slice):
        rows = np.asarray(rows) if np.size(rows) else np.empty(0, dtype=np.int64)
        if rows.dtype == bool and rows.shape != (n_rows,):
            raise InputError(f"the mask has shape {rows.shape} for {n_rows} rows.")
    try:
        return np.atleast_1d(np.arange(n_rows)[rows])
    except IndexError as error:
        raise InputError(f"rows cannot be taken of {n_rows}: {error}.") from error


def gene_numbers(
    names: ArrayLike, genes: NDArray[np.str_]
) -> tuple[NDArray[np.str_], NDArray[np.intp]]:
    """Return names as text and where they are among ``genes``, naming those that are not."""
    wanted = clean_genes(np.asarray(names).tolist())
    at = pd.Index(genes).get_indexer(pd.Index(wanted))
    absent = wanted[at < 0]
    if len(absent):
        raise InputError(
            f"the table lacks {len(absent)} of {len(wanted)} genes ({some(absent)}): "
            f"{near(str(absent[0]), genes)}"
        )
    return wanted, at
