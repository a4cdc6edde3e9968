"""A screen of single cells whose fold changes are known: wells, donors, counts."""

from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.random import stream
from cellaxes.perturbation._simulate import simulate_responses
from cellaxes.perturbation._table._table import PerturbationTable

Array = NDArray[np.float64]

CONTROL = "control"
BASE_SD, OWN_SD = 1.0, 0.5
"""Of a gene's log expression over genes, and of its part that a context has alone."""
DEPTH_SD = 0.4
"""Of the log number of UMIs over the cells of a well."""


@dataclass(frozen=True, eq=False)
class SimulatedScreen:
    """Cells of a screen, and what its compounds do.

    Attributes
    ----------
    cells
        Cells x genes: ``X`` CSR counts; ``obs`` with ``context``, ``compound``, ``donor`` and
        ``well`` (of one compound and donor, all contexts in it).
    truth
        log2 fold changes of every context and compound.
    """

    cells: anndata.AnnData
    truth: PerturbationTable

    def __repr__(self) -> str:
        n, n_genes = self.cells.shape
        return f"SimulatedScreen({n} cells x {n_genes} genes; truth: {self.truth!r})"


def simulate_screen(
    n_contexts: int = 6,
    n_compounds: int = 30,
    n_genes: int = 500,
    *,
    n_replicates: int = 3,
    n_control_wells: int = 2,
    n_cells: float = 100.0,
    depth: float = 1000.0,
    strength: float = 0.3,
    dispersion: float = 0.3,
    donor_sd: float = 0.2,
    well_sd: float = 0.05,
    size_sd: float = 0.4,
    random_state: int = 0,
) -> SimulatedScreen:
    """Simulate the counts of a screen of compounds over contexts.

    ``x_ig ~ Poisson(L_i p_wg Γ(1/φ_g) φ_g)``, ``log2 p_wg = b_cg + d_g + e_wg + β_csg + const``:
    a baseline of the context, an effect of the donor, one of the well, and the fold change, of low
    rank over compounds and contexts (`simulate_responses`; strengths differ by their square
    roots, so that toxic compounds do not empty genes).

    Parameters
    ----------
    n_contexts, n_compounds, n_genes
        Sizes, without the control.
    n_replicates
        Donors; each compound has a well of each.
    n_control_wells
        Wells with the control of each donor.
    n_cells
        Mean cells of a context in a well.
    depth
        Mean UMIs per cell.
    strength
        Root mean square of β over genes, of the median response; 0: no compound does anything.
    dispersion
        Median φ over genes: variance between the cells of a well that depth does not remove.
    donor_sd, well_sd
        Of the effects of donors and of wells, in log2.
    size_sd
        Of the log number of cells over wells.
    random_state
        Seed.

    Examples
    --------
    >>> simulate_screen(2, 3, 50, n_cells=5).truth
    PerturbationTable(6 rows x 50 genes: 2 contexts, 3 compounds; logFC)
    """
    made = simulate_responses(n_contexts, n_compounds, n_genes, random_state=random_state)
    beta = made.truth.astype(np.float64)
    size = np.sqrt((beta**2).mean(axis=1, keepdims=True))
    beta *= strength / np.sqrt(size * np.median(size))
    rng = stream(random_state, "simulate_screen", n_contexts, n_compounds, n_genes)
    wells = _wells(made.rows["compound"].unique().tolist(), n_replicates, n_control_wells)
    base = BASE_SD * rng.normal(size=n_genes) + OWN_SD * rng.normal(size=(n_contexts, n_genes))
    phi = dispersion * rng.lognormal(0, 0.5, n_genes)
    donors = donor_sd * rng.normal(size=(n_replicates, n_genes))
    noisy = well_sd * rng.normal(size=(n_contexts, len(wells), n_genes))
    effect = np.concatenate(
        [beta.reshape(n_contexts, n_compounds, n_genes), np.zeros((n_contexts, 1, n_genes))], axis=1
    )
    counts, sizes = [], []
    for c in range(n_contexts):
        for w, (s, d) in enumerate(wells[["s", "d"]].to_numpy()):
            log2 = base[c] / np.log(2) + donors[d] + noisy[c, w] + effect[c, s]
            n = max(1, int(rng.poisson(n_cells * rng.lognormal(-(size_sd**2) / 2, size_sd))))
            counts.append(_cells(rng, n, depth, _shares(log2), phi))
            sizes.append(n)
    names = made.rows["context"].unique()
    at = np.repeat(np.tile(np.arange(len(wells)), n_contexts), sizes)
    obs = wells.iloc[at][["compound", "donor", "well"]].reset_index(drop=True)
    obs.insert(0, "context", np.repeat(np.repeat(names, len(wells)), sizes))
    obs.index = pd.Index([f"cell {i}" for i in range(len(obs))], dtype=object)
    genes = [f"gene {i:04}" for i in range(n_genes)]
    cells = anndata.AnnData(
        sp.csr_matrix(sp.vstack(counts)), obs=obs, var=pd.DataFrame(index=pd.Index(genes))
    )
    truth = PerturbationTable(made.rows, np.array(genes), logFC=beta)
    return SimulatedScreen(cells, truth)


def _wells(compounds: list[str], n_replicates: int, n_control_wells: int) -> pd.DataFrame:
    """Return one row per well: ``compound``, ``donor``, ``well``, and numbers ``s`` and ``d``."""
    control = len(compounds)
    rows = [
        (s, d) for d in range(n_replicates) for s in [*range(control), *[control] * n_control_wells]
    ]
    wells = pd.DataFrame(rows, columns=["s", "d"])
    wells["compound"] = [[*compounds, CONTROL][s] for s in wells["s"]]
    wells["donor"] = [f"donor {d}" for d in wells["d"]]
    wells["well"] = [f"well {w:04}" for w in range(len(wells))]
    return wells


def _shares(log2: Array) -> Array:
    """Return the share of each gene in the molecules of a cell."""
    rate = np.exp2(log2 - log2.max())
    shares: Array = rate / rate.sum()
    return shares


def _cells(
    rng: np.random.Generator, n: int, depth: float, shares: Array, phi: Array
) -> sp.csr_matrix:
    """Draw the counts of the cells of one well, ``(n, n_genes)``, int32."""
    umis = depth * rng.lognormal(-(DEPTH_SD**2) / 2, DEPTH_SD, n)
    rate = umis[:, None] * shares
    if phi.any():
        rate *= rng.gamma(1 / phi, phi, rate.shape)
    return sp.csr_matrix(rng.poisson(rate).astype(np.int32))
