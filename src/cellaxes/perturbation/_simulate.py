"""Responses whose truth is known, in the shape of a screen over cell types."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.random import stream

Array = NDArray[np.float64]

RANK, N_TOXIC, TOXIC = 10, 4, 5.0
"""Factors of a compound's response; compounds that respond so many times as strongly."""


@dataclass(frozen=True, eq=False)
class Simulated:
    """A table of simulated responses, every pair measured.

    Attributes
    ----------
    rows
        ``context``, ``compound``, ``moa`` of each.
    truth
        t statistics without noise, ``(n_rows, n_genes)``.
    t
        The same as measured, ``(n_rows, n_genes)``.
    """

    rows: pd.DataFrame
    truth: NDArray[np.float32]
    t: NDArray[np.float32]


def simulate_responses(
    n_contexts: int = 6,
    n_compounds: int = 60,
    n_genes: int = 200,
    *,
    n_moa: int = 12,
    shared: tuple[float, ...] = (0.8, 0.8, 0.8, 0.8, 0.5, 0.3),
    random_state: int = 0,
) -> Simulated:
    """Simulate responses: compounds have factors, contexts turn them into genes.

    θₛ is a part of its mechanism and a part of its own, times a log-normal strength; a few
    compounds are toxic. W_c is shared loadings and loadings of its own, more or less like the
    others. t = θₛ W_c √(n_cells / 350) + N(0, 1).

    Parameters
    ----------
    n_contexts, n_compounds, n_genes
        Sizes.
    n_moa
        Mechanisms.
    shared
        Share of the loadings' variance that a context has in common; repeated as needed.
    random_state
        Seed.

    Examples
    --------
    >>> simulate_responses(2, 3, 4).t.shape
    (6, 4)
    """
    rng = stream(random_state, "simulate_responses", n_contexts, n_compounds, n_genes)
    moa = rng.integers(n_moa, size=n_compounds)
    factors = rng.normal(size=(n_moa, RANK))[moa] + 0.7 * rng.normal(size=(n_compounds, RANK))
    strength = rng.lognormal(-1, 1, n_compounds)
    strength[rng.choice(n_compounds, min(N_TOXIC, n_compounds), replace=False)] *= TOXIC
    common = rng.normal(size=(RANK, n_genes))
    share = np.resize(np.array(shared), n_contexts)[:, None, None]
    own = rng.normal(size=(n_contexts, RANK, n_genes))
    loads = (np.sqrt(share) * common + np.sqrt(1 - share) * own) * rng.lognormal(0, 0.5, n_genes)
    theta = factors * strength[:, None] / np.sqrt(RANK)
    cells = rng.lognormal(0, 0.4, (n_contexts, n_compounds, 1))
    truth = np.einsum("sk,ckg->csg", theta, loads) * np.sqrt(cells)
    truth = truth.reshape(-1, n_genes)
    rows = pd.DataFrame(
        {
            "context": np.repeat([f"context {i}" for i in range(n_contexts)], n_compounds),
            "compound": np.tile([f"compound {i:03}" for i in range(n_compounds)], n_contexts),
            "moa": np.tile([f"moa {i}" for i in moa], n_contexts),
        }
    )
    t = truth + rng.normal(size=truth.shape)
    return Simulated(rows, truth.astype(np.float32), t.astype(np.float32))
