"""Predictors by name: a baseline or a model, fitted to rows and asked for others."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError, near
from cellaxes.perturbation._baselines._predict import predict_baseline
from cellaxes.perturbation._baselines._registry import BASELINES
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Predictor
from cellaxes.perturbation._models._registry import MODELS, make_model


def predict_by(
    predictor: str | Predictor, data: TrainingData, wanted: pd.DataFrame
) -> NDArray[np.float64]:
    """Fit a predictor to training rows and return its predictions of others.

    Parameters
    ----------
    predictor
        Name of `show_baselines` or of `show_models`, or the settings of a model.
    data
        Training rows.
    wanted
        Rows to predict, one per pair: ``context`` and ``compound``.

    Returns
    -------
    ``(n_wanted, n_genes)``, nowhere NaN.

    Raises
    ------
    InputError
        If nothing has this name, or it needs what the data do not hold.

    Examples
    --------
    >>> rows = pd.DataFrame({"context": list("AAB"), "compound": list("xyx")})
    >>> data = TrainingData(np.array([[1], [5], [3]], np.float32), rows, np.ones(3))
    >>> predict_by("compound_mean", data, pd.DataFrame({"context": ["B"], "compound": ["y"]}))
    array([[5.]])
    """
    if not isinstance(predictor, str):
        return predictor.fit(data).predict(wanted).astype(np.float64)
    check_predictor(predictor)
    if predictor in BASELINES:
        return predict_baseline(
            data.Y, data.rows, wanted, name=predictor, weights=data.weights,
            expression=data.contexts, random_state=data.random_state,
        ).values  # fmt: skip
    return make_model(predictor).fit(data).predict(wanted).astype(np.float64)


def check_predictor(name: str) -> None:
    """Refuse a ``name`` that neither a baseline nor a model has.

    Raises
    ------
    InputError
        If there is no such predictor.
    """
    known = [*BASELINES, *MODELS]
    if name not in known:
        raise InputError(f"there is no predictor {name!r}: {near(name, known)}")
