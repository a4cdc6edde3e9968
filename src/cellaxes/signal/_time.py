"""Time: age, stage, hour of sampling."""

import anndata

from cellaxes.signal._order import in_order
from cellaxes.signal._signal import Signal


def time(adata: anndata.AnnData, key: str) -> Signal:
    """Return ``obs[key]`` as a continuous signal with an order.

    Numbers stand as they are, ordered categories by their rank, and cells of one time stay
    tied: in simulations with 3 to 67 times of known information, ties read up to 0.3 bits
    nearer to the truth than ties broken by noise (docs/signals.md). Estimates are those of
    numbers, which see that day 4 lies between day 2 and day 6; of few times that are told
    apart well (more than a bit in a dozen of times), ``label:`` may read more.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obs`` column: numbers, an ordered categorical, dates, or words that are numbers.

    Raises
    ------
    InputError
        If the column is missing, has missing values, has no order, or is constant.
    """
    return Signal(f"time:{key}", "continuous", in_order(adata, key)[:, None])
