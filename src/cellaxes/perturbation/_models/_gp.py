"""Gaussian process over contexts and compounds: one kernel, every gene an output of it."""

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes.perturbation._models._data import TrainingData
from cellaxes.perturbation._models._evidence import Priors, inverse, learn
from cellaxes.perturbation._models._kernels import Array, Codes, Kernel
from cellaxes.perturbation._models._levels import first_kernel, levels_of, with_unseen
from cellaxes.perturbation._models._registry import Model, add
from cellaxes.perturbation._models._targets import fit_components

FILLING, ROUNDS = 20, 10
"""Components that gaps are filled with first, and rounds in which the process fills them."""


@dataclass(frozen=True)
class KernelGP:
    """Settings of the Gaussian process.

    Attributes
    ----------
    rank_contexts
        Rank of what contexts share beyond the common effect of a compound.
    rank_compounds
        Dimensions in which compounds get a position by their responses.
    strength
        Power of a compound's root mean square response that scales its covariance; 0 treats
        weak and strong compounds alike.
    interaction_prior, position_prior
        What holds contexts and positions back (`Priors`).
    n_steps
        Of the optimiser, at most.
    """

    rank_contexts: int = 4
    rank_compounds: int = 4
    strength: float = 0.5
    interaction_prior: float = 0.02
    position_prior: float = 0.1
    n_steps: int = 100

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) < 0:
                raise InputError(f"{field.name} must not be negative.")

    def fit(self, data: TrainingData) -> "FittedGP":
        """Learn the kernel by its marginal likelihood, and solve for all genes at once.

        A step costs n³ operations of the n rows of ``data``, whatever the number of genes.

        Raises
        ------
        InputError
            If the rows give no valid covariance.
        """
        order = _order(data)
        data = data.take(order)
        levels = levels_of(data)
        Y, known = data.Y.astype(np.float64), ~np.isnan(data.Y)
        mean = _mean(Y, data.weights)
        Y = _filled(data, Y, known) - mean
        size = float((Y**2).mean()) or 1.0
        noise = 1 / data.weights
        c, s = levels.context, levels.compound
        start = first_kernel(
            Y / np.sqrt(size), levels, ranks=(self.rank_contexts, self.rank_compounds),
            strength=self.strength, random_state=data.random_state,
        )  # fmt: skip
        products = Y @ Y.T / (Y.shape[1] * size)
        priors = Priors(self.interaction_prior, self.position_prior)
        kernel = learn(start, products, c, s, noise=noise, priors=priors, n_steps=self.n_steps)
        covariance = kernel.between(c, s, c, s)
        covariance[np.diag_indices_from(covariance)] += kernel.noise * noise
        inv, half = inverse(covariance)
        if not np.isfinite(half):
            raise InputError("the rows give no valid covariance: look for values out of range.")
        if not known.all():
            Y = _settled(Y, known, inv, kernel.noise * noise)
        alpha = inv @ Y
        scale = np.maximum((Y * alpha).sum(axis=0) / len(Y), 1e-12 * size)
        return FittedGP(
            levels.contexts, levels.compounds, with_unseen(kernel, levels, data), c, s, order,
            noise, inv, alpha.astype(np.float32), mean.astype(np.float32),
            scale.astype(np.float32),
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class FittedGP:
    """A fitted Gaussian process; training rows are in an order of their own.

    Attributes
    ----------
    contexts, compounds
        Names of levels, those without rows included; the kernel has one more of each, for names
        that were never heard of.
    kernel
        Learned.
    context, compound
        Levels of the training rows, ``(n,)``.
    order
        Position of each training row in the data, ``(n,)``.
    noise
        Noise variance of each training row for a kernel noise of 1.
    inverse
        Of the covariance of training rows, ``(n, n)``.
    alpha
        Inverse times responses, ``(n, n_genes)``.
    mean, scale
        Mean and variance factor of each gene, ``(n_genes,)``.
    """

    contexts: tuple[str, ...]
    compounds: tuple[str, ...]
    kernel: Kernel
    context: Codes
    compound: Codes
    order: Codes
    noise: Array
    inverse: Array
    alpha: NDArray[np.float32]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    def predict(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return the posterior mean, ``(n_wanted, n_genes)``.

        A compound without rows rests on its context, and on compounds of like chemistry; a
        context without rows on what contexts share, and on those of like expression.
        """
        c, s = self.codes(rows)
        found = self.kernel.between(c, s, self.context, self.compound) @ self.alpha
        total: NDArray[np.float32] = (self.mean + found).astype(np.float32)
        return total

    def predict_sd(self, rows: pd.DataFrame) -> NDArray[np.float32]:
        """Return the sd of a new measurement of weight 1, ``(n_wanted, n_genes)``."""
        c, s = self.codes(rows)
        k = self.kernel.between(c, s, self.context, self.compound)
        left = self.kernel.variance(c, s) - np.einsum("ij,ij->i", k @ self.inverse, k)
        total = np.maximum(left, 0) + self.kernel.noise
        found: NDArray[np.float32] = np.sqrt(np.outer(total, self.scale)).astype(np.float32)
        return found

    def covariance(self, rows: pd.DataFrame, other: pd.DataFrame) -> Array:
        """Return the posterior covariance of pairs with pairs, ``(n, n_other)``, without noise.

        Of a gene it is this times its ``scale``.
        """
        a, b = self.codes(rows), self.codes(other)
        k = self.kernel.between(*a, self.context, self.compound)
        k2 = self.kernel.between(*b, self.context, self.compound)
        found: Array = self.kernel.between(*a, *b) - k @ self.inverse @ k2.T
        return found

    def leave_out(self, groups: NDArray[Any]) -> tuple[NDArray[np.float32], Array]:
        """Return predictions of training rows as if their group had not been measured.

        In closed form, the kernel held fixed, which has seen all rows: it is an estimate for
        gaps in the table, not for a new context.

        Parameters
        ----------
        groups
            Group of each row of the training data, ``(n,)``, in the order of the data: all
            different for leave-one-out, compounds to leave compounds out.

        Returns
        -------
        Predictions ``(n, n_genes)`` and variances ``(n,)`` of a measurement, for a scale of 1.

        References
        ----------
        Rasmussen & Williams 2006, equations 5.10 and 5.11, for groups.
        """
        held = np.asarray(groups)[self.order]
        residual, variance = np.empty(self.alpha.shape), np.empty(len(held))
        for group in np.unique(held):
            at = np.flatnonzero(held == group)
            block = np.linalg.inv(self.inverse[np.ix_(at, at)])
            residual[at], variance[at] = block @ self.alpha[at], np.diag(block)
        c, s = self.context, self.compound
        covariance = self.kernel.between(c, s, c, s)
        covariance[np.diag_indices_from(covariance)] += self.kernel.noise * self.noise
        back = np.argsort(self.order)
        found = self.mean + covariance @ self.alpha - residual
        return found[back].astype(np.float32), variance[back]

    def codes(self, rows: pd.DataFrame) -> tuple[Codes, Codes]:
        """Return the levels of pairs; the last one for a name that was never heard of."""
        found = []
        for column, held in (("context", self.contexts), ("compound", self.compounds)):
            level = {name: i for i, name in enumerate(held)}
            found.append(np.array([level.get(str(v), len(held)) for v in rows[column]], np.intp))
        return found[0], found[1]

    def to_arrays(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Return names and numbers as JSON has them, and arrays."""
        params: dict[str, Any] = {"kernel": {}}
        arrays: dict[str, NDArray[Any]] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                arrays[field.name] = value
            elif not isinstance(value, Kernel):
                params[field.name] = list(value)
        for field in fields(Kernel):
            value = getattr(self.kernel, field.name)
            if isinstance(value, np.ndarray):
                arrays[f"kernel.{field.name}"] = value
            else:
                params["kernel"][field.name] = value
        return params, arrays

    @classmethod
    def from_arrays(cls, params: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Self:
        """Return what `to_arrays` told of."""
        held: dict[str, Any] = {name: v for name, v in arrays.items() if "." not in name}
        of: dict[str, Any] = {n.removeprefix("kernel."): v for n, v in arrays.items() if "." in n}
        held |= {name: tuple(map(str, params[name])) for name in ("contexts", "compounds")}
        numbers: dict[str, Any] = {n: float(v) for n, v in params["kernel"].items()}
        made = cls(kernel=Kernel(**numbers, **of), **held)
        for codes, names in ((made.context, made.contexts), (made.compound, made.compounds)):
            if not np.isin(codes, np.arange(len(names))).all():
                raise ValueError("its rows have names that it does not hold")
        return made


def _order(data: TrainingData) -> Codes:
    """Return an order of rows that does not depend on the one they came in."""
    first = np.nan_to_num(data.Y[:, :8]).T[::-1]
    keys = [data.rows[column].to_numpy(str) for column in ("compound", "context")]
    return np.lexsort((*first, data.weights, *keys))


def _mean(Y: Array, weights: Array) -> Array:
    known = weights[:, None] * ~np.isnan(Y)
    size = known.sum(axis=0)
    total = (known * np.nan_to_num(Y)).sum(axis=0)
    found: Array = np.divide(total, size, out=np.zeros(len(size)), where=size > 0)
    return found


def _filled(data: TrainingData, Y: Array, known: NDArray[np.bool_]) -> Array:
    """Return responses whose gaps components fill: the kernel is learned from these."""
    if known.all():
        return Y
    held = fit_components(data.Y, FILLING, weights=data.weights, random_state=data.random_state)
    return np.where(known, Y, held.back(held.scores(data.Y)))


def _settled(Y: Array, known: NDArray[np.bool_], inv: Array, noise: Array) -> Array:
    """Return responses whose gaps are what the process expects of the values that are there."""
    for _ in range(ROUNDS):
        Y = np.where(known, Y, Y - noise[:, None] * (inv @ Y))
    return Y


add(
    "kernel_gp",
    Model(KernelGP, FittedGP),
    "Gaussian process over contexts and compounds, with predictive sd",
    reference="Bonilla et al. 2008; Rasmussen & Williams 2006, 5.4",
    limits="n³ in rows: slow beyond about 3,000; its leave-one-out flatters a new context",
)
