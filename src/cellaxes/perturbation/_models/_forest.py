"""Regression trees of many outputs as arrays, so that they are saved without pickle."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LEAF = -1


@dataclass(frozen=True, eq=False)
class Forest:
    """Trees whose predictions are added up.

    Attributes
    ----------
    roots
        First node of each tree, ``(n_trees,)``.
    feature
        Column that a node asks for, `LEAF` where it asks none, ``(n_nodes,)``.
    threshold
        The left child takes what is at most this, ``(n_nodes,)``.
    left, right
        Children; of a leaf, ``left`` is its row in `values`.
    values
        Of the leaves, ``(n_leaves, n_outputs)``.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    values: NDArray[np.float32]

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum over trees, ``(n_rows, n_outputs)``; a row's depends on it alone."""
        out = np.zeros((len(features), self.values.shape[1]))
        rows = np.arange(len(features))
        for root in self.roots:
            at = np.full(len(features), root)
            while True:
                asked = self.feature[at]
                inner = asked != LEAF
                if not inner.any():
                    break
                below = features[rows, np.where(inner, asked, 0)] <= self.threshold[at]
                at = np.where(inner, np.where(below, self.left[at], self.right[at]), at)
            out += self.values[self.left[at]]
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        return cls(**arrays)


def forest_of(trees: list[Any], scale: float) -> Forest:
    """Return fitted trees of scikit-learn, their leaves times ``scale``."""
    roots, columns, values = [], [], []
    n_nodes = n_leaves = 0
    for tree in trees:
        held = tree.tree_
        leaf = held.children_left < 0
        number = np.cumsum(leaf) - 1 + n_leaves
        columns.append(
            (
                np.where(leaf, LEAF, held.feature),
                held.threshold,
                np.where(leaf, number, held.children_left + n_nodes),
                np.where(leaf, LEAF, held.children_right + n_nodes),
            )
        )
        values.append(held.value[leaf, :, 0] * scale)
        roots.append(n_nodes)
        n_nodes, n_leaves = n_nodes + len(leaf), n_leaves + int(leaf.sum())
    feature, threshold, left, right = (np.concatenate(part) for part in zip(*columns, strict=True))
    return Forest(
        np.array(roots, dtype=np.int32),
        feature.astype(np.int32),
        threshold.astype(np.float64),
        left.astype(np.int32),
        right.astype(np.int32),
        np.concatenate(values).astype(np.float32),
    )
