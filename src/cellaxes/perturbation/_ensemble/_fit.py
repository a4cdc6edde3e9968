"""Fitting an ensemble: folds that ask what will be asked, weights, slopes, intervals."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import pandas as pd
from joblib import cpu_count
from numpy.typing import NDArray
from tqdm import tqdm

from cellaxes._core.errors import InputError
from cellaxes.perturbation._ensemble._ensemble import Ensemble, row_sd
from cellaxes.perturbation._ensemble._find import Found, find, fit_all
from cellaxes.perturbation._ensemble._judge import Clock
from cellaxes.perturbation._ensemble._judgement import judge_all
from cellaxes.perturbation._ensemble._members import default_members, training_data
from cellaxes.perturbation._folds_like import folds_like
from cellaxes.perturbation._intervals import conformal
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Predictor
from cellaxes.perturbation._out_of_fold import check_folds
from cellaxes.perturbation._stack import fit_slopes
from cellaxes.perturbation._table._table import PerturbationTable
from cellaxes.perturbation.metrics import rmse


def fit(
    table: PerturbationTable,
    like: str | pd.DataFrame = "few-shot context",
    *,
    members: Mapping[str, Predictor] | None = None,
    minutes: float = 10.0,
    level: float = 0.9,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: bool = True,
) -> Ensemble:
    """Fit models to a table of responses and join them.

    All is modelled as t statistics. Folds of the training rows ask what will be asked
    (`folds_like`); out of them come the weights of the models (none negative, `stack`), a slope
    for each context (`fit_slopes`) and the intervals (`conformal`). No model and no statistic
    ever sees a row that it is judged on. If rows to predict are given, networks learn a second
    time, from what the first stage predicts of them too (pseudo-labels); that is kept only if the
    error out of fold falls.

    Parameters
    ----------
    table
        Responses; t, or what it can be derived from.
    like
        What will be asked: the rows to predict (``context`` and ``compound`` of each), or the name
        of a split.
    members
        Models by name (`make_model`); by default a Gaussian process, the ridge recommender,
        embedding networks and target-encoding networks, five of each.
    minutes
        A model whose folds would not be done by then is left out and named in ``notes``; the
        first is fitted in any case. Who is in time depends on the machine, and nothing else does:
        pass ``members`` that are, and the same seed gives the same ensemble.
    level
        Of the intervals.
    n_jobs
        Worker processes, one thread each; default: the cores this process may use.
    random_state
        Seed.
    progress
        Show a bar on standard error.

    Raises
    ------
    InputError
        If t cannot be derived, there are no members, or the rows allow no folds.
    StoreError
        If a worker process was killed.
    """
    chosen = default_members() if members is None else dict(members)
    if not chosen or not minutes > 0 or (n_jobs is not None and n_jobs < 1):
        raise InputError(
            "members must not be empty, minutes must be positive, and n_jobs 1 or more."
        )
    clock = Clock(time.monotonic() + 60 * minutes, n_jobs or cpu_count())
    data = training_data(table, random_state=random_state)
    folds = folds_like(like, data.rows, random_state=random_state)
    check_folds(data, folds)
    with _counting(progress) as step:
        found = find(chosen, data, folds, clock=clock, step=step, wanted=_wanted(like, data))
        fitted = fit_all(chosen, data, found, clock.n_jobs, step)
    truth, context = data.Y[found.rows], data.rows["context"].to_numpy()[found.rows]
    weighed = found.weights.combine(found.predicted)
    slopes = fit_slopes(truth, weighed, context)
    notes = [
        f"Judged on {len(folds)} folds in the shape of {_called(like)}: {found.weights.in_words()}."
    ]
    if found.late:
        notes.append(f"Left out, as {minutes:g} minutes were over: {', '.join(found.late)}.")
    notes.append(found.second)
    low, high = data.range()
    return Ensemble(
        members=fitted,
        weights=found.weights,
        slopes={str(name): float(value) for name, value in slopes.items()},
        intervals=conformal(truth, found.joined, context, variance=_variance(data.Y), level=level),
        genes=table.genes,
        low=low,
        high=high,
        df=_df(table),
        known={key: frozenset(data.rows[key].astype(str)) for key in ("context", "compound")},
        judgement=judge_all(
            data, folds, found.predicted, found.joined, like=_called(like), level=level
        ),
        spread=_spread(truth, found),
        notes=tuple(notes),
    )


def _wanted(like: str | pd.DataFrame, data: TrainingData) -> pd.DataFrame:
    """Return the rows that are asked for and were not measured."""
    if isinstance(like, str):
        return data.rows.iloc[:0]
    pairs = like[["context", "compound"]].astype(str).drop_duplicates()
    known = pd.MultiIndex.from_frame(data.rows[["context", "compound"]].astype(str))
    return pairs[~pd.MultiIndex.from_frame(pairs).isin(known)].reset_index(drop=True)


def _spread(truth: NDArray[np.float32], found: Found) -> float:
    """Return by what to multiply the process's sd so that it is the ensemble's error; 0 without."""
    sd = next((each.sd for each in found.asked.values() if each.sd is not None), None)
    if sd is None:
        return 0.0
    return float(np.median(rmse(truth, found.joined)) / np.median(row_sd(sd)))


@contextmanager
def _counting(progress: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that counts a fit on a bar and says whose it was."""
    with tqdm(desc="fits", unit="fit", disable=not progress) as bar:

        def step(name: str) -> None:
            bar.set_postfix_str(name, refresh=False)
            bar.update()

        yield step


def _variance(Y: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the variance of each gene over the rows, 0 of one never measured."""
    measured = ~np.isnan(Y).all(axis=0)
    return np.asarray(np.nanvar(np.where(measured, Y, 0), axis=0), dtype=np.float64)


def _df(table: PerturbationTable) -> dict[str, float]:
    """Return the median degrees of freedom of each context, and of all."""
    df = pd.Series(table.df)
    by = df.groupby(table.rows["context"].astype(str).to_numpy()).median()
    return {str(name): float(value) for name, value in by.items()} | {"": float(df.median())}


def _called(like: str | pd.DataFrame) -> str:
    return like if isinstance(like, str) else "the rows that will be asked"
