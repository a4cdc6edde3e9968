"""What a cell is beside its type: depth, mitochondrial share, cell-cycle scores."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.features._meaning._expression import Expression
from cellaxes.features._meaning._inputs import Array
from cellaxes.features._meaning._mask import mitochondrial

# fmt: off
S_GENES = (
    "MCM5", "PCNA", "TYMS", "FEN1", "MCM2", "MCM4", "RRM1", "UNG", "GINS2", "MCM6", "CDCA7",
    "DTL", "PRIM1", "UHRF1", "MLF1IP", "CENPU", "HELLS", "RFC2", "RPA2", "NASP", "RAD51AP1",
    "GMNN", "WDR76", "SLBP", "CCNE2", "UBR7", "POLD3", "MSH2", "ATAD2", "RAD51", "RRM2",
    "CDC45", "CDC6", "EXO1", "TIPIN", "DSCC1", "BLM", "CASP8AP2", "USP1", "CLSPN", "POLA1",
    "CHAF1B", "BRIP1", "E2F8",
)
"""Genes of DNA replication (Tirosh et al., Science 2016; CENPU was MLF1IP)."""
G2M_GENES = (
    "HMGB2", "CDK1", "NUSAP1", "UBE2C", "BIRC5", "TPX2", "TOP2A", "NDC80", "CKS2", "NUF2",
    "CKS1B", "MKI67", "TMPO", "CENPF", "TACC3", "FAM64A", "PIMREG", "SMC4", "CCNB2", "CKAP2L",
    "CKAP2", "AURKB", "BUB1", "KIF11", "ANP32E", "TUBB4B", "GTSE1", "KIF20B", "HJURP", "CDCA3",
    "HN1", "JPT1", "CDC20", "TTK", "CDC25C", "KIF2C", "RANGAP1", "NCAPD2", "DLGAP5", "CDCA2",
    "CDCA8", "ECT2", "KIF23", "HMMR", "AURKA", "PSRC1", "ANLN", "LBR", "CKAP5", "CENPE", "CTCF",
    "NEK2", "G2E3", "GAS2L3", "CBX5", "CENPA",
)
"""Genes of division (the same; PIMREG was FAM64A, JPT1 was HN1)."""
# fmt: on
FEWEST = 5
"""Genes of a list below which no score is given."""
CONTROLS = 25
"""Other genes of like mean expression that each gene of a list is held against."""


def cell_states(cells: Expression) -> pd.DataFrame:
    """Return depth, mitochondrial share and cell-cycle scores of each cell.

    Returns
    -------
    pandas.DataFrame
        ``depth``, log of the sum of the cell; ``mitochondrial``, share of its counts;
        ``s_phase`` and ``g2m_phase``, mean log expression of the genes of the phase minus that of
        genes of like mean. NaN where the data lack the genes.
    """
    upper = np.char.upper(cells.genes)
    phases = np.stack([_weights(cells, np.isin(upper, of)) for of in (S_GENES, G2M_GENES)], axis=1)
    mito = mitochondrial(cells.genes).astype(np.float64)
    scores, shares = [], []
    for _, _, block in cells.blocks():
        scores.append(block @ phases)
        linear = np.expm1(block)
        total = np.asarray(linear.sum(axis=1)).ravel()
        shares.append(np.divide(linear @ mito, total, out=np.zeros(len(total)), where=total > 0))
    score = np.concatenate(scores)
    return pd.DataFrame(
        {
            "depth": np.log(np.maximum(cells.depth, 1e-12)),
            "mitochondrial": np.concatenate(shares) if mito.any() else np.nan,
            "s_phase": score[:, 0],
            "g2m_phase": score[:, 1],
        }
    )


def _weights(cells: Expression, chosen: NDArray[np.bool_]) -> Array:
    """Return what to multiply genes with: mean of the chosen minus mean of their controls."""
    if chosen.sum() < FEWEST or (~chosen).sum() < CONTROLS:
        return np.full(len(chosen), np.nan)
    weights: Array = chosen / chosen.sum()
    others = np.flatnonzero(~chosen)
    others = others[np.argsort(cells.mean[others], kind="stable")]
    at = np.searchsorted(cells.mean[others], cells.mean[chosen]) - CONTROLS // 2
    at = np.clip(at, 0, len(others) - CONTROLS)
    near = others[(at[:, None] + np.arange(CONTROLS)).ravel()]
    np.subtract.at(weights, near, 1 / len(near))
    return weights
