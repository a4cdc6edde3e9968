"""Tables of responses as h5ad files, written whole or not at all."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
import pandas as pd
from anndata.io import read_elem

from cellaxes._core.adata import opened_h5ad, read_h5ad, reading_h5ad, write_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.files import file_atomic
from cellaxes.perturbation._table._check import LAYERS
from cellaxes.perturbation._table._table import PerturbationTable
from cellaxes.perturbation._table._views import LAYOUT, SLOT


def write_table(table: PerturbationTable, path: str | Path) -> None:
    """Write a table as an ``.h5ad`` file, which appears whole or not at all.

    Parameters
    ----------
    table
        What to write; `read_table` gives it back equal.
    path
        Ends in ``.h5ad``.

    Raises
    ------
    InputError
        If ``path`` has another ending.
    StoreError
        If it cannot be written.
    """
    path = Path(path)
    if path.suffix != ".h5ad":
        raise InputError(f"{path} must end in .h5ad.")
    adata = table.to_anndata()
    with file_atomic(path) as temporary:
        write_h5ad(adata, temporary)


def from_anndata(adata: anndata.AnnData) -> PerturbationTable:
    """Return the table that `PerturbationTable.to_anndata` made ``adata`` of.

    Raises
    ------
    InputError
        If the AnnData was made otherwise, or by a newer cellaxes.
    """
    kept: dict[str, Any] = dict(adata.uns.get(SLOT, {}))
    if kept.get("layout") != LAYOUT:
        raise InputError(
            f"the AnnData is no table of responses: uns[{SLOT!r}] says {kept.get('layout')!r}, "
            f"not {LAYOUT!r}; PerturbationTable.to_anndata makes one, read_op3 and from_results "
            "read other layouts."
        )
    obs = readable(adata.obs)
    contexts = None
    if "contexts" in kept:
        contexts = pd.DataFrame(
            np.asarray(adata.varm["contexts"]).T, index=kept["contexts"], columns=adata.var_names
        )
    return PerturbationTable(
        rows=obs.drop(columns="reasons"),
        genes=np.asarray(adata.var_names, dtype=str),
        **{name: np.asarray(adata.layers[name]) for name in LAYERS if name in adata.layers},
        measured=np.asarray(adata.layers["measured"]) if "measured" in adata.layers else None,
        compounds=readable(kept["compounds"]) if "compounds" in kept else pd.DataFrame(),
        contexts=contexts,
        reasons=tuple(tuple(filter(None, codes.split(";"))) for codes in obs["reasons"]),
        notes=tuple(map(str, kept["notes"])),
    )


def read_own(path: Path) -> PerturbationTable:
    """Read a file that `write_table` wrote."""
    with reading_h5ad(path):
        return from_anndata(read_h5ad(path))


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a frame whose categories are text again."""
    text = [str(name) for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)]
    return frame.assign(**{name: frame[name].astype(object) for name in text})


def parts_of(path: Path, layers: tuple[str, ...]) -> anndata.AnnData:
    """Read ``obs``, ``var`` and some layers of a file, and nothing else."""
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    with opened_h5ad(path) as stored:
        there = list(stored.get("layers", {}))
        return anndata.AnnData(
            obs=read_elem(stored["obs"]),
            var=read_elem(stored["var"]),
            layers={n: read_elem(stored[f"layers/{n}"]) for n in layers if n in there},
        )
