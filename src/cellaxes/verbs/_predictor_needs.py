"""Predictors of responses on the noise axis: how many cells per well do they need."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anndata
import numpy as np
from tqdm import tqdm

from cellaxes import perturbation as p
from cellaxes._core.adata import read_h5ad
from cellaxes._core.errors import InputError
from cellaxes._core.folders import receiving
from cellaxes.report import MEASURED, NeedsFacts, NeedsReport
from cellaxes.verbs._needs_curves import curves, tables
from cellaxes.verbs._needs_run import INTERVAL, run
from cellaxes.verbs._needs_wells import Columns, cell_fractions, depth_fractions, read_wells
from cellaxes.verbs._predict_splits import Asked

PREDICTORS = ("compound_mean", "kernel_gp")


def predictor_needs(
    data: anndata.AnnData | str | Path,
    split: str = "few-shot",
    contexts: str | Sequence[str] | None = None,
    *,
    out: str | Path,
    compound: str = "compound",
    control: str = "control",
    context: str = "context",
    sample: str = "sample",
    covariates: Sequence[str] = (),
    layer: str | None = None,
    bridge: int | str | Path | Sequence[str] | None = None,
    held_out: float | str | Sequence[str] | None = None,
    predictors: Sequence[str] | Mapping[str, str | p.Predictor] = PREDICTORS,
    share: float = 0.9,
    n_levels: int = 6,
    min_cells: float = 2.0,
    n_depths: int = 5,
    min_depth: float | None = None,
    n_seeds: int = 3,
    n_jobs: int = 1,
    random_state: int = 0,
    name: str | None = None,
    progress: bool = True,
) -> NeedsReport:
    """Say how many cells per sample, and how deep, predictors of responses need.

    Of each sample half of the cells, drawn by chance, are kept aside: their fold changes are the
    reference. Of the other half fewer and fewer cells are kept, or fewer of their molecules. At
    each level responses are computed anew, predictors learn from the training rows and predict
    the asked ones. What they tell is counted in bits per gene, the noise of the reference taken
    out (`cellaxes.perturbation.metrics.information`), and the noise law is fitted. Beside the
    predictors stands the measurement of the asked rows themselves with as many cells.

    Parameters
    ----------
    data
        Single cells with raw counts, or an ``.h5ad`` file of them.
    split, contexts, bridge, held_out
        What is asked, as in `evaluate_predictions`.
    out
        Folder that receives the page and the tables.
    compound, control, context, sample
        Columns of ``obs``, and the value of untreated cells; cells of one context, compound and
        sample (well, donor) are summed. Samples are the replicates of differential expression.
    covariates
        Columns to adjust for, such as the donor.
    layer
        Where the counts are.
    predictors
        Names of `show_baselines` or `show_models`, or settings of models by name.
    share
        Of the information of all cells at full depth that is to be kept.
    n_levels, min_cells
        Levels of cells per sample, and the lowest, a median.
    n_depths, min_depth
        Levels of depth, and the lowest, UMIs per cell; a thirty-second of the full depth unless
        given.
    n_seeds
        Draws of cells and molecules.
    n_jobs
        Worker processes; the result does not depend on them.
    random_state
        First seed.
    name
        What the page calls the data.
    progress
        Whether a bar is shown.

    Raises
    ------
    InputError
        If columns, counts, controls, replicates or the wish cannot be used.
    """
    chosen = _named(predictors)
    asked = Asked(split, contexts, bridge, held_out)
    if not 0 < share < 1:
        raise InputError(f"share must lie between 0 and 1, but is {share}.")
    if n_seeds < 1:
        raise InputError(f"n_seeds must be at least 1, but is {n_seeds}.")
    with receiving(out) as folder:
        adata = data if isinstance(data, anndata.AnnData) else read_h5ad(data)
        columns = Columns(compound, control, context, sample, tuple(covariates))
        wells = read_wells(adata, columns, layer)
        ladder: dict[str, Any] = {
            "n_cells": n_levels, "min_cells": min_cells, "n_depths": n_depths,
            "min_depth": min_depth,
        }  # fmt: skip
        seeds = tuple(range(random_state, random_state + n_seeds))
        n_steps = len(seeds) * (
            len(cell_fractions(wells, n_levels, min_cells))
            + len(depth_fractions(wells, n_depths, min_depth))
        )
        with _bar(n_steps, progress) as step:
            found = run(wells, columns, chosen, asked, seeds, ladder, n_jobs, step)
        table, draws, known = tables(found.points, found.judge, list(chosen))
        whole = {n: known["cells", 1.0, n] for n in (MEASURED, *chosen)}
        top = table[(table["axis"] == "cells") & (table["fraction"] == 1)].iloc[0]
        facts = NeedsFacts(
            name=name or (Path(data).stem if isinstance(data, str | Path) else "screen"),
            n_cells=len(wells.obs), n_genes=len(wells.genes),
            n_contexts=found.rows["context"].nunique(),
            n_compounds=found.rows["compound"].nunique(),
            n_samples=len(wells.sizes), left_out=wells.left_out,
            cells=float(top["cells"]), aside=float(np.median(wells.sizes - wells.measured)),
            umis=float(top["umis"]),
            n_train=int(found.split.train.sum()), n_asked=int(found.split.test.sum()),
            split=found.split.name, claim=found.split.claim, chosen=found.chosen,
            doubts=found.split.doubts, share=share, seeds=seeds, level=INTERVAL,
        )  # fmt: skip
        report = NeedsReport(facts, curves(table, draws, whole, share), table, draws)
        report.write(folder)
    return report


def _named(
    predictors: Sequence[str] | Mapping[str, str | p.Predictor],
) -> dict[str, str | p.Predictor]:
    """Return predictors by name, refusing what is not known before any work."""
    if isinstance(predictors, str):
        predictors = [predictors]
    found: dict[str, str | p.Predictor] = (
        dict(predictors) if isinstance(predictors, Mapping) else {n: n for n in predictors}
    )
    if not found:
        raise InputError("no predictor is named: name one of show_baselines() or show_models().")
    if MEASURED in found:
        raise InputError(f"a predictor cannot be called {MEASURED!r}, which stands beside them.")
    for how in found.values():
        if isinstance(how, str):
            p.check_predictor(how)
    return found


@contextmanager
def _bar(total: int, progress: bool) -> Iterator[Any]:
    with tqdm(total=total, desc="predict needs", unit="level", disable=not progress) as bar:
        yield bar.update
