"""A level of the cell-type hierarchy: the label of a cell, as coarse as the ontology has it."""

import anndata
import pandas as pd

from cellaxes._core.adata import obs_column
from cellaxes._core.errors import InputError
from cellaxes.hierarchy import tree
from cellaxes.signal._signal import Signal

LEVELS = 4
"""Levels of the tree unless told otherwise; the last is the label itself."""


def level(
    adata: anndata.AnnData, key: str, at: int, *, levels: int = LEVELS, ids: str | None = None
) -> Signal:
    """Return one level of the hierarchy above ``obs[key]`` as a discrete signal.

    The levels are those of `cellaxes.hierarchy.tree`, along the Cell Ontology that comes with the
    package.

    Parameters
    ----------
    adata
        Cells.
    key
        ``obs`` column with names of cell types.
    at
        Level, 1 (coarsest) to ``levels`` (the label).
    levels
        Depth of the tree.
    ids
        ``obs`` column with the ontology id of each cell's type.

    Raises
    ------
    InputError
        If a column is missing, a label is not in the ontology, there is no such level, or it has
        one class only.
    """
    table = _table(adata, key, levels, ids)
    if not 1 <= at <= levels:
        raise InputError(f"a tree of {levels} levels has no level {at}: name 1 to {levels}.")
    column = table.iloc[:, at - 1].cat.remove_unused_categories()
    categories = tuple(map(str, column.cat.categories))
    if len(categories) < 2:
        raise InputError(
            f"all cells are {categories[0]} at level {at} of obs[{key!r}]: ask for a finer level."
        )
    values = column.cat.codes.to_numpy().astype("int64")
    return Signal(name(key, at, levels, ids), "discrete", values, categories)


def names_of_levels(
    adata: anndata.AnnData, key: str, *, levels: int = LEVELS, ids: str | None = None
) -> list[str]:
    """Return the signal of each level that tells cells apart, and others than the level above.

    Raises
    ------
    InputError
        As `level`.
    """
    table = _table(adata, key, levels, ids)
    found, above = [], 1
    for at in range(1, levels + 1):
        classes = table.iloc[:, at - 1].nunique()  # nested: as many classes are the same classes
        if classes > above:
            found.append(name(key, at, levels, ids))
        above = classes
    if not found:
        raise InputError(f"obs[{key!r}] has one class only: a hierarchy needs two types or more.")
    return found


def name(key: str, at: int, levels: int, ids: str | None) -> str:
    """Return how `parse` reads a level."""
    depth = "" if levels == LEVELS else f",levels={levels}"
    return f"level:{key}@{at}{depth}{'' if ids is None else f',ids={ids}'}"


def _table(adata: anndata.AnnData, key: str, levels: int, ids: str | None) -> pd.DataFrame:
    labels = obs_column(adata, key).astype(str).to_numpy()
    given = None if ids is None else obs_column(adata, ids).astype(str).to_numpy()
    return tree(labels, given, levels).expand(labels)
