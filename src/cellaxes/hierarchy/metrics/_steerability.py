"""What a prefix gains at the coarse level and loses at the fine one."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Steerability:
    """S and the two terms that it is the sum of.

    Attributes
    ----------
    coarse
        Accuracy of the coarsest level on the first prefix less that on the full vector.
    fine
        Accuracy of the finest level on the full vector less that on the first prefix.
    """

    coarse: float
    fine: float

    @property
    def s(self) -> float:
        """``coarse + fine``."""
        return self.coarse + self.fine


def steerability(coarse: tuple[float, float], fine: tuple[float, float]) -> Steerability:
    """Return S, to be read with its two terms and beside that of an untrained truncation.

    ``S = (coarse at prefix − coarse at full) + (fine at full − fine at prefix)``. The second term
    rewards a prefix that lost the fine level, so that S grows as prefixes get worse: truncated
    principal components, which nobody trained, can have a larger one.

    Parameters
    ----------
    coarse, fine
        Accuracy of the coarsest and of the finest level, each ``(first prefix, full vector)``.

    Examples
    --------
    >>> steerability((0.75, 0.75), (0.25, 0.5))
    Steerability(coarse=0.0, fine=0.25)
    """
    return Steerability(coarse[0] - coarse[1], fine[1] - fine[0])
