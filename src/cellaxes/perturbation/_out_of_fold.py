"""What a model says of rows that it was not fitted to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._protocol import Fitted, FittedWithSd, Predictor
from cellaxes.perturbation._splits._split import Split


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions of rows by models that were fitted without them.

    Attributes
    ----------
    rows
        Position in the training data of each prediction, ``(n,)``; a row that several folds
        test stands here several times.
    fold
        Which fold it is of, ``(n,)``.
    predicted
        ``(n, n_genes)``.
    sd
        Predictive standard deviation, ``(n, n_genes)``, of a model that has one.
    """

    rows: NDArray[np.intp]
    fold: NDArray[np.intp]
    predicted: NDArray[np.float32]
    sd: NDArray[np.float32] | None


def out_of_fold(model: Predictor, data: TrainingData, folds: Sequence[Split]) -> OutOfFold:
    """Fit a model to the training rows of each fold and predict its test rows.

    Parameters
    ----------
    model
        Settings.
    data
        Training rows.
    folds
        Of these rows (`make_folds`, `folds_like`).

    Raises
    ------
    InputError
        If there is no fold, or one is of another number of rows.
    """
    check_folds(data, folds)
    return gather([one_fold(model, data, split) for split in folds])


def check_folds(data: TrainingData, folds: Sequence[Split]) -> None:
    """Refuse folds that are none, or not of these rows."""
    if not folds:
        raise InputError("there is no fold: make some with make_folds or folds_like.")
    for i, split in enumerate(folds):
        if len(split.test) != len(data.rows):
            raise InputError(
                f"fold {i} is of {len(split.test)} rows, but the data have {len(data.rows)}: "
                "make the folds of these rows."
            )


def one_fold(model: Predictor, data: TrainingData, split: Split) -> OutOfFold:
    """Fit a model to the training rows of one fold and predict its test rows."""
    return read_fold(model.fit(data.take(split.train)), data, split)


def read_fold(fitted: Fitted, data: TrainingData, split: Split) -> OutOfFold:
    """Return what a fitted model says of the test rows of a fold."""
    at = np.flatnonzero(split.test)
    wanted = data.rows.iloc[at].reset_index(drop=True)
    sd = fitted.predict_sd(wanted) if isinstance(fitted, FittedWithSd) else None
    return OutOfFold(at, np.zeros(len(at), dtype=np.intp), fitted.predict(wanted), sd)


def gather(found: Sequence[OutOfFold]) -> OutOfFold:
    """Join what was found of one fold each."""
    sd = [each.sd for each in found if each.sd is not None]
    return OutOfFold(
        np.concatenate([each.rows for each in found]),
        np.concatenate([each.fold + i for i, each in enumerate(found)]),
        np.concatenate([each.predicted for each in found]),
        np.concatenate(sd) if len(sd) == len(found) else None,
    )
