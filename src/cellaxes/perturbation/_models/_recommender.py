"""A baseline as a model: it keeps its training rows and answers from them."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._baselines._predict import predict_baseline
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._registry import Model, add


@dataclass(frozen=True)
class Recommender:
    """The ridge recommender, which chooses its components and penalty by itself."""

    def fit(self, data: TrainingData) -> "FittedRecommender":
        """Keep the rows of ``data``: all is solved when a context is asked for."""
        rows = data.rows[["context", "compound"]].astype(str)
        return FittedRecommender(data.Y, rows.reset_index(drop=True), data.weights)


@dataclass(frozen=True, eq=False)
class FittedRecommender:
    """Training rows of the recommender.

    Attributes
    ----------
    Y
        ``(n_rows, n_genes)``.
    rows
        Context and compound of each.
    weights
        ``(n_rows,)``.
    """

    Y: NDArray[np.float32]
    rows: pd.DataFrame
    weights: NDArray[np.float64]

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return ``(n_wanted, n_genes)``; what is unknown rests on means (`predict_baseline`)."""
        found = predict_baseline(
            self.Y, self.rows, rows, name="ridge_recommender", weights=self.weights
        )
        return found.values.astype(np.float32)

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return names as JSON has them, and arrays by name."""
        params = {column: self.rows[column].tolist() for column in ("context", "compound")}
        return params, {"Y": self.Y, "weights": self.weights}

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        return cls(arrays["Y"], pd.DataFrame(params), arrays["weights"])


add(
    "recommender",
    Model(Recommender, FittedRecommender),
    "ridge of a context's responses on what its compounds do in the other contexts",
    reference="Open Problems 2023, 18th place",
    limits="needs three compounds of a context that are known elsewhere; solves anew when asked",
)
