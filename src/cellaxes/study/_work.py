"""One worker of many: it carries out its static shard, and stops when it is told to."""

import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from cellaxes._core.errors import InputError
from cellaxes.study import _groups
from cellaxes.study._execute import execute
from cellaxes.study._open import opened, tidy
from cellaxes.study._spec import RunSpec
from cellaxes.study._store import Store

GRACE = 20.0
"""Seconds that the run at work has left after SIGTERM: SLURM and Kubernetes kill after 30."""
MARGIN = 60.0
"""Seconds before the end of the time (at most a tenth of it) in which no model is begun."""


@dataclass(frozen=True)
class Work:
    """What a worker leaves behind.

    Attributes
    ----------
    done, failed
        Runs of its shard that it carried out, and those of them that failed.
    left
        Runs of its shard that are still missing, because it was told to stop.
    """

    done: int
    failed: int
    left: int


def work(
    out: str | Path,
    *,
    shard: int = 0,
    of: int = 1,
    only: Sequence[str] | None = None,
    seconds: float | None = None,
    retry_failed: bool = False,
) -> Work:
    """Carry out one static shard of a study, in this process and on one thread.

    Started again, it does what is missing of the same shard. At SIGTERM, or before ``seconds``
    are over, it finishes the run at work, if that takes no longer than 20 seconds, and stops;
    no record or stage is left half-written.

    Parameters
    ----------
    out
        Folder of the study, on a file system that the workers share.
    shard, of
        Which of how many.
    only
        Names of the runs that are shared out; default: all of the study.
    seconds
        Time that there is, seconds; no model is begun that would, as the longest before it, not
        end.
    retry_failed
        Carry out failed runs again.

    Returns
    -------
    `Work`: runs done, failed and left.

    Raises
    ------
    InputError
        If the folder holds no study, there is no such shard, or the data have changed.
    StoreError
        If the disk is full or a record cannot be written.
    """
    clock = _Clock(seconds)
    store = Store(Path(out).resolve(), on_write=clock.check)
    spec = store.read_spec()
    runs = spec.runs()
    if only is not None:
        names = set(only)
        runs = [run for run in runs if run.id in names]
        if len(runs) < len(names):
            raise InputError(
                f"{len(names) - len(runs)} of the runs to share out are not in the study in {out}: "
                "it was changed since; submit it again."
            )
    mine = [_left(group, store, retry_failed) for group in _groups.shard(runs, shard, of)]
    todo = [run for group in mine for run in group]
    # Stopped at the end of a file's writing or in the middle, what is there is whole: see `files`.
    with store.in_use() as alone, clock.listening(), suppress(_Stopped):
        if todo or not store.has_facts():
            bench = opened(store, spec)
            for group in filter(None, mine):
                clock.begin()
                # Another worker may have been here since: only what is missing now.
                execute(_left(group, store, retry_failed), bench)
        tidy(store, spec, alone)
    states = [(store.read(run.id) or {}).get("status") for run in todo]
    left = states.count(None)
    return Work(len(states) - left, states.count("failed"), left)


def _left(group: list[RunSpec], store: Store, retry_failed: bool) -> list[RunSpec]:
    return _groups.not_done(group, store, retry_failed=retry_failed)


class _Stopped(BaseException):
    """The worker was told to stop: no `Exception`, which a run would take for its failure."""


class _Clock:
    """Says when a worker has to stop: told to, or out of time."""

    def __init__(self, seconds: float | None) -> None:
        self.end, self.told, self.longest = float("inf"), False, 0.0
        self.began: float | None = None
        if seconds is not None:
            self.end = time.monotonic() + seconds - min(MARGIN, seconds / 10)

    def begin(self) -> None:
        """Stop if the next group, as long as the longest, would not end in time."""
        now = time.monotonic()
        if self.began is not None:
            self.longest = max(self.longest, now - self.began)
        self.began = now
        if self.told or now + self.longest > self.end:
            raise _Stopped

    def check(self) -> None:
        """Stop if told to: the moment after a record was written."""
        if self.told:
            raise _Stopped

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take SIGTERM as the word to stop, and SIGALRM as the end of patience."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals reach the main thread alone
            return
        before = {
            number: signal.signal(number, handler)
            for number, handler in ((signal.SIGTERM, self._tell), (signal.SIGALRM, _stop))
        }
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self, _number: int, _frame: FrameType | None) -> None:
        self.told = True
        signal.setitimer(signal.ITIMER_REAL, GRACE)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise _Stopped
