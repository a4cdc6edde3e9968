"""The doors: one command per verb."""

from cellaxes.cli._app import main

__all__ = ["main"]
