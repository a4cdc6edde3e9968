"""Which compounds do alike, and which contexts respond alike, by what training rows show."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellaxes.perturbation._baselines._groups import Array, Codes
from cellaxes.perturbation._baselines._task import Task


@dataclass(frozen=True, eq=False)
class Measured:
    """The measured pairs as a table of contexts and compounds.

    Attributes
    ----------
    at
        Row of `gaps` and `profiles` of each pair, ``(n_contexts, n_compounds)``; −1 where
        it was not measured.
    profiles
        Mean profile of each pair, ``(n_pairs, n_genes)``, NaN where missing.
    gaps
        The same less the mean of the context, zero where missing.
    weight
        Summed weight of the rows of each pair, ``(n_pairs,)``.
    products
        Inner products of the gaps of two compounds, ``(n_contexts, n_compounds, n_compounds)``;
        zero unless both are measured.
    """

    at: NDArray[np.intp]
    profiles: Array
    gaps: Array
    weight: Array
    products: Array

    @property
    def there(self) -> NDArray[np.bool_]:
        """Which pairs were measured, ``(n_contexts, n_compounds)``."""
        return self.at >= 0


def measured(task: Task) -> Measured:
    """Return the measured pairs and how alike compounds are within each context."""
    shape = (len(task.context.names), len(task.compound.names))
    at = np.full(shape, -1)
    context, compound = np.divmod(task.pair_codes, shape[1])
    at[context, compound] = np.arange(len(task.pair_codes))
    profiles = task.by_pair.means
    gaps = np.nan_to_num(profiles - task.by_context.means[context])
    products = np.zeros((*shape, shape[1]))
    for c in np.unique(context):
        here = context == c
        own = gaps[here]
        products[np.ix_([c], compound[here], compound[here])] = own @ own.T
    weight = np.bincount(task.pair, weights=task.weights, minlength=len(gaps)).astype(np.float64)
    return Measured(at, profiles, gaps, weight, products)


def shared_kernel(held: Measured, contexts: Codes) -> Array:
    """Return the mean inner product of two compounds over the contexts where both are known."""
    there = held.there[contexts].astype(np.float64)
    times = there.T @ there
    found: Array = held.products[contexts].sum(axis=0) / np.maximum(times, 1)
    return found


def shared_cosine(held: Measured, contexts: Codes) -> Array:
    """Return the cosine of two compounds' gaps over the contexts where both are known, or 0."""
    there = held.there[contexts].astype(np.float64)
    own = np.einsum("css->cs", held.products[contexts])
    size = np.sqrt((own.T @ there) * (there.T @ own))
    dot = held.products[contexts].sum(axis=0)
    found: Array = np.divide(dot, size, out=np.zeros_like(dot), where=size > 0)
    return found


def known_in(held: Measured, contexts: Codes) -> NDArray[np.bool_]:
    """Return which compounds were measured in any of these contexts."""
    found: NDArray[np.bool_] = np.logical_or.reduce(held.there[contexts], axis=0)
    return found


def rich_contexts(held: Measured, but: int) -> Codes:
    """Return the other contexts that hold at least half as many compounds as the fullest."""
    sizes = held.there.sum(axis=1)
    sizes[but] = 0
    return np.flatnonzero((sizes > 0) & (2 * sizes >= sizes.max()))
