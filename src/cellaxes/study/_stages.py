"""Thinned counts on disk, made once and memory-mapped by every run that needs them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.files import folder_atomic, identity, storing
from cellaxes._core.matrix import row_sums
from cellaxes.noise import thin_series

_PARTS = ("data", "indices", "indptr")


class Stages:
    """Thinned counts of one data set.

    Parameters
    ----------
    root
        Folder of the stages.
    data
        Identity of the counts: data file and layer.
    """

    def __init__(self, root: Path, data: str) -> None:
        self.root, self.data = root, data

    def _folder(self, seed: int | None, chain: tuple[float, ...]) -> Path:
        return self.root / identity([self.data, seed, chain])[:32]

    def _save(self, folder: Path, counts: sp.csr_matrix) -> None:
        with folder_atomic(folder) as temporary:
            for part in _PARTS:
                _write_npy(temporary / f"{part}.npy", getattr(counts, part))
            _write_npy(temporary / "shape.npy", np.array(counts.shape))

    def _open(self, folder: Path) -> sp.csr_matrix:
        parts = tuple(np.load(folder / f"{part}.npy", mmap_mode="r") for part in _PARTS)
        return sp.csr_matrix(parts, shape=tuple(np.load(folder / "shape.npy")), copy=False)

    def put_full(self, counts: sp.csr_matrix) -> None:
        """Keep the unthinned counts for the workers."""
        if not self._folder(None, ()).exists():
            self._save(self._folder(None, ()), counts)

    def make(self, seed: int, chain: tuple[float, ...]) -> None:
        """Thin along the chain and keep every level that is not there yet."""
        folders = [self._folder(seed, chain[: level + 1]) for level in range(len(chain))]
        if all(folder.exists() for folder in folders):
            return
        full = self._open(self._folder(None, ()))
        for folder, level in zip(folders, thin_series(full, chain, random_state=seed), strict=True):
            if not folder.exists():
                self._save(folder, level.counts)

    def level(self, seed: int, chain: tuple[float, ...]) -> sp.csr_matrix:
        """Return the counts at the last level of the chain, memory-mapped."""
        folder = self._folder(seed, chain)
        with storing(folder):
            if not folder.exists():
                self.make(seed, chain)
            return self._open(folder)

    def clear(self) -> None:
        """Remove all stages; they are made again when needed."""
        shutil.rmtree(self.root, ignore_errors=True)


def _write_npy(path: Path, array: NDArray[Any]) -> None:
    """Write a one-dimensional ``.npy`` through Python's own file.

    ``numpy.save`` hides that the disk is full behind an error without a number.
    """
    with path.open("wb") as file:
        head = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, head)
        file.write(np.ascontiguousarray(array).data)


def median_depth(counts: sp.csr_matrix) -> float:
    """Median UMIs per cell."""
    return float(np.median(row_sums(counts)))
