"""What structure is given, read and refused before minutes of fitting."""

from dataclasses import dataclass
from typing import Any

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.adata import obs_column, obsm_matrix
from cellaxes._core.errors import InputError, near
from cellaxes._core.random import stream
from cellaxes.hierarchy import Tree, show_adapters, split_by, tree, tree_from_embedding

UNTOUCHED, PUBLISHED = "identity", "v5"
"""Of the adapters: the embedding as it is, and the published one, which is slow."""
TREES = ("ontology", "data")


@dataclass(frozen=True, eq=False)
class Cells:
    """An embedding with labels.

    Attributes
    ----------
    z
        Embedding ``(n_cells, d)``, no row zero.
    labels
        Type of each cell.
    ids
        Ontology id of each cell's type; None where not given.
    groups
        Donor of each cell; None where not given, or where there is one only.
    one_group
        Name of the only group, if there is one only.
    """

    z: NDArray[np.float32]
    labels: NDArray[np.str_]
    ids: NDArray[np.str_] | None
    groups: NDArray[np.str_] | None
    one_group: str | None

    def sample(self, n_cells: int, random_state: int) -> "Cells":
        """Return some of the cells, drawn by chance; all, where there are no more."""
        if len(self.z) <= n_cells:
            return self
        rng = stream(random_state, "structure", "cells", len(self.z))
        rows = np.sort(rng.choice(len(self.z), n_cells, replace=False))
        ids = None if self.ids is None else self.ids[rows]
        groups = None if self.groups is None else self.groups[rows]
        if len(set(self.labels[rows])) < 2 or (groups is not None and len(set(groups)) < 2):
            raise InputError(
                f"of {n_cells} cells drawn by chance all are of one class or group: draw more "
                "(--cells)."
            )
        return Cells(self.z[rows], self.labels[rows], ids, groups, self.one_group)


def read_cells_of(
    adata: anndata.AnnData, rep: str, labels: str, *, ontology_id: str | None, group: str | None
) -> Cells:
    """Return the embedding and the labels of an AnnData, checked."""
    z = obsm_matrix(adata, rep).astype(np.float32)
    zero = np.flatnonzero(~z.any(axis=1))
    if len(zero):
        raise InputError(
            f"{len(zero)} of {len(z)} rows of obsm[{rep!r}] are zero and have no direction, the "
            f"first at row {zero[0]}: remove these cells."
        )
    names = _text(obs_column(adata, labels))
    if len(set(names)) < 2:
        raise InputError(
            f"obs[{labels!r}] has one class only ({str(names[0])!r}): an order needs two types or "
            "more."
        )
    ids = None
    if ontology_id is not None:
        if ontology_id not in adata.obs:
            raise InputError(
                f"obs has no column {ontology_id!r}: {near(ontology_id, adata.obs.columns)}"
            )
        ids = np.array(["" if pd.isna(one) else str(one) for one in adata.obs[ontology_id]])
    groups = None if group is None else _text(obs_column(adata, group))
    if groups is not None and len(set(groups)) == 1:
        return Cells(z, names, ids, None, str(groups[0]))
    return Cells(z, names, ids, groups, None)


def grow(cells: Cells, kind: str, levels: int, **said: Any) -> Tree:
    """Return the tree of the labels: along the ontology, or by the distances of their centroids."""
    if kind not in TREES:
        raise InputError(f"there is no tree {kind!r}: {near(kind, TREES)}")
    if kind == "data":
        return tree_from_embedding(cells.z, cells.labels, levels)
    return tree(cells.labels, cells.ids, levels, **said)


def methods_of(method: str, baselines: tuple[str, ...] | None, published: bool) -> tuple[str, ...]:
    """Return the adapters that are compared: the untouched embedding, the chosen one, the others.

    Raises
    ------
    InputError
        If there is no such adapter.
    """
    there = [str(name) for name in show_adapters()["name"]]
    if method == UNTOUCHED:
        raise InputError(
            f"{UNTOUCHED!r} leaves the embedding as it is, and the others are held against it: "
            "choose another, such as 'residual'."
        )
    wanted = there if baselines is None else list(baselines)
    for name in (method, *wanted):
        if name not in there:
            raise InputError(f"there is no adapter {name!r}: {near(name, there)}")
    if baselines is None:
        wanted = [name for name in there if name != PUBLISHED]
    wanted += [PUBLISHED] * published
    return tuple(dict.fromkeys([UNTOUCHED, method, *wanted]))


def parts_of(groups: NDArray[np.str_] | None, most: int, seed: int) -> NDArray[np.str_] | None:
    """Return what is held out together: each group, or ``most`` parts made of whole groups."""
    if groups is None:
        return None
    names, n = np.unique(groups, return_counts=True)
    if len(names) <= most:
        return groups
    rng = stream(seed, "structure", "parts", len(names))
    # large groups first, each to the emptiest part; chance in their order: each seed deals anew
    order = np.argsort(-n * rng.uniform(0.5, 1.5, len(n)), kind="stable")
    part, load = np.zeros(len(names), dtype=int), np.zeros(most)
    for at in order:
        part[at] = load.argmin()
        load[part[at]] += n[at]
    return np.asarray([f"part {k + 1}" for k in part])[np.searchsorted(names, groups)]


def check_splits(cells: Cells, most: int, seeds: range) -> None:
    """Refuse groups without which one class is left, before hours of fitting."""
    for seed in seeds:
        parts = parts_of(cells.groups, most, seed)
        for split in split_by(parts, len(cells.z), repeats=1, random_state=seed):
            left = set(cells.labels[split.train].tolist())
            if len(left) < 2:
                what = (
                    "without " + split.name.partition("=")[2] if parts is not None else split.name
                )
                raise InputError(
                    f"{what} there is one class left to learn from ({left.pop()!r}): name another "
                    "group, or none for random halves."
                )


def _text(column: pd.Series) -> NDArray[np.str_]:
    return np.asarray(column.astype(str).to_numpy(), dtype=str)
