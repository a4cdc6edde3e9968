"""One value of the signal for each cell."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["discrete", "continuous"]


@dataclass(frozen=True, eq=False)
class Signal:
    """What cells are known by, independent of any embedding.

    Attributes
    ----------
    name
        As asked for, e.g. ``"label:cell_type"``.
    kind
        ``"discrete"`` or ``"continuous"``.
    values
        Discrete: class codes ``(n_cells,)`` int64. Continuous: ``(n_cells, d)`` float64.
    categories
        Class names in order of code; empty for a continuous signal.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    categories: tuple[str, ...] = ()

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return len(self.values)

    @property
    def entropy(self) -> float:
        """Plug-in entropy in bits of a discrete signal, its ceiling; infinite otherwise."""
        if self.kind == "continuous":
            return float("inf")
        p = np.bincount(self.values) / len(self.values)
        p = p[p > 0]
        return float(-(p * np.log2(p)).sum())

    def __repr__(self) -> str:
        what = (
            f"{len(self.categories)} classes, entropy {self.entropy:.2f} bits"
            if self.kind == "discrete"
            else f"{self.values.shape[1]} dimensions"
        )
        return f"Signal({self.name}: {self.n_cells} cells, {what})"
