"""Noise of images: additive, averaging and photon noise, and its measured strength."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.coordinates import coordinate
from cellaxes._core.errors import InputError
from cellaxes._core.matrix import row_blocks
from cellaxes._core.modality import Images
from cellaxes._core.random import stream
from cellaxes.noise._image_kernel import add_scaled, block_means, moments
from cellaxes.noise._noisy import Noisy, check_matrix
from cellaxes.noise._photon_kernel import LARGEST, photon_tables, photons_of

_AT_ONCE = 1 << 18
"""Pixels drawn together: they stay in the cache."""


def gaussian_noise(
    pixels: ArrayLike,
    images: Images,
    *,
    sigma: float,
    random_state: int = 0,
    first_row: int = 0,
) -> Noisy:
    """Add Gaussian noise of one standard deviation to every pixel: ``x + sigma (high - low) z``.

    Nothing is clipped. z belongs to the seed and the pixel, not to ``sigma``: two strengths of
    one seed differ by its scale alone.

    Parameters
    ----------
    pixels
        Images ``(n, height * width * channels)``.
    images
        What the columns are; its ``low`` and ``high`` are the ends of the intensity scale.
    sigma
        Standard deviation, as a share of the intensity scale.
    random_state
        Seed.
    first_row
        Where these rows start in the whole matrix, a multiple of 1,024: chunks come out as the
        whole does.

    Returns
    -------
    `Noisy`, float32; nominal coordinate ``1 / sigma^2``.

    Raises
    ------
    InputError
        If a pixel is not finite, ``sigma`` is negative, or the matrix is not of this modality.

    Examples
    --------
    >>> images = Images(8, 8, 1, 0.0, 1.0)
    >>> gaussian_noise(np.eye(64), images, sigma=0.5).coordinate
    4.0
    """
    if not (np.isfinite(sigma) and sigma >= 0):
        raise InputError(f"sigma must be a number >= 0, but is {sigma}.")
    x = checked_images(pixels, images, first_row)
    out = np.empty(x.shape, dtype=np.float32)
    scale = np.float32(sigma * (images.high - images.low))
    z = np.empty(max(_AT_ONCE, x.shape[1]), dtype=np.float32)
    for start, stop, rng in _blocks(len(x), random_state, "gaussian", first_row):
        for rows in _few(start, stop, x.shape[1]):
            clean = np.ascontiguousarray(x[rows]).ravel()
            rng.standard_normal(out=z[: len(clean)], dtype=np.float32)
            add_scaled(clean, z, scale, out[rows].ravel())
    return Noisy(out, coordinate("gaussian", sigma), image_snr(x, out), images)


def pool(
    pixels: ArrayLike,
    images: Images,
    *,
    factor: float,
    resize: bool = True,
    first_row: int = 0,
) -> Noisy:
    """Average the pixels of blocks of ``factor`` by ``factor``; nothing is drawn.

    A side of n pixels is cut into ``max(1, round(n / factor))`` blocks. Where the factor does not
    divide it, they are as equal as whole pixels allow, none by more than one wider than another.

    Parameters
    ----------
    pixels
        Images ``(n, height * width * channels)``.
    images, first_row
        As for `gaussian_noise`.
    factor
        Side of a block, pixels, at least 1; it need not be whole.
    resize
        Whether every pixel gets the mean of its block, so that the size stays; else a block
        becomes one pixel.

    Returns
    -------
    `Noisy`, float32; nominal coordinate ``1 / factor^2``, the share of pixels that is left
    (``1 / factor`` is the coordinate ``"blocks"`` of `cellaxes.scaling.coordinate`).

    Raises
    ------
    InputError
        If a pixel is not finite, ``factor`` is below 1, or the matrix is not of this modality.
    """
    if not (np.isfinite(factor) and factor >= 1):
        raise InputError(f"factor must be a number of pixels of at least 1, but is {factor}.")
    x = checked_images(pixels, images, first_row)
    rows, columns = _ends(images.height, factor), _ends(images.width, factor)
    shape = (len(rows) - 1, len(columns) - 1, images.channels)
    small = np.empty((len(x), int(np.prod(shape))), dtype=np.float32)
    full = np.empty(x.shape, dtype=np.float32)
    block_means(np.ascontiguousarray(x), rows, columns, images.channels, small, full)
    snr = image_snr(x, full, averaged=True)
    after = images if resize else Images(*shape, images.low, images.high)
    return Noisy(full if resize else small, coordinate("block_area", factor), snr, after)


def photon_noise(
    pixels: ArrayLike,
    images: Images,
    *,
    photons: float,
    random_state: int = 0,
    first_row: int = 0,
) -> Noisy:
    """Count photons: a pixel x becomes ``low + (high - low) Poisson(photons s) / photons``.

    ``s = (x - low) / (high - low)`` is 1 for a white pixel. Each strength is drawn independently.

    Parameters
    ----------
    pixels
        Images ``(n, height * width * channels)``.
    images, random_state, first_row
        As for `gaussian_noise`.
    photons
        Expected photons of a white pixel.

    Returns
    -------
    `Noisy`, float32; nominal coordinate ``photons``.

    Raises
    ------
    InputError
        If a pixel is not finite or not between ``low`` and ``high``, ``photons`` is not in
        (0, 100,000], or the matrix is not of this modality.
    """
    if not 0 < photons <= LARGEST:
        raise InputError(
            f"photons must be a number above 0 and at most {LARGEST:g} (beyond, hardly any photon "
            f"noise is left), but is {photons}."
        )
    x = checked_images(pixels, images, first_row)
    if x.size and not images.low <= float(x.min()) <= float(x.max()) <= images.high:
        raise InputError(
            f"pixels go from {float(x.min()):g} to {float(x.max()):g}, outside black "
            f"({images.low:g}) and white ({images.high:g}): photons are counted between them; mend "
            "low and high of the modality."
        )
    out = np.empty(x.shape, dtype=np.float32)
    scale = (float(images.low), photons / (images.high - images.low), float(photons))
    tables = photon_tables(float(photons))
    for start, stop, rng in _blocks(len(x), random_state, "photons", first_row, float(photons)):
        seed = rng.integers(2**64, dtype=np.uint64)
        clean = np.ascontiguousarray(x[start:stop]).ravel()
        photons_of(clean, scale, tables, seed, out[start:stop].ravel())
    return Noisy(out, coordinate("photons", photons), image_snr(x, out), images)


def image_snr(clean: ArrayLike, noisy: ArrayLike, *, averaged: bool = False) -> float:
    """Measure the signal-to-noise ratio of noisy images.

    The variance of the signal over all pixels and images, over the mean squared difference of
    noisy and clean pixels. The signal is the clean image where noise was added to it. Averages
    of blocks hold no more than their own variance, which is the signal there: a block of the
    whole image leaves what tells images apart by their mean.

    Parameters
    ----------
    clean, noisy
        Pixels of the same images ``(n, n_pixels)``.
    averaged
        Whether the noisy images are averages of the clean ones.

    Returns
    -------
    The ratio; 0 where the signal is constant, infinite where nothing differs.
    """
    x, y = np.ascontiguousarray(clean), np.ascontiguousarray(noisy)
    if x.size == 0:
        return 0.0
    of_x, of_y, difference = moments(x.ravel(), y.ravel())
    signal = of_y if averaged else of_x
    if signal <= 1e-12 * max(difference, of_x, 1e-30):
        return 0.0
    return float(signal / difference) if difference > 0 else float("inf")


def checked_images(pixels: ArrayLike, images: Images, first_row: int = 0) -> NDArray[Any]:
    """Return pixels as a dense matrix, float32 or integers, refusing what is no image."""
    if not images.high > images.low:
        raise InputError(
            f"the intensity scale goes from {images.low:g} to {images.high:g}: high must be above "
            "low."
        )
    x = check_matrix(pixels, images, first_row)
    if x.dtype.kind == "f":
        x = x if x.dtype == np.float32 else x.astype(np.float32)
        for start, stop in row_blocks(len(x)):
            if not np.isfinite(x[start:stop].sum(dtype=np.float64)):
                row, column = np.argwhere(~np.isfinite(x[start:stop]))[0]
                raise InputError(
                    f"image {first_row + start + row} has the pixel {x[start + row, column]} in "
                    f"column {column}: pixels must be finite; remove or mend the image."
                )
    return x


def _ends(n: int, factor: float) -> NDArray[np.int64]:
    """Return where the blocks of a side of n pixels end, from 0 to n."""
    return np.linspace(0, n, max(1, round(n / factor)) + 1).round().astype(np.int64)


def _blocks(
    n: int, random_state: int, name: str, first_row: int, *key: float
) -> Iterator[tuple[int, int, np.random.Generator]]:
    """Yield the ends of each row block and the random stream that belongs to it."""
    for start, stop in row_blocks(n):
        yield start, stop, stream(random_state, "noise", name, *key, first_row + start)


def _few(start: int, stop: int, n_columns: int) -> Iterator[slice]:
    """Yield runs of rows that are drawn together."""
    step = max(1, _AT_ONCE // n_columns)
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))
