"""Files that appear whole or not at all, and JSON that means the same everywhere."""

import errno
import gc
import hashlib
import json
import math
import os
import re
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import StoreError
from cellaxes._core.parts import final_of, part_of, sweep_beside


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn a failed write into a `StoreError` of one sentence."""
    try:
        with _closing_quietly():
            yield
    except (OSError, RuntimeError) as error:
        number, path = _number(error), final_of(path)
        if isinstance(error, StoreError) or (isinstance(error, RuntimeError) and number is None):
            raise
        if number in (errno.ENOSPC, errno.EDQUOT):
            raise StoreError(
                f"the disk is full, {path} was not written; what is finished is kept: "
                "free space and run the same command again."
            ) from error
        reason = str(error).splitlines()[0] if number is None else os.strerror(number)
        raise StoreError(
            f"{path} could not be written ({reason}); what is finished is kept: "
            "mend the folder and run the same command again."
        ) from error


@contextmanager
def _closing_quietly() -> Iterator[None]:
    """Drop what an HDF5 file that cannot be written says of its own closing.

    Each object in it repeats the error on standard error when it goes; raised is the first.
    """
    before = sys.unraisablehook

    def hear(said: "sys.UnraisableHookArgs") -> None:
        if "Can't decrement id ref count" not in str(said.exc_value):
            before(said)

    sys.unraisablehook = hear
    try:
        yield
    except BaseException as error:
        behind: BaseException | None = error
        while behind is not None:
            traceback.clear_frames(behind.__traceback__)
            behind = behind.__context__
        gc.collect()
        raise
    finally:
        sys.unraisablehook = before


def _number(error: OSError | RuntimeError) -> int | None:
    """Return the number of a system error; HDF5 hides it in its words, in errors of any class."""
    number = getattr(error, "errno", None)
    if number is None and (said := re.search(r"errno = (\d+)", str(error))):
        number = int(said[1])
    return number


@contextmanager
def file_atomic(path: Path) -> Iterator[Path]:
    """Give a temporary file that becomes ``path`` when the block ends well (fsync, replace)."""
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep_beside(path)
        temporary = part_of(path)
        try:
            yield temporary
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def make_room(path: Path, n_bytes: int) -> None:
    """Raise, as writing would, where a file of a size cannot be made at a path that is free."""
    with path.open("xb") as file:
        try:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, n_bytes)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):  # asked of such a disk: nothing
                raise
        finally:
            path.unlink()


def write_atomic(path: Path, content: bytes | str) -> None:
    """Write a file that appears whole or not at all."""
    with file_atomic(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


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


def array_identity(arrays: Iterable[NDArray[Any]]) -> str:
    """Return the SHA-256 of the types, shapes and values of arrays, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
