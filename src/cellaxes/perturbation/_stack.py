"""Weights of models and slopes of contexts, learned from predictions out of fold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from cellaxes._core.errors import InputError

Array = NDArray[np.float64]
Total = Literal["free", "one"]

TINY = 1e-12
BELIEVED = 20.0
"""Rows that a context needs for its slope to be its own by half."""


@dataclass(frozen=True)
class Stack:
    """A weighted sum of models.

    Attributes
    ----------
    weights
        Of each model by name, none negative; they need not add up to 1.
    loss
        Mean row-wise root mean square error of the sum on what it was learned from.
    losses
        That of each model alone.
    """

    weights: dict[str, float]
    loss: float
    losses: dict[str, float]

    def combine(self, predictions: Mapping[str, ArrayLike]) -> Array:
        """Return the weighted sum of ``predictions`` by model, ``(n_rows, n_genes)`` each.

        Raises
        ------
        InputError
            If one is missing.
        """
        missing = [name for name, w in self.weights.items() if w and name not in predictions]
        if missing:
            raise InputError(f"the prediction of {', '.join(missing)} is missing: pass it.")
        parts = [w * np.asarray(predictions[name]) for name, w in self.weights.items() if w]
        if not parts:
            return np.zeros(np.shape(next(iter(predictions.values()))))
        found: Array = np.sum(parts, axis=0)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        return {"weights": self.weights, "loss": self.loss, "losses": self.losses}

    def in_words(self) -> str:
        """Say in words what is joined, and what error that has."""
        told = ", ".join(f"{w:.2f} of {name}" for name, w in self.weights.items() if w)
        alone = min(self.losses.values())
        return (
            f"the ensemble is {told or 'zero'}, with an error of {self.loss:.4g} "
            f"(the best model alone: {alone:.4g})"
        )

    def __repr__(self) -> str:
        told = " + ".join(f"{w:.2f} {name}" for name, w in self.weights.items() if w)
        return f"Stack({told or '0'}: {self.loss:.4g}, best alone {min(self.losses.values()):.4g})"


def stack(
    truth: ArrayLike, predictions: Mapping[str, ArrayLike], *, total: Total = "free"
) -> Stack:
    """Return the weights, none negative, of the least mean row-wise root mean square error.

    The error of a row is a quadratic form of the weights, so that the problem is convex and its
    size that of the models, whatever the genes.

    Parameters
    ----------
    truth
        ``(n_rows, n_genes)``; NaN is missing and does not count.
    predictions
        Of each model by name, out of fold, of the same shape.
    total
        ``"free"``, or ``"one"`` for weights that add up to 1.

    Raises
    ------
    InputError
        If shapes differ, there is no model, or a prediction is not finite.

    References
    ----------
    Breiman 1996, stacked regressions: weights that are not negative.

    Examples
    --------
    >>> stack([[1.0, -1.0]], {"half": [[0.5, -0.5]], "wrong": [[1.0, 1.0]]}).weights
    {'half': 2.0, 'wrong': 0.0}
    """
    if total not in ("free", "one"):
        raise InputError(f"total must be 'free' or 'one', not {total!r}.")
    y, guesses = _checked(truth, predictions)
    forms = _forms(y, guesses)
    n = len(guesses)
    start = np.full(n, 1 / n)
    bounds = [(0.0, None if total == "free" else 1.0)] * n
    held = [{"type": "eq", "fun": lambda w: w.sum() - 1, "jac": np.ones_like}]
    size = float(_losses(start, forms).mean()) or 1.0
    found = minimize(
        lambda w: _mean_loss(w, forms, size), start, jac=True, method="SLSQP", bounds=bounds,
        constraints=held if total == "one" else (), options={"maxiter": 500, "ftol": 1e-10},
    ).x  # fmt: skip
    weights = np.round(np.maximum(found, 0), 6)
    if total == "one":
        weights = weights / weights.sum()
    alone = {name: float(_losses(np.eye(n)[i], forms).mean()) for i, name in enumerate(predictions)}
    return Stack(
        {name: float(w) for name, w in zip(predictions, weights, strict=True)},
        float(_losses(weights, forms).mean()),
        alone,
    )


def fit_slopes(truth: ArrayLike, predicted: ArrayLike, context: ArrayLike) -> pd.Series:
    """Return what to multiply the predictions of each context by.

    Each slope has the least mean row-wise root mean square error; that of a context of few rows
    is drawn towards the slope of all (by half at 20 rows).

    Parameters
    ----------
    truth, predicted
        ``(n_rows, n_genes)``, the predictions out of fold; NaN in ``truth`` is missing.
    context
        Of each row, ``(n_rows,)``.

    Returns
    -------
    Slopes indexed by context, and under ``""`` the slope of all rows, for any other context.

    Raises
    ------
    InputError
        If shapes differ or a prediction is not finite.

    Examples
    --------
    >>> fit_slopes([[2.0, 4.0], [2.0, 4.0]], [[1.0, 2.0], [1.0, 2.0]], ["A", "B"]).tolist()
    [2.0, 2.0, 2.0]
    """
    y, guesses = _checked(truth, {"": predicted})
    where = np.asarray(context).astype(str)
    if where.shape != (len(y),):
        raise InputError(f"context must name one for each of {len(y)} rows.")
    forms = _forms(y, guesses)
    found = {"": _slope(forms, np.full(len(y), 1 / len(y)))}
    for name in sorted(set(where)):
        here = where == name
        share = here + BELIEVED / len(y)
        found[name] = _slope(forms, share / share.sum())
    return pd.Series(found, name="slope").round(6)


def _checked(
    truth: ArrayLike, predictions: Mapping[str, ArrayLike]
) -> tuple[Array, NDArray[np.float64]]:
    y = np.asarray(truth, dtype=np.float64)
    if not predictions:
        raise InputError("there is no model to weigh: pass one at least.")
    for name, values in predictions.items():
        if np.shape(values) != y.shape or y.ndim != 2:
            raise InputError(
                f"the prediction of {name!r} has shape {np.shape(values)}, truth {y.shape}: both "
                "must be (n_rows, n_genes)."
            )
        if not np.isfinite(np.asarray(values)).all():
            raise InputError(f"the prediction of {name!r} is not finite everywhere.")
    keep = ~np.isnan(y).all(axis=1)
    if not keep.any():
        raise InputError("truth is missing in every row.")
    return y, np.stack([np.asarray(values, dtype=np.float64) for values in predictions.values()])


def _forms(y: Array, guesses: Array) -> tuple[Array, Array, Array]:
    """Return of each row A, b and c of its mean square error wᵀAw − 2bᵀw + c."""
    known = ~np.isnan(y)
    n = np.maximum(known.sum(axis=1), 1)
    y = np.nan_to_num(y)
    masked = guesses * known
    a = np.einsum("mrg,krg->rmk", masked, guesses, optimize=True) / n[:, None, None]
    b = np.einsum("mrg,rg->rm", masked, y) / n[:, None]
    return a, b, (y**2).sum(axis=1) / n


def _losses(w: Array, forms: tuple[Array, Array, Array]) -> Array:
    a, b, c = forms
    square = np.einsum("rmk,m,k->r", a, w, w) - 2 * b @ w + c
    found: Array = np.sqrt(np.maximum(square, 0))
    return found


def _mean_loss(w: Array, forms: tuple[Array, Array, Array], size: float) -> tuple[float, Array]:
    a, b, _ = forms
    loss = _losses(w, forms)
    slopes = (a @ w - b) / np.maximum(loss, TINY)[:, None]
    return float(loss.mean() / size), slopes.mean(axis=0) / size


def _slope(forms: tuple[Array, Array, Array], share: Array) -> float:
    """Return the one weight of the least weighted loss, by reweighted least squares."""
    a, b, _ = forms
    w = 1.0
    for _ in range(200):
        pull = share / np.maximum(_losses(np.array([w]), forms), 1e-9)
        down = float(pull @ a[:, 0, 0])
        new = max(float(pull @ b[:, 0]) / down, 0.0) if down > 0 else 1.0
        if abs(new - w) < 1e-9:
            break
        w = new
    return w


def cross_fit(
    truth: ArrayLike,
    predictions: Mapping[str, ArrayLike],
    fold: ArrayLike,
    *,
    context: ArrayLike,
) -> Array:
    """Join predictions out of fold by weights and slopes that other folds taught.

    What is found of a fold has seen nothing of it, so that its error is that of a new row, and
    models may be added without the error falling by that alone.

    Parameters
    ----------
    truth
        ``(n_rows, n_genes)``; NaN is missing.
    predictions
        Of each model by name, out of fold, of the same shape.
    fold
        Of each row, ``(n_rows,)``; a single fold teaches itself.
    context
        Of each row, ``(n_rows,)``, for the slopes.

    Returns
    -------
    ``(n_rows, n_genes)``.
    """
    y, where = np.asarray(truth, dtype=np.float64), np.asarray(context).astype(str)
    of = np.asarray(fold)
    held = {name: np.asarray(values) for name, values in predictions.items()}
    found = np.empty(y.shape)
    for each in np.unique(of):
        at = of == each
        others = ~at if (~at).any() else at
        taught = {name: values[others] for name, values in held.items()}
        weights = stack(y[others], taught)
        slopes = fit_slopes(y[others], weights.combine(taught), where[others])
        joined = weights.combine({name: values[at] for name, values in held.items()})
        found[at] = joined * np.array([slopes.get(c, slopes[""]) for c in where[at]])[:, None]
    return found
