"""Absorption: a parent's feature is silent where the feature of a child has taken it over."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.features.metrics._arrays import (
    Array,
    Concepts,
    Matrix,
    check_cells,
    concepts,
    dense,
    mask_of,
    matrix,
    mean_of,
    peaks,
)
from cellaxes.features.metrics._concepts import THRESHOLDS, f1_grid
from cellaxes.features.metrics._matching import unit_rows
from cellaxes.features.metrics._probes import logistic

MIN_COSINE = 0.025
"""Of an absorbing feature's direction with the probe."""
MIN_SHARE = 0.4
"""Of the cell's projection on the probe that the absorbing feature must carry."""


@dataclass(frozen=True, eq=False)
class Absorption:
    """Share of the cells of each parent on which its feature is silent and another stands in.

    Attributes
    ----------
    names
        Of the parents that have two or more children with cells on both sides of the split.
    main
        Features of each parent, best first, ``(n_parents, n_main)``.
    children
        One row per parent and child: ``parent``, ``child``, ``probed`` (held-out cells on which
        the probe of the parent fires), ``silent`` (of these, without a main feature) and
        ``absorbed`` (of these, with another feature in its place).
    """

    names: tuple[str, ...]
    main: NDArray[np.int64]
    children: pd.DataFrame

    @property
    def rate(self) -> Array:
        """Absorbed per probed cells of each parent, ``(n_parents,)``; NaN without probed cells."""
        sums = self.children.groupby("parent")[["absorbed", "probed"]].sum().loc[list(self.names)]
        with np.errstate(invalid="ignore"):
            found: Array = sums["absorbed"].to_numpy(float) / sums["probed"].to_numpy(float)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the headline number, the mean over parents."""
        return {"absorption": mean_of(self.rate), "parents": len(self.names)}

    def to_frame(self) -> pd.DataFrame:
        """Return one row per parent and child, with the rate."""
        probed = self.children["probed"].where(self.children["probed"] > 0)
        return self.children.assign(rate=self.children["absorbed"] / probed)

    def __repr__(self) -> str:
        told = ", ".join(
            f"{name} {rate:.3f}" for name, rate in zip(self.names, self.rate, strict=True)
        )
        return f"Absorption({told})" if len(told) < 80 else f"Absorption({mean_of(self.rate):.3f})"


def absorption(
    activations: Matrix,
    labels: Any,
    parents: Mapping[str, str] | ArrayLike,
    *,
    decoder: ArrayLike,
    embedding: ArrayLike,
    held_out: ArrayLike,
    n_main: int = 1,
) -> Absorption:
    """Measure absorption along a hierarchy of labels (T cell ⊃ CD4, CD8, …).

    A held-out cell of a parent on which a linear probe of the parent fires is absorbed if the
    main features of the parent are silent, and the feature that carries most of the cell's
    projection on the probe has cosine >= 0.025 with it and carries >= 40 % of it. Probe and main
    features (best F1 for the parent) are chosen on the cells not held out.

    Parameters
    ----------
    activations
        CSR or dense, ``(n_cells, n_features)``.
    labels
        Label of each cell, the children, ``(n_cells,)``.
    parents
        Parent of each label, ``{"CD4": "T cell", …}``, or the parent label of each cell,
        ``(n_cells,)``. What has none is of no parent.
    decoder
        Direction that each feature writes, ``(n_features, d)``.
    embedding
        Of the cells, ``(n_cells, d)``, *in the units in which the decoder writes*: centred and
        scaled as the autoencoder does. Its mean is taken off here once more.
    held_out
        Mask ``(n_cells,)`` of the cells to report on, from `hold_out`.
    n_main
        Features taken for the parent's own.

    Raises
    ------
    InputError
        If shapes do not fit, or no parent has two children with cells on both sides.

    References
    ----------
    Chanin et al., arXiv 2409.14507; constants and denominator (cells on which the probe is
    right) of SAEBench, arXiv 2503.09532, full absorption.
    """
    x, directions = matrix(activations), dense(decoder, "the decoder")
    z = dense(embedding, "the embedding")
    check_cells(x.shape[0], len(z), "the embedding")
    if directions.shape != (x.shape[1], z.shape[1]):
        raise InputError(
            f"the decoder must have one direction per feature in the embedding, "
            f"{(x.shape[1], z.shape[1])}, but has shape {directions.shape}."
        )
    if not 1 <= n_main < x.shape[1]:
        raise InputError(f"n_main must lie between 1 and {x.shape[1] - 1}, not {n_main}.")
    out = mask_of(held_out, x.shape[0])
    child = _words(labels)
    check_cells(x.shape[0], len(child), "labels")
    if isinstance(parents, Mapping):
        parent = child.map({str(kid): str(name) for kid, name in parents.items()})
    else:
        parent = _words(parents)
        check_cells(x.shape[0], len(parent), "parents")
    families = _families(child, parent, out)

    z = z - z[~out].mean(axis=0)
    named = concepts(parent.where(parent.isin(list(families))).to_numpy(dtype=object))
    choosing = x[~out]
    main = _main_features(choosing, named.rows(~out), n_main)
    rows = []
    for p, name in enumerate(named.names):
        inside = named.member[:, [p]].toarray().ravel() > 0
        weights, intercept = logistic(z[~out], inside[~out])
        probed = np.flatnonzero(inside & out & (z @ weights + intercept > 0))
        silent, absorbed = _absorbed(x[probed], z[probed], directions, weights, main[p])
        members = child.to_numpy()[probed]
        rows += [
            {
                "parent": name,
                "child": kid,
                "probed": int((members == kid).sum()),
                "silent": int(silent[members == kid].sum()),
                "absorbed": int(absorbed[members == kid].sum()),
            }
            for kid in families[name]
        ]
    return Absorption(named.names, main, pd.DataFrame(rows))


def _words(labels: Any) -> "pd.Series[Any]":
    """Return labels as words, the missing ones as they are."""
    values = pd.Series(np.asarray(labels, dtype=object))
    return values.where(values.isna(), values.astype(str))


def _families(
    child: "pd.Series[Any]", parent: "pd.Series[Any]", out: NDArray[np.bool_]
) -> dict[str, list[str]]:
    """Return the children of each parent that has two with cells on both sides."""
    known = (child.notna() & parent.notna()).to_numpy()
    table = pd.DataFrame({"parent": parent[known], "child": child[known]})
    both = table.assign(out=out[known]).groupby(["parent", "child"])["out"].nunique() == 2
    families: dict[str, list[str]] = {}
    for name, kid in both[both].index:
        families.setdefault(name, []).append(kid)
    families = {name: kids for name, kids in families.items() if len(kids) > 1}
    if not families:
        raise InputError(
            "no parent has two children with cells on both sides of the split: absorption needs "
            "a hierarchy of labels, e.g. parents={'CD4': 'T cell', 'CD8': 'T cell'}."
        )
    return families


def _main_features(x: Matrix, named: Concepts, n_main: int) -> NDArray[np.int64]:
    best = f1_grid(x, named, peaks(x), np.array(THRESHOLDS)).max(axis=0)
    return np.argsort(-best, axis=0, kind="stable")[:n_main].T


def _absorbed(
    x: Matrix, z: Array, directions: Array, weights: Array, main: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells lack the main features, and which of these another stands in for."""
    probe = weights / np.linalg.norm(weights)
    along = directions @ probe
    codes = sp.csr_matrix(x)
    silent = np.asarray((codes[:, main] > 0).sum(axis=1)).ravel() == 0
    carried = sp.csr_matrix(codes.multiply(along))
    if not len(z):
        return silent, silent
    top = np.asarray(carried.argmax(axis=1)).ravel()
    most = carried.max(axis=1).toarray().ravel()
    total = z @ probe
    aligned = (unit_rows(directions) @ probe)[top] >= MIN_COSINE
    return silent, silent & aligned & (total > 0) & (most >= MIN_SHARE * total)
