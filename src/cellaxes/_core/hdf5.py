"""What an HDF5 file says of itself, checked before the library believes it.

A damaged file can make HDF5 loop for ever, or ask for terabytes.
"""

import math
import mmap
from pathlib import Path

import h5py

LARGE, DENSEST = 1 << 26, 1 << 13
"""Bytes of a data set below which its size is believed; how many times smaller than what it says
it may be stored (deflate ends at a thousand)."""
HEAP, HEADER = b"GCOL\x01\0\0\0", 16
"""How a collection of strings begins; bytes before its first string, and before each."""
SEARCHED = 1 << 26
"""Bytes from the start in which collections are looked for."""


def check_heaps(path: Path) -> None:
    """Refuse collections of strings whose free space has no size: HDF5 never leaves such.

    References
    ----------
    HDF5 File Format Specification 3.0, III.E, global heap.

    Raises
    ------
    ValueError
        If there is one.
    """
    if path.stat().st_size < HEADER:
        return
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
        start = data.find(HEAP, 0, SEARCHED)
        while start >= 0:
            place = start + HEADER
            end = min(start + _number(data, start + 8), len(data))
            while place + HEADER <= end:
                size = _number(data, place + 8)
                free = data[place : place + 2] == b"\0\0"
                step = size if free else HEADER + (size + 7) // 8 * 8
                if step < HEADER:
                    raise ValueError(f"its strings are damaged at byte {place:,}")
                place += step
            start = data.find(HEAP, start + HEADER, SEARCHED)


def _number(data: mmap.mmap, place: int) -> int:
    return int.from_bytes(data[place : place + 8], "little")


def check_sizes(file: h5py.File) -> None:
    """Refuse data sets far larger than what is stored of them, before memory is taken for one.

    A virtual data set stores nothing itself: its numbers stand in other files.

    Raises
    ------
    ValueError
        If there is one.
    """

    def check(name: str, found: h5py.Group | h5py.Dataset) -> None:
        if isinstance(found, h5py.Dataset) and found.shape and not found.is_virtual:
            said = math.prod(found.shape) * found.dtype.itemsize
            if said > LARGE and said > DENSEST * found.id.get_storage_size():
                raise ValueError(f"{name} claims {said:,} bytes, but hardly any are stored")

    file.visititems(check)
