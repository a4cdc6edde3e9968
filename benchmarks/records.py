"""What a comparison found, as a line of JSON: ours, the peer's, and who is ahead.

Every benchmark calls `record`; it prints the line for a reader, and appends it to the file that
the variable CELLAXES_RECORDS names where `benchmarks/run.py` asked for it.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

FILE = "CELLAXES_RECORDS"
SPAN = 0.2
"""CPU seconds that a turn takes at least; calls that are quicker are repeated."""


@dataclass(frozen=True)
class Record:
    """One comparison of one number."""

    name: str
    """What is measured, in a few words."""
    ours: float
    peer: float
    against: str
    """The peer by name, or what else the number is held against."""
    version: str = ""
    """Of the peer."""
    unit: str = ""
    better: str = "lower"
    """lower, higher; within: ours is to be at most the peer's number; reach: at least."""
    ratio: float = float("nan")
    """How many times better ours is than the peer's: above 1 is ahead."""
    note: str = ""
    """What was made smaller, or must be known to read the number."""
    seconds: float = 0.0
    """Wall seconds since the record before."""

    @property
    def verdict(self) -> str:
        """Return ahead, level, behind; holds or misses of a bound; no number is a loss."""
        if self.better in ("within", "reach"):
            kept = self.ours <= self.peer if self.better == "within" else self.ours >= self.peer
            return "holds" if kept else "misses"
        if self.ours == self.peer:
            return "level"
        if np.isnan(self.ours) or np.isnan(self.peer):
            return "behind"
        return "ahead" if (self.ours < self.peer) == (self.better == "lower") else "behind"


_last = time.perf_counter()


def record(name: str, ours: float, peer: float, against: str, **told: object) -> Record:
    """Keep one comparison: `told` are the other fields of `Record`."""
    global _last
    now = time.perf_counter()
    found = Record(name, float(ours), float(peer), against, seconds=now - _last, **told)
    _last = now
    if np.isnan(found.ratio) and found.ours > 0 and found.peer > 0:
        bigger = found.better in ("higher", "reach")
        ratio = found.ours / found.peer if bigger else found.peer / found.ours
        found = replace(found, ratio=ratio)
    print(
        f"{found.name}: {found.ours:.4g} {found.unit}, {found.against} {found.peer:.4g}, "
        f"{found.ratio:.2f} times: {found.verdict}",
        flush=True,
    )
    if os.environ.get(FILE):
        with Path(os.environ[FILE]).open("a") as file:
            file.write(json.dumps(asdict(found)) + "\n")
    return found


def version_of(package: str) -> str:
    """Return the version of an installed package, or nothing."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def quick() -> bool:
    """Say whether the reduced size is asked for, and take the word from the command line."""
    asked = "--quick" in sys.argv
    sys.argv[:] = [word for word in sys.argv if word != "--quick"]
    return asked


def alternate(calls: Mapping[str, Callable[[], object]], repeats: int = 5) -> dict[str, np.ndarray]:
    """Call each in turn, again and again, after one round that compiles.

    A turn lasts `SPAN` at least: where it counts other threads, the clock of the CPU goes by ticks.

    Returns
    -------
    CPU seconds by name, ``(repeats,)``.
    """
    found: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeats + 1):
        for name, call in calls.items():
            start, took, n = time.process_time(), 0.0, 0
            while not n or (turn and took < SPAN):
                call()
                took, n = time.process_time() - start, n + 1
            if turn:
                found[name].append(took / n)
    return {name: np.array(seconds) for name, seconds in found.items()}


def speed(
    name: str,
    calls: Mapping[str, Callable[[], object]],
    *,
    package: str = "",
    repeats: int = 5,
    note: str = "",
) -> Record:
    """Record CPU seconds of ours (first of two calls) against the peer's, alternating."""
    (_, ours), (against, peer) = alternate(calls, repeats).items()
    return record(
        name,
        float(np.median(ours)),
        float(np.median(peer)),
        against,
        version=version_of(package or against),
        unit="CPU s",
        ratio=float(np.median(peer / np.maximum(ours, 1e-9))),
        note=note,
    )
