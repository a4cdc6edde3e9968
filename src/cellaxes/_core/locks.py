"""One process at a time at a file or folder, where the platform can lock."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Let one process at a time through for a path: an existing folder, or a lock file's name.

    A lock file is made where there is none and goes again. A killed process frees what it held.
    Without locks (Windows, some shared file systems) everybody passes.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    folder = path.is_dir()
    while True:
        held = os.open(path, os.O_RDONLY if folder else os.O_RDWR | os.O_CREAT, 0o666)
        try:
            with suppress(OSError):
                fcntl.flock(held, fcntl.LOCK_EX)
            if not folder and not _is(held, path):
                continue  # whoever had it removed it: others queue at a new one
            try:
                yield
            finally:
                if not folder:
                    path.unlink(missing_ok=True)
            return
        finally:
            os.close(held)


@contextmanager
def first(path: Path) -> Iterator[bool]:
    """Say whether nobody else has an existing folder, and keep it while the block runs."""
    try:
        import fcntl
    except ImportError:  # Windows
        yield True
        return
    held = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError:  # no locks here
            pass
        yield True
    finally:
        os.close(held)


def _is(held: int, path: Path) -> bool:
    """Whether an open file is the one that stands at ``path``."""
    try:
        return os.path.samestat(os.fstat(held), path.stat())
    except FileNotFoundError:
        return False
