"""Simulations whose information is known exactly or by construction."""

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.random import stream


def gaussian_channel(
    depths: ArrayLike,
    *,
    capacity: float,
    sensitivity: float,
    n_cells: int = 1000,
    random_state: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw a signal and its measurements at several depths, obeying the noise law exactly.

    Signal Y and noiseless coordinate S are Gaussian with correlation
    ``rho^2 = 1 - 2^(-2 capacity)``; the measurement at depth u is ``S + e`` with noise
    variance ``1 / (B u)``, ``B = 2^(2 capacity) / sensitivity``. Then I(X_u; Y) is the noise
    law (arXiv 2503.02726, derivation of Eq. 1). The same cells are measured at every depth,
    each time with fresh noise.

    Parameters
    ----------
    depths
        Depths u, ``(n_depths,)``, in the units of ``sensitivity``.
    capacity
        I_max, bits.
    sensitivity
        u_bar.
    n_cells
        Cells.
    random_state
        Seed.

    Returns
    -------
    ``y`` ``(n_cells,)`` and ``x`` ``(n_depths, n_cells)``.
    """
    u = np.asarray(depths, dtype=np.float64)
    rng = stream(random_state, "gaussian_channel")
    s = rng.standard_normal(n_cells)
    shared = np.sqrt(1 - 4.0**-capacity)
    y = shared * s + np.sqrt(1 - shared**2) * rng.standard_normal(n_cells)
    noise = rng.standard_normal((len(u), n_cells))
    return y, s + noise * np.sqrt(sensitivity / (4.0**capacity * u))[:, None]


def simulated_counts(
    n_cells: int = 600,
    n_genes: int = 400,
    *,
    n_types: int = 6,
    depth: float = 2000.0,
    n_proteins: int = 3,
    random_state: int = 0,
) -> anndata.AnnData:
    """Simulate UMI counts of cell types that differ in a tenth of their genes.

    Gene abundances are log-normal; each type multiplies its marker genes by eight; depths
    are log-normal around ``depth``; counts are Poisson.

    Parameters
    ----------
    n_cells, n_genes, n_types
        Sizes.
    depth
        Median UMIs per cell.
    n_proteins
        Columns of ``obsm["protein"]``, Poisson counts whose means follow the type.
    random_state
        Seed.

    Returns
    -------
    AnnData with ``X`` int32 CSR ``(n_cells, n_genes)``, ``obs["cell_type"]`` and
    ``obsm["protein"]``.

    Raises
    ------
    InputError
        If a size is below 1.
    """
    if min(n_cells, n_genes, n_types) < 1:
        raise InputError("n_cells, n_genes and n_types must be at least 1.")
    rng = stream(random_state, "simulated_counts")
    abundance = np.tile(rng.lognormal(0, 1.5, n_genes), (n_types, 1))
    markers = rng.random((n_types, n_genes)) < 0.1
    abundance[markers] *= 8
    abundance /= abundance.sum(axis=1, keepdims=True)
    kind = rng.integers(n_types, size=n_cells)
    size = depth * rng.lognormal(0, 0.3, n_cells)
    counts = rng.poisson(abundance[kind] * size[:, None]).astype(np.int32)
    level = rng.gamma(2, 40, (n_types, n_proteins))
    obs = pd.DataFrame(
        {"cell_type": pd.Categorical([f"type {code}" for code in kind])},
        index=[f"cell{i}" for i in range(n_cells)],
    )
    var = pd.DataFrame(index=[f"gene{i}" for i in range(n_genes)])
    adata = anndata.AnnData(X=sp.csr_matrix(counts), obs=obs, var=var)
    adata.obsm["protein"] = rng.poisson(level[kind]).astype(np.float64)
    return adata
