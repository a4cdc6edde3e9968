"""The page of all comparisons, in Markdown."""

import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import cellaxes as cx
from catalogue import ITEMS, PARTS, Item
from records import Record, version_of

USED = ("numpy", "scipy", "numba", "scikit-learn", "torch", "anndata", "scanpy", "pyarrow")
Result = dict[str, object]

HEAD = """# Benchmarks

`make bench` writes this page: every comparison of cellaxes with a named peer, or with a bound that
was asked of it, that needs no GPU. Each row was measured in one run on one machine. A ratio above
1 means that cellaxes is better by that factor, below 1 that the peer is. Seconds are CPU seconds of
one thread unless a row says otherwise; where they are compared, both sides take turns in the same
process (or, for a peer that wants other versions of libraries, one after another), and the ratio is
the median over the turns. "Holds" and "misses" are said of bounds. Sizes are reduced so that all
fits into an hour; a row says what was reduced, and the script under each table run without
`--quick` measures the full size.
"""


def number(x: float) -> str:
    """Return a number in a few characters."""
    if not math.isfinite(x):
        return "–"
    if x and (abs(x) < 1e-3 or abs(x) >= 1e6):
        return f"{x:.1e}"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def row(found: Record, *, note: bool = True) -> str:
    """Return a row of a table."""
    peer = f"{found.against} {found.version}".strip()
    bound = found.better in ("within", "reach")
    ratio = "" if bound or not math.isfinite(found.ratio) else f"{found.ratio:.3g}"
    sign = {"within": "≤ ", "reach": "≥ "}.get(found.better, "")
    unit = f", {found.unit}" if found.unit else ""
    told = found.verdict if found.verdict != "behind" else "**behind**"
    told = told if told != "misses" else "**misses**"
    cells = [found.name + unit, number(found.ours), sign + number(found.peer), peer, ratio, told]
    return "| " + " | ".join([*cells, found.note] if note else cells) + " |"


TABLE = (
    "| What | ours | other | against | ratio | | reduced, remarks |\n"
    "|---|---:|---:|---|---:|---|---|"
)


def machine() -> list[str]:
    """Return the machine and versions."""
    cpu = platform.processor() or platform.machine()
    info, memory = Path("/proc/cpuinfo"), Path("/proc/meminfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].partition(":")[2].strip() if names else cpu
    size = ""
    if memory.exists():
        size = f", {int(memory.read_text().split()[1]) / 2**20:.0f} GiB of memory"
    libraries = ", ".join(f"{name} {version_of(name)}" for name in USED if version_of(name))
    return [
        f"- Machine: {os.cpu_count()} cores, {cpu}{size}; {platform.system()}",
        f"- cellaxes {cx.__version__}, Python {platform.python_version()}, {libraries}",
    ]


def kept(result: Result) -> list[Record]:
    """Return the records of an item."""
    found = result.get("records", [])
    return [Record(**each) for each in found] if isinstance(found, list) else []


def section(item: Item, result: Result) -> list[str]:
    """Return the table of one item."""
    script = " ".join(["benchmarks/" + item.script, *item.arguments])
    script = script.replace("{shared}", "SHARED").replace("{out}", "OUT")
    found = kept(result)
    lines = [f"### {item.title}", ""]
    if found:
        lines += [TABLE, *(row(each) for each in found), ""]
    if result["reason"]:
        lines += [f"Not {'finished' if found else 'run'}: {result['reason']}.", ""]
    if not item.absent:
        seconds = float(str(result.get("seconds", 0)))
        cpu = f", {float(str(result['cpu'])):.0f} CPU s" if "cpu" in result else ""
        lines += [f"`python {script}` at full size; {seconds:.0f} s here{cpu}.", ""]
    return lines


def page(results: dict[str, Result], seconds: float, made: float, remark: str) -> str:
    """Return the page."""
    items = [item for item in ITEMS if item.name in results]
    every = [(item, each) for item in items for each in kept(results[item.name])]
    count = {
        told: sum(each.verdict == told for _, each in every)
        for told in ("ahead", "level", "behind", "holds", "misses")
    }
    lines = [
        HEAD,
        *machine(),
        f"- {datetime.now(UTC):%Y-%m-%d}; {seconds / 60:.0f} minutes in all, of which {made:.0f} s "
        "to install the peers' environments",
    ]
    spent = sum(float(str(results[item.name].get("seconds", 0))) for item in items)
    lines += [f"- Items took {spent / 60:.0f} minutes, two at a time where nothing is timed"]
    lines += [f"- {remark}"] if remark else []
    lines += [
        f"- {len(every)} rows: {count['ahead']} ahead of the peer, {count['level']} level, "
        f"{count['behind']} behind; of bounds {count['holds']} hold, {count['misses']} are missed",
        "",
        "## Where we lose",
        "",
    ]
    lost = [(item, each) for item, each in every if each.verdict in ("behind", "misses")]
    lines += (
        ["Every row of the tables below in which the other side is better, however little.", "",
         TABLE, *(row(each) for _, each in lost), ""]
        if lost else ["Nowhere in this run.", ""]
    )  # fmt: skip
    missing = [(item, results[item.name]["reason"]) for item in items]
    missing = [(item, why) for item, why in missing if why]
    lines += ["## What was not run", ""]
    lines += [f"- {item.title}: {why}" for item, why in missing] or ["Everything was."]
    lines += [""]
    for part in PARTS:
        here = [item for item in items if item.part == part]
        lines += [f"## {part}", ""] if here else []
        for item in here:
            lines += section(item, results[item.name])
    return "\n".join(lines).rstrip() + "\n"
