"""cellaxes: what a representation of cells knows, and what limits it.

The rooms are the public names: ``cx.noise``, ``cx.embed``, ``cx.signal``,
``cx.information``, ``cx.features``, ``cx.hierarchy``, ``cx.perturbation``, ``cx.scaling``,
``cx.study``, ``cx.pl``, ``cx.report``, ``cx.verbs`` and ``cx.datasets``. Each is imported when it
is first used, so that ``import cellaxes`` costs next to nothing.
"""

import importlib
from types import ModuleType

from cellaxes._core.errors import CellaxesError, InputError, StoreError
from cellaxes._core.version import __version__

_ROOMS = (
    "datasets",
    "embed",
    "features",
    "hierarchy",
    "information",
    "noise",
    "perturbation",
    "pl",
    "report",
    "scaling",
    "signal",
    "study",
    "verbs",
)

__all__ = ["CellaxesError", "InputError", "StoreError", "__version__", *_ROOMS]


def __getattr__(name: str) -> ModuleType:
    if name in _ROOMS:
        return importlib.import_module(f"cellaxes.{name}")
    raise AttributeError(f"module 'cellaxes' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
