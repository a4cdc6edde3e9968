"""How much each level may be believed, by the scatter of its replicates."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import digamma, polygamma

from cellaxes._core.errors import InputError
from cellaxes.scaling._points import checked, group_of


def replicate_weights(
    depth: ArrayLike, information: ArrayLike, *, level: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Weigh points by the scatter of the replicates of their level.

    A handful of replicates says little of a variance, so each level's is drawn towards a
    common one: ``v_l = (d_0 s_0² + d_l s_l²) / (d_0 + d_l)``, where ``d_l`` is one less than
    the number of replicates, and ``d_0`` and ``s_0²`` are such that the variances scatter
    about as much as they do (moderated variances; Smyth 2004, section 6.2). Where they scatter
    no more than chance allows, all weigh alike. Weights are ``1 / v_l``, with mean 1.

    Parameters
    ----------
    depth, information
        The points, ``(n,)``; depth in UMIs per cell or another coordinate, information in bits.
    level
        Which points are replicates of one depth, ``(n,)``; ``None``: those of equal depth.

    Returns
    -------
    Weights for `fit_noise_law` or `fit_forms`, ``(n,)``.

    Raises
    ------
    InputError
        If no level has a second point, or a value is NaN or no bits.

    Examples
    --------
    >>> replicate_weights([1, 1, 2, 2], [0.1, 0.2, 0.5, 0.8]).round(2)
    array([1., 1., 1., 1.])
    """
    y, u = checked(information, depth=depth)
    group = group_of(level, u)
    count = np.bincount(group)
    spread = np.bincount(group, (y - (np.bincount(group, y) / count)[group]) ** 2)
    freedom = count - 1
    if freedom.sum() == 0:
        raise InputError("no depth was measured twice: replicates are needed to weigh by scatter.")
    repeated = freedom > 0
    d, variance = freedom[repeated], spread[repeated] / freedom[repeated]
    floor = 1e-5 * float(np.median(variance))
    if floor == 0 or len(d) < 2:
        return np.ones_like(y)
    level_log = np.log(np.maximum(variance, floor)) - digamma(d / 2) + np.log(d / 2)
    beyond_chance = float(level_log.var(ddof=1) - polygamma(1, d / 2).mean())
    if beyond_chance <= 0:
        return np.ones_like(y)
    d_0 = 2 * _inverse_trigamma(beyond_chance)
    variance_0 = np.exp(level_log.mean() + digamma(d_0 / 2) - np.log(d_0 / 2))
    weights: NDArray[np.float64] = ((d_0 + freedom) / (d_0 * variance_0 + spread))[group]
    weights /= weights.mean()
    return weights


def _inverse_trigamma(value: float) -> float:
    """Return x with trigamma(x) = value."""
    if value < 1e-6:
        return 1 / value
    low, high = 1 / np.sqrt(value) / 2, 1 / value + 1 / np.sqrt(value) + 1
    return float(brentq(lambda x: float(polygamma(1, x)) - value, low, high))
