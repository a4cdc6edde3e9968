"""Every comparison that needs no GPU, reduced to under an hour on two cores; writes a page.

    python benchmarks/run.py SHARED_DATA_FOLDER [--out FOLDER] [--page FILE] [--again] [ITEM …]

Each item of `catalogue.py` is a process with one thread and a limit of CPU time. Items that time
nothing run two at a time, the others alone. What was finished before is kept unless --again; an
item that fails, is too slow or lacks a peer is a row of the page that says so.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import page
import peers
import records
from catalogue import ITEMS, Item

HERE = Path(__file__).parent
PATIENCE = 10
"""Wall time that an item may take, in its CPU time: the machine may be busy."""


def why_not(item: Item, shared: Path) -> str:
    """Return why an item cannot run, or nothing."""
    if item.absent:
        return item.absent
    if item.shared and not shared.is_dir():
        return "needs the shared data"
    return ", ".join(
        f"the environment of {n} is not there" for n in item.peers if not peers.ready(n)
    )


def rows(lines: Path) -> list[dict[str, object]]:
    """Return the records that a script left, however far it got."""
    return [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []


def so_far(item: Item, out: Path) -> dict[str, object]:
    """Return what is there of an item, and that the rest is not."""
    kept = out / f"{item.name}.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    reason = item.absent or "not finished when this page was written"
    return {"item": item.name, "reason": reason, "records": rows(out / f"{item.name}.jsonl")}


def carry_out(item: Item, shared: Path, out: Path) -> dict[str, object]:
    """Run one item and return what became of it."""
    kept, scratch = out / f"{item.name}.json", out / "scratch" / item.name
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    lines = out / f"{item.name}.jsonl"
    lines.unlink(missing_ok=True)
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    found: dict[str, object] = {"item": item.name, "reason": why_not(item, shared)}
    start = time.perf_counter()
    if not found["reason"]:
        words = {"{shared}": str(shared), "{out}": str(scratch)}
        arguments = [words.get(word, word) for word in item.arguments]
        command = [sys.executable, str(HERE / item.script), "--quick", *arguments]
        environment = os.environ | {"OMP_NUM_THREADS": "1", records.FILE: str(lines)}
        with (out / f"{item.name}.log").open("w") as log:
            found["reason"], found["cpu"] = finish(command, environment, log, item.minutes)
    found["seconds"] = time.perf_counter() - start
    found["records"] = rows(lines)
    shutil.rmtree(scratch, ignore_errors=True)
    if not found["reason"]:
        kept.write_text(json.dumps(found, indent=1))
    print(f"{item.name}: {found['reason'] or 'done'}, {found['seconds']:.0f} s", flush=True)
    return found


def finish(
    command: list[str], environment: dict[str, str], log: IO[str], minutes: float
) -> tuple[str, float]:
    """Run a command; return why it did not get to its end, or nothing, and its CPU seconds."""
    limit = int(minutes * 60)
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    resource.prlimit(process.pid, resource.RLIMIT_CPU, (limit, limit + 5))
    done, killed, late = 0, False, time.monotonic() + PATIENCE * limit
    while not done:  # wait4 tells what this child took, with its own children, and no other's
        time.sleep(0.1)
        done, status, used = os.wait4(process.pid, os.WNOHANG)
        if not done and time.monotonic() > late:
            killed = True
            process.kill()
    code = process.returncode = os.waitstatus_to_exitcode(status)
    reason = f"failed with code {code}" if code else ""
    if killed:
        reason = f"not done after {PATIENCE * minutes:g} minutes of wall time"
    elif code == -signal.SIGXCPU:
        reason = f"not done after {minutes:g} CPU minutes"
    elif code == -signal.SIGKILL:
        reason = "killed, most often for want of memory"
    return reason, used.ru_utime + used.ru_stime


def environments(items: list[Item]) -> float:
    """Make the environments that are missing; return the seconds."""
    start = time.perf_counter()
    for name in {name for item in items for name in item.peers}:
        try:
            if not peers.ready(name):
                peers.make(name)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"the environment of {name} could not be made: {error}", flush=True)
    return time.perf_counter() - start


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shared", type=Path)
    parser.add_argument("--out", type=Path, default=Path("benchmark_results"))
    parser.add_argument("--page", type=Path, default=HERE.parent / "docs" / "benchmarks.md")
    parser.add_argument("--again", action="store_true", help="measure what was finished before too")
    parser.add_argument("--jobs", type=int, default=2, help="at a time, where nothing is timed")
    parser.add_argument("--no-run", action="store_true", help="write the page of what is there")
    parser.add_argument("--remark", default="", help="a sentence for the page")
    parser.add_argument("items", nargs="*", help="of the catalogue; all of them by default")
    told = parser.parse_intermixed_args()
    told.out.mkdir(parents=True, exist_ok=True)
    items = [item for item in ITEMS if not told.items or item.name in told.items]
    for item in items if told.again else []:
        (told.out / f"{item.name}.json").unlink(missing_ok=True)
    if told.no_run:
        results = {item.name: so_far(item, told.out) for item in items}
        told.page.write_text(page.page(results, told.remark))
        return
    start = time.perf_counter()
    before = sum((told.out / f"{item.name}.json").exists() for item in items)
    made = environments(items)
    alone = [item for item in items if item.timed]
    with ThreadPoolExecutor(told.jobs) as both:
        rest = [item for item in items if not item.timed]
        found = list(both.map(lambda item: carry_out(item, told.shared, told.out), rest))
    found += [carry_out(item, told.shared, told.out) for item in alone]
    seconds = time.perf_counter() - start
    results = {str(each["item"]): each for each in found}
    remarks = [
        f"The run took {seconds / 60:.0f} minutes of wall time, {made:.0f} s of them to install "
        f"the peers' environments{f'; {before} items were there before' if before else ''}"
    ]
    remarks += [told.remark] if told.remark else []
    told.page.write_text(page.page(results, *remarks))
    print(f"{told.page.name} written, {seconds / 60:.0f} minutes", flush=True)


if __name__ == "__main__":
    main()
