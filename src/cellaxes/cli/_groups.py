"""Groups of commands whose main one is called by its data alone."""

import typer
from typer.core import TyperGroup

READ = "cells"
"""The command that is meant where the first word is no command."""


class DataFirst(TyperGroup):
    """A group whose first word may be the data: ``explain cells.h5ad`` is ``explain cells …``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in self.commands and args[0] != "--help":
            args = [READ, *args]
        return super().parse_args(ctx, args)
