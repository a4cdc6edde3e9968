"""From models to weights: judged out of fold, a second stage where it helps, fitted to all rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._ensemble._judge import Clock, Task, judge, run_all
from cellaxes.perturbation._ensemble._second import (
    AGAIN,
    can_learn_again,
    fit_again,
    one_fold_again,
)
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Fitted, Predictor
from cellaxes.perturbation._out_of_fold import OutOfFold, one_fold
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation._stack import Stack, cross_fit, stack
from cellaxes.perturbation.metrics import rmse

_ONE = "There was no second stage: it takes the rows to predict, and networks that have a weight."


@dataclass(frozen=True, eq=False)
class Found:
    """What the models say out of fold, and what came of it.

    Attributes
    ----------
    asked
        By model.
    weights
        Of the models.
    joined
        Their sum out of fold, by weights and slopes of the other folds, ``(n, n_genes)``.
    first
        Weights of the first stage, which teaches the second.
    wanted
        Rows that the second stage learns of.
    late
        Models left out.
    second
        What became of the second stage, in words.
    """

    asked: dict[str, OutOfFold]
    weights: Stack
    joined: NDArray[np.float64]
    first: Stack
    wanted: pd.DataFrame
    late: list[str]
    second: str

    @property
    def rows(self) -> NDArray[np.intp]:
        """Position in the data of each row."""
        return next(iter(self.asked.values())).rows

    @property
    def predicted(self) -> dict[str, NDArray[np.float32]]:
        """Predictions out of fold by model."""
        return {name: found.predicted for name, found in self.asked.items()}


def find(
    chosen: Mapping[str, Predictor],
    data: TrainingData,
    folds: tuple[Split, ...],
    *,
    clock: Clock,
    step: Callable[[str], None],
    wanted: pd.DataFrame,
) -> Found:
    """Judge the models, and those of a second stage; keep these if the error falls."""
    tasks = {
        name: [(one_fold, (model, data, split)) for split in folds]
        for name, model in chosen.items()
    }
    asked, late = judge(tasks, clock, step, first=True)
    some = next(iter(asked.values()))
    truth, context = data.Y[some.rows], data.rows["context"].to_numpy()[some.rows]

    def join(found: Mapping[str, OutOfFold]) -> tuple[Stack, NDArray[np.float64]]:
        told = {name: each.predicted for name, each in found.items()}
        return stack(truth, told), cross_fit(truth, told, some.fold, context=context)

    weights, joined = join(asked)
    alone = Found(asked, weights, joined, weights, wanted, late, _ONE)
    able = [n for n, weight in weights.weights.items() if weight and can_learn_again(chosen[n])]
    if not able or wanted.empty:
        return alone
    return _second(alone, able, chosen, data, folds, clock=clock, step=step, join=join)


def _second(
    alone: Found,
    able: list[str],
    chosen: Mapping[str, Predictor],
    data: TrainingData,
    folds: tuple[Split, ...],
    *,
    clock: Clock,
    step: Callable[[str], None],
    join: Callable[[Mapping[str, OutOfFold]], tuple[Stack, NDArray[np.float64]]],
) -> Found:
    """Add models of a second stage as long as each takes the error out of fold down."""
    found, said, truth = alone, "", data.Y[alone.rows]
    fold = next(iter(alone.asked.values())).fold
    for name in able:
        model = chosen[name]
        tasks = [
            (one_fold_again, (model, data, split, alone.joined[fold == i]))
            for i, split in enumerate(folds)
        ]
        more, _ = judge({name + AGAIN: tasks}, clock, step, first=False)
        if not more:
            said += f" There was no time for {name}{AGAIN}."
            break
        weights, joined = join(found.asked | more)
        before, after = (float(rmse(truth, each).mean()) for each in (found.joined, joined))
        better = after < before
        said += (
            f" {name}{AGAIN} took the error out of fold from {before:.4g} to {after:.4g} and was "
            f"{'kept' if better else 'left out'}."
        )
        if not better:
            break
        found = replace(found, asked=found.asked | more, weights=weights, joined=joined)
    return replace(found, second=f"Second stage, with predictions of the wanted rows:{said}")


def fit_all(
    chosen: Mapping[str, Predictor],
    data: TrainingData,
    found: Found,
    n_jobs: int,
    step: Callable[[str], None],
) -> dict[str, Fitted]:
    """Fit to all rows what has a weight, what teaches it, and the process, which is sure or not."""
    used = [name for name, weight in found.weights.weights.items() if weight > 0]
    taught = [name for name in used if name not in chosen]
    teachers = [name for name, weight in found.first.weights.items() if weight > 0]
    needed = dict.fromkeys([*used, *(teachers if taught else []), *_sure(chosen, found)])
    tasks: dict[str, Task] = {
        name: (chosen[name].fit, (data,)) for name in needed if name in chosen
    }
    fitted = run_all(tasks, n_jobs, step)
    if taught:
        low, high = data.range()
        told = found.first.combine({n: fitted[n].predict(found.wanted) for n in teachers})
        labels = np.clip(told, low, high).astype(np.float32)
        again: dict[str, Task] = {
            name: (fit_again, (chosen[name.removesuffix(AGAIN)], data, found.wanted, labels))
            for name in taught
        }
        fitted |= run_all(again, n_jobs, step)
    return {name: fitted[name] for name in found.asked if name in {*used, *_sure(chosen, found)}}


def _sure(chosen: Mapping[str, Predictor], found: Found) -> list[str]:
    """Return the members that know how sure they are."""
    return [name for name, each in found.asked.items() if each.sd is not None and name in chosen]
