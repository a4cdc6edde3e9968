"""Cells of a screen on the noise axis: fewer of them, or shallower ones, and those kept aside."""

from collections.abc import Iterator
from dataclasses import dataclass

import anndata
import numpy as np
import pandas as pd
import scipy.sparse as sp
from numpy.typing import NDArray

from cellaxes._core.adata import counts_name, counts_of, obs_column
from cellaxes._core.errors import InputError, near
from cellaxes._core.matrix import by_rows, check_counts, csr_rows, row_blocks, row_sums
from cellaxes._core.random import stream
from cellaxes.noise import depth_ladder, thin_series
from cellaxes.perturbation import pseudobulk

CONTEXT, COMPOUND, SAMPLE = "context", "compound", "sample"
LEAST = 4
"""Cells below which a sample is left out: both halves need two."""


@dataclass(frozen=True)
class Columns:
    """Columns of ``obs`` that say what a cell is.

    Attributes
    ----------
    compound, context, sample
        What it was treated with, its type or line, and the well, donor or other unit whose cells
        of one compound and context are summed.
    control
        Value of ``compound`` for untreated cells.
    covariates
        To adjust for, one value in each sample.
    """

    compound: str
    control: str
    context: str
    sample: str
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Level:
    """A place on one of the two axes.

    Attributes
    ----------
    axis
        ``"cells"``, ``"depth"``, or ``"aside"`` for the cells that are kept as the reference.
    fraction
        Of the cells that are measured, or of their molecules.
    seed
        Draw of the cells and molecules.
    cells
        Median cells of a sample.
    umis
        Median UMIs of a cell.
    """

    axis: str
    fraction: float
    seed: int
    cells: float
    umis: float


