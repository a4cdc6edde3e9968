"""What the page of structure concludes, and what it doubts, in words."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from cellaxes.report import _structure_numbers as numbers
from cellaxes.report._structure_types import UNTOUCHED

if TYPE_CHECKING:
    from cellaxes.report._structure import StructureReport

FEW_GROUPS, FEW_CELLS, FEW_SEEDS = 6, 500, 3
POINT = 0.01
"""Loss that is small: a prefix whose interval stays above it holds as much as the whole."""
LISTED = 6


def points(value: float) -> str:
    """Write a difference of shares in percentage points.

    Examples
    --------
    >>> points(0.0123), points(-0.004), points(0.0)
    ('+1.2', '−0.4', '0.0')
    """
    rounded = round(100 * value, 1) + 0.0
    sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
    return f"{sign}{abs(rounded):.1f}"


def share(value: float) -> str:
    """Write a share in percent, to a tenth.

    Examples
    --------
    >>> share(0.8184)
    '81.8 %'
    """
    return f"{100 * value:.1f} %"


def level_name(level: str, last: bool = False) -> str:
    """Write the name of a level for people.

    Examples
    --------
    >>> level_name("level4", last=True)
    'level 4 (the label)'
    """
    said = level.replace("level", "level ")
    return f"{said} (the label)" if last else said


def joined(parts: Sequence[str]) -> str:
    """Join with commas and an "and".

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)


def conclusions(report: "StructureReport") -> list[str]:
    """Return what was found, the most important first."""
    facts = report.facts
    asked = f"cells of a {facts.group} they never saw" if facts.groups else "held-out cells"
    rows = report.differences[report.differences["embedding"] == facts.method]
    last = rows["level"].iloc[-1]
    found = {
        verdict: [
            f"{level_name(row['level'], row['level'] == last)} ({points(row['difference'])} points,"
            f" {points(row['low'])} to {points(row['high'])})"
            for row in rows[rows["verdict"] == verdict].to_dict("records")
        ]
        for verdict in ("above", "below", "open")
    }
    said = []
    if found["above"]:
        said.append(f"is above the untouched embedding at {joined(found['above'])}")
    else:
        said.append("is not above the untouched embedding at any level")
    if found["below"]:
        said.append(f"is below it at {joined(found['below'])}")
    if found["open"]:
        said.append(f"cannot be told from it at {joined(found['open'])}")
    start = f"Asked about {asked}, the {facts.method} adapter "
    return [start + "; it ".join(said) + ".", *_prefix(report), *_best(report)]


def _prefix(report: "StructureReport") -> list[str]:
    table = report.prefix[report.prefix["embedding"] == report.facts.method]
    if table.empty:
        return []
    row = table.iloc[0]
    if row["high"] < 0:
        answer = "no"
    elif row["low"] > -POINT:
        answer = "yes"
    else:
        answer = "not settled"
    return [
        f"Prefix 1 ({row['prefix']} of {report.adapter.dims[-1]} dimensions) holds level 1 as well "
        f"as the whole vector: {answer} ({share(row['accuracy'])} against {share(row['full'])} of "
        f"cells called right; difference {points(row['difference'])} points, {points(row['low'])} "
        f"to {points(row['high'])})."
    ]


def _best(report: "StructureReport") -> list[str]:
    """Say how the adapter stands beside the best of the others at the finest level."""
    table = report.accuracy[report.accuracy["full"]]
    table = table[table["level"] == table["level"].iloc[-1]].set_index("embedding")["accuracy"]
    own = table[report.facts.method]
    said = f"Of the labels it calls {share(own)} right; the untouched embedding {share(table[UNTOUCHED])}"
    others = table.drop([report.facts.method, UNTOUCHED])
    if others.empty:
        return [f"{said}."]
    best = str(others.idxmax())
    against = numbers.differences(report.evaluation, best)
    row = against[against["embedding"] == report.facts.method].iloc[-1]
    return [
        f"{said}; the best of {len(others)} baselines is {best} with {share(others[best])} (the "
        f"adapter less {best}: {points(row['difference'])} points, {points(row['low'])} to "
        f"{points(row['high'])})."
    ]


def doubts(report: "StructureReport") -> list[str]:
    """Return why a reader should be careful."""
    facts, found = report.facts, []
    if facts.one_group is not None:
        found.append(
            f"All cells are of one {facts.group} ({facts.one_group}): random halves of the cells "
            "were held out, which says nothing about a new one and is optimistic."
        )
    elif not facts.groups:
        found.append(
            "No group was named (--group): random halves of the cells were held out, so that cells "
            "of one donor stand on both sides. This is optimistic about cells of a new donor."
        )
    elif len(facts.groups) < FEW_GROUPS:
        found.append(
            f"There are {len(facts.groups)} groups only ({facts.group}): intervals over so few are "
            "rough, and may be too narrow."
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
            f"Of {len(report.levels):,} cells {facts.n_evaluated:,}, drawn by chance, were evaluated;"
            " the adapter is fitted to all."
        )
    if len(facts.seeds) < FEW_SEEDS:
        found.append(f"Seeds: {len(facts.seeds)}. Differences may be those of one start.")
    return found + _tree(report) + [f"{said[0].upper()}{said[1:]}." for said in facts.doubts]


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
                f"{int((n == 1).sum())} of {len(n)} types are of one {report.facts.group} only and "
                "cannot be called when it is held out."
            )
    return found


def _tree(report: "StructureReport") -> list[str]:
    """Say where the tree tells little or was made from the embedding itself."""
    found = []
    groups = report.tree.levels.nunique().to_numpy()
    for at in range(1, len(groups)):
        if groups[at] == groups[at - 1]:
            found.append(f"Level {at + 1} has the same groups as level {at}.")
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
