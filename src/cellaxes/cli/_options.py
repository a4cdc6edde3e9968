"""Options that commands share."""

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[Path, typer.Option("--out", help="Folder that receives the page and the tables.")]
RandomState = Annotated[int, typer.Option("--random-state", min=0, help="Seed.")]
Table = Annotated[Path, typer.Argument(help="A tidy .csv, .tsv or .parquet table.")]
By = Annotated[str, typer.Option("--by", help="Columns that name a curve or model, by commas.")]
Level = Annotated[
    str | None, typer.Option("--level", help="Column that marks replicates of one depth.")
]
