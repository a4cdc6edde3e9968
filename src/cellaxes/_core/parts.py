"""Names of what is not finished yet, and what of it was left behind by killed processes."""

import glob
import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PATIENCE = 3600.0
"""Seconds after which what a process of another machine left is taken for abandoned."""
INSIDE = "~"
"""Name of what fills a folder and is not there in the end."""
_NAME = re.compile(
    r"\.(?P<name>.+)\.(?:(?P<where>[0-9a-f]{8})-(?P<process>\d+)-)?[0-9a-f]{12,32}\.part"
)


def part_of(path: Path) -> Path:
    """Return a name beside ``path`` that no other process uses, for what is not finished."""
    mark = f"{_where()}-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    return path.with_name(f".{path.name}.{mark}.part")


def final_of(path: Path) -> Path:
    """Return what something below a `part_of` will be called in the end."""
    found = [(step, _NAME.fullmatch(step)) for step in path.parts]
    names = [step if named is None else named["name"] for step, named in found]
    return Path(*(name for name in names if name != INSIDE))


def sweep(root: Path) -> None:
    """Remove what killed processes left unfinished below ``root``.

    Others may be at work there: a folder that goes meanwhile is passed over.
    """
    _remove(
        Path(folder, name)
        for folder, folders, files in os.walk(root)
        for name in (*folders, *files)
        if name.endswith(".part")
    )


def sweep_beside(path: Path) -> None:
    """Remove what killed processes left unfinished of ``path`` itself."""
    _remove(path.parent.glob(f".{glob.escape(path.name)}.*.part"))


def _remove(found: Iterable[Path]) -> None:
    for part in list(found):
        if _abandoned(part):
            if part.is_dir() and not part.is_symlink():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)


def _abandoned(part: Path) -> bool:
    """Whether nobody works on it: its process has ended, or it is old and from elsewhere."""
    named = _NAME.fullmatch(part.name)
    if named is None:
        return False
    if named["where"] == _where():
        return not _alive(int(named["process"]))
    try:
        inside = part.rglob("*") if part.is_dir() else ()
        latest: float = max(path.stat().st_mtime for path in (part, *inside))
    except FileNotFoundError:  # somebody is at it, or it is gone
        return False
    return time.time() - latest > PATIENCE


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@cache
def _where() -> str:
    """Return a mark of this machine since it was started, and of what numbers its processes.

    Elsewhere than on Linux it is one that nobody has, so that age alone decides.
    """
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return uuid.uuid4().hex[:8]
    return hashlib.sha256(f"{platform.node()}{boot}{space}".encode()).hexdigest()[:8]
