"""Files that appear whole or not at all, and JSON that means the same everywhere."""

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from cellaxes._core.errors import InputError, StoreError


def out_dir(path: str | Path) -> Path:
    """Return ``path`` as a folder that exists and can be written, or say why it cannot."""
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
def storing(path: Path) -> Iterator[None]:
    """Turn a failed write into a `StoreError` of one sentence."""
    try:
        yield
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk is full, {path} was not written; what is finished is kept: "
                "free space and run the same command again."
            ) from error
        raise StoreError(
            f"{path} could not be written ({error.strerror or error}); what is finished is kept: "
            "mend the folder and run the same command again."
        ) from error


def part_of(path: Path) -> Path:
    """Return a name beside ``path`` that no other process uses, for what is not finished."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")


def sweep(root: Path) -> None:
    """Remove what killed processes left unfinished below ``root``, if it is an hour old."""
    for part in list(root.rglob(".*.part")):
        if part.exists() and time.time() - part.stat().st_mtime > 3600:
            shutil.rmtree(part) if part.is_dir() else part.unlink(missing_ok=True)


@contextmanager
def file_atomic(path: Path) -> Iterator[Path]:
    """Give a temporary file that becomes ``path`` when the block ends well (fsync, replace)."""
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = part_of(path)
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file that appears whole or not at all."""
    with file_atomic(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def folder_atomic(path: Path) -> Iterator[Path]:
    """Give a temporary folder that becomes ``path`` when the block ends well.

    If another process made ``path`` in the meantime, that one stays.
    """
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = part_of(path)
        temporary.mkdir()
        try:
            yield temporary
            try:
                temporary.rename(path)
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def folder_filled(path: Path) -> Iterator[Path]:
    """Give a temporary folder whose entries join ``path`` when the block ends well.

    They take the place of entries of the same name; what ``path`` holds besides stays.
    """
    with storing(path):
        temporary = part_of(path / path.name)
        temporary.mkdir()
        try:
            yield temporary
            for entry in sorted(temporary.iterdir()):
                replace_path(entry, path / entry.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def replace_path(new: Path, path: Path) -> None:
    """Move a file or folder to where another may be, which stays if that fails."""
    if not path.is_dir():
        new.replace(path)
        return
    old = part_of(path)
    path.rename(old)
    try:
        new.rename(path)
    finally:
        if not path.exists():
            old.rename(path)
        shutil.rmtree(old, ignore_errors=True)


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text.

    Numbers that JSON lacks are written as the strings ``"inf"``, ``"-inf"`` and ``"nan"``,
    which ``float()`` reads back.
    """
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def pretty_json(value: Any) -> str:
    """Return indented JSON for people, with the same number rules as `canonical_json`."""
    return json.dumps(plain(value), indent=2, allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """Return ``value`` in JSON's own types."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def identity(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def path_identity(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, or of the names and bytes of a folder's files."""
    if not path.is_dir():
        return file_identity(path)
    files = sorted(file for file in path.rglob("*") if file.is_file())
    return identity([[file.relative_to(path).as_posix(), file_identity(file)] for file in files])


def file_identity(path: Path, algorithm: str = "sha256") -> str:
    """Return the SHA-256 (or another hash) of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()
