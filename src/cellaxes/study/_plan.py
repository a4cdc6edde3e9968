"""What a study will take, from its own records and a few runs that are timed."""

from collections import defaultdict
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from tqdm import tqdm

from cellaxes._core.folders import out_dir
from cellaxes.study._execute import Bench, execute, together
from cellaxes.study._groups import by_fit, chains, longest, missing, not_done
from cellaxes.study._open import opened
from cellaxes.study._prepare import Material
from cellaxes.study._spec import RunSpec, StudySpec
from cellaxes.study._store import Store

WARM = 5.0
"""Below this many seconds, imports and compilers may be what a first sample took."""


@dataclass(frozen=True)
class StudyPlan:
    """What a study will take.

    Attributes
    ----------
    runs, done
        Runs of the study, and those that have a record, the timed ones among them.
    groups
        Models to fit for what is missing: groups of runs that share one.
    stages
        Thinned or noisy copies of the data that all runs share.
    sampled
        Runs that were carried out to be timed; their records are kept.
    cpu_hours
        Of one core, for what is missing; NaN if no sample could be timed.
    longest_hours
        Of the longest group: no number of workers is faster.
    unknown
        Models that failed in their sample, and are not in the hours.
    """

    runs: int
    done: int
    groups: int
    stages: int
    sampled: int
    cpu_hours: float
    longest_hours: float
    unknown: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return asdict(self)

    def __str__(self) -> str:
        lines = [
            f"{self.runs} runs, {self.done} done ({self.sampled} of them timed just now)",
            f"{self.groups} models to fit, {self.stages} shared stages of thinned or noisy data",
        ]
        if np.isfinite(self.cpu_hours):
            lines.append(
                f"about {_time(self.cpu_hours)} on one core for what is missing; the longest "
                f"group takes {_time(self.longest_hours)}"
            )
        if self.unknown:
            lines.append(f"not in this time, their sample failed: {', '.join(self.unknown)}")
        return "\n".join(lines)


def plan(
    spec: StudySpec,
    out: str | Path,
    *,
    material: Material | None = None,
    progress: bool = True,
) -> StudyPlan:
    """Say how many runs a study has and what they will take; time a few, and keep them.

    Of each model, the deepest and the shallowest level of the largest size, and the deepest
    level of the smallest size, are carried out (all signals, one seed) unless the study has
    them. The time of a group is read off between them: a plane over the logarithm of the depth
    and the number of training cells. It is the time of one core like this one.

    Parameters
    ----------
    spec
        The study.
    out
        Its folder.
    material
        As `prepare` returned it; read again from ``spec.path`` if left out.
    progress
        Show a bar on standard error.

    Raises
    ------
    InputError
        If the data file has changed or the folder cannot be written.
    StoreError
        If the disk is full or a record cannot be written.
    """
    store = Store(out_dir(out).resolve())
    store.write_spec(spec)
    runs = spec.runs()
    samples = _samples(runs)
    n_before = len(missing(spec, store))
    stage_seconds = 0.0
    with store.in_use():  # the stages stay: the study that is planned will read them
        if any(not_done(again[0], store) for again in samples):
            bench = opened(store, spec, material)
            start = perf_counter()
            bench.stages.make(
                *longest(chains([run for run in runs if run.seed == runs[0].seed]))[0]
            )
            stage_seconds = perf_counter() - start
            for again in tqdm(samples, desc="samples", unit="model", disable=not progress):
                _time_one(again, bench)
    left = missing(spec, store)
    cost = _Cost([sample for again in samples for sample in again], store)
    took = [sum(map(cost, together(group, _embedding))) for group in by_fit(left)]
    known = [seconds for seconds in took if np.isfinite(seconds)]
    thinning = stage_seconds * (len(longest(chains(left))) - 1) if left else 0.0
    return StudyPlan(
        runs=len(runs),
        done=len(runs) - len(left),
        groups=len(took),
        stages=len(chains(runs)),
        sampled=n_before - len(left),
        cpu_hours=(sum(known) + max(thinning, 0.0)) / 3600 if known or not left else float("nan"),
        longest_hours=max(known, default=0.0) / 3600,
        unknown=cost.unknown,
    )


def _embedding(run: RunSpec) -> tuple[Any, ...]:
    return run.embedding


def _samples(runs: list[RunSpec]) -> list[list[list[RunSpec]]]:
    """Return what is timed: runs of one embedding each, with the replicates of other seeds."""
    found: dict[tuple[Any, ...], list[list[RunSpec]]] = defaultdict(list)
    for group in together([run for run in runs if run.thin == "both"], _embedding):
        first = group[0]
        found[str(first.model), first.n_train, len(first.chain)].append(group)
    corners = []
    for model in dict.fromkeys(name for name, _, _ in found):
        sizes = sorted({size for name, size, _ in found if name == model})
        levels = sorted({level for name, _, level in found if name == model})
        wanted = {(sizes[-1], levels[0]), (sizes[-1], levels[-1]), (sizes[0], levels[0])}
        corners += [found[model, size, level] for size, level in sorted(wanted)]
    return corners


def _time_one(again: list[list[RunSpec]], bench: Bench) -> None:
    """Carry out one sample; if that was quick, its replicate too, and time that one."""
    for sample in again[:2]:
        left = not_done(sample, bench.store)
        if not left:
            return
        start = perf_counter()
        execute(left, bench)
        if perf_counter() - start > WARM:
            return


class _Cost:
    """Seconds of the runs of one embedding, from the samples that have records."""

    def __init__(self, samples: list[list[RunSpec]], store: Store) -> None:
        points: dict[str, dict[tuple[int, float], list[float]]] = defaultdict(dict)
        failed = set()
        for sample in samples:
            records = [store.read(run.id) for run in sample]
            if any(record is None for record in records):
                continue
            first, model = sample[0], str(sample[0].model)
            if any(record["status"] == "failed" for record in records if record):
                failed.add(model)
                continue
            seconds = sum(record["seconds"] for record in records if record) / len(sample)
            at = (first.n_train, float(np.log(first.chain[-1])))
            points[model].setdefault(at, []).append(seconds)
        self.unknown = tuple(sorted(failed - points.keys()))
        self.planes = {model: _plane(at) for model, at in points.items()}

    def __call__(self, runs: list[RunSpec]) -> float:
        first = runs[0]
        base, per_cell, per_log = self.planes.get(str(first.model), (np.nan, 0.0, 0.0))
        level = float(np.log(first.chain[-1]))
        return len(runs) * max(base + per_cell * first.n_train + per_log * level, 0.0)


def _plane(points: dict[tuple[int, float], list[float]]) -> tuple[float, float, float]:
    """Return seconds per run as ``base + per_cell * n_train + per_log * log(fraction)``.

    Of replicates, the slowest is left out: it paid for imports and compilers.
    """
    place = np.array([(1.0, n_train, level) for n_train, level in points])
    took = [np.median(sorted(seconds)[: max(1, len(seconds) - 1)]) for seconds in points.values()]
    base, per_cell, per_log = np.linalg.lstsq(place, np.array(took))[0]
    return float(base), float(per_cell), float(per_log)


def _time(hours: float) -> str:
    for size, unit in ((1.0, "hours"), (1 / 60, "minutes")):
        if hours >= size:
            return f"{hours / size:.1f} {unit}"
    return f"{hours * 3600:.1f} seconds"
