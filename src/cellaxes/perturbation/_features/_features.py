"""Everything a network is told of a row, from the training rows alone."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation._features._encoding import Encoding, encode, encoding_table
from cellaxes.perturbation._features._tables import Described, describe, positions
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._splits._rows import check_rows, names

Numbers = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Inputs:
    """Features of rows.

    Attributes
    ----------
    context, compound
        Codes ``(n,)``, int64; the number of levels where a row's is not among them.
    encoded
        ``(n, 2, n_statistics, n_components)``: of the context, then of the compound.
    expression, chemistry
        ``(n, n_expression)`` and ``(n, n_chemistry)``; zero where nothing is known.
    """

    context: NDArray[np.int64]
    compound: NDArray[np.int64]
    encoded: Numbers
    expression: Numbers
    chemistry: Numbers

    def take(self, rows: NDArray[np.int64] | slice) -> "Inputs":
        """Return some of the rows."""
        return Inputs(
            self.context[rows],
            self.compound[rows],
            self.encoded[rows],
            self.expression[rows],
            self.chemistry[rows],
        )


@dataclass(frozen=True, eq=False)
class Features:
    """What turns rows into features; learned from training rows, saved with the model.

    Attributes
    ----------
    contexts, compounds
        Levels of the training rows.
    by_context, by_compound
        Target encodings, ``(n_levels + 1, n_statistics, n_components)``, the last of a level
        that is unknown.
    expression, chemistry
        Components of what is known of contexts and compounds besides.
    """

    contexts: tuple[str, ...]
    compounds: tuple[str, ...]
    by_context: Numbers
    by_compound: Numbers
    expression: Described
    chemistry: Described

    def of(self, rows: pd.DataFrame) -> Inputs:
        """Return the features of rows that were not trained on; each row by itself."""
        check_rows(rows, least=0)
        context, compound = names(rows, "context"), names(rows, "compound")
        c, s = positions(self.contexts, context), positions(self.compounds, compound)
        encoded = np.stack([self.by_context[c], self.by_compound[s]], axis=1)
        return Inputs(c, s, encoded, self.expression.of(context), self.chemistry.of(compound))

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return what JSON and arrays keep."""
        params = {
            "contexts": self.contexts,
            "compounds": self.compounds,
            "described_contexts": self.expression.names,
            "described_compounds": self.chemistry.names,
        }
        return params, {
            "by_context": self.by_context,
            "by_compound": self.by_compound,
            "expression": self.expression.values,
            "chemistry": self.chemistry.values,
        }

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        return cls(
            tuple(params["contexts"]),
            tuple(params["compounds"]),
            arrays["by_context"],
            arrays["by_compound"],
            Described(tuple(params["described_contexts"]), arrays["expression"]),
            Described(tuple(params["described_compounds"]), arrays["chemistry"]),
        )


def fit_features(
    data: TrainingData,
    scores: Numbers,
    *,
    encoding: Encoding,
    n_expression: int = 0,
    n_chemistry: int = 0,
) -> tuple[Features, Inputs]:
    """Return what turns rows into features, and the features of the training rows themselves.

    Parameters
    ----------
    data
        The training rows.
    scores
        Their targets, ``(n_rows, n_components)``; encodings are of these, in units of each
        component's root mean square, and count rows by their weights.
    encoding
        What encodings tell of.
    n_expression, n_chemistry
        Components of the tables of contexts and of compounds.
    """
    size = np.sqrt(np.average(scores.astype(float) ** 2, axis=0, weights=data.weights))
    values = scores / np.maximum(size, 1e-12)
    tables, own, levels, texts = [], [], [], []
    for column in ("context", "compound"):
        text = names(data.rows, column)
        level = tuple(sorted(set(text.astype(str))))
        codes = positions(level, text)
        table = encoding_table(values, codes, len(level), encoding, weights=data.weights)
        tables.append(table.astype(np.float32))
        own.append(
            encode(
                values, codes, len(level), encoding,
                weights=data.weights, random_state=data.random_state,
            )
        )  # fmt: skip
        levels.append((level, codes))
        texts.append(text)
    features = Features(
        levels[0][0],
        levels[1][0],
        tables[0],
        tables[1],
        expression=describe(data.contexts, texts[0], n_expression),
        chemistry=describe(data.compounds, texts[1], n_chemistry),
    )
    inputs = Inputs(
        levels[0][1],
        levels[1][1],
        np.stack(own, axis=1).astype(np.float32),
        features.expression.of(texts[0]),
        features.chemistry.of(texts[1]),
    )
    return features, inputs
