"""Reading tables that users hand in."""

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from cellaxes._core.errors import InputError

EXACT_FLOATS: dict[str, Any] = (
    {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
)
"""How `pandas.read_csv` gives back the number that was written; pandas 3 always does."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a ``.csv``, ``.tsv`` or ``.parquet`` table, with a clear word on what is wrong."""
    if not path.is_file():
        raise InputError(f"{path} is no file.")
    try:
        if path.suffix == ".parquet":
            # of 18,000 columns, a third of the memory that pd.read_parquet takes
            frame: pd.DataFrame = pq.ParquetFile(path).read().to_pandas()
            return frame
        separator = "\t" if path.suffix == ".tsv" else ","
        return pd.read_csv(path, sep=separator, **EXACT_FLOATS)
    except (OSError, ValueError, ImportError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path} cannot be read as a table ({reason}).") from error


def thinned_alike(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a study's table in which training and test cells are thinned alike.

    Those where only one of them is thinned belong to other curves; a table that does not tell
    is returned whole.
    """
    told = "thin" in table and table["thin"].isin(["both", "train", "query"]).all()
    return table[table["thin"] == "both"] if told else table
