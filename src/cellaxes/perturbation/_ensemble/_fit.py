"""Fitting an ensemble: folds that ask what will be asked, weights, slopes, intervals."""

import time
from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._ensemble._ensemble import Ensemble
from cellaxes.perturbation._ensemble._members import default_members, training_data
from cellaxes.perturbation._folds_like import folds_like
from cellaxes.perturbation._intervals import conformal
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Predictor
from cellaxes.perturbation._out_of_fold import OutOfFold, out_of_fold
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation._stack import fit_slopes, stack
from cellaxes.perturbation._table._table import PerturbationTable


def fit(
    table: PerturbationTable,
    like: str | pd.DataFrame = "few-shot context",
    *,
    members: Mapping[str, Predictor] | None = None,
    minutes: float = 10.0,
    level: float = 0.9,
    random_state: int = 0,
) -> Ensemble:
    """Fit models to a table of responses and join them.

    All is modelled as t statistics. Folds of the training rows ask what will be asked
    (`folds_like`); out of them come the weights of the models (none negative, `stack`), a slope
    for each context (`fit_slopes`) and the intervals (`conformal`). No model and no statistic
    ever sees a row that it is judged on.

    Parameters
    ----------
    table
        Responses; t, or what it can be derived from.
    like
        What will be asked: the rows to predict (``context`` and ``compound``), or the name of a
        split.
    members
        Models by name (`make_model`); by default a Gaussian process, the ridge recommender and
        embedding networks.
    minutes
        After which no further model is begun; the first is fitted in any case, and those left
        out are named in ``notes``. Who is in time depends on the machine, and nothing else does:
        pass ``members`` that are, and the same seed gives the same ensemble.
    level
        Of the intervals.
    random_state
        Seed.

    Raises
    ------
    InputError
        If t cannot be derived, there are no members, or the rows allow no folds.
    """
    chosen = default_members() if members is None else dict(members)
    if not chosen or not minutes > 0:
        raise InputError("members must not be empty, and minutes must be positive.")
    begun = time.monotonic()
    data = training_data(table, "t", random_state)
    folds = folds_like(like, data.rows, random_state=random_state)
    asked, late = _judge(chosen, data, folds, until=begun + 60 * minutes)
    rows = next(iter(asked.values())).rows
    truth, predicted = data.Y[rows], {name: found.predicted for name, found in asked.items()}
    context = data.rows["context"].to_numpy()[rows]
    weights = stack(truth, predicted)
    joined = weights.combine(predicted)
    slopes = {str(name): float(value) for name, value in fit_slopes(truth, joined, context).items()}
    scaled = joined * np.array([slopes[str(name)] for name in context])[:, None]
    intervals = conformal(truth, scaled, context, variance=_variance(data.Y), level=level)
    notes = [f"Judged on {len(folds)} folds in the shape of {_called(like)}: {weights}."]
    if late:
        notes.append(f"Left out, as {minutes:g} minutes were over: {', '.join(late)}.")
    low, high = _range(data.Y)
    return Ensemble(
        members={name: chosen[name].fit(data) for name in asked if weights.weights[name] > 0},
        weights=weights,
        slopes=slopes,
        intervals=intervals,
        genes=table.genes,
        low=low,
        high=high,
        df=_df(table),
        known={key: frozenset(data.rows[key].astype(str)) for key in ("context", "compound")},
        notes=tuple(notes),
    )


def _judge(
    members: Mapping[str, Predictor],
    data: TrainingData,
    folds: tuple[Split, ...],
    *,
    until: float,
) -> tuple[dict[str, OutOfFold], list[str]]:
    """Return what each model says of rows it was not fitted to, and who came too late.

    A model is begun only if as much time is left as the slowest so far took.
    """
    found: dict[str, OutOfFold] = {}
    slowest = 0.0
    for name, model in members.items():
        start = time.monotonic()
        if found and start + slowest > until:
            continue
        found[name] = out_of_fold(model, data, folds)
        slowest = max(slowest, time.monotonic() - start)
    return found, [name for name in members if name not in found]


def _range(Y: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the smallest and largest response of each gene; 0 for one never measured."""
    known = ~np.isnan(Y)
    low = np.where(known, Y, np.inf).min(axis=0)
    high = np.where(known, Y, -np.inf).max(axis=0)
    measured = known.any(axis=0)
    return (
        np.where(measured, low, 0).astype(np.float32),
        np.where(measured, high, 0).astype(np.float32),
    )


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
