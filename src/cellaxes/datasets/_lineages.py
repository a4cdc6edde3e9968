"""Names of Pango lineages, written out and cut to coarse levels."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.reading import reading

PANGO = re.compile(r"[A-Z]{1,3}(\.\d+)*")
ALIASES = "alias_key.json"
"""Name of the file of aliases that the Pango network publishes."""
OTHER = "other"
"""Class of the lineages whose root has few sequences."""


def read_aliases(path: str | Path) -> dict[str, str]:
    """Read which letters stand for which lineage; those of recombinants stand for themselves.

    Parameters
    ----------
    path
        ``alias_key.json`` of cov-lineages/pango-designation.

    Raises
    ------
    InputError
        If the file is missing, damaged or of another kind.
    """
    with reading(
        path, "a Pango alias key", f"fetch {ALIASES} of cov-lineages/pango-designation again"
    ):
        found = json.loads(Path(path).read_bytes())
        return {
            str(name): "" if isinstance(meant, list) else str(meant)
            for name, meant in found.items()
        }


def expand_lineage(name: str, aliases: Mapping[str, str]) -> str:
    """Return a lineage written out.

    Parameters
    ----------
    name
        A lineage of Pango, e.g. ``"BA.2"``.
    aliases
        Lineage that the leading letters stand for; empty where they stand for themselves.

    Raises
    ------
    InputError
        If the name is none of a lineage, or its letters are not among the aliases.

    Examples
    --------
    >>> expand_lineage("AY.4", {"AY": "B.1.617.2", "B": ""})
    'B.1.617.2.4'
    """
    if not PANGO.fullmatch(name):
        raise InputError(f"{name!r} is no name of a Pango lineage, as B.1.1.7 is.")
    letters, dot, rest = name.partition(".")
    if letters not in aliases:
        raise InputError(f"the alias key has no {letters!r} (lineage {name}): fetch a newer one.")
    return (aliases[letters] or letters) + dot + rest


def lineage_levels(
    names: Sequence[str], aliases: Mapping[str, str], n_levels: int, min_size: int = 20
) -> dict[str, NDArray[np.str_]]:
    """Return lineages as coarse as ``lineage_1`` (the root) to ``lineage_<n_levels>``.

    Level k keeps k parts of the name written out: of ``B.1.617.2.4``, ``B``, ``B.1``,
    ``B.1.617`` and so on. What would have fewer than ``min_size`` sequences keeps its name of
    the level above, ``other`` at the first, so that levels are nested and no class is a
    handful. A level with as many classes as the one above is left out.
    """
    parts = [expand_lineage(name, aliases).split(".") for name in names]
    column = np.full(len(names), OTHER, dtype=object)
    found: dict[str, NDArray[np.str_]] = {}
    above = 0
    for level in range(1, n_levels + 1):
        cut = np.array([".".join(part[:level]) for part in parts])
        _, which, sizes = np.unique(cut, return_inverse=True, return_counts=True)
        column = np.where(sizes[which] < min_size, column, cut)
        classes = len(np.unique(column))
        if classes > above:
            found[f"lineage_{level}"] = column.astype(str)
        above = classes
    return found
