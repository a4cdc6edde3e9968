"""Features of two models side by side: one to one, and one split into several."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from cellaxes._core.errors import InputError
from cellaxes.features._model import SparseFeatures
from cellaxes.features._stability import STABLE
from cellaxes.features.metrics import correlations

PART = 0.4
"""Correlation from which a feature is part of another."""


@dataclass(frozen=True, eq=False)
class Match:
    """Features of one model matched with those of another by activation on the same cells.

    Attributes
    ----------
    correlation
        Of every feature of one with every feature of the other, ``(m_one, m_other)``.
    partner
        Matched one to one so that the sum of correlations is largest, ``(m_one,)``; -1 where the
        other has fewer features.
    """

    correlation: NDArray[np.float64]
    partner: NDArray[np.int64]

    @property
    def r(self) -> NDArray[np.float64]:
        """Correlation with the partner, ``(m_one,)``; 0 without one."""
        paired = self.correlation[np.arange(len(self.partner)), self.partner]
        return np.where(self.partner >= 0, paired, 0.0)

    @property
    def matched(self) -> NDArray[np.bool_]:
        """Which features find a partner at more than .8, ``(m_one,)``."""
        return np.asarray(self.r > STABLE)

    def splits(self) -> dict[int, tuple[int, ...]]:
        """Return the features that are several in the other model, and which, the nearest first.

        Those of the other that correlate with it by .4 or more, and with no feature of this one
        better.
        """
        return _splits(self.correlation)

    def merges(self) -> dict[int, tuple[int, ...]]:
        """Return the features of the other model that are several in this one, and which."""
        return _splits(self.correlation.T)

    def to_frame(self) -> pd.DataFrame:
        """Return one row per feature of the first model."""
        splits = self.splits()
        return pd.DataFrame(
            {
                "partner": self.partner,
                "r": self.r,
                "matched": self.matched,
                "nearest": self.correlation.argmax(axis=1),
                "nearest_r": self.correlation.max(axis=1),
                "splits_into": [splits.get(i, ()) for i in range(len(self.partner))],
            },
            index=pd.RangeIndex(len(self.partner), name="feature"),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the headline numbers."""
        return {
            "features": [int(size) for size in self.correlation.shape],
            "matched": int(self.matched.sum()),
            "mean_r": float(self.r.mean()),
            "splits": len(self.splits()),
            "merges": len(self.merges()),
        }

    def __repr__(self) -> str:
        one, other = self.correlation.shape
        return (
            f"Match({self.matched.sum()} of {one} features found among {other} at r > {STABLE:g}, "
            f"mean r {self.r.mean():.3f}; {len(self.splits())} split, {len(self.merges())} merged)"
        )


def match(
    one: SparseFeatures,
    other: SparseFeatures,
    z_one: NDArray[np.floating],
    *,
    z_other: NDArray[np.floating] | None = None,
) -> Match:
    """Match the features of two models: of two seeds, widths, donors or embeddings.

    Parameters
    ----------
    one, other
        Models.
    z_one
        Embedding that the first was trained on, ``(n_cells, d_one)``.
    z_other
        Embedding of the same cells for the second, ``(n_cells, d_other)``; default ``z_one``.

    Raises
    ------
    InputError
        If an embedding does not fit its model, or the two are of other cells.

    References
    ----------
    Paulo & Belrose, arXiv 2501.16615: one-to-one matching by the Hungarian algorithm.
    """
    z_other = z_one if z_other is None else z_other
    if len(z_one) != len(z_other):
        raise InputError(
            f"the embeddings have {len(z_one)} and {len(z_other)} cells: pass the same cells, in "
            "the same order."
        )
    r = correlations(one.encode(z_one), other.encode(z_other))
    rows, columns = linear_sum_assignment(r, maximize=True)
    partner = np.full(len(r), -1, dtype=np.int64)
    partner[rows] = columns
    return Match(r, partner)


def _splits(r: NDArray[np.float64]) -> dict[int, tuple[int, ...]]:
    parent = r.argmax(axis=0)
    close = r.max(axis=0) >= PART
    found = {}
    for i in np.unique(parent[close]):
        parts = np.flatnonzero(close & (parent == i))
        if len(parts) > 1:
            ordered = parts[np.argsort(-r[i, parts], kind="stable")]
            found[int(i)] = tuple(int(j) for j in ordered)
    return found
