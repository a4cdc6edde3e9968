"""Reading tables that users hand in."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import pandas as pd
import pyarrow.parquet as pq

from cellaxes._core.errors import InputError
from cellaxes._core.reading import naming, reading

Read = TypeVar("Read", bound=Callable[..., Any])


def naming_its_file(read: Read) -> Read:
    """Decorate a reader of tables: what it refuses in a file names the file.

    The first argument of the reader is the path of a table, or something that is no file.
    """

    @wraps(read)
    def wrapped(source: Any, *args: Any, **settings: Any) -> Any:
        with named(source):
            return read(source, *args, **settings)

    return cast("Read", wrapped)


def named(source: Any) -> AbstractContextManager[None]:
    """Let what is refused of a source name it, where it is a file."""
    return naming(source) if isinstance(source, str | Path) else nullcontext()


EXACT_FLOATS: dict[str, Any] = (
    {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
)
"""How `pandas.read_csv` gives back the number that was written; pandas 3 always does."""


def read_table(path: Path) -> pd.DataFrame:
    """Read a ``.csv``, ``.tsv`` or ``.parquet`` table, with a clear word on what is wrong."""
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    with reading(path, "a table"):
        if path.suffix == ".parquet":
            # of 18,000 columns, a third of the memory that pd.read_parquet takes
            frame: pd.DataFrame = pq.ParquetFile(path).read().to_pandas()
            return frame
        separator = "\t" if path.suffix == ".tsv" else ","
        return cast("pd.DataFrame", pd.read_csv(path, sep=separator, **EXACT_FLOATS))


def thinned_alike(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a study's table in which training and test cells are thinned alike.

    Those where only one of them is thinned belong to other curves; a table that does not tell
    is returned whole.
    """
    told = "thin" in table and table["thin"].isin(["both", "train", "query"]).all()
    return table[table["thin"] == "both"] if told else table
