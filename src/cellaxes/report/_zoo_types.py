"""What the zoo holds: one curve, and one grid of depths and sizes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.scaling import JointFit, NoiseFit

N_BAND = 24
"""Depths at which the band of a curve is kept."""


@dataclass(frozen=True, eq=False)
class ZooCurve:
    """Information against depth for one dataset, signal, model and size.

    Attributes
    ----------
    key
        Labels that name the curve, by meaning: ``{"dataset": "PBMC", "size": "1000"}``.
    depth, information
        The points, ``(n,)``: UMIs per cell or another coordinate, and bits.
    seed
        Label of each point's replicate, ``(n,)``, or empty.
    fit
        The noise law, or ``None`` where it cannot be fitted.
    band
        95 % interval of the curve at `band_depths`, bits: low and high, ``(24,)`` each.
    reason
        Why the law is not identified, or cannot be fitted; or empty.
    """

    key: dict[str, str]
    depth: tuple[float, ...]
    information: tuple[float, ...]
    seed: tuple[str, ...]
    fit: NoiseFit | None
    band: tuple[tuple[float, ...], tuple[float, ...]]
    reason: str

    @property
    def identified(self) -> bool:
        """Whether sensitivity and capacity can be read from the points."""
        return self.fit is not None and self.fit.identified


@dataclass(frozen=True, eq=False)
class ZooGrid:
    """All depths and sizes of one dataset, signal and model.

    Attributes
    ----------
    key
        Labels that name the grid, by meaning.
    depths, cells
        Smallest and largest measured depth, UMIs per cell or another coordinate, and number of
        training cells.
    fit
        The joint law, or ``None`` where it cannot be fitted.
    reason
        Why it is not identified, or cannot be fitted; or empty.
    """

    key: dict[str, str]
    depths: tuple[float, float]
    cells: tuple[float, float]
    fit: JointFit | None
    reason: str

    @property
    def identified(self) -> bool:
        """Whether depths and sizes reach far enough to tell the law."""
        return self.fit is not None and self.fit.identified


def band_depths(depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the depths a curve is drawn at: half the shallowest to four times the deepest."""
    grid: NDArray[np.float64] = np.geomspace(depth.min() / 2, depth.max() * 4, N_BAND)
    return grid
