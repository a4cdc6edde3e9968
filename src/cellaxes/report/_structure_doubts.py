"""Why a reader of the page of structure should be careful, in words."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cellaxes.report._structure_words import share

if TYPE_CHECKING:
    from cellaxes.report._structure import StructureReport

FEW_GROUPS, FEW_CELLS, FEW_SEEDS = 6, 500, 3
LISTED = 6


def doubts(report: "StructureReport") -> list[str]:
    """Return why a reader should be careful."""
    facts, found = report.facts, []
    if facts.one_group is not None:
        found.append(
            f"There is one group only ({facts.group}: {facts.one_group}): random halves of the "
            "cells were held out, which says nothing about a new group and is optimistic."
        )
    elif not facts.groups:
        found.append(
            "No group was named (--group): random halves of the cells were held out, so that cells "
            "of one donor stand on both sides. This is optimistic about cells of a new donor."
        )
    elif len(facts.groups) < FEW_GROUPS:
        found.append(
            f"There are {len(facts.groups)} groups only ({facts.group}): intervals over so few are "
            "rough and may be too narrow."
        )
    unseen = _unseen(report)
    if unseen >= 0.001:
        found.append(
            f"{share(unseen)} of the held-out cells have a type that no training cell of their "
            "split has: no method can call their label."
        )
    found += _rare(report)
    if facts.n_evaluated < FEW_CELLS:
        found.append(f"There are few cells ({facts.n_evaluated}): small differences are chance.")
    if facts.n_evaluated < len(report.levels):
        found.append(
            f"Of {len(report.levels):,} cells {facts.n_evaluated:,}, drawn by chance, were "
            "evaluated; the adapter is fitted to all."
        )
    if len(facts.seeds) < FEW_SEEDS:
        found.append(f"Seeds: {len(facts.seeds)} only; differences may be those of a start.")
    found += _tree(report) + [f"{said[0].upper()}{said[1:]}." for said in facts.doubts]
    return [
        *found,
        f"{facts.rep} was made before cells were held out and may have seen them: what it owes to "
        "them is not judged, and is the same for every adapter.",
    ]


def _unseen(report: "StructureReport") -> float:
    table = report.evaluation.table
    last = table[table["level"] == table["level"].iloc[-1]].drop_duplicates("split")
    return float((last["unseen"] * last["n_test"]).sum() / last["n_test"].sum())


def _rare(report: "StructureReport") -> list[str]:
    """Say which types are of one cell, or of one group."""
    labels = report.levels.iloc[:, -1].astype(str).to_numpy()
    found = []
    single = sorted(name for name, n in Counter(labels).items() if n == 1)
    if single:
        found.append(f"Types of one cell: {_listed(single)}.")
    if report.cell_groups is not None:
        pairs = pd.DataFrame({"label": labels, "group": report.cell_groups})
        n = pairs.groupby("label")["group"].nunique()
        if (n == 1).any():
            found.append(
                f"{int((n == 1).sum())} of {len(n)} types are in one group only "
                f"({report.facts.group}) and cannot be called when it is held out."
            )
    return found


def _tree(report: "StructureReport") -> list[str]:
    """Say where the tree tells little or was made from the embedding itself."""
    groups = report.tree.levels.nunique().to_numpy()
    found = [
        f"Level {at + 1} has the same groups as level {at}."
        for at in range(1, len(groups))
        if groups[at] == groups[at - 1]
    ]
    if groups[0] == 1:
        found.append("All cells are of one group at level 1: it tells nothing.")
    apart = report.tree.report.index[report.tree.report["match"] == "none"]
    if len(apart):
        found.append(f"Labels of no term, put apart: {_listed([str(one) for one in apart])}.")
    if report.facts.tree == "data":
        found.append(
            "The tree was grown from this embedding: its levels are easy for it. What is asked is "
            "the tree of all cells; adapters learnt from that of their training cells."
        )
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - LISTED
    return ", ".join(names[:LISTED]) + (f" and {more} more" if more > 0 else "")
