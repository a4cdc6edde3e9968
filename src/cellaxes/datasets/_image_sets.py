"""Public sets of labelled images by name, checked by the hashes that their publishers give."""

import re
import tarfile
import zipfile
import zlib
from pathlib import Path

from cellaxes._core.errors import InputError, near
from cellaxes._core.folders import folder_atomic
from cellaxes.datasets._download import download

MEDMNIST = "https://zenodo.org/records/10519652/files/"
SIZES = (28, 64, 128, 224)
MEDMNIST_MD5 = {
    "pathmnist": (
        "a8b06965200029087d5bd730944a56c1",
        "55aa9c1e0525abe5a6b9d8343a507616",
        "ac42d08fb904d92c244187169d1fd1d9",
        "2c51a510bcdc9cf8ddb2af93af1eadec",
    ),
    "chestmnist": (
        "02c8a6516a18b556561a56cbdd36c4a8",
        "9de6cd0b934ebb5b7426cfba5efbae16",
        "db107e5590b27930b62dbaf558aebee3",
        "45bd33e6f06c3e8cdb481c74a89152aa",
    ),
    "dermamnist": (
        "0744692d530f8e62ec473284d019b0c7",
        "b70a2f5635c6199aeaa28c31d7202e1f",
        "2defd784463fa5243564e855ed717de1",
        "8974907d8e169bef5f5b96bc506ae45d",
    ),
    "octmnist": (
        "c68d92d5b585d8d81f7112f81e2d0842",
        "e229e9440236b774d9f0dfef9d07bdaf",
        "0a97e76651ace45c5d943ee3f65b63ae",
        "abc493b6d529d5de7569faaef2773ba3",
    ),
    "pneumoniamnist": (
        "28209eda62fecd6e6a2d98b1501bb15f",
        "8f4eceb4ccffa70c672198ea285246c6",
        "05b46931834c231683c68f40c47b2971",
        "d6a3c71de1b945ea11211b03746c1fe1",
    ),
    "retinamnist": (
        "bd4c0672f1bba3e3a89f0e4e876791e4",
        "afda852cc34dcda56f86ad2b2457dbcc",
        "e48e916a24454daf90583d4e6efb1a18",
        "eae7e3b6f3fcbda4ae613ebdcbe35348",
    ),
    "breastmnist": (
        "750601b1f35ba3300ea97c75c52ff8f6",
        "742edef2a1fd1524b2efff4bd7ba9364",
        "363e4b3f8d712e9b5de15470a2aaadf1",
        "b56378a6eefa9fed602bb16d192d4c8b",
    ),
    "bloodmnist": (
        "7053d0359d879ad8a5505303e11de1dc",
        "2b94928a2ae4916078ca51e05b6b800b",
        "adace1e0ed228fccda1f39692059dd4c",
        "b718ff6835fcbdb22ba9eacccd7b2601",
    ),
    "tissuemnist": (
        "ebe78ee8b05294063de985d821c1c34b",
        "123ece2eba09d0aa5d698fda57103344",
        "61b955355d7425a89687b06cca3ce0c2",
        "b077128c4a949f0a4eb01517f9037b9c",
    ),
    "organamnist": (
        "68e3f8846a6bd62f0c9bf841c0d9eacc",
        "2dcccc29b88e6da5a01161ef20cda288",
        "eeae80d0a227a8d099027e1b3cfd3b60",
        "50747347e05c87dd3aaf92c49f9f3170",
    ),
    "organcmnist": (
        "b9ceb9546e10131b32923c5bbeaea2b1",
        "3ce34a8724ea6f548e6db4744d03b6a9",
        "773c1f009daa3fe5d9a2a201b2a7ed94",
        "050f5e875dc056f6768abf94ec9995d1",
    ),
    "organsmnist": (
        "9ab87b696fb54e2a387ebe992d6ed5f1",
        "53a6d115339d874c25e309a994ff46d3",
        "ded0c5fa01a95dc4978b956f613e9b8e",
        "b354719e553fbbb2513d5533f52a4cb1",
    ),
}
"""Of each set, one per size; as the package of its makers (3.0.2) states them."""

CALTECH101 = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
CALTECH101_MD5 = "3138e1922a9193bfa496528edbbc45d0"
CALTECH101_FOLDER = "101_ObjectCategories"
_INSIDE = re.compile(rf"(?:\./)?{CALTECH101_FOLDER}/([^/.][^/]*)/(image_\d+\.jpg)")
_NO_CLASS = "BACKGROUND_Google"


def medmnist(
    name: str = "tissuemnist", *, size: int = 28, folder: str | Path | None = None
) -> Path:
    """Download a set of MedMNIST and return its path; read it with `read_images`.

    Parameters
    ----------
    name
        ``"tissuemnist"``, ``"bloodmnist"``, ``"pathmnist"``, …: the sets of flat images.
    size
        Pixels per side: 28, 64, 128 or 224.
    folder
        Where the file goes; the cache folder unless given.

    Raises
    ------
    InputError
        If there is no such set or size.
    StoreError
        If it cannot be had, or its MD5 is another; see `download`.

    References
    ----------
    Yang et al., Scientific Data 10:41 (2023). CC BY 4.0, dermamnist CC BY-NC 4.0.
    """
    if name not in MEDMNIST_MD5:
        raise InputError(f"MedMNIST has no flat images {name!r}: {near(name, MEDMNIST_MD5)}")
    if size not in SIZES:
        raise InputError(f"MedMNIST has no size {size}: it has {', '.join(map(str, SIZES))}.")
    file = f"{name}.npz" if size == SIZES[0] else f"{name}_{size}.npz"
    path = None if folder is None else Path(folder) / file
    md5 = MEDMNIST_MD5[name][SIZES.index(size)]
    return download(f"{MEDMNIST}{file}?download=1", path, md5=md5)


def caltech101(*, folder: str | Path | None = None) -> Path:
    """Download Caltech 101, unpack its images and return their folder.

    Read it with ``read_images(path, size=…)``: the images are of unequal size. The folder of
    background images, which is no class, is left out.

    Parameters
    ----------
    folder
        Where the archive (137 MB) and ``101_ObjectCategories`` go; the cache folder unless given.

    Raises
    ------
    InputError
        If the archive is damaged.
    StoreError
        If it cannot be had, or its MD5 is another; see `download`.

    References
    ----------
    Li, Andreeto, Ranzato and Perona, CaltechDATA (2022), doi 10.22002/D1.20086. CC BY 4.0.
    """
    path = None if folder is None else Path(folder) / "caltech-101.zip"
    archive = download(CALTECH101, path, md5=CALTECH101_MD5)
    images = archive.parent / CALTECH101_FOLDER
    if images.is_dir():
        return images
    try:
        with folder_atomic(images) as unfinished, zipfile.ZipFile(archive) as whole:
            packed = next(n for n in whole.namelist() if n.endswith(f"{CALTECH101_FOLDER}.tar.gz"))
            with (
                whole.open(packed) as stream,
                tarfile.open(fileobj=stream, mode="r|gz") as members,
            ):
                for member in members:
                    found = _INSIDE.fullmatch(member.name)
                    content = members.extractfile(member) if found and member.isfile() else None
                    if found is None or content is None or found[1] == _NO_CLASS:
                        continue
                    (unfinished / found[1]).mkdir(exist_ok=True)
                    (unfinished / found[1] / found[2]).write_bytes(content.read())
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, StopIteration) as error:
        raise InputError(
            f"{archive} is no whole archive of Caltech 101 ({error or 'no images in it'}): remove "
            "it to download it again."
        ) from error
    return images
