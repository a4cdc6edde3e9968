"""Unfinished training on disk: stopped anywhere, it goes on and ends the same."""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.artefact import Artefact, opened
from cellaxes._core.errors import InputError
from cellaxes._core.files import array_identity, plain, storing
from cellaxes._core.locks import first
from cellaxes._core.matrix import Counts, by_rows, csr_rows, row_blocks, shape_of
from cellaxes._core.parts import sweep
from cellaxes._core.version import __version__
from cellaxes.features._config import Config
from cellaxes.features._rows import Rows

EVERY = 60.0
"""Seconds between states."""
KIND = "features.training"
_ROWS = 65_536


class Checkpoint:
    """The state of one training in a folder: ``step_000123/``, the last one alone.

    Parameters
    ----------
    folder
        Where.
    what
        What is trained, on what: a state of something else is refused.
    every
        Seconds between states.
    """

    def __init__(self, folder: Path, what: dict[str, Any], every: float) -> None:
        self.folder, self.what, self.every = folder, plain(what), every
        self._saved = time.monotonic()

    def load(self) -> tuple[int, dict[str, NDArray[Any]]]:
        """Return the steps done and the arrays of the last state; 0 and nothing without one.

        Raises
        ------
        InputError
            If it is of other data or settings, or damaged.
        """
        states = self._states()
        if not states:
            return 0, {}
        try:
            with opened(states[-1], KIND, "no state of a training") as found:
                before, step = dict(found.params["what"]), int(found.params["step"])
        except InputError as error:
            raise InputError(
                f"the unfinished training in {self.folder} cannot go on: remove the folder, and it "
                f"begins anew ({error})."
            ) from error
        differ = [
            f"{name} {_short(before.get(name))}, here {_short(self.what.get(name))}"
            for name in sorted(before.keys() | self.what.keys())
            if before.get(name) != self.what.get(name)
        ]
        if differ:
            raise InputError(
                f"{self.folder} holds the unfinished training of something else "
                f"({'; '.join(differ)}): call it with what it was begun with, or remove the folder."
            )
        return step, found.arrays

    def due(self, *, last: bool) -> bool:
        """Whether it is time to keep the state."""
        return last or time.monotonic() - self._saved >= self.every

    def save(self, step: int, arrays: dict[str, NDArray[Any]]) -> None:
        """Keep a state instead of those before it; it appears whole or not at all."""
        before = self._states()
        state = self.folder / f"step_{step:09d}"
        if not state.exists():
            Artefact(KIND, {"step": step, "what": self.what}, arrays).save(state)
        for old in before:
            if old != state:
                shutil.rmtree(old, ignore_errors=True)
        self._saved = time.monotonic()

    def _states(self) -> list[Path]:
        return sorted(p for p in self.folder.iterdir() if re.fullmatch(r"step_\d{9,}", p.name))


@contextmanager
def keeping(
    folder: str | Path | None, what: dict[str, Any], every: float
) -> Iterator[Checkpoint | None]:
    """Give the checkpoint in ``folder``; none without one, or while another process trains there.

    Raises
    ------
    StoreError
        If the folder cannot be made.
    """
    if folder is None:
        yield None
        return
    folder = Path(folder)
    with storing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with first(folder) as ours:
        if ours:
            sweep(folder)
        yield Checkpoint(folder, what, every) if ours else None


def forget_checkpoint(folder: Path) -> None:
    """Remove the checkpoint in ``folder``, unless another process trains there."""
    if folder.is_dir():
        with first(folder) as ours:
            if ours:
                shutil.rmtree(folder, ignore_errors=True)


def identify(
    rows: Rows,
    config: Config,
    members: Sequence[tuple[int, float]],
    counts: Counts | None,
    device: str,
) -> dict[str, Any]:
    """Return what a training is of, by name: data as SHA-256, settings as they are."""
    return {
        "embedding": array_identity(
            rows.z[rows.rows[start : start + _ROWS]] for start in range(0, len(rows.rows), _ROWS)
        ),
        "training cells": array_identity([rows.rows]),
        "counts": None if counts is None else array_identity(_parts(counts)),
        "seeds": [seed for seed, _ in members],
        "ks": [k for _, k in members],
        "device": device,
        "cellaxes": __version__,
        **{name: value for name, value in config.to_dict().items() if name != "k"},
    }


def _parts(counts: Counts) -> Iterator[NDArray[Any]]:
    counts = by_rows(counts)
    for start, stop in row_blocks(shape_of(counts)[0]):
        block = csr_rows(counts, start, stop)
        yield from (block.data, block.indices.astype(np.int64), block.indptr.astype(np.int64))


def _short(value: Any) -> str:
    """Return a value in a few characters: of a SHA-256 the first."""
    return value[:8] if isinstance(value, str) and len(value) == 64 else str(value)
