"""Public files by address, kept in a cache folder."""

import urllib.parse
from pathlib import Path
from typing import Literal

from cellaxes._core.errors import InputError, near
from cellaxes._core.fetch import cache_folder, fetch

OP3 = (
    "https://openproblems-data.s3.amazonaws.com/resources/task_perturbation_prediction/datasets/"
    "neurips-2023-data/"
)
"""The organisers' public bucket, without sign-in."""
OP3_FILES = {"de_train": "de_train.h5ad", "de_test": "de_test.h5ad", "id_map": "id_map.csv"}


def download(
    url: str,
    path: str | Path | None = None,
    *,
    sha256: str | None = None,
    md5: str | None = None,
    timeout: float = 30.0,
) -> Path:
    """Download a file once, and return where it is.

    A download that broke off is continued. A file appears whole or not at all.

    Parameters
    ----------
    url
        ``http://`` or ``https://``.
    path
        Where the file goes; unless given, the cache folder (``CELLAXES_CACHE``, else the
        platform's own), under the name of the server and of the path there.
    sha256
        Of the file, in hexadecimal: what comes is checked, and removed if it is another. Without
        it, a file that is there is checked against what came the first time.
    md5
        The same, where the publisher gives no other hash.
    timeout
        Seconds without an answer after which the connection counts as broken.

    Raises
    ------
    InputError
        If the address is of another kind, or the file that is there is another.
    StoreError
        If the server cannot be reached or refuses, or the hash of what came is another.
    """
    if path is None:
        address = urllib.parse.urlsplit(url)
        names = [part for part in address.path.split("/") if part not in ("", ".", "..")]
        if not names or not address.hostname:
            raise InputError(f"{url!r} names no file: pass path=.")
        path = cache_folder().joinpath("downloads", address.hostname, *names)
    return fetch(url, Path(path), sha256=sha256, md5=md5, timeout=timeout)


def op3(
    name: Literal["de_train", "de_test", "id_map"] = "de_train",
    *,
    folder: str | Path | None = None,
    sha256: str | None = None,
) -> Path:
    """Download a public file of Open Problems 3 (single-cell perturbations) and return its path.

    Differential expression of 140-odd compounds in the cell types of blood (24 h, three donors)
    against DMSO: ``de_train`` (about 175 MB), ``de_test`` (about 105 MB), and ``id_map``, the
    pairs to predict. Read them with ``cellaxes.perturbation.read_op3`` and ``read_id_map``. The
    organisers publish no hash that is known here: pin one with ``sha256`` once you have it.

    Parameters
    ----------
    name
        ``"de_train"``, ``"de_test"`` or ``"id_map"``.
    folder
        Where the file goes; the cache folder unless given.
    sha256
        Of the file, in hexadecimal.

    Raises
    ------
    InputError
        If there is no such file.
    StoreError
        If it cannot be had; see `download`.

    References
    ----------
    Szałata et al., NeurIPS Datasets and Benchmarks (2024).
    """
    if name not in OP3_FILES:
        raise InputError(f"Open Problems 3 has no file {name!r}: {near(name, OP3_FILES)}")
    file = OP3_FILES[name]
    return download(OP3 + file, None if folder is None else Path(folder) / file, sha256=sha256)
