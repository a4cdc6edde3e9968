"""One door to every file that holds responses."""

from pathlib import Path

import pandas as pd

from cellaxes._core.adata import opened_h5ad
from cellaxes._core.errors import InputError, near
from cellaxes._core.tables import naming_its_file
from cellaxes._core.tables import read_table as read_frame
from cellaxes.perturbation._table._h5ad import read_own
from cellaxes.perturbation._table._kaggle import COMPOUND, CONTEXT, read_kaggle
from cellaxes.perturbation._table._long import read_long
from cellaxes.perturbation._table._op3 import SIGNED, read_op3
from cellaxes.perturbation._table._statistics import COLUMNS
from cellaxes.perturbation._table._table import PerturbationTable
from cellaxes.perturbation._table._views import SLOT


@naming_its_file
def read_table(path: str | Path) -> PerturbationTable:
    """Read a file of responses by what it holds.

    ``.h5ad``: what `write_table` wrote, or the layout of Open Problems 3 (`read_op3`).
    ``.parquet``, ``.csv``, ``.tsv``: the competition's layout (`read_kaggle`), or one line per
    row and gene (`read_long`). Wide tables of other layouts need to be told which layer they hold
    (`read_wide`), and results of a tool which row they are (`from_results`).

    Parameters
    ----------
    path
        File.

    Raises
    ------
    InputError
        If the file cannot be read, or holds nothing of these.
    """
    path = Path(path)
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path} is no file: {near(path.name, beside)}")
    if path.suffix == ".h5ad":
        with opened_h5ad(path) as stored:
            own, op3 = SLOT in stored.get("uns", {}), SIGNED in stored.get("layers", {})
        if own or op3:
            return read_own(path) if own else read_op3(path)
        raise InputError(
            f"{path} holds no responses: it was not written by write_table and has no layer "
            f"{SIGNED!r}. Of cells, make pseudobulk, differential_expression and "
            "from_differential_expression."
        )
    if path.suffix not in (".parquet", ".csv", ".tsv"):
        raise InputError(f"{path} must end in .h5ad, .parquet, .csv or .tsv.")
    frame = read_frame(path)
    if {CONTEXT, COMPOUND} <= set(frame):
        return read_kaggle(frame)
    if {"context", "compound"} <= set(frame) and set(COLUMNS["gene"][:5]) & set(frame):
        return read_long(frame)
    raise InputError(f"{path} {_hint(frame)}")


def _hint(frame: pd.DataFrame) -> str:
    if {"context", "compound"} <= set(frame):
        return (
            "is a wide table that does not say what its numbers are: "
            "read_wide({'t': path}), with logFC or signed_log10_p as it may be."
        )
    if {"p", "pvals", "P.Value", "pvalue"} & set(map(str, frame.columns)):
        return (
            "holds one result and does not say of what: from_results({(context, compound): path})."
        )
    return (
        f"is of no known layout: it has no columns {CONTEXT!r} and {COMPOUND!r}, nor 'context', "
        "'compound' and 'gene' (read_long takes other names)."
    )
