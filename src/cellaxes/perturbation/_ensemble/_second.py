"""A second stage: models that learn from what the first one said of the rows that are asked for."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Fitted, Predictor
from cellaxes.perturbation._models._settings import NETS
from cellaxes.perturbation._out_of_fold import OutOfFold, read_fold
from cellaxes.perturbation._splits._split import Split

WEIGHT = 0.5
"""Of a row that was predicted, beside one that was measured."""
AGAIN = " again"
"""Ends the name of a model of the second stage."""


def can_learn_again(model: Predictor) -> bool:
    """Whether a model has a second stage: networks do, a Gaussian process would be too sure."""
    return type(model) in NETS.values()


def fit_again(
    model: Predictor, data: TrainingData, rows: pd.DataFrame, labels: NDArray[np.float32]
) -> Fitted:
    """Fit a model to what was measured and to what was predicted of other rows."""
    told = pd.concat([data.rows, rows[["context", "compound"]]], ignore_index=True)
    more = replace(
        data,
        Y=np.concatenate([data.Y, labels.astype(np.float32)]),
        rows=told,
        weights=np.concatenate([data.weights, np.full(len(rows), WEIGHT)]),
    )
    return model.fit(more)


def one_fold_again(
    model: Predictor, data: TrainingData, split: Split, labels: NDArray[np.float32]
) -> OutOfFold:
    """Fit again without the test rows' own values, and predict them.

    ``labels`` of the test rows come from models that never saw their values either.
    """
    asked = data.rows.iloc[np.flatnonzero(split.test)].reset_index(drop=True)
    return read_fold(fit_again(model, data.take(split.train), asked, labels), data, split)
