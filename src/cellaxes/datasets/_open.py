"""One door to every file that holds something to measure."""

from pathlib import Path

import anndata

from cellaxes._core.adata import read_h5ad
from cellaxes._core.errors import InputError, near
from cellaxes.datasets._images import read_images
from cellaxes.datasets._sequences import read_sequences

FASTA = (".fasta", ".fa", ".faa", ".fas")
PACKED = (".gz", ".zst")


def open_data(path: str | Path) -> anndata.AnnData:
    """Read counts, images or sequences, told by the name.

    Parameters
    ----------
    path
        ``.h5ad``: counts, or what was read before; ``.npz`` or a folder of sub-folders: images
        (`read_images`); ``.fasta``, ``.fa``, ``.faa``, ``.fas``, also with ``.gz`` or ``.zst``:
        sequences (`read_sequences`).

    Raises
    ------
    InputError
        If there is nothing at ``path``, its name is of no such kind, or its reader refuses it.
    """
    path = Path(path)
    if path.is_dir():
        return read_images(path)
    name = path.name.lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    if name.endswith(FASTA):
        return read_sequences(path)
    if name.endswith(".npz"):
        return read_images(path)
    if name.endswith(".h5ad"):
        return read_h5ad(path)
    if not path.exists():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path} is no file and no folder: {near(path.name, beside)}")
    raise InputError(
        f"{path} is none of the files that are read: .h5ad (counts), .npz or a folder with a "
        f"sub-folder per class (images), {', '.join(FASTA)} (sequences)."
    )
