"""Folders of results: what belongs together appears at once, whatever stops the writing."""

import errno
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cellaxes._core.errors import InputError
from cellaxes._core.files import storing
from cellaxes._core.locks import alone
from cellaxes._core.parts import INSIDE, part_of, sweep_beside

HEADS = ("results.json", "report.html")
"""What says that a result is complete: the first to go when another comes, the last to come."""
_READY = ".ready"
_GONE = ".gone"


def out_dir(path: str | Path) -> Path:
    """Return ``path`` as a folder that exists and can be written, or say why it cannot.

    If a process was killed while a complete result moved in, the move is finished first.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        raise InputError(
            f"the output folder {path} cannot be written ({error.strerror}): "
            "choose another with --out, or free it."
        ) from error
    settle(path)
    sweep_beside(path / INSIDE)
    return path


@contextmanager
def receiving(path: str | Path) -> Iterator[Path]:
    """Give a folder that can be written (`out_dir`).

    If it was made for this and is still empty in the end, it goes again.
    """
    there = Path(path).exists()
    folder = out_dir(path)
    try:
        yield folder
    finally:
        if not there:
            with suppress(OSError):  # not empty
                folder.rmdir()


@contextmanager
def folder_atomic(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    If another process made ``path`` in the meantime, that one stays.
    """
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        temporary = part_of(path)
        temporary.mkdir()
        try:
            yield temporary
            _flush(temporary)
            try:
                temporary.rename(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def folder_filled(path: Path, *, instead_of: Iterable[str] = ()) -> Iterator[Path]:
    """Give a temporary folder whose entries join ``path`` when the block ends well.

    They take the place of entries of the same name; what ``path`` holds besides stays. Of several
    processes each moves in whole. A process that is killed before the move leaves ``path`` as it
    was; one that is killed during the move leaves it without ``results.json`` and
    ``report.html``, and the next one that writes there or reads what is missing ends the move
    (`settle`).

    Parameters
    ----------
    path
        The folder.
    instead_of
        Entries of an earlier result that go unless this one has them too.
    """
    with storing(path):
        path.mkdir(parents=True, exist_ok=True)
        temporary = part_of(path / INSIDE)
        temporary.mkdir()
        try:
            yield temporary
            gone = [name for name in instead_of if not (temporary / name).exists()]
            (temporary / _GONE).write_text(json.dumps(gone))
            _flush(temporary)
            with alone(path):
                _move_all(path)
                ready = path / f".{uuid.uuid4().hex}{_READY}"
                temporary.rename(ready)  # from here on the result is the new one
                _move_in(ready)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def settle(path: Path) -> None:
    """End the move of a complete result into ``path`` that a killed process began."""
    if any(path.glob(f".*{_READY}")):
        with storing(path), alone(path):
            _move_all(path)


def _move_all(path: Path) -> None:
    for ready in list(path.glob(f".*{_READY}")):
        _move_in(ready)


def _move_in(ready: Path) -> None:
    """Move the entries of a complete result to their places; begun twice, it ends the same."""
    path = ready.parent
    entries = {entry.name for entry in ready.iterdir()} - {_GONE}
    gone = json.loads((ready / _GONE).read_text()) if (ready / _GONE).exists() else []
    heads = [name for name in HEADS if name in entries]
    aside = []

    def clear(name: str) -> None:
        if (path / name).is_dir():
            aside.append((path / name).rename(part_of(path / INSIDE)))
        elif name not in entries or (ready / name).is_dir():  # a file takes a file's place itself
            (path / name).unlink(missing_ok=True)

    for name in reversed(heads):
        (path / name).unlink(missing_ok=True)
    for name in gone:
        clear(name)
    for name in (*sorted(entries - set(heads)), *heads):
        clear(name)
        (ready / name).replace(path / name)
    for old in (ready, *aside):
        shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    """Have the system write the files of a folder to the disk."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
