"""The page of all comparisons, in Markdown."""

import math
import os
import platform
from datetime import UTC, datetime
from pathlib import Path

import cellaxes as cx
import peers
from catalogue import ITEMS, PARTS, Item
from records import Record, version_of

USED = ("numpy", "scipy", "numba", "scikit-learn", "torch", "anndata", "scanpy", "pyarrow")
Result = dict[str, object]

HEAD = """# Benchmarks

`make bench` writes this page: comparisons of cellaxes with named peers, and with bounds that were
asked of it, each measured on one machine in one run.

A ratio above 1 means that cellaxes is better by that factor, below 1 that the other side is.
Seconds are CPU seconds of one thread unless a row says otherwise. Where they are compared, both
sides take turns in the same process (a peer that wants other versions of libraries runs right
after, in its own), and the ratio is the median over the turns. "Asked" is a bound that was set
before, and "holds" and "misses" are said of bounds. Sizes are reduced so that all fits into an
hour: rows say how, and the command under each table measures the full size. What does not fit, or
could not run, is named.
"""


def number(x: float) -> str:
    """Return a number in a few characters."""
    if not math.isfinite(x):
        return "–"
    if x and (abs(x) < 1e-3 or abs(x) >= 1e6):
        return f"{x:.1e}"
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def row(found: Record, *, prefix: str = "") -> str:
    """Return a row of a table."""
    peer = f"{found.against} {found.version}".strip()
    bound = found.better in ("within", "reach")
    ratio = "" if bound or not math.isfinite(found.ratio) else f"{found.ratio:.3g}"
    sign = {"within": "≤ ", "reach": "≥ "}.get(found.better, "")
    unit = f", {found.unit}" if found.unit else ""
    told = found.verdict if found.verdict != "behind" else "**behind**"
    told = told if told != "misses" else "**misses**"
    cells = [
        prefix + found.name + unit,
        number(found.ours),
        sign + number(found.peer),
        peer,
        ratio,
        told,
        found.note,
    ]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


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


def page(results: dict[str, Result], *remarks: str) -> str:
    """Return the page."""
    items = [item for item in ITEMS if item.name in results]
    every = [(item, each) for item in items for each in kept(results[item.name])]
    count = {
        told: sum(each.verdict == told for _, each in every)
        for told in ("ahead", "level", "behind", "holds", "misses")
    }
    pinned = ", ".join(f"{name} {peers.version_of(name)}" for name in peers.recipes())
    lines = [
        HEAD,
        *machine(),
        f"- Peers in environments of their own: {pinned}",
        f"- {datetime.now(UTC):%Y-%m-%d}",
    ]
    spent = sum(float(str(results[item.name].get("seconds", 0))) for item in items)
    ran = [results[item.name] for item in items if "seconds" in results[item.name]]
    cpu = sum(float(str(result.get("cpu", 0))) for result in ran)
    known = all("cpu" in result for result in ran)
    told = f", {cpu / 60:.0f} of CPU" if known else ""
    lines += [
        f"- The parts below took {spent / 60:.0f} minutes of wall time{told}; what times nothing "
        "runs two at a time"
    ]
    lines += [f"- {remark}" for remark in remarks if remark]
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
         TABLE, *(row(each, prefix=f"{item.part}: ") for item, each in lost), ""]
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
