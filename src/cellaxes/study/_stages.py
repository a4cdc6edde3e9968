"""Noisy data on disk, made once and memory-mapped by every run that needs them."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.files import identity, storing
from cellaxes._core.folders import folder_atomic
from cellaxes._core.modality import Modality
from cellaxes.noise import THINNING, noise_kind

_PARTS = ("data", "indices", "indptr")

Matrix = Any
"""Counts as CSR (`scipy.sparse.csr_matrix`); pixels or residues as a dense array."""


class Stages:
    """Noisy copies of one data set.

    Parameters
    ----------
    root
        Folder of the stages.
    data
        Identity of the clean data: data file and layer.
    noise
        Kind of noise.
    modality
        What the columns are where they are no genes.
    """

    def __init__(
        self, root: Path, data: str, *, noise: str = THINNING, modality: Modality | None = None
    ) -> None:
        self.root, self.data, self.modality = root, data, modality
        self.noise = noise_kind(noise)

    def _folder(self, seed: int | None, chain: tuple[float, ...]) -> Path:
        return self.root / identity([self.data, seed, chain])[:32]

    def _save(self, folder: Path, matrix: Matrix) -> None:
        with folder_atomic(folder) as temporary:
            if isinstance(matrix, np.ndarray):
                _write_npy(temporary / "dense.npy", matrix.ravel())
            else:
                for part in _PARTS:
                    _write_npy(temporary / f"{part}.npy", getattr(matrix, part))
            _write_npy(temporary / "shape.npy", np.array(matrix.shape))

    def _open(self, folder: Path) -> Matrix:
        shape = tuple(np.load(folder / "shape.npy"))
        if (folder / "dense.npy").exists():
            dense: NDArray[Any] = np.load(folder / "dense.npy", mmap_mode="r")
            return dense.reshape(shape)
        parts = tuple(np.load(folder / f"{part}.npy", mmap_mode="r") for part in _PARTS)
        return sp.csr_matrix(parts, shape=shape, copy=False)

    def put_full(self, clean: Matrix) -> None:
        """Keep the clean data for the workers."""
        if not self._folder(None, ()).exists():
            self._save(self._folder(None, ()), clean)

    def clean(self) -> Matrix:
        """Return the clean data, memory-mapped."""
        return self._open(self._folder(None, ()))

    def make(self, seed: int, chain: tuple[float, ...]) -> None:
        """Put noise on the data along the chain; keep every level that is not there yet."""
        folders = [self._folder(seed, chain[: level + 1]) for level in range(len(chain))]
        if all(folder.exists() for folder in folders):
            return
        wanted = list(zip(folders, chain, strict=True))
        if not self.noise.chained:  # each level is drawn from the clean data: no other is needed
            wanted = [(folder, strength) for folder, strength in wanted if not folder.exists()]
        strengths = [strength for _, strength in wanted]
        made = self.noise.series(self.clean(), strengths, self.modality, seed)
        for (folder, _), level in zip(wanted, made, strict=True):
            if not folder.exists():
                self._save(folder, level)

    def level(self, seed: int, chain: tuple[float, ...]) -> Matrix:
        """Return the data at the last level of the chain, memory-mapped."""
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
