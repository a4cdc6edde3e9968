"""Images of one size as an AnnData: one row of pixels each."""

from collections.abc import Mapping
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.modality import Images, set_modality

CHANNELS = (1, 3)
BLOCK = 1024
"""Images looked through at once."""

Scale = tuple[float, float]


def of_images(
    pixels: NDArray[Any], columns: Mapping[str, NDArray[Any]], where: str, scale: Scale | None
) -> anndata.AnnData:
    """Return images as an AnnData with their modality.

    Parameters
    ----------
    pixels
        ``(n, height, width)`` or ``(n, height, width, channels)``; grey or RGB.
    columns
        ``obs`` columns ``(n,)``; words become categories. ``"id"``, if there, names the rows.
    where
        How messages call the file.
    scale
        Black and white; None takes them from the type, see `scale_of`.

    Raises
    ------
    InputError
        If the shape is none of images, there is no image, a column is of another length, or
        a pixel is no finite number.
    """
    if pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4 or pixels.shape[-1] not in CHANNELS or pixels.dtype.kind not in "buif":
        raise InputError(
            f"{where} holds images of shape {pixels.shape[1:]} and type {pixels.dtype}, but they "
            "must be numbers, (height, width) or (height, width, 3): volumes and other "
            "channels are not read."
        )
    n, height, width, channels = pixels.shape
    if n == 0 or height * width == 0:
        raise InputError(f"{where} holds no image: pass at least one.")
    for name, column in columns.items():
        if len(column) != n:
            raise InputError(
                f"{where} has {len(column)} {name} for {n} images: they must be as many."
            )
    if pixels.dtype.kind == "f":
        _check_finite(pixels, where)
    low, high = scale_of(pixels) if scale is None else scale
    if not low < high:
        raise InputError(f"{where}: the scale {low:g} to {high:g} has no width: pass scale=.")
    kept = pixels.astype(np.uint8 if pixels.dtype in (np.uint8, bool) else np.float32, copy=False)
    names = columns["id"] if "id" in columns else np.arange(n).astype(str)
    obs = pd.DataFrame(
        {key: in_obs(column) for key, column in columns.items() if key != "id"},
        index=pd.Index(names.astype(str)),
    )
    adata = anndata.AnnData(X=np.ascontiguousarray(kept).reshape(n, -1), obs=obs)
    set_modality(adata, Images(height, width, channels, float(low), float(high)))
    return adata


def in_obs(values: NDArray[Any]) -> Any:
    """Return a column as ``obs`` holds it: words as categories, numbers as they are."""
    return values if values.dtype.kind in "iufb" else pd.Categorical(values.astype(str))


def scale_of(pixels: NDArray[Any]) -> Scale:
    """Return what black and white are.

    Whole numbers: the ends of their type (0 and 255 of uint8). Fractions: 0 and 1, or -1 and 1,
    if all lie between, else their smallest and largest value.
    """
    if pixels.dtype == bool:
        return 0.0, 1.0
    if pixels.dtype.kind in "iu":
        return 0.0, float(np.iinfo(pixels.dtype).max)
    low, high = float(pixels.min()), float(pixels.max())
    if high <= 1 and low >= -1:
        return (0.0 if low >= 0 else -1.0), 1.0
    return low, high


def _check_finite(pixels: NDArray[Any], where: str) -> None:
    for start in range(0, len(pixels), BLOCK):
        bad = np.argwhere(~np.isfinite(pixels[start : start + BLOCK]))
        if len(bad):
            image, row, column, _ = (int(i) for i in bad[0])
            value = pixels[start + image, row, column].ravel()
            raise InputError(
                f"{where}, image {start + image}, row {row}, column {column} holds "
                f"{value[~np.isfinite(value)][0]}: pixels must be finite; remove or mend the image."
            )
