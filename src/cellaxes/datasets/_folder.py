"""Images in files: a folder with a sub-folder per class."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.reading import reading

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
GREY = ("1", "L")
DEEP = ("I;16", "I;16L", "I;16B", "I")
"""Modes of 16-bit grey images."""
WHITE = 255.0, 65535.0


def read_folder(
    folder: Path, size: int | tuple[int, int] | None
) -> tuple[NDArray[Any], dict[str, NDArray[Any]], tuple[float, float]]:
    """Return the images of the sub-folders, their ``label`` and ``id``, and the intensity scale.

    All are RGB unless all are grey. Images of 16 bits are float32 from 0 to 65,535.

    Raises
    ------
    InputError
        If there is no image, one cannot be read, or their sizes differ and ``size`` is None.
    """
    require_extra("PIL", extra="images", what="images in files")
    files = sorted(
        path
        for kind in sorted(folder.iterdir())
        if kind.is_dir() and not kind.name.startswith(".")
        for path in kind.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not files:
        raise InputError(
            f"{folder} holds no images: it needs a sub-folder per class with files that end in "
            f"{', '.join(SUFFIXES[:3])} and the like."
        )
    seen = [_look(path) for path in files]
    shape = _shape(size, files, [found for found, _ in seen], folder)
    modes = {mode for _, mode in seen}
    deep = bool(modes & set(DEEP))
    if deep and not modes <= set(DEEP):
        raise InputError(f"{folder} mixes images of 16 and of 8 bits: convert them to one kind.")
    grey = deep or modes <= set(GREY)
    kind = np.float32 if deep else np.uint8
    pixels = np.empty((len(files), *shape, 1 if grey else 3), dtype=kind)
    for place, path in enumerate(files):
        pixels[place] = _read(path, shape, "F" if deep else "L" if grey else "RGB")
    words = [(path.parent.name, f"{path.parent.name}/{path.name}") for path in files]
    label, names = (np.array(column) for column in zip(*words, strict=True))
    return pixels, {"label": label, "id": names}, (0.0, WHITE[deep])


def _shape(
    size: int | tuple[int, int] | None,
    files: list[Path],
    found: list[tuple[int, int]],
    folder: Path,
) -> tuple[int, int]:
    """Return height and width of the images."""
    if size is not None:
        height, width = (size, size) if isinstance(size, int) else size
        if min(height, width) < 1:
            raise InputError(f"size must be at least 1 pixel, but is {size}.")
        return height, width
    for path, (height, width) in zip(files, found, strict=True):
        if (height, width) != found[0]:
            raise InputError(
                f"{folder} holds images of unequal size ({files[0].name}: {found[0][0]} x "
                f"{found[0][1]} pixels, {path.name}: {height} x {width}): pass size= to resize "
                "them all."
            )
    return found[0]


def _reading(path: Path) -> AbstractContextManager[None]:
    """Turn what Pillow says of a file into one sentence."""
    return reading(path, "an image", "remove or replace it")


def _look(path: Path) -> tuple[tuple[int, int], str]:
    from PIL import Image

    with _reading(path), Image.open(path) as image:
        return (image.height, image.width), image.mode


def _read(path: Path, shape: tuple[int, int], mode: str) -> NDArray[Any]:
    from PIL import Image

    with _reading(path), Image.open(path) as image:
        found = image.convert("RGBA") if image.mode == "P" else image
        found = found.convert(mode)
        if (found.height, found.width) != shape:
            found = found.resize(shape[::-1], Image.Resampling.BILINEAR)
        return np.asarray(found).reshape(*shape, -1)
