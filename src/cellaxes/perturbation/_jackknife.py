"""Intervals from the models of all folds: no fold's error is read from its own model."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]

BLOCK = 8_000_000
"""Values ranked at a time."""


def jackknife_plus(
    predicted: ArrayLike,
    residuals: ArrayLike,
    fold: ArrayLike,
    *,
    scale: ArrayLike | None = None,
    level: float = 0.9,
) -> tuple[Array, Array]:
    """Return intervals from the models of all folds (jackknife+, or CV+ with fewer folds).

    The ends are quantiles, over the rows i that were held out, of μ₋ᵢ(x) − Rᵢ and μ₋ᵢ(x) + Rᵢ,
    where μ₋ᵢ was fitted without the fold of i. With folds of compounds, they speak for a compound
    that was never measured. No less than 1 − 2(1 − level) is covered whatever the model; in
    practice about ``level``.

    Parameters
    ----------
    predicted
        Of the wanted rows by the model of each fold, ``(n_folds, n_wanted, n_genes)``.
    residuals
        Absolute errors of held-out rows, ``(n_rows, n_genes)``; NaN is missing.
    fold
        Which fold held each of these out, ``(n_rows,)``.
    scale
        What residuals are in units of, for the wanted rows, of the shape of ``predicted``.
    level
        What to promise.

    Returns
    -------
    Lower and upper ends, ``(n_wanted, n_genes)`` both.

    Raises
    ------
    InputError
        If shapes differ.

    References
    ----------
    Barber, Candès, Ramdas & Tibshirani 2021, equations 1.2 and 1.5.

    Examples
    --------
    >>> low, high = jackknife_plus(np.zeros((1, 1, 1)), np.arange(1.0, 20.0)[:, None], [0] * 19)
    >>> low.item(), high.item()
    (-18.0, 18.0)
    """
    guess, apart = np.asarray(predicted, dtype=np.float64), np.asarray(residuals, dtype=np.float64)
    of = np.asarray(fold, dtype=np.intp)
    if guess.ndim != 3 or apart.ndim != 2 or apart.shape != (len(of), guess.shape[2]):
        raise InputError(
            f"predicted {guess.shape}, residuals {apart.shape} and fold {of.shape} do not fit: "
            "(n_folds, n_wanted, n_genes), (n_rows, n_genes) and (n_rows,) are needed."
        )
    if not len(of) or of.min() < 0 or of.max() >= len(guess):
        raise InputError("fold must name, for each held-out row, one of the predictions.")
    unit = np.ones_like(guess) if scale is None else np.asarray(scale, dtype=np.float64)
    low, high = np.empty(guess.shape[1:]), np.empty(guess.shape[1:])
    step = max(1, BLOCK // (len(of) * guess.shape[1]))
    for start in range(0, guess.shape[2], step):
        part = slice(start, start + step)
        half = apart[:, None, part] * unit[of][:, :, part]
        centre = guess[of][:, :, part]
        low[:, part] = -_ranked(half - centre, level)
        high[:, part] = _ranked(centre + half, level)
    return low, high


def _ranked(values: Array, level: float) -> Array:
    """Return the ⌈level (n + 1)⌉-th smallest along the first axis, infinity beyond n."""
    n = (~np.isnan(values)).sum(axis=0)
    ordered = np.sort(values, axis=0)  # NaN last
    at = np.ceil(np.round(level * (n + 1), 9)).astype(np.intp) - 1
    found = np.take_along_axis(ordered, np.minimum(at, len(values) - 1)[None], axis=0)[0]
    return np.where(at < n, found, np.inf)
