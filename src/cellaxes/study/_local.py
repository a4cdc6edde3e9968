"""The local engine: worker processes of this machine carry out what is missing."""

from joblib import cpu_count
from tqdm import tqdm

from cellaxes._core.workers import in_processes
from cellaxes.study._execute import Bench, execute
from cellaxes.study._groups import by_fit, chains, longest
from cellaxes.study._spec import RunSpec

KEPT = "what is finished is kept: run the same command again, with fewer jobs if it happens twice."


def carry_out(missing: list[RunSpec], bench: Bench, n_jobs: int | None, progress: bool) -> int:
    """Carry out runs in processes of one thread each; return how many failed."""
    jobs = n_jobs or cpu_count()
    made = ((bench.stages.make, key) for key in longest(chains(missing)))
    for _ in in_processes(jobs, made, kept=KEPT):
        pass
    failures = 0
    with tqdm(total=len(missing), desc="runs", unit="run", disable=not progress) as bar:
        groups = sorted(by_fit(missing), key=len, reverse=True)
        tasks = ((_execute_counted, (group, bench)) for group in groups)
        for done, failed in in_processes(jobs, tasks, kept=KEPT):
            failures += failed
            bar.update(done)
    return failures


def _execute_counted(group: list[RunSpec], bench: Bench) -> tuple[int, int]:
    return len(group), execute(group, bench)
