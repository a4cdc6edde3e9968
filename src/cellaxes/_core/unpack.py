"""Bytes of a file, unpacked where it is packed."""

import gzip
from pathlib import Path

import pyarrow as pa

from cellaxes._core.reading import reading


def unpacked(path: Path, what: str) -> bytes:
    """Return the bytes of a plain, gzip (``.gz``) or Zstandard (``.zst``) file, told by content.

    Parameters
    ----------
    path
        The file.
    what
        What it should be, for the message.

    Raises
    ------
    InputError
        If the file cannot be read, or ends early.
    """
    with reading(path, what):
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            return gzip.decompress(data)
        if data[:4] == b"\x28\xb5\x2f\xfd":
            with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
                return bytes(stream.read())
        return data
