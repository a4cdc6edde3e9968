"""What the page of structure concludes, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cellaxes.report import _structure_numbers as numbers
from cellaxes.report._structure_types import UNTOUCHED

if TYPE_CHECKING:
    from cellaxes.report._structure import StructureReport

POINT = 0.01
"""Loss that is small: a prefix whose interval stays above it holds as much as the whole."""


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
    asked = f"cells of a new group ({facts.group})" if facts.groups else "held-out cells"
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
    start = f"On {asked}, the {facts.method} adapter "
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
    start = share(table[UNTOUCHED])
    said = f"Of the labels it calls {share(own)} right; the untouched embedding {start}"
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
