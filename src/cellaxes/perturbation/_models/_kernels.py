"""Covariance of responses over contexts and compounds, and its slopes."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Kernel:
    """k((c, s), (c', s')) = context 1[c = c'] + aₛ aₛ' C[c, c'] S[s, s'], plus noise.

    C = compound + L Lᵀ + diag(d) and S = own I + chemistry T + U Uᵀ. The first part of C alone
    is the effect that a compound has everywhere; L and d are its interaction with the context.

    Attributes
    ----------
    noise
        Variance of a row of weight 1.
    context
        Variance of the effect of a context.
    compound
        Variance of what a compound does in all contexts alike.
    own
        Variance of what a compound does like no other.
    chemistry
        Weight of `alike`.
    loads
        L, ``(n_contexts, rank)``.
    spread
        d, ``(n_contexts,)``.
    positions
        U, ``(n_compounds, rank)``: compounds near each other respond alike.
    strength
        a, ``(n_compounds,)``.
    alike
        T, ``(n_compounds, n_compounds)``; the identity where nothing is known of them.
    """

    noise: float
    context: float
    compound: float
    own: float
    chemistry: float
    loads: Array
    spread: Array
    positions: Array
    strength: Array
    alike: Array

    @property
    def over_contexts(self) -> Array:
        """C, ``(n_contexts, n_contexts)``."""
        found: Array = self.compound + self.loads @ self.loads.T + np.diag(self.spread)
        return found

    @property
    def over_compounds(self) -> Array:
        """S, ``(n_compounds, n_compounds)``, the strengths left out."""
        found: Array = self.positions @ self.positions.T + self.chemistry * self.alike
        found[np.diag_indices_from(found)] += self.own
        return found

    def between(self, c: Codes, s: Codes, c2: Codes, s2: Codes) -> Array:
        """Return the covariance of pairs with pairs, ``(n, n2)``, without noise."""
        both = self.over_contexts[np.ix_(c, c2)] * self.over_compounds[np.ix_(s, s2)]
        both *= np.outer(self.strength[s], self.strength[s2])
        both += self.context * (c[:, None] == c2)
        return both

    def variance(self, c: Codes, s: Codes) -> Array:
        """Return the variance of pairs, ``(n,)``, without noise."""
        of_c, of_s = np.diag(self.over_contexts), np.diag(self.over_compounds)
        found: Array = self.context + self.strength[s] ** 2 * of_c[c] * of_s[s]
        return found

    def pack(self) -> Array:
        """Return what is learned as one vector, variances as logarithms."""
        scalars = [self.noise, self.context, self.compound, self.own, self.chemistry]
        return np.concatenate(
            [np.log(scalars), np.log(self.spread), self.loads.ravel(), self.positions.ravel()]
        )

    def unpack(self, x: Array) -> "Kernel":
        """Return the kernel with what is learned taken from a vector."""
        n, cut = len(self.spread), 5 + len(self.spread)
        split = cut + self.loads.size
        noise, context, compound, own, chemistry = (float(v) for v in np.exp(x[:5]))
        return replace(
            self, noise=noise, context=context, compound=compound, own=own, chemistry=chemistry,
            spread=np.exp(x[5 : 5 + n]), loads=x[cut:split].reshape(self.loads.shape),
            positions=x[split:].reshape(self.positions.shape),
        )  # fmt: skip

    def slopes(self, by_value: Array, c: Codes, s: Codes, noise: Array) -> Array:
        """Return the slope of a function of the covariance in what `pack` gives.

        Parameters
        ----------
        by_value
            Slope in each entry of the covariance, ``(n, n)``, symmetric.
        c, s
            Context and compound of each row.
        noise
            Noise variance of each row for a `noise` of 1, ``(n,)``.
        """
        over_c, over_s = self.over_contexts, self.over_compounds
        a = self.strength[s]
        scaled = by_value * np.outer(a, a)
        by_c = _summed(scaled * over_s[np.ix_(s, s)], c, len(over_c))
        by_s = _summed(scaled * over_c[np.ix_(c, c)], s, len(over_s))
        scalars = [
            self.noise * float(np.diag(by_value) @ noise),
            self.context * float(np.trace(_summed(by_value, c, len(over_c)))),
            self.compound * float(by_c.sum()),
            self.own * float(np.trace(by_s)),
            self.chemistry * float((by_s * self.alike).sum()),
        ]
        parts = (2 * by_c @ self.loads, 2 * by_s @ self.positions)
        spread = self.spread * np.diag(by_c)
        return np.concatenate([scalars, spread, *(part.ravel() for part in parts)])


def _summed(values: Array, codes: Codes, n: int) -> Array:
    """Return sums of a square table by the codes of both of its sides, ``(n, n)``."""
    member = np.zeros((n, len(codes)))
    member[codes, np.arange(len(codes))] = 1
    found: Array = member @ values @ member.T
    return found


def likeness(features: Array) -> Array:
    """Return how alike rows of chemical features are, ``(n, n)``: 1 on the diagonal.

    Tanimoto of fingerprints (all values 0 or 1); otherwise exp(−d²/2m²) of the standardised
    features, m the median distance.
    """
    if ((features == 0) | (features == 1)).all():
        shared = features @ features.T
        size = np.diag(shared)
        either = size[:, None] + size - shared
        found = np.divide(shared, either, out=np.zeros_like(shared), where=either > 0)
    else:
        sd = features.std(axis=0)
        z = (features - features.mean(axis=0)) / np.where(sd > 0, sd, 1)
        square = (z**2).sum(axis=1)
        apart = np.maximum(square[:, None] + square - 2 * z @ z.T, 0)
        middle = float(np.median(apart[np.triu_indices_from(apart, 1)])) if len(z) > 1 else 1.0
        found = np.exp(-apart / (2 * (middle or 1.0)))
    np.fill_diagonal(found, 1.0)
    return found
