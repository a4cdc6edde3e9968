"""Trees on principal components, told what the other rows of a context and compound did."""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream
from cellaxes.perturbation._features._encoding import Encoding
from cellaxes.perturbation._features._features import Features, Inputs, fit_features
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._forest import Forest, forest_of
from cellaxes.perturbation._models._registry import Model, add
from cellaxes.perturbation._models._targets import Components, fit_components

Numbers = NDArray[np.float32]


@dataclass(frozen=True)
class TreesOnComponents:
    """Settings of trees that predict all components at once.

    Attributes
    ----------
    kind
        ``"extra"``: the mean of extremely randomised trees. ``"boosted"``: each tree fits what
        those before it left, a part of it (the 4th and 13th place did so on a GPU).
    n_components
        Of the responses.
    n_trees
        Trees.
    max_features
        Share of features that a split chooses from.
    min_leaf
        Rows of a leaf, at least.
    depth, rate
        Of boosted trees: levels, and the part of the rest that a tree takes away.
    sigma
        Noise of the encodings of training rows (`Encoding`).
    n_chemistry, n_expression
        Components of what is known of compounds and contexts.
    """

    kind: Literal["extra", "boosted"] = "boosted"
    n_components: int = 50
    n_trees: int = 300
    max_features: float = 1.0
    min_leaf: int = 1
    depth: int = 6
    rate: float = 0.03
    sigma: float = 0.2
    n_chemistry: int = 10
    n_expression: int = 3

    def __post_init__(self) -> None:
        if self.kind not in ("extra", "boosted"):
            raise InputError(f"kind must be 'extra' or 'boosted', not {self.kind!r}.")

    def fit(self, data: TrainingData) -> "FittedTrees":
        """Fit the components, the encodings and the trees to the rows of ``data``."""
        components = fit_components(
            data.Y, self.n_components, weights=data.weights, random_state=data.random_state
        )
        scores = components.scores(data.Y)
        how = Encoding(("mean",), "leave_one_out", sigma=self.sigma)
        features, inputs = fit_features(
            data, scores, encoding=how,
            n_expression=self.n_expression, n_chemistry=self.n_chemistry,
        )  # fmt: skip
        # of all its rows: leave-one-out would tell each row its own target, the sign turned
        encoded = inputs.encoded.copy()
        encoded[:, 0] = features.by_context[inputs.context]
        inputs = replace(inputs, encoded=encoded)
        grow = self._extra if self.kind == "extra" else self._boosted
        forest = grow(flat(inputs), scores.astype(np.float64), data)
        return FittedTrees(self, features, components, forest)

    def _extra(self, x: Numbers, y: NDArray[np.float64], data: TrainingData) -> Forest:
        from sklearn.ensemble import ExtraTreesRegressor

        trees = ExtraTreesRegressor(
            self.n_trees, max_features=self.max_features, min_samples_leaf=self.min_leaf,
            random_state=_seed(data, 0),
        ).fit(x, y, sample_weight=data.weights)  # fmt: skip
        return forest_of(list(trees.estimators_), 1 / self.n_trees)

    def _boosted(self, x: Numbers, y: NDArray[np.float64], data: TrainingData) -> Forest:
        from sklearn.tree import ExtraTreeRegressor

        trees, left = [], y.copy()
        for i in range(self.n_trees):
            tree = ExtraTreeRegressor(
                max_depth=self.depth, max_features=self.max_features,
                min_samples_leaf=self.min_leaf, random_state=_seed(data, i),
            ).fit(x, left, sample_weight=data.weights)  # fmt: skip
            left -= self.rate * tree.predict(x).reshape(left.shape)
            trees.append(tree)
        return forest_of(trees, self.rate)


@dataclass(frozen=True, eq=False)
class FittedTrees:
    """Fitted trees.

    Attributes
    ----------
    settings
        What was fitted.
    features, components
        Of the training rows.
    forest
        Adds up to the scores.
    """

    settings: TreesOnComponents
    features: Features
    components: Components
    forest: Forest

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return ``(n_wanted, n_genes)``; a row of new names rests on means and what is told."""
        return self.components.back(self.forest.predict(flat(self.features.of(rows))))

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return settings as JSON has them, and arrays by name."""
        params: dict[str, Any] = {"settings": asdict(self.settings)}
        arrays = {f"forest.{k}": v for k, v in self.forest.to_arrays().items()}
        for name in ("features", "components"):
            params[name], held = getattr(self, name).to_arrays()
            arrays |= {f"{name}.{k}": v for k, v in held.items()}
        return params, arrays

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        held: dict[str, dict[str, NDArray[Any]]] = {}
        for name, array in arrays.items():
            part, key = name.split(".", 1)
            held.setdefault(part, {})[key] = array
        return cls(
            TreesOnComponents(**params["settings"]),
            Features.from_arrays(params["features"], held["features"]),
            Components.from_arrays(params["components"], held["components"]),
            Forest.from_arrays(held["forest"]),
        )


def flat(inputs: Inputs) -> Numbers:
    """Return the features of rows as one table, ``(n, n_features)``."""
    parts = (inputs.encoded, inputs.expression, inputs.chemistry)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def _seed(data: TrainingData, i: int) -> int:
    return int(stream(data.random_state, "trees", i).integers(2**31))


add(
    "trees",
    Model(TreesOnComponents, FittedTrees),
    "extremely randomised or boosted trees on principal components and target encodings",
    reference="Geurts et al. 2006; Micci-Barreca 2001",
    limits="no compound is told from another beyond its own mean and its chemistry",
)
