"""Errors a user can act on: one sentence that says what, where, and the mend."""

import difflib
from collections.abc import Iterable


class CellaxesError(Exception):
    """Base of every error that cellaxes raises on purpose."""


class InputError(CellaxesError, ValueError):
    """What the user handed in cannot be used as it is; the message says how to mend it."""


class StoreError(CellaxesError, OSError):
    """A file could not be read or written; finished work is untouched."""


def near(name: str, available: Iterable[object], n: int = 3) -> str:
    """Return a clause that names the entries nearest to ``name``, or all there are.

    Examples
    --------
    >>> near("celltype", ["cell_type", "donor_id"])
    "did you mean 'cell_type'?"
    >>> near("xyz", [])
    'there are none'
    """
    names = sorted(str(entry) for entry in available)
    if not names:
        return "there are none"
    close = difflib.get_close_matches(name, names, n=n, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(repr(c) for c in close)}?"
    shown = ", ".join(repr(entry) for entry in names[:12])
    return f"there are {shown}" + (", …" if len(names) > 12 else "")
