"""Baselines by name: predictions for every wanted row, and what each of them rests on."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._baselines._registry import BASELINES, Needs
from cellaxes.perturbation._baselines._task import Task, make_task

OWN = "itself"


@dataclass(frozen=True, eq=False)
class BaselinePrediction:
    """Profiles that a baseline predicts.

    Attributes
    ----------
    name
        Of the baseline.
    values
        ``(n_wanted, n_genes)``, nowhere NaN.
    basis
        What each row rests on, ``(n_wanted,)``: ``"itself"``, or the first average that could
        tell anything where the baseline could not.
    filled
        Share of the values of each row that come from an average of the chain instead.
    """

    name: str
    values: Array
    basis: NDArray[np.object_]
    filled: Array

    def to_frame(self) -> pd.DataFrame:
        """Return one row per wanted row: ``basis``, ``filled``."""
        return pd.DataFrame({"basis": self.basis, "filled": self.filled})

    def __repr__(self) -> str:
        n, n_genes = self.values.shape
        other = pd.Series(self.basis[self.basis != OWN]).value_counts()
        told = ", ".join(f"{count} rows rest on {name}" for name, count in other.items())
        return f"BaselinePrediction({self.name}: {n} rows x {n_genes} genes" + (
            f"; {told})" if told else ")"
        )


def predict_baseline(
    Y: ArrayLike,
    rows: pd.DataFrame,
    wanted: pd.DataFrame,
    *,
    name: str,
    weights: ArrayLike | None = None,
    fingerprints: ArrayLike | None = None,
    expression: pd.DataFrame | None = None,
    random_state: int = 0,
) -> BaselinePrediction:
    """Predict profiles by one of the baselines that `show_baselines` lists.

    Where a baseline cannot tell a value, it rests on the mean of the compound, then of the
    context, then of the gene, then on zero; averages that must not tell compounds apart skip the
    first two. So a compound that was never measured gets the mean of its context, and in a
    context that was never measured either, the gene mean.

    Parameters
    ----------
    Y
        Profiles of the training rows, ``(n_train, n_genes)``; NaN is missing.
    rows, wanted
        Training rows and wanted rows, ``context`` and ``compound`` of each; ``moa`` (several
        separated by ``;``) for `moa_mean`.
    name
        Of the baseline.
    weights
        Of the training rows, ``(n_train,)``, at least 0; a weight of 0 leaves a row out.
    fingerprints
        ``(n_train + n_wanted, n_bits)``, 0 or 1, of the training rows and then of the wanted
        ones; a row of zeros has none.
    expression
        Untreated expression, one row per context (named in the index), for `nearest_context`.
    random_state
        Seed of the controls.

    Raises
    ------
    InputError
        If there is no such baseline, what it needs was not given, or shapes do not fit.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAB"), "compound": list("xyx")})
    >>> wanted = pd.DataFrame({"context": ["B", "B"], "compound": ["y", "z"]})
    >>> found = predict_baseline([[1.0], [5.0], [3.0]], rows, wanted, name="compound_mean")
    >>> found.values.tolist(), found.basis.tolist()
    ([[5.0], [3.0]], ['itself', 'context_mean'])
    """
    task = make_task(
        Y, rows, wanted, weights=weights, fingerprints=fingerprints,
        expression=expression, random_state=random_state,
    )  # fmt: skip
    return predict(name, task)


def baselines(
    Y: ArrayLike,
    rows: pd.DataFrame,
    wanted: pd.DataFrame,
    *,
    weights: ArrayLike | None = None,
    fingerprints: ArrayLike | None = None,
    expression: pd.DataFrame | None = None,
    random_state: int = 0,
) -> dict[str, BaselinePrediction]:
    """Predict by every baseline that the inputs allow.

    Parameters as in `predict_baseline`: ``Y`` ``(n_rows, n_genes)``, ``rows`` and ``wanted``
    with ``context`` and ``compound`` of each, ``weights`` ``(n_rows,)``, ``fingerprints`` of each
    compound, ``expression`` of each context, and ``random_state``, the seed.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAB"), "compound": list("xyx")})
    >>> list(baselines([[1.0], [5.0], [3.0]], rows, rows[:1]))[:3]
    ['zero', 'gene_mean', 'context_mean']
    """
    task = make_task(
        Y, rows, wanted, weights=weights, fingerprints=fingerprints,
        expression=expression, random_state=random_state,
    )  # fmt: skip
    return {name: predict(name, task) for name in allowed(task)}


def allowed(task: Task) -> list[str]:
    """Return the names of the baselines that a task allows."""
    return [name for name in BASELINES if _has(task, BASELINES[name].needs)]


def predict(name: str, task: Task) -> BaselinePrediction:
    """Return the prediction of a baseline, its gaps filled by its chain."""
    entry = BASELINES[name]
    if not _has(task, entry.needs):
        raise InputError(f"{name} needs {entry.needs} of training and wanted rows: pass them.")
    values = entry.predict(task)
    own = ~np.isnan(values)
    basis = np.where(own.any(axis=1), OWN, "").astype(object)
    filled = 1 - own.mean(axis=1)
    for link in entry.chain:
        rows = np.flatnonzero(np.isnan(values).any(axis=1))
        if not len(rows):
            break
        other = BASELINES[link].predict(task)[rows]
        gained = (np.isnan(values[rows]) & ~np.isnan(other)).any(axis=1)
        basis[rows[gained & (basis[rows] == "")]] = link
        values[rows] = np.where(np.isnan(values[rows]), other, values[rows])
    return BaselinePrediction(name, values, basis, filled)


def _has(task: Task, needs: Needs) -> bool:
    if needs == "moa":
        return "moa" in task.train and "moa" in task.wanted
    return needs != "fingerprints" or task.fingerprints is not None
