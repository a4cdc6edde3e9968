"""What cells and molecules cost."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Costs:
    """Costs of an experiment, in any one currency.

    ``fixed + per_library libraries + n_cells (per_cell + depth umi)``, where one UMI costs
    ``umi = per_umi + per_read reads_per_umi``

    Parameters
    ----------
    per_cell
        Of each cell: dissociation, capture, reagents.
    per_umi
        Of each UMI counted. Give this or ``per_read``.
    per_read
        Of each sequencing read.
    reads_per_umi
        Reads that one UMI takes: the inverse of reads' yield, 1 / (1 - sequencing
        saturation) or more where reads do not map.
    per_library
        Of each library (lane, chip).
    cells_per_library
        Cells that fit into one library.
    fixed
        Whatever is paid once.

    Examples
    --------
    >>> costs = Costs(per_cell=0.2, per_read=1e-5, reads_per_umi=2.5)
    >>> costs.total(10_000, 2000), round(costs.depth(2500, 10_000))
    (2500.0, 2000)
    """

    per_cell: float = 0.0
    per_umi: float = 0.0
    per_read: float = 0.0
    reads_per_umi: float = 1.0
    per_library: float = 0.0
    cells_per_library: int = 10_000
    fixed: float = 0.0

    def __post_init__(self) -> None:
        parts = (self.per_cell, self.per_umi, self.per_read, self.per_library, self.fixed)
        if not (np.isfinite(parts).all() and min(parts) >= 0):
            raise InputError(f"costs must be numbers >= 0, not {self}.")
        if not (self.reads_per_umi > 0 and self.cells_per_library > 0):
            raise InputError(
                "reads_per_umi and cells_per_library must be positive, not "
                f"{self.reads_per_umi} and {self.cells_per_library}."
            )
        if self._umi == 0:
            raise InputError("depth must cost something: give per_umi or per_read.")

    @property
    def _umi(self) -> float:
        return self.per_umi + self.per_read * self.reads_per_umi

    def _without_depth(self, n_cells: Array) -> Array:
        libraries = np.ceil(n_cells / self.cells_per_library)
        return np.asarray(self.fixed + self.per_library * libraries + self.per_cell * n_cells)

    def total(self, n_cells: float, depth: float) -> float:
        """Return what ``n_cells`` cells at ``depth`` UMIs per cell cost."""
        return float(self._without_depth(np.asarray(n_cells, float)) + n_cells * depth * self._umi)

    def depth(self, budget: float, n_cells: ArrayLike) -> Any:
        """Return the UMIs per cell ``budget`` buys for ``n_cells``, same shape; below 0 if none."""
        cells = np.asarray(n_cells, dtype=np.float64)
        bought = (budget - self._without_depth(cells)) / (cells * self._umi)
        return float(bought) if bought.ndim == 0 else bought
