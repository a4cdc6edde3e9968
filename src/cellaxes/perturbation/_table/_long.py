"""Tables of responses of long tables: one line per row and gene."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file
from cellaxes._core.tables import read_table as read_frame
from cellaxes.perturbation._table._check import KEYS
from cellaxes.perturbation._table._compounds import Compounds
from cellaxes.perturbation._table._results import Source, compounds_of
from cellaxes.perturbation._table._statistics import as_layers, find_columns, statistics
from cellaxes.perturbation._table._table import PerturbationTable


@naming_its_file
def read_long(
    source: Source,
    *,
    context: str = "context",
    compound: str = "compound",
    gene: str | None = None,
    t: str | None = None,
    logFC: str | None = None,
    p: str | None = None,
    signed_log10_p: str | None = None,
    compounds: Source | Compounds | None = None,
    contexts: pd.DataFrame | None = None,
) -> PerturbationTable:
    """Read a long table: one line per context, compound and gene.

    Rows stand in the order of their first line, genes likewise; what has no line is NaN.
    Columns ``dose``, ``time``, ``donor``, ``plate``, ``well`` and ``replicate`` tell rows apart;
    others that have one value in each row are kept.

    Parameters
    ----------
    source
        A ``.csv``, ``.tsv`` or ``.parquet`` file, or a data frame, one row per value.
    context, compound
        Columns.
    gene, t, logFC, p, signed_log10_p
        Columns; unless given, found by their usual names (those of `from_results`).
    compounds
        Frame indexed by compound, `Compounds`, or a file that `read_compounds` reads.
    contexts
        Baseline expression, ``(n_contexts, n_genes)``.

    Raises
    ------
    InputError
        If a column is missing, a line stands twice, or a value cannot be read.

    Examples
    --------
    >>> lines = pd.DataFrame({"context": "B", "compound": ["x", "x", "y"],
    ...                       "gene": ["A2M", "ABCA1", "A2M"], "t": [1.5, 2.5, -3.0]})
    >>> read_long(lines).t.tolist()
    [[1.5, 2.5], [-3.0, nan]]
    """
    frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
    for name in (context, compound):
        if name not in frame:
            raise InputError(f"there is no column {name!r}: {near(name, frame.columns)}")
    asked = {"gene": gene, "t": t, "logFC": logFC, "p": p, "signed_log10_p": signed_log10_p}
    found = find_columns(frame.columns, asked)
    if "gene" not in found:
        raise InputError(f"there is no column of genes (gene=): {near('gene', frame.columns)}")
    if len(found) == 1:
        raise InputError("there is no column of t, logFC, p or signed_log10_p.")
    keys = [context, compound, *(k for k in KEYS[2:] if k in frame)]
    gaps = frame[[*keys[:2], found["gene"]]].isna().any(axis=1)
    if gaps.any():
        raise InputError(
            f"line {gaps.to_numpy().argmax()} lacks its context, compound or gene "
            f"({int(gaps.sum())} such lines)."
        )
    row = frame.groupby(keys, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    row, order = pd.factorize(row)
    column, genes = pd.factorize(frame[found["gene"]].astype(str))
    at = row.astype(np.int64) * len(genes) + column
    again = pd.Series(at).duplicated().to_numpy()
    if again.any():
        i = int(again.argmax())
        what = ", ".join(str(frame[k].iloc[i]) for k in [*keys, found["gene"]])
        raise InputError(
            f"lines {int((at == at[i]).argmax())} and {i} are both ({what}); {int(again.sum())} "
            "lines stand again: average them, or tell them apart by a column such as replicate."
        )
    flat = statistics(frame, found)
    matrices = {name: np.full(len(order) * len(genes), np.nan) for name in flat}
    for name, values in flat.items():
        matrices[name][at] = values
    layers, notes = as_layers({k: v.reshape(len(order), -1) for k, v in matrices.items()})
    return PerturbationTable(
        rows=_facts(frame, row, set(found.values())).rename(
            columns={context: "context", compound: "compound"}
        ),
        genes=np.asarray(genes, dtype=str),
        **layers,
        compounds=compounds_of(compounds),
        contexts=contexts,
        notes=tuple(notes),
    )


def _facts(frame: pd.DataFrame, row: NDArray[np.intp], used: set[str]) -> pd.DataFrame:
    """Return of each row the columns that have one value in all its lines."""
    _, first = np.unique(row, return_index=True)
    kept = []
    for name in frame.columns:
        codes, _ = pd.factorize(frame[name], use_na_sentinel=False)
        if name not in used and (codes == codes[first][row]).all():
            kept.append(name)
    return frame.iloc[first][kept].reset_index(drop=True)
