"""How runs are shared out: groups that share a fit, stages that share a chain, static shards."""

from cellaxes._core.errors import InputError
from cellaxes.study._execute import together
from cellaxes.study._spec import RunSpec, StudySpec
from cellaxes.study._store import Store

Chain = tuple[int, tuple[float, ...]]
"""A seed and the capture fractions down to a level: what a thinned stage is named by."""


def missing(spec: StudySpec, store: Store, *, retry_failed: bool = False) -> list[RunSpec]:
    """Return the runs of a study that have no record, or none but a failure."""
    finished = store.finished()  # one look at the folders instead of one at each record
    return [
        run
        for run in spec.runs()
        if run.id not in finished or (retry_failed and not_done([run], store, retry_failed=True))
    ]


def not_done(runs: list[RunSpec], store: Store, *, retry_failed: bool = False) -> list[RunSpec]:
    """Return those of a few runs that have no record, or none but a failure."""
    again = (None, "failed") if retry_failed else (None,)
    return [run for run in runs if (store.read(run.id) or {}).get("status") in again]


def by_fit(runs: list[RunSpec]) -> list[list[RunSpec]]:
    """Group the runs that share one fitted model."""
    return together(runs, lambda run: run.fit)


def chains(runs: list[RunSpec]) -> list[Chain]:
    """Return the thinned stages that the runs read, in order."""
    return sorted({(run.seed, run.chain) for run in runs})


def longest(stages: list[Chain]) -> list[Chain]:
    """Return the chains that no other goes on: making them makes all."""
    return [
        key
        for key, more in zip(stages, [*stages[1:], None], strict=True)
        if more is None or not _starts(key, more)
    ]


def _starts(short: Chain, long: Chain) -> bool:
    """Whether the second chain of levels goes on where the first ends."""
    return short[0] == long[0] and long[1][: len(short[1])] == short[1]


def shard(runs: list[RunSpec], index: int, of: int) -> list[list[RunSpec]]:
    """Return the groups of runs that one of several workers carries out.

    Every run is in exactly one shard, and which one depends on the runs and ``of`` alone: a
    task that is started again finds the same. Groups of one model and size are dealt out in
    turn, so that no shard receives the expensive ones alone.

    Raises
    ------
    InputError
        If there is no such shard.
    """
    if of < 1 or not 0 <= index < of:
        raise InputError(f"there is no shard {index} of {of}: shards count from 0 to of - 1.")

    def alike(group: list[RunSpec]) -> tuple[str, int, tuple[float, ...], int]:
        first = group[0]
        return (str(first.model), -first.n_train, first.train_chain, first.seed)

    return sorted(by_fit(runs), key=alike)[index::of]
