"""Noise coordinates: what is put on the depth axis in each domain, with its exponent stated."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.registry import Info, Registry

Array = NDArray[np.float64]
COORDINATES: Registry[Callable[[Array], Array]] = Registry("noise coordinate")


def coordinate(kind: str, strength: ArrayLike) -> Any:
    """Turn the strength of a corruption into the noise coordinate u of the law.

    The law takes signal-to-noise ratio as proportional to u. Which power of a strength that
    is belongs to the domain and is the one choice the fit does not make: `show_coordinates`
    lists them, and another exponent costs much of the fit.

    Parameters
    ----------
    kind
        One of `show_coordinates`.
    strength
        Depths, standard deviations, block sizes or substitution rates, of any shape.

    Returns
    -------
    u, larger for less noise; infinite where there is none. A float for a number, else an array of
    the shape of ``strength``.

    Raises
    ------
    InputError
        If there is no such kind, or a strength is impossible.

    Examples
    --------
    >>> coordinate("gaussian", [0.1, 1.0, 10.0])
    array([1.e+02, 1.e+00, 1.e-02])
    >>> coordinate("substitution", 0.25)
    3.0
    """
    values = np.asarray(strength, dtype=np.float64)
    if np.isnan(values).any() or (values < 0).any():
        raise InputError(f"strengths of {kind!r} must be numbers >= 0: remove the others.")
    with np.errstate(divide="ignore"):
        u = COORDINATES[kind](values)
    return float(u) if u.ndim == 0 else u


def show_coordinates() -> pd.DataFrame:
    """Return one row per noise coordinate: name, description, units, reference, limits."""
    return COORDINATES.show()


def _kept(p: Array) -> Array:
    if (p > 1).any():
        raise InputError(f"a substitution rate or lost share is between 0 and 1, not {p.max():g}.")
    kept: Array = (1 - p) / p
    return kept


_PAPER = "Gowri et al., arXiv 2503.02726"
for _name, _what, _units, _limits, _function in (
    ("depth", "u = depth: molecules are kept or lost", "UMIs per cell", "", lambda u: u),
    (
        "gaussian",
        "u = 1/sigma^2: Gaussian noise added to a signal of fixed variance",
        "1 / variance",
        "images normalised to a fixed range",
        lambda sigma: 1 / sigma**2,
    ),
    (
        "gaussian_sd",
        "u = 1/sigma: as published for TissueMNIST, where 1/sigma^2 fits worse",
        "1 / standard deviation",
        "an empirical exponent",
        lambda sigma: 1 / sigma,
    ),
    (
        "blocks",
        "u = 1/f: pixels averaged in blocks of side f, as published for Caltech101",
        "1 / pixels",
        "an empirical exponent",
        lambda f: 1 / f,
    ),
    (
        "block_area",
        "u = 1/f^2: pixels averaged in blocks of side f, as published for TissueMNIST",
        "1 / pixels^2",
        "an empirical exponent",
        lambda f: 1 / f**2,
    ),
    (
        "substitution",
        "u = (1-p)/p: residues replaced with probability p",
        "true / replaced residues",
        "a replacement may draw the true residue again (1 in 20)",
        _kept,
    ),
):
    COORDINATES.add(Info(_name, _what, _units, _PAPER, _limits), _function)

COORDINATES.add(
    Info(
        "photons",
        "u = photons of a white pixel: the variance of shot noise is its mean",
        "photons",
        "Poisson statistics of counting",
        "a camera's own noise is left out",
    ),
    lambda photons: photons,
)
COORDINATES.add(
    Info(
        "lost",
        "u = (1-p)/p: a share p of the residues is unknown or cut off",
        "kept / lost residues",
        "as for substitution",
        "",
    ),
    _kept,
)