@dataclass(frozen=True, eq=False)
class Wells:
    """Cells of the samples that are kept.

    Attributes
    ----------
    counts
        ``(n_cells, n_genes)``.
    obs
        ``context``, ``compound``, ``sample`` and the covariates.
    genes
        Names.
    sample
        Number of each cell's sample, ``(n_cells,)``.
    left_out
        Samples with fewer than four cells.
    """

    counts: sp.csr_matrix
    obs: pd.DataFrame
    genes: pd.Index
    sample: NDArray[np.int64]
    left_out: int

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Cells of each sample."""
        return np.bincount(self.sample)

    @property
    def measured(self) -> NDArray[np.int64]:
        """Cells of each sample that are measured, the others being kept aside."""
        return np.asarray(self.sizes // 2, dtype=np.int64)

    def ranks(self, seed: int) -> NDArray[np.int64]:
        """Return the place of each cell in the random order of its sample."""
        found = np.empty(len(self.obs), dtype=np.int64)
        order = np.argsort(self.sample, kind="stable")
        ends = np.cumsum(self.sizes)
        firsts = self.obs.iloc[order[ends - self.sizes]]
        names = firsts[[CONTEXT, COMPOUND, SAMPLE]].to_numpy(dtype=str).tolist()
        for members, name in zip(np.split(order, ends[:-1]), names, strict=True):
            found[members] = stream(seed, "cells of a sample", *name).permutation(len(members))
        return found

    def sums(
        self, cells: NDArray[np.bool_], counts: sp.csr_matrix | None = None
    ) -> anndata.AnnData:
        """Return the pseudobulk of some cells, of these counts of theirs or of their own."""
        held = anndata.AnnData(
            self.counts[cells] if counts is None else counts,
            obs=self.obs[cells],
            var=pd.DataFrame(index=self.genes),
        )
        return pseudobulk(held, by=[CONTEXT, COMPOUND, SAMPLE])


def read_wells(adata: anndata.AnnData, columns: Columns, layer: str | None) -> Wells:
    """Return the cells with their samples, or say what is wrong with them."""
    counts, genes = counts_of(adata, layer)
    named = {CONTEXT: columns.context, COMPOUND: columns.compound, SAMPLE: columns.sample}
    named |= {name: name for name in columns.covariates if name not in named.values()}
    obs = pd.DataFrame(
        {name: obs_column(adata, key).astype(str).to_numpy() for name, key in named.items()},
        index=adata.obs_names.astype(str),
    )
    matrix = by_rows(counts)
    for start, stop in row_blocks(len(obs)):
        check_counts(csr_rows(matrix, start, stop), counts_name(layer), start)
    _check(obs, columns)
    sample = obs.groupby([CONTEXT, COMPOUND, SAMPLE], sort=True).ngroup().to_numpy()
    sizes = np.bincount(sample)
    kept = sizes[sample] >= LEAST
    if not kept.any():
        raise InputError(
            f"no sample has {LEAST} cells: half of its cells are kept aside, so obs"
            f"[{columns.sample!r}] must name wells or donors, not cells."
        )
    held = csr_rows(matrix, 0, len(obs))[kept]
    return Wells(
        held, obs[kept], genes.astype(str), np.unique(sample[kept], return_inverse=True)[1],
        int((sizes < LEAST).sum()),
    )  # fmt: skip


def _check(obs: pd.DataFrame, columns: Columns) -> None:
    known = set(obs[COMPOUND])
    if columns.control not in known:
        raise InputError(
            f"no cell of obs[{columns.compound!r}] is {columns.control!r}: "
            f"{near(columns.control, known)}"
        )
    if len(known) < 3:
        n = "one" if len(known) == 2 else "no"
        raise InputError(
            f"obs[{columns.compound!r}] holds {n} compound besides the control: to predict one "
            "from others, two or more are needed."
        )
    controls = obs[COMPOUND] == columns.control
    without = sorted(set(obs[CONTEXT]) - set(obs.loc[controls, CONTEXT]))
    if without:
        raise InputError(
            f"context {without[0]!r} has no cell of the control {columns.control!r} "
            f"({len(without)} such contexts): add its controls or remove its cells."
        )


def levels(
    wells: Wells,
    seed: int,
    *,
    n_cells: int,
    min_cells: float,
    n_depths: int,
    min_depth: float | None,
) -> Iterator[tuple[Level, anndata.AnnData]]:
    """Yield each level of a draw with its pseudobulks: the reference first, then cells and depths.

    Of every sample the same share of its measured cells is kept, the first of one random order:
    what is measured with fewer cells was measured with more.
    """
    half, rank = wells.measured, wells.ranks(seed)
    chosen = rank < half[wells.sample]
    umis = row_sums(wells.counts)
    aside = float(np.median(wells.sizes - half))
    yield Level("aside", 1.0, seed, aside, float(np.median(umis[~chosen]))), wells.sums(~chosen)
    for fraction in cell_fractions(wells, n_cells, min_cells):
        kept = np.maximum(np.round(fraction * half), 1)
        cells = rank < kept[wells.sample]
        yield (
            Level("cells", fraction, seed, float(np.median(kept)), float(np.median(umis[cells]))),
            wells.sums(cells),
        )
    counts, full = wells.counts[chosen], float(np.median(half))
    for fraction, found in zip(
        fractions := depth_fractions(wells, n_depths, min_depth)[1:],
        thin_series(counts, fractions, random_state=seed) if fractions else [],
        strict=True,
    ):
        yield Level("depth", fraction, seed, full, found.depth), wells.sums(chosen, found.counts)


def cell_fractions(wells: Wells, n_levels: int, min_cells: float) -> list[float]:
    """Return the shares of cells, all of the measured half first."""
    half = float(np.median(wells.measured))
    if half < 2 * min_cells:
        raise InputError(
            f"half of the median sample is {half:g} cells, too few for levels down to "
            f"{min_cells:g}: ask for min-cells of at most {half / 2:g}, or bring more cells."
        )
    return depth_ladder(half, n_levels=n_levels, min_depth=min_cells)


def depth_fractions(wells: Wells, n_levels: int, min_depth: float | None) -> list[float]:
    """Return the shares of molecules, all of them first."""
    depth = float(np.median(row_sums(wells.counts)))
    least = depth / 32 if min_depth is None else min_depth
    return depth_ladder(depth, n_levels=n_levels, min_depth=least)
