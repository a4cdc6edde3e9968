"""What every model can do: settings are fitted, what was fitted predicts and is saved."""

from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._models._data import TrainingData


@runtime_checkable
class Fitted(Protocol):
    """A model that was fitted; a frozen dataclass with arrays."""

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return ``(n_wanted, n_genes)`` in the space that was modelled, nowhere NaN.

        ``rows`` name ``context`` and ``compound`` of each, which may be new: such a row rests on
        what is there. A row's prediction depends on that row alone.
        """

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings as JSON has them, and arrays of any shape by name."""

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of by ``params`` and ``arrays`` of any shape."""


@runtime_checkable
class FittedWithSd(Fitted, Protocol):
    """A fitted model that knows how sure it is."""

    def predict_sd(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return the predictive standard deviation, ``(n_wanted, n_genes)``."""


@runtime_checkable
class Predictor(Protocol):
    """Settings of a model; a frozen dataclass without arrays."""

    def fit(self, data: TrainingData) -> Fitted:
        """Return the model fitted to the rows of ``data``; the same data give the same model."""
