"""Information between two discrete variables, by counting."""

import numpy as np
from numpy.typing import NDArray

from cellaxes.information._data import Pairs


def plugin_shares(pairs: Pairs) -> tuple[NDArray[np.float64], float]:
    """Return each pair's share in the plug-in information, bits, and its bias, bits.

    The plug-in is ``sum p(x,y) log2 p(x,y) / p(x) p(y)`` of the observed frequencies; its
    bias is ``(K_xy - K_x - K_y + 1) / (2 n ln 2)`` for K occupied cells and margins (Miller
    1955; Panzeri and Treves, Network 7:87, 1996).
    """
    x, y = np.unique(pairs.x, return_inverse=True)[1].ravel(), pairs.y
    table = np.zeros((x.max() + 1, y.max() + 1))
    np.add.at(table, (x, y), 1)
    joint, left, right = table[x, y], table.sum(axis=1)[x], table.sum(axis=0)[y]
    occupied = [int(np.count_nonzero(counts)) for counts in (table, table.sum(1), table.sum(0))]
    bias = (occupied[0] - occupied[1] - occupied[2] + 1) / (2 * pairs.n * np.log(2))
    return np.log2(joint * pairs.n / (left * right)), float(bias)
