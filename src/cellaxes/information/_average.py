"""The mean of estimates of one quantity that share cells."""

from collections.abc import Sequence

import numpy as np

from cellaxes._core.errors import InputError
from cellaxes.information._types import MIEstimate


def average(estimates: Sequence[MIEstimate]) -> MIEstimate:
    """Average estimates from several draws of pairs of the same cells.

    The draws share cells, so their mean is taken to be no surer than one of them: the arms of
    the interval are the mean arms, not divided by the number of draws.

    Parameters
    ----------
    estimates
        One per draw, by one estimator.

    Returns
    -------
    Bits, interval and null averaged; the largest ``null_high``; ``n``, pairs of a draw (mean);
    ``reliable`` if all draws are. A single estimate comes back as it is.

    Raises
    ------
    InputError
        If there is no estimate, or they are of several estimators.
    """
    if len({found.estimator for found in estimates}) != 1:
        raise InputError("average needs estimates by one estimator, and at least one of them.")
    if len(estimates) == 1:
        return estimates[0]

    def mean(field: str) -> float:
        return float(np.mean([getattr(found, field) for found in estimates]))

    why = estimates[0].reason.partition("; ")[0]
    doubted = [found.reason.partition("; ")[2] for found in estimates if not found.reliable]
    spread = float(np.std([found.bits for found in estimates], ddof=1))
    reason = f"{why}, mean of {len(estimates)} draws (SD {spread:.2f} bits)"
    if doubted:
        reason += f"; in {len(doubted)} of {len(estimates)} draws: {doubted[0]}"
    return MIEstimate(
        bits=mean("bits"),
        low=mean("low"),
        high=mean("high"),
        null=mean("null"),
        null_high=max(found.null_high for found in estimates),
        n=round(mean("n")),
        estimator=estimates[0].estimator,
        reliable=not doubted,
        reason=reason,
    )
