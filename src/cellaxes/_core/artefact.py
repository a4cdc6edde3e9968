"""Fitted things on disk: numbers as safetensors, everything else as JSON, no pickle."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from cellaxes._core.errors import InputError, near
from cellaxes._core.files import pretty_json
from cellaxes._core.folders import folder_atomic, settle
from cellaxes._core.reading import reading
from cellaxes._core.version import __version__

FORMAT = 1
"""Version of the on-disk layout: ``artefact.json`` and ``arrays.safetensors`` in one folder."""
HEAD, ARRAYS = "artefact.json", "arrays.safetensors"
WHAT, MEND = "a saved model", "save it again"


@dataclass(frozen=True)
class Artefact:
    """A fitted thing as plain data.

    Attributes
    ----------
    kind
        What it is, e.g. ``"embed.pca"``.
    params
        JSON-able settings.
    arrays
        Numeric arrays by name, of any shape.
    """

    kind: str
    params: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    def save(self, path: str | Path) -> None:
        """Write the folder ``path``; it appears whole or not at all.

        Raises
        ------
        InputError
            If there is such a folder already.
        """
        path = Path(path)
        if path.exists():
            raise InputError(f"{path} exists already: choose another name or remove it.")
        head = {
            "format": FORMAT,
            "kind": self.kind,
            "params": self.params,
            "version": __version__,
        }
        with folder_atomic(path) as folder:
            arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
            (folder / ARRAYS).write_bytes(save(arrays))
            (folder / HEAD).write_text(pretty_json(head))

    @classmethod
    def load(cls, path: str | Path) -> "Artefact":
        """Read the folder ``path`` written by `save`.

        Raises
        ------
        InputError
            If it is a file, is missing or damaged, or of another layout.
        """
        path = Path(path)
        if not path.exists():
            settle(path.parent)  # a killed process may have left it ready beside
        if path.is_file():
            raise InputError(
                f"{path} is a file, but a saved model is a folder with artefact.json and "
                "arrays.safetensors: pickled weights and those of other tools are not read."
            )
        for name in (HEAD, ARRAYS):
            if not (path / name).exists():
                folder = path.parent
                beside = [p.name for p in folder.iterdir() if p != path] if folder.is_dir() else []
                raise InputError(
                    f"{path} holds no saved model ({name} is missing): {near(path.name, beside)}"
                )
        with reading(path, WHAT, MEND):
            head = json.loads((path / HEAD).read_text(encoding="utf-8"))
            arrays = load((path / ARRAYS).read_bytes())
            version, kind, params = head["format"], head["kind"], head["params"]
            if not isinstance(kind, str) or not isinstance(params, dict):
                raise TypeError(f"{HEAD} names neither its kind nor its settings")
        if version != FORMAT:
            raise InputError(
                f"{path} has layout {version}, this cellaxes reads layout {FORMAT}: "
                "update cellaxes or save the model again."
            )
        return cls(kind=kind, params=params, arrays=arrays)


@contextmanager
def opened(path: str | Path, kind: str, otherwise: str) -> Iterator[Artefact]:
    """Give what a folder of a kind holds; contents that do not fit are said in one sentence.

    Parameters
    ----------
    path
        Folder.
    kind
        What it must hold, or how its kind must begin, with a dot at the end.
    otherwise
        What a folder of another kind is told to be, e.g. ``"no adapter"``.

    Raises
    ------
    InputError
        If the folder is missing, damaged, or holds something else.
    """
    found = Artefact.load(path)
    if not (found.kind.startswith(kind) if kind.endswith(".") else found.kind == kind):
        raise InputError(f"{path} holds {found.kind}, {otherwise}.")
    with reading(path, WHAT, MEND):
        yield found
