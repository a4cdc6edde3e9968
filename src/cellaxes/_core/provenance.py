"""What made a result: versions and machine, for the page and the records."""

import importlib.metadata
import os
import platform
from functools import cache

from cellaxes._core.version import __version__

_PACKAGES = ("anndata", "numpy", "scipy", "scikit-learn", "numba")


def versions() -> dict[str, str]:
    """Return the versions that a result depends on, by package."""
    found = {"cellaxes": __version__, "python": platform.python_version()}
    for name in _PACKAGES:
        found[name] = _version(name)
    return found


@cache  # a look at the disk, and every record asks
def _version(name: str) -> str:
    return importlib.metadata.version(name)


def machine() -> str:
    """Return the machine in a few words: processor architecture, cores, system."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}"
