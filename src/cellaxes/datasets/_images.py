"""Images of a file of arrays (MedMNIST), or of a folder with a sub-folder per class."""

from pathlib import Path
from typing import Any

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes._core.reading import reading
from cellaxes.datasets._folder import read_folder
from cellaxes.datasets._pixels import Scale, of_images

PARTS = ("train", "val", "test")
ALONE = {"images", "labels"}


def read_images(
    path: str | Path,
    *,
    size: int | tuple[int, int] | None = None,
    scale: Scale | None = None,
) -> anndata.AnnData:
    """Read labelled images of one size.

    Parameters
    ----------
    path
        An ``.npz`` file with ``images`` and ``labels``, or, as MedMNIST has it, with
        ``train_images``, ``train_labels``, ``val_…`` and ``test_…``; or a folder with a
        sub-folder of PNG or JPEG files per class, as Caltech101 has it. Further arrays of an
        ``.npz`` with an entry per image become ``obs`` columns.
    size
        Of folders: height and width in pixels that every image is resized to (bilinear; the
        aspect is not kept), one number for squares.
    scale
        Intensities of black and white. Unless given: 0 and the largest number of the type of
        whole numbers (255), 0 to 1 or -1 to 1 of fractions that lie between, else the ends
        that occur.

    Returns
    -------
    AnnData with ``X`` ``(n, height * width * channels)``, uint8 or float32 in C order;
    ``obs["label"]``, and ``obs["split"]`` (``train``, ``val``, ``test``) of MedMNIST. Several
    labels per image are ``obs["label_0"]`` and so on.

    Raises
    ------
    InputError
        If the file is damaged or holds other things, images are of unequal size, a pixel is no
        finite number, or labels are of another length.

    References
    ----------
    Yang et al., Scientific Data 10:41 (2023), MedMNIST; Li et al., Caltech 101 (2022).
    """
    path = Path(path)
    if path.is_dir():
        pixels, columns, ends = read_folder(path, size)
        return of_images(pixels, columns, str(path), scale or ends)
    if size is not None:
        raise InputError(f"{path} is one array of images: size= resizes the images of a folder.")
    arrays = _arrays(path)
    if "images" in arrays:
        pixels = arrays["images"]
        columns = _labels(arrays.get("labels"))
        for name, values in arrays.items():
            if name not in ALONE and values.shape == (len(pixels),):
                columns[name] = values
        return of_images(pixels, columns, str(path), scale)
    parts = [part for part in PARTS if f"{part}_images" in arrays]
    if not parts:
        raise InputError(
            f"{path} holds {', '.join(arrays) or 'no array'}, but images are read from arrays "
            "named images and labels, or train_images and train_labels (val_…, test_…)."
        )
    return of_images(*_joined(arrays, parts, path), str(path), scale)


def _joined(
    arrays: dict[str, NDArray[Any]], parts: list[str], path: Path
) -> tuple[NDArray[Any], dict[str, NDArray[Any]]]:
    images = [arrays[f"{part}_images"] for part in parts]
    shapes = {part: found.shape[1:] for part, found in zip(parts, images, strict=True)}
    if len(set(shapes.values())) > 1:
        told = ", ".join(f"{part} {shape}" for part, shape in shapes.items())
        raise InputError(f"{path} has images of unequal size ({told}): give each its own file.")
    labels = [arrays.get(f"{part}_labels") for part in parts]
    for part, image, label in zip(parts, images, labels, strict=True):
        if label is not None and len(label) != len(image):
            raise InputError(
                f"{path} has {len(label)} {part}_labels for {len(image)} images: they must be as "
                "many."
            )
    given = [label for label in labels if label is not None]
    columns = _labels(np.concatenate(given)) if len(given) == len(parts) else {}
    counts = [len(image) for image in images]
    split = np.repeat(parts, counts)
    place = np.concatenate([np.arange(count) for count in counts]).astype(str)
    columns |= {"split": split, "id": np.strings.add(np.strings.add(split, "/"), place)}
    return np.concatenate(images), columns


def _labels(labels: NDArray[Any] | None) -> dict[str, NDArray[Any]]:
    """Return labels as columns of words; ``(n, 1)`` is one of them."""
    if labels is None:
        return {}
    words = labels.astype(str)
    if words.ndim == 1 or words.shape[1] == 1:
        return {"label": words.reshape(len(words))}
    return {f"label_{place}": column for place, column in enumerate(words.T)}


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise InputError(f"{path} is no file and no folder: {near(path.name, beside)}")
    with (
        reading(path, "an .npz file of arrays", "pickles are not read; fetch or save it again"),
        path.open("rb") as stream,  # of a damaged file np.load leaves its own handle open
        np.load(stream, allow_pickle=False) as found,
    ):
        return {name: found[name] for name in found.files}
