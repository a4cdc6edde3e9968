"""What thinning returns."""

from typing import Any, NamedTuple

import anndata
import numpy as np
from numpy.typing import NDArray

from cellaxes._core import keys
from cellaxes._core.matrix import row_sums


class Thinned(NamedTuple):
    """Thinned counts and their measured depth: ``counts, depth = thin(...)``.

    Attributes
    ----------
    counts
        Same container type, shape and dtype as what was thinned.
    depth
        Median UMIs per cell after thinning, over all cells, empty ones included.
    """

    counts: Any
    depth: float

    @property
    def umis_per_cell(self) -> NDArray[np.float64]:
        """UMIs of each cell after thinning, shape ``(n_cells,)``."""
        if isinstance(self.counts, anndata.AnnData):
            return np.asarray(self.counts.obs[keys.umis_per_cell()], dtype=np.float64)
        return row_sums(self.counts)

    @property
    def n_empty(self) -> int:
        """Number of cells left without a single UMI; they are kept."""
        return int((self.umis_per_cell == 0).sum())

    def __repr__(self) -> str:
        cells, genes = self.counts.shape
        return f"Thinned({cells} cells x {genes} genes, {self.depth:g} UMIs per cell)"
