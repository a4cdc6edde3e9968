"""How good an ensemble was out of fold, beside its models and beside what it must beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._baselines._predict import predict_baseline
from cellaxes.perturbation._ensemble._members import rests_on
from cellaxes.perturbation._honesty import abstentions, gains
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation.metrics import paired_bootstrap, rmse

Array = NDArray[np.float64]
BASELINES = ("zero", "gene_mean", "context_mean", "compound_mean", "additive_ridge")
"""What an ensemble must beat; the best of them is what it is compared with."""
JOINED = "ensemble"
FEWEST = 3


@dataclass(frozen=True, eq=False)
class Judgement:
    """Errors out of fold, in t: mean row-wise root mean square error.

    Attributes
    ----------
    models
        One row per model, baseline, and of the ensemble: ``kind``, ``error``, and the ``gain``
        over the best baseline as a share of its error, with its interval (``low``, ``high``).
        The ensemble's weights are those of the other folds.
    contexts
        The same, one row per context, as `gains` gives it; the first (named ``""``) is all.
    baseline
        The best baseline.
    kinds
        Kinds of rows (`rests_on`) that were asked; of others nothing is known.
    n_folds, like
        How many folds, and in the shape of what.
    """

    models: pd.DataFrame
    contexts: pd.DataFrame
    baseline: str
    kinds: tuple[str, ...]
    n_folds: int
    like: str

    def doubts(self, rows: pd.DataFrame) -> list[str]:
        """Return of each wanted row why not to trust its prediction, ``""`` where there is none.

        ``rows`` name ``context`` and ``rests_on``, one row per wanted pair.
        """
        told = abstentions(self.contexts, rows["context"], baseline=f"the {self.baseline}")
        return [
            doubt if kind in self.kinds else f"rests on {kind}: no such row could be tested"
            for doubt, kind in zip(told, rows["rests_on"], strict=True)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return {
            "models": _records(self.models),
            "contexts": _records(self.contexts),
            "baseline": self.baseline,
            "kinds": list(self.kinds),
            "n_folds": self.n_folds,
            "like": self.like,
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Return the judgement that `to_dict` wrote as ``told``."""
        frames = {key: _frame(told[key]) for key in ("models", "contexts")}
        return cls(
            **frames, baseline=told["baseline"], kinds=tuple(told["kinds"]),
            n_folds=told["n_folds"], like=told["like"],
        )  # fmt: skip


def judge_all(
    data: TrainingData,
    folds: tuple[Split, ...],
    predicted: Mapping[str, NDArray[np.floating]],
    joined: Array,
    *,
    like: str,
    level: float,
) -> Judgement:
    """Compare predictions out of fold, in the order of the folds, with each other."""
    at = np.concatenate([np.flatnonzero(fold.test) for fold in folds])
    rows, truth = data.rows.iloc[at].reset_index(drop=True), data.Y[at]
    baselines = {name: _out_of_fold(name, data, folds) for name in BASELINES}
    entries = {JOINED: joined, **predicted, **baselines}
    errors = {name: rmse(truth, values) for name, values in entries.items()}
    best = min(BASELINES, key=lambda name: errors[name].mean())
    compounds = rows["compound"].to_numpy()
    enough = len(set(compounds)) >= FEWEST
    table = {}
    for name, own in errors.items():
        kind = "ensemble" if name == JOINED else "model" if name in predicted else "baseline"
        base, low, high = float(errors[best].mean()), float("nan"), float("nan")
        if enough and base > 0 and name != best:
            found = paired_bootstrap(
                own, errors[best], compounds, level=level, random_state=data.random_state
            )
            low, high = -found.high / base, -found.low / base
        gain = 1 - float(own.mean()) / base if base > 0 else 0.0
        table[name] = (kind, float(own.mean()), gain, low, high)
    columns = ["kind", "error", "gain", "low", "high"]
    return Judgement(
        pd.DataFrame.from_dict(table, orient="index", columns=columns),
        gains(
            truth, joined, baselines[best], rows=rows, level=level, random_state=data.random_state
        ),
        best,
        tuple(sorted({kind for fold in folds for kind in _kinds(data, fold)})),
        len(folds),
        like,
    )


def _out_of_fold(name: str, data: TrainingData, folds: tuple[Split, ...]) -> NDArray[np.floating]:
    found = []
    for fold in folds:
        train = data.take(fold.train)
        wanted = data.rows.iloc[np.flatnonzero(fold.test)].reset_index(drop=True)
        made = predict_baseline(train.Y, train.rows, wanted, name=name, weights=train.weights)
        found.append(made.values.astype(np.float32))
    return np.concatenate(found)


def _kinds(data: TrainingData, fold: Split) -> list[str]:
    train, test = data.rows[fold.train], data.rows[fold.test]
    known = {key: frozenset(train[key].astype(str)) for key in ("context", "compound")}
    return rests_on(test, known)


def _records(table: pd.DataFrame) -> dict[str, Any]:
    held = table.astype(object).where(table.notna(), None)
    return {"names": list(map(str, table.index)), "values": held.to_dict("list")}


def _frame(told: Mapping[str, Any]) -> pd.DataFrame:
    columns = {
        key: [np.nan if value is None else value for value in values]
        for key, values in told["values"].items()
    }
    return pd.DataFrame(columns, index=told["names"])
