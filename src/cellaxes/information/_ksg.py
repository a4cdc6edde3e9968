"""k-nearest-neighbour estimators: KSG for continuous, Ross for discrete signals."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma

from cellaxes._core.errors import InputError
from cellaxes.information._data import Pairs, standardise
from cellaxes.information._neighbours import count_closer, kth_distance


def ksg(pairs: Pairs, k: int = 3) -> float:
    """Kraskov-Stögbauer-Grassberger estimator 1 in bits.

    ``I = psi(k) + psi(n) - <psi(n_x + 1) + psi(n_y + 1)>`` in the max-norm on columns of
    unit variance, where ``n_x`` counts the points closer in x than the k-th joint neighbour
    (Kraskov et al., Phys. Rev. E 69:066138, 2004, eq. 8).

    Parameters
    ----------
    pairs
        Continuous pairs.
    k
        Neighbours; more lowers variance and raises bias.
    """
    return float(ksg_shares(pairs, k).mean())


def ksg_shares(pairs: Pairs, k: int) -> NDArray[np.float64]:
    """Return each pair's share in `ksg`, bits, ``(n,)``."""
    if pairs.n <= k + 1:
        raise InputError(f"KSG with k={k} needs more than {k + 1} distinct pairs, has {pairs.n}.")
    x, y = standardise(pairs.x), standardise(pairs.y)
    if x.shape[1] == 0 or y.shape[1] == 0:
        return np.zeros(pairs.n)
    radius = kth_distance(np.hstack([x, y]), k)
    marginal = digamma(count_closer(x, radius)) + digamma(count_closer(y, radius))
    return np.asarray((digamma(k) + digamma(pairs.n) - marginal) / np.log(2))


def ross(pairs: Pairs, k: int = 3) -> float:
    """Estimate the information of continuous x about a class y in bits (Ross).

    ``I = psi(n) - <psi(n_y)> + <psi(k)> - <psi(m)>``: m counts the points closer than the
    k-th neighbour of the own class (Ross, PLoS ONE 9:e87357, 2014, eq. 2). Classes of one
    cell are left out; in a class of ``k`` or fewer, k is lowered to fit. Where points
    coincide, k is the number of coinciding ones (Gao et al., NeurIPS 2017).

    Parameters
    ----------
    pairs
        Pairs with a discrete y.
    k
        Neighbours.
    """
    sizes = np.bincount(pairs.y)
    pairs = pairs.take(np.flatnonzero(sizes[pairs.y] > 1))
    x = standardise(pairs.x)
    if x.shape[1] == 0 or pairs.n == 0:
        return 0.0
    radius = np.empty(pairs.n)
    neighbours = np.empty(pairs.n)
    for code in np.unique(pairs.y):
        members = np.flatnonzero(pairs.y == code)
        own = min(k, len(members) - 1)
        radius[members] = kth_distance(x[members], own)
        tied = members[radius[members] == 0]
        neighbours[members] = own
        if len(tied):
            within = count_closer(x[members], radius[members])
            neighbours[tied] = within[radius[members] == 0] - 1
    found = count_closer(x, radius)
    found = found - (radius == 0)
    nats = (
        digamma(pairs.n)
        - digamma(sizes[pairs.y]).mean()
        + digamma(neighbours).mean()
        - digamma(np.maximum(found, 1)).mean()
    )
    return float(nats / np.log(2))
