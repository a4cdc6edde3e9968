"""The one door between users' files and the libraries that read them.

A damaged file makes a library raise almost anything; whatever it is becomes one sentence that
names the file.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.format import MAGIC_PREFIX
from numpy.typing import NDArray

from cellaxes._core.errors import CellaxesError, InputError

MEND = "copy or fetch it again"
LONGEST = 200
"""Characters that a library may say."""
ZIP = b"PK\x03\x04"
"""How a ``.npz`` begins."""


@contextmanager
def reading(path: str | Path, what: str, mend: str = MEND) -> Iterator[None]:
    """Turn what a library says of a file into one sentence that names it.

    Parameters
    ----------
    path
        File or folder.
    what
        What it should be, as ``"a table"``.
    mend
        What to do about it.

    Raises
    ------
    InputError
        In place of whatever a library raised; if memory does not suffice; and of what was refused
        inside without naming the file.
    """
    try:
        with naming(path):
            yield
    except CellaxesError:
        raise
    except MemoryError as error:
        raise InputError(
            f"{path} cannot be read as {what}: by its own account it needs more memory than there "
            f"is; if it is not that large it is damaged: {mend}."
        ) from error
    except Exception as error:  # of bytes, libraries make errors of every class
        raise InputError(
            f"{path} cannot be read as {what} ({reason_of(error)}): it is truncated, damaged or of "
            f"another kind; {mend}."
        ) from error


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Put the name of a file before what was refused without it."""
    try:
        yield
    except InputError as error:
        if Path(path).name in str(error):
            raise
        raise InputError(f"{path}: {error}") from error


def reason_of(error: BaseException) -> str:
    """Return what an error says, on one line and not at length.

    Examples
    --------
    >>> reason_of(KeyError("obs"))
    "no 'obs'"
    """
    text = " ".join(str(error).split())
    if isinstance(error, KeyError) and len(error.args) == 1 and text == repr(error.args[0]):
        text = f"no {text}"
    text = text or ("it ends early" if isinstance(error, EOFError) else type(error).__name__)
    return shortened(text, LONGEST)


def shortened(text: str, length: int = 60) -> str:
    """Return a text of a file as a sentence can hold it.

    Examples
    --------
    >>> shortened("Spike|hCoV-19/Wuhan/WIV04/2019", 12)
    'Spike|hCoV-1 …'
    """
    return text if len(text) <= length else text[:length].rstrip() + " …"


def read_text(path: str | Path, what: str, mend: str = MEND) -> str:
    """Return the text of a file (UTF-8, with or without a byte order mark)."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path} is no file: check its path.")
    with reading(path, what, mend):
        return path.read_text(encoding="utf-8-sig")


def read_json(path: str | Path, what: str, mend: str = MEND) -> Any:
    """Return what a JSON file holds."""
    text = read_text(path, what, mend)
    with reading(path, what, mend):
        return json.loads(text)


def open_npy(path: Path) -> NDArray[Any]:
    """Return the memory map of a ``.npy`` file, which is as large as it says."""
    with reading(path, "a NumPy file", "write it again with numpy.save"):
        with path.open("rb") as file:  # of other bytes NumPy says that they may be a pickle
            if not file.read(len(MAGIC_PREFIX)).startswith((MAGIC_PREFIX, ZIP)):
                raise TypeError("it does not begin like one")
        found: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.memmap):  # a .npz of that name
            raise TypeError("it holds several arrays")
        return found
