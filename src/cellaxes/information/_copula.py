"""Gaussian copula, corrected by what nearest neighbours see beyond it."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import rankdata

from cellaxes._core.random import stream
from cellaxes.information._data import Pairs, standardise, without_duplicates
from cellaxes.information._gaussian import canonical_basis, gaussian
from cellaxes.information._ksg import ksg

N_LEADING = 5
"""Canonical coordinates of each side in which nearest neighbours look beyond the copula."""
MAX_POINTS = 5000
"""Pairs that the nearest neighbours use at most: the correction is small, its error smaller."""
MAX_COMPONENTS = 64
"""Principal components of each side at most."""
N_CALIBRATIONS = 3
"""Gaussian data sets on which the nearest neighbours' own bias is measured."""


def normal_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Map each column to standard normal quantiles of its ranks; constant columns are dropped."""
    varying = standardise(values)
    scores: NDArray[np.float64] = ndtri((rankdata(varying, axis=0) - 0.5) / len(varying))
    return scores


def leading_components(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the leading principal components, few enough for the number of rows.

    At most `MAX_COMPONENTS` and a twentieth of the rows, but never fewer than `N_LEADING`.
    """
    n, d = scores.shape
    most = max(min(MAX_COMPONENTS, n // 20), N_LEADING)
    if d <= most:
        return scores
    centred = scores - scores.mean(axis=0)
    if d > n:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        return np.asarray(vectors[:, -most:] * np.sqrt(np.maximum(values[-most:], 0)))
    _, axes = np.linalg.eigh(centred.T @ centred)
    return np.asarray(centred @ axes[:, -most:])


def gaussianised(pairs: Pairs) -> Pairs:
    """Return the pairs as leading components of their normal scores, at most a few per row.

    Scores may be taken of the columns, or of the principal components of the columns, which
    is the better map where many columns share few dimensions. Whichever predicts the
    held-out half of the pairs better is used; components where columns depend on each other
    exactly, because ranks would blur that.
    """
    pairs = without_duplicates(pairs)
    by_column = Pairs(
        leading_components(normal_scores(pairs.x)), leading_components(normal_scores(pairs.y))
    )
    if pairs.x.shape[1] == pairs.y.shape[1] == 1:
        return by_column
    by_component = Pairs(
        normal_scores(principal(standardise(pairs.x))),
        normal_scores(principal(standardise(pairs.y))),
    )
    if 0 in (by_column.x.shape[1], by_column.y.shape[1]):
        return by_column
    for columns, components in ((by_column.x, by_component.x), (by_column.y, by_component.y)):
        if components.shape[1] < columns.shape[1]:
            return by_component
    return max((by_column, by_component), key=held_out_bits)


def principal(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return all principal components that are no rounding error, few enough for the rows."""
    leading = leading_components(values)
    left, singular, _ = np.linalg.svd(leading - leading.mean(axis=0), full_matrices=False)
    kept = singular > 1e-6 * singular.max(initial=0.0)
    return np.asarray(left[:, kept] * singular[kept])


def held_out_bits(scores: Pairs) -> float:
    """Gaussian information that a fit to the even pairs finds in the odd ones, bits per pair."""
    fitted, held = scores.take(np.arange(0, scores.n, 2)), scores.take(np.arange(1, scores.n, 2))
    sides = []
    for train, test in ((fitted.x, held.x), (fitted.y, held.y)):
        centre = train.mean(axis=0)
        _, singular, axes = np.linalg.svd(train - centre, full_matrices=False)
        kept = singular > 1e-8 * singular.max(initial=0.0)
        white = axes[kept].T / singular[kept] * np.sqrt(len(train))
        sides.append(((train - centre) @ white, (test - centre) @ white))
    (x, x_new), (y, y_new) = sides
    left, rho, right = np.linalg.svd(x.T @ y / len(x), full_matrices=False)
    rho = np.minimum(rho, 1 - 1e-9)
    u, v = x_new @ left, y_new @ right.T
    log_ratio = -0.5 * np.log1p(-(rho**2)) - (rho**2 * (u**2 + v**2) - 2 * rho * u * v) / (
        2 * (1 - rho**2)
    )
    return float(log_ratio.sum(axis=1).mean() / np.log(2))


def excess(scores: Pairs, k: int) -> float:
    """Information that nearest neighbours see beyond the Gaussian copula, bits.

    KSG on the leading canonical coordinates, minus the Gaussian information of the same
    coordinates in the same sample, minus the same difference on Gaussian data of equal size
    and canonical correlations: the bias of the neighbours, and of choosing coordinates in
    the sample, cancels.
    """
    scores = scores.take(np.arange(min(scores.n, MAX_POINTS)))
    x, y = canonical_basis(scores.x), canonical_basis(scores.y)
    left, rho, right = np.linalg.svd(x.T @ y, full_matrices=False)
    r = min(N_LEADING, len(rho))
    if r == 0:
        return 0.0
    seen = Pairs(x @ left[:, :r], y @ right[:r].T)
    rho = np.minimum(rho[:r], 1 - 1e-9)
    beyond = ksg(seen, k) + 0.5 * np.log2(1 - rho**2).sum()
    rng = stream(0, "copula calibration", scores.n, r, k)
    biases = []
    for _ in range(N_CALIBRATIONS):
        a, e = rng.standard_normal((2, scores.n, r))
        simulated = Pairs(a, rho * a + np.sqrt(1 - rho**2) * e)
        biases.append(ksg(simulated, k) - gaussian(simulated))
    return float(beyond - np.mean(biases))


def copula(pairs: Pairs, k: int = 5) -> float:
    """Estimate information in bits: Gaussian copula plus what neighbours see beyond it.

    Columns are mapped to normal scores, which leaves information unchanged; canonical
    correlations then give the Gaussian part without bias (Ince et al., Human Brain Mapping
    38:1541, 2017, with the correction of `gaussian`), exact for any number of dimensions
    where the copula is Gaussian. `excess` adds what it leaves out in the leading
    coordinates.

    Parameters
    ----------
    pairs
        Continuous pairs.
    k
        Neighbours.
    """
    scores = gaussianised(pairs)
    if scores.x.shape[1] == 0 or scores.y.shape[1] == 0:
        return 0.0
    return gaussian(scores) + excess(scores, k)
