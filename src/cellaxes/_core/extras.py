"""Packages that come with an extra."""

import importlib.util

from cellaxes._core.errors import InputError


def require_extra(package: str, *, extra: str, what: str) -> None:
    """Refuse to go on without an optional package, naming the extra that brings it."""
    if importlib.util.find_spec(package) is None:
        raise InputError(
            f"{what} need {package}, which is not installed: pip install 'cellaxes[{extra}]'."
        )
