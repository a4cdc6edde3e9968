"""Every level of a screen, in worker processes if asked: what is said, and what judges it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.workers import in_processes
from cellaxes.verbs._needs_curves import Point
from cellaxes.verbs._needs_judge import Judge
from cellaxes.verbs._needs_respond import Said, responses, say, seen, units
from cellaxes.verbs._needs_wells import Columns, Level, Wells, levels
from cellaxes.verbs._predict_splits import Asked, make_splits

INTERVAL = 0.95
"""Of information, over compounds."""


@dataclass(frozen=True, eq=False)
class Run:
    """What was said at every level.

    Attributes
    ----------
    split, chosen
        What is held out, and in words how it was chosen.
    rows
        Of the reference.
    judge
        Knows the reference.
    points
        Levels and what was said there, in the order of the levels.
    """

    split: p.Split
    chosen: str
    rows: pd.DataFrame
    judge: Judge
    points: list[Point]


def run(
    wells: Wells,
    columns: Columns,
    predictors: Mapping[str, str | p.Predictor],
    asked: Asked,
    seeds: Sequence[int],
    ladder: Mapping[str, Any],
    n_jobs: int,
    step: Callable[[], Any],
) -> Run:
    """Compute the reference of each draw, choose what is asked, and let predictors speak."""
    how = (columns.control, columns.covariates)
    references, places = [], []
    for seed in seeds:
        for level, sums in levels(wells, seed, **ladder):
            if level.axis == "aside":
                references.append(responses(sums, *how))
                step()
            else:
                places.append((level, sums))
    rows = references[0].rows
    (split, *_), chosen = make_splits(references[0].described(), asked, seeds[:1])
    train, test = rows[split.train], rows[split.test]
    work = (
        (_one, (number, level, sums, *how, dict(predictors), train, test, level.seed))
        for number, (level, sums) in enumerate(places)
    )
    found: dict[int, Point] = {}
    for number, *point in in_processes(n_jobs, work, kept="give it fewer jobs (n_jobs=1)."):
        found[number] = (point[0], point[1])
        step()
    points = [found[number] for number in range(len(places))]
    full = [said.measured for at, said in points if (at.axis, at.fraction) == ("cells", 1)]
    judge = Judge(
        np.stack([seen(table, test) for table in references]),
        np.mean([units(table) for table in references], axis=0),
        np.stack(full),
        test["compound"].tolist(),
        level=INTERVAL,
        random_state=seeds[0],
    )
    return Run(split, chosen, rows, judge, points)


def _one(number: int, level: Level, *arguments: Any) -> tuple[int, Level, Said]:
    return number, level, say(*arguments)
