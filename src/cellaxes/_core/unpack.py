"""Bytes of a file, unpacked where it is packed."""

import gzip
import zlib
from pathlib import Path

import pyarrow as pa

from cellaxes._core.errors import InputError


def unpacked(path: Path) -> bytes:
    """Return the bytes of a plain, gzip (``.gz``) or Zstandard (``.zst``) file, told by content.

    Raises
    ------
    InputError
        If the file cannot be read, or ends early.
    """
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:4] == b"\x28\xb5\x2f\xfd":
            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                return bytes(stream.read())
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0] if str(error) else "it ends early"
        raise InputError(f"{path} cannot be read ({reason}): copy or fetch it again.") from error
    return data
