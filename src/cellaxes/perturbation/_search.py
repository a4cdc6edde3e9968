"""A search for settings of the embedding networks, by what they say out of fold."""

import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError
from cellaxes._core.extras import require_extra
from cellaxes._core.random import stream
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._settings import EmbeddingMLP
from cellaxes.perturbation._models._train import Training
from cellaxes.perturbation._out_of_fold import check_folds, out_of_fold
from cellaxes.perturbation._splits._split import Split
from cellaxes.perturbation.metrics import rmse

Sampler = Literal["tpe", "random"]


class _Draws(Protocol):
    """What names a setting and gets a value, as a trial of Optuna does."""

    def suggest_int(self, name: str, low: int, high: int) -> int: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float: ...


@dataclass(frozen=True, eq=False)
class Search:
    """What a search found.

    Attributes
    ----------
    settings
        The best ones, with as many networks as were asked for.
    trials
        One row per trial, the best first: ``error`` out of fold, ``seconds``, and what was drawn.
    sampler
        ``"tpe"`` (Optuna) or ``"random"``.
    """

    settings: EmbeddingMLP
    trials: pd.DataFrame
    sampler: Sampler

    def __repr__(self) -> str:
        n, best = len(self.trials), self.trials["error"].iloc[0]
        middle = self.trials["error"].median()
        return f"Search({n} trials by {self.sampler}: error {best:.4g}, median {middle:.4g})"


def search_settings(
    data: TrainingData,
    folds: tuple[Split, ...],
    *,
    n_trials: int = 20,
    minutes: float = 10.0,
    n_seeds: int = 5,
    sampler: Sampler | None = None,
    random_state: int = 0,
) -> Search:
    """Search settings of `EmbeddingMLP` in the ranges that winners used, by error out of fold.

    A trial trains one network per fold. The best of many trials looks better than it is: judge it
    on other folds than those it was chosen by.

    Parameters
    ----------
    data
        Training rows.
    folds
        Of these rows (`folds_like`).
    n_trials, minutes
        No further trial is begun after either; one is made in any case.
    n_seeds
        Networks of the settings that are returned.
    sampler
        ``"tpe"`` learns from earlier trials (the extra ``search``, Optuna), ``"random"`` does not;
        unless told, the first where Optuna is installed.
    random_state
        Seed. The same trials follow, as many as time allows.

    Raises
    ------
    InputError
        If there is no fold, a number is below 1, or Optuna is asked for and not installed.

    References
    ----------
    Ranges: tables of the third place of Open Problems 2023; Bergstra et al. 2011 for TPE.
    """
    check_folds(data, folds)
    if n_trials < 1 or n_seeds < 1 or not minutes > 0:
        raise InputError("n_trials and n_seeds must be 1 or more, and minutes positive.")
    there = importlib.util.find_spec("optuna") is not None
    how: Sampler = sampler or ("tpe" if there else "random")
    if how not in ("tpe", "random"):
        raise InputError(f"sampler must be 'tpe' or 'random', not {how!r}.")
    if how == "tpe":
        require_extra("optuna", extra="search", what="searches by TPE")
    ask, tell = _tpe(random_state) if how == "tpe" else _random(random_state)
    until = time.monotonic() + 60 * minutes
    found: list[tuple[float, float, EmbeddingMLP]] = []
    while len(found) < n_trials and (not found or time.monotonic() < until):
        begun, trial = time.monotonic(), ask()
        settings = _draw(trial)
        told = out_of_fold(settings, data, folds)
        error = float(rmse(data.Y[told.rows], told.predicted).mean())
        tell(trial, error)
        found.append((error, time.monotonic() - begun, settings))
    best = min(found, key=lambda each: each[0])[2]
    table = pd.DataFrame([{"error": e, "seconds": s, **_told(made)} for e, s, made in found])
    return Search(_with_seeds(best, n_seeds), table.sort_values("error", ignore_index=True), how)


def _draw(trial: _Draws) -> EmbeddingMLP:
    n_layers = trial.suggest_int("layers", 2, 4)
    return EmbeddingMLP(
        emb=trial.suggest_int("emb", 10, 62),
        dense=tuple(trial.suggest_int(f"width_{i}", 100, 1424) for i in range(n_layers)),
        dropout=tuple(trial.suggest_float(f"dropout_{i}", 0.0, 0.5) for i in range(n_layers)),
        n_dim=trial.suggest_int("n_dim", 50, 246),
        training=Training(
            epochs=trial.suggest_int("epochs", 112, 200),
            batch=trial.suggest_int("batch", 32, 224),
            learning_rate=trial.suggest_float("learning_rate", 0.0026, 0.0098, log=True),
            n_seeds=1,
        ),
    )


def _with_seeds(settings: EmbeddingMLP, n_seeds: int) -> EmbeddingMLP:
    return replace(settings, training=replace(settings.training, n_seeds=n_seeds))


def _told(settings: EmbeddingMLP) -> dict[str, Any]:
    how = settings.training
    return {
        "emb": settings.emb,
        "dense": settings.dense,
        "dropout": tuple(round(each, 3) for each in settings.dropout),
        "n_dim": settings.n_dim,
        "epochs": how.epochs,
        "batch": how.batch,
        "learning_rate": how.learning_rate,
    }


Ask = Callable[[], Any]
Tell = Callable[[Any, float], None]


def _tpe(random_state: int) -> tuple[Ask, Tell]:
    import optuna

    seed = int(stream(random_state, "perturbation search").integers(2**31))
    said = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    optuna.logging.set_verbosity(said)

    def tell(trial: Any, error: float) -> None:
        study.tell(trial, error)

    return study.ask, tell


class _Chance:
    """Draws evenly (evenly in the logarithm where told), each trial from a stream of its own."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def suggest_int(self, name: str, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = False) -> float:
        if log:
            return float(np.exp(self.rng.uniform(np.log(low), np.log(high))))
        return float(self.rng.uniform(low, high))


def _random(random_state: int) -> tuple[Ask, Tell]:
    numbers = iter(range(10**9))

    def ask() -> _Chance:
        return _Chance(stream(random_state, "perturbation search", next(numbers)))

    return ask, lambda trial, error: None
