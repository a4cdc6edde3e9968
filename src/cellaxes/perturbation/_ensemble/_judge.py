"""What models say of rows they were not fitted to, of as many models as time allows."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cellaxes._core.workers import in_processes
from cellaxes.perturbation._out_of_fold import OutOfFold, gather

Task = tuple[Callable[..., Any], tuple[Any, ...]]
KEPT = "nothing is kept of a fit: give it fewer jobs (n_jobs=1)."


@dataclass
class Clock:
    """How much time there is.

    Attributes
    ----------
    until
        When it is over, by `time.monotonic`; models that were judged take their last fit off it.
    n_jobs
        Processes.
    slowest
        Seconds that the slowest round of tasks took so far.
    """

    until: float
    n_jobs: int
    slowest: float = field(default=0.0)

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.until - time.monotonic()


def judge(
    tasks: Mapping[str, Sequence[Task]],
    clock: Clock,
    step: Callable[[str], None],
    *,
    first: bool,
) -> tuple[dict[str, OutOfFold], list[str]]:
    """Carry out the folds of each model; return what was found, and which came too late.

    A model is given up as soon as its folds and its last fit cannot be done in the time left.
    With ``first`` the first is carried out in any case.
    """
    found: dict[str, OutOfFold] = {}
    for name, parts in tasks.items():
        done = _folds(parts, clock, lambda name=name: step(name), must=first and not found)  # type: ignore[misc]
        if done is not None:
            found[name] = done
    return found, [name for name in tasks if name not in found]


def _folds(
    parts: Sequence[Task], clock: Clock, step: Callable[[], None], *, must: bool
) -> OutOfFold | None:
    done: dict[int, OutOfFold] = {}
    rounds = math.ceil(len(parts) / clock.n_jobs)
    for i in range(rounds):
        if not must and clock.left() < clock.slowest:
            return None
        begun = time.monotonic()
        now = range(i * clock.n_jobs, min((i + 1) * clock.n_jobs, len(parts)))
        for number, found in in_processes(
            clock.n_jobs, ((_numbered, (k, *parts[k])) for k in now), kept=KEPT
        ):
            done[number] = found
            step()
        took = time.monotonic() - begun
        clock.slowest = max(clock.slowest, took)
        if not must and clock.left() < (rounds - i) * took:
            return None
    clock.until -= took
    return gather([done[k] for k in range(len(parts))])


def run_all(tasks: Mapping[str, Task], n_jobs: int, step: Callable[[str], None]) -> dict[str, Any]:
    """Carry out named tasks and return their results by name, in the order given."""
    found = {}
    parts = [(_numbered, (name, *task)) for name, task in tasks.items()]
    for name, result in in_processes(n_jobs, parts, kept=KEPT):
        found[name] = result
        step(name)
    return {name: found[name] for name in tasks}


def _numbered(number: Any, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    return number, function(*arguments)
