"""A table of responses seen otherwise: joined rows, long frame, AnnData, one line of text."""

import importlib.util
from typing import TYPE_CHECKING, Any

import anndata
import numpy as np
import pandas as pd

from cellaxes._core import keys
from cellaxes._core.version import __version__
from cellaxes.perturbation._molecules import missing
from cellaxes.perturbation._splits._scaffolds import with_scaffolds
from cellaxes.perturbation._table._check import KEYS

if TYPE_CHECKING:
    from cellaxes.perturbation._table._table import PerturbationTable

LAYOUT = "cellaxes.table/1"
SLOT = keys.params("table")
"""Key of ``uns`` that tells a table of responses."""
JOIN = " | "


def describe(table: "PerturbationTable") -> pd.DataFrame:
    """Return the rows with weight, suspect, and what is known of their compounds."""
    rows = table.rows.assign(weight=table.weight, suspect=table.suspect)
    known = table.compounds.reindex(rows["compound"].to_numpy())
    for name in known.columns.difference(rows.columns, sort=False):
        rows[name] = known[name].to_numpy()
    can = importlib.util.find_spec("rdkit") is not None
    if can and "SMILES" in rows and "scaffold" not in rows:
        text = rows["SMILES"]
        rows = with_scaffolds(rows.assign(SMILES=text.mask(text.map(missing))))
    return rows


def long_frame(table: "PerturbationTable") -> pd.DataFrame:
    """Return one row per response and gene."""
    at = np.repeat(np.arange(table.n_rows), table.n_genes)
    made: dict[str, Any] = {
        key: table.rows[key].to_numpy()[at] for key in KEYS if key in table.rows
    }
    made["gene"] = np.tile(table.genes, table.n_rows).astype(object)
    made |= {name: getattr(table, name).ravel() for name in table.stored}
    return pd.DataFrame(made | {"mask": table.mask.ravel()})


def as_anndata(table: "PerturbationTable") -> anndata.AnnData:
    """Return rows x genes, everything that the table knows in its slots."""
    told = [key for key in KEYS if key in table.rows]
    obs = table.rows.assign(weight=table.weight, reasons=[";".join(r) for r in table.reasons])
    obs.index = pd.Index(
        [JOIN.join(map(str, row)) for row in table.rows[told].itertuples(index=False)]
    )
    adata = anndata.AnnData(
        obs=writable(obs), var=pd.DataFrame(index=pd.Index(table.genes, dtype=object))
    )
    for name in table.stored:
        adata.layers[name] = np.array(getattr(table, name))
    if table.measured is not None:
        adata.layers["measured"] = np.array(table.measured)
    kept: dict[str, Any] = {
        "layout": LAYOUT,
        "version": __version__,
        "notes": np.array(table.notes, dtype=object),
    }
    if len(table.compounds.columns) or len(table.compounds):
        kept["compounds"] = writable(table.compounds)
    if table.contexts is not None:
        adata.varm["contexts"] = table.contexts.to_numpy().T.copy()
        kept["contexts"] = np.array(table.contexts.index, dtype=object)
    adata.uns[SLOT] = kept
    return adata


def writable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose text is categorical, which can be stored with gaps."""
    text = {
        str(name): pd.Categorical(column)
        for name, column in frame.items()
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype)
    }
    return frame.assign(**text)


def as_text(table: "PerturbationTable") -> str:
    """Return the table in one line."""
    rows = table.rows
    parts = [", ".join(table.stored)]
    if missing_share := 1 - table.mask.mean():
        parts.append(f"{missing_share:.1%} not measured")
    n_suspect = int(table.suspect.sum())
    if n_suspect:
        parts.append(f"{n_suspect} rows suspect")
    if "SMILES" in table.compounds:
        n = int(table.compounds["SMILES"].notna().sum())
        parts.append(f"{n} SMILES")
    parts += table.notes[:3] + (("…",) if len(table.notes) > 3 else ())
    return (
        f"PerturbationTable({table.n_rows:,} rows x {table.n_genes:,} genes: "
        f"{_counted(rows, 'context')}, {_counted(rows, 'compound')}; "
        f"{'; '.join(parts)})"
    )


def _counted(rows: pd.DataFrame, what: str) -> str:
    n = rows[what].nunique()
    return f"{n} {what}{'' if n == 1 else 's'}"
