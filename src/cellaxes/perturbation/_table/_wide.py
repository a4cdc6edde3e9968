"""Tables of responses of wide tables: one line per row, one column per gene."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import named
from cellaxes._core.tables import read_table as read_frame
from cellaxes.perturbation._table._check import KEYS, LAYERS, OWN, clean_genes, some
from cellaxes.perturbation._table._compounds import Compounds
from cellaxes.perturbation._table._results import Source, compounds_of
from cellaxes.perturbation._table._table import PerturbationTable


def read_wide(
    layers: Mapping[str, Source],
    *,
    context: str = "context",
    compound: str = "compound",
    facts: Sequence[str] | None = None,
    compounds: Source | Compounds | None = None,
    contexts: pd.DataFrame | None = None,
) -> PerturbationTable:
    """Read wide tables, one for each layer: one line per context and compound, genes in columns.

    Layers are brought to the genes and rows of the first one by name.

    Parameters
    ----------
    layers
        By layer (``"t"``, ``"logFC"``, ``"signed_log10_p"``) a ``.csv``, ``.tsv`` or ``.parquet``
        file, or a data frame, one row per response.
    context, compound
        Columns.
    facts
        Other columns that are no genes. Unless given: text, truth values, names such as ``dose``
        and ``n_cells``, and whole numbers that stand before the first gene.
    compounds
        Frame indexed by compound, `Compounds`, or a file that `read_compounds` reads.
    contexts
        Baseline expression, ``(n_contexts, n_genes)``.

    Raises
    ------
    InputError
        If a file cannot be read, a column is missing, or layers speak of different rows or genes.
    """
    if not layers:
        raise InputError(f"name at least one layer: {', '.join(LAYERS)}.")
    first: pd.DataFrame | None = None
    genes: NDArray[np.str_] = np.empty(0, dtype=str)
    values: dict[str, Any] = {}
    for name, source in layers.items():
        if name not in LAYERS:
            raise InputError(f"there is no layer {name!r}: {near(name, LAYERS)}")
        with named(source):
            frame = source if isinstance(source, pd.DataFrame) else read_frame(Path(source))
            for key in (context, compound):
                if key not in frame:
                    raise InputError(f"{name} has no column {key!r}: {near(key, frame.columns)}")
            told = [context, compound, *(facts if facts is not None else fact_columns(frame))]
            told = list(dict.fromkeys(str(key) for key in told))
            rows = frame[told].rename(columns={context: "context", compound: "compound"})
            if first is None:
                first, genes = rows, clean_genes(frame.columns.drop(told))
            values[name] = _matrix(name, frame, genes)
            if not _pairs(first).equals(_pairs(rows).set_axis(first.index)):
                raise InputError(
                    f"{name} has other rows than the first layer, or in another order."
                )
    assert first is not None  # noqa: S101 - there is a layer
    with named(next(iter(layers.values()))):
        return PerturbationTable(
            rows=first,
            genes=genes,
            **values,
            compounds=compounds_of(compounds),
            contexts=contexts,
        )


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["context", "compound"]].astype(str)


def fact_columns(frame: pd.DataFrame) -> list[str]:
    """Return the columns of a wide table that are no genes."""
    found: list[str] = []
    before = True
    for name, dtype in frame.dtypes.items():
        if dtype.kind == "f" and name not in (*KEYS, *OWN, "n_cells", "df"):
            before = False
        elif before or dtype.kind not in "iu" or name in KEYS:
            found.append(str(name))
    return found


def _matrix(name: str, frame: pd.DataFrame, genes: NDArray[np.str_]) -> NDArray[np.floating]:
    """Return the values of these genes, ``(n_rows, n_genes)``."""
    absent = [gene for gene in genes if gene not in frame.columns]
    if absent:
        raise InputError(f"{name} lacks {len(absent)} genes of the first layer: {some(absent)}.")
    part = frame[list(genes)]
    text = [str(gene) for gene, dtype in part.dtypes.items() if dtype.kind not in "iufb"]
    if text:
        raise InputError(
            f"columns {some(text)} of {name} hold text: name them in facts= if they are no genes, "
            "or make them numbers."
        )
    dtypes = set(part.dtypes)
    kind = np.float32 if dtypes == {np.dtype(np.float32)} else np.float64
    return part.to_numpy(dtype=kind)
