"""Files from the network: cached, resumed where they broke off, checked, whole or not at all."""

import http.client
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from cellaxes._core.errors import InputError, StoreError
from cellaxes._core.files import file_identity, storing, write_atomic
from cellaxes._core.locks import alone
from cellaxes._core.version import __version__

CACHE = "CELLAXES_CACHE"
"""Variable of the environment that names the cache folder."""
CHUNK = 1 << 20
PAUSE = 1.0
"""Seconds before the second try; twice as long before each further one."""
GONE = 416
"""HTTP: the server has nothing from that byte on."""


def cache_folder() -> Path:
    """Return the folder of downloaded files: ``CELLAXES_CACHE``, or the platform's own."""
    if named := os.environ.get(CACHE):
        return Path(named).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "cellaxes"


def fetch(
    url: str,
    path: Path,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    tries: int = 3,
    timeout: float = 30.0,
) -> Path:
    """Return ``path``, downloaded from ``url`` if it is not there yet.

    What arrives is kept in ``<name>.part`` and continued on the next try or call, if the server
    says that the file is still the same. The finished file appears whole, with its SHA-256 in
    ``<name>.sha256``; a file that is there is checked against the hash that is asked for, else
    against that one.

    Parameters
    ----------
    url
        ``http://`` or ``https://``.
    path
        Where the file goes.
    sha256
        Of the whole file, in hexadecimal; None where nobody has published one.
    md5
        The same, where that is all that is published.
    tries
        Times a broken connection is taken up in this call.
    timeout
        Seconds without an answer after which a connection counts as broken.

    Raises
    ------
    InputError
        If the address is of another kind, or a file is there that is not the one asked for.
    StoreError
        If the server cannot be reached or refuses, the connection keeps breaking, the hash is
        another, or the file cannot be written.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise InputError(f"{url!r} is no http or https address.")
    note = path.with_name(path.name + ".sha256")
    if path.is_file():
        if md5 is None and sha256 is None and note.is_file():
            sha256 = note.read_text().split()[0]
        if other := _other(path, sha256, md5):
            raise InputError(
                f"{path} is not the file that was asked for (its {other[0]} is not {other[2]}): "
                "remove it to download it again."
            )
        return path
    part = path.with_name(path.name + ".part")
    with storing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = part.with_name(part.name + ".lock")
    with storing(lock), alone(lock):
        if path.is_file():  # another process was quicker
            return fetch(url, path, sha256=sha256, md5=md5, tries=tries, timeout=timeout)
        _complete(url, part, tries, timeout)
        if other := _other(part, sha256, md5):
            _forget(part)
            raise StoreError(
                f"{url} gave a file with {other[0]} {other[1]}, not {other[2]}: it was removed; it "
                "has changed on the server, or something between altered it."
            )
        found = file_identity(part)
        with storing(path):
            write_atomic(note, f"{found}  {path.name}\n")
            part.replace(path)
            _forget(part)
    return path


def _other(path: Path, sha256: str | None, md5: str | None) -> tuple[str, str, str] | None:
    """Return the first hash that is not the one asked for: its name, what it is, what was asked."""
    for name, wanted in (("SHA-256", sha256), ("MD5", md5)):
        found = None if wanted is None else file_identity(path, name.replace("-", "").lower())
        if wanted is not None and found != wanted.lower():
            return name, str(found), wanted
    return None


def _complete(url: str, part: Path, tries: int, timeout: float) -> None:
    """Download until ``part`` is whole, taking up broken connections."""
    for attempt in range(1, tries + 1):
        try:
            _continue(url, part, timeout)
            return
        except StoreError:
            raise
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 or attempt == tries:
                raise StoreError(
                    f"the server answered {error.code} ({error.reason}) for {url}: check the "
                    "address, or try again later."
                ) from error
        except (OSError, http.client.HTTPException) as error:
            if attempt == tries:
                raise StoreError(_broken(url, part, error)) from error
        time.sleep(PAUSE * 2 ** (attempt - 1))


def _broken(url: str, part: Path, error: Exception) -> str:
    had = part.stat().st_size if part.is_file() else 0
    reason = getattr(error, "reason", None) or error
    if had:
        return (
            f"the connection to {url} broke after {had:,} bytes ({reason}): they are kept; run "
            "the same again to continue."
        )
    name = part.name.removesuffix(".part")
    return (
        f"{url} cannot be reached ({reason}): check the network, or download it elsewhere and "
        f"put it at {part.with_name(name)}."
    )


def _continue(url: str, part: Path, timeout: float) -> None:
    """Append to ``part`` what it lacks; raise OSError if the connection ends before the file."""
    tag = part.with_name(part.name + ".tag")
    had = part.stat().st_size if part.is_file() and tag.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": f"cellaxes/{__version__}"})  # noqa: S310
    if had:
        request.add_header("Range", f"bytes={had}-")
        request.add_header("If-Range", tag.read_text())
    try:
        answer = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310 - checked above
    except urllib.error.HTTPError as error:
        if error.code == GONE:
            _forget(part)
            error.close()
            raise ConnectionError("the part that was kept does not fit the file") from error
        raise
    with answer:
        resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {had}-"):
            _forget(part)
            raise ConnectionError("the server sent another part than was asked for")
        length = answer.headers.get("Content-Length")
        same = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
        with storing(part):
            if same and not same.startswith("W/"):
                tag.write_text(same)
            else:
                tag.unlink(missing_ok=True)
            stream = part.open("ab" if resumed else "wb")
        got = 0
        with stream:
            while block := answer.read(CHUNK):
                with storing(part):
                    stream.write(block)
                got += len(block)
            stream.flush()
            os.fsync(stream.fileno())
    if length is not None and got < int(length):
        raise ConnectionError(f"{int(length) - got:,} bytes are missing")


def _forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(part.name + ".tag").unlink(missing_ok=True)
