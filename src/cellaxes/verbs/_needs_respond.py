"""One level of a screen: its responses, and what predictors learn from them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import anndata
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes import perturbation as p
from cellaxes.verbs._needs_wells import COMPOUND, CONTEXT

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Said:
    """What is said of the rows that are asked for, log2 fold changes ``(n_rows, n_genes)``.

    Attributes
    ----------
    measured
        Of the cells of this level themselves; NaN where neither arm has a count.
    predicted
        By each predictor, from the other rows at this level.
    unit
        Standard error of each gene's log2 fold change, ``(n_genes,)``: the median of the rows.
    """

    measured: Array
    predicted: dict[str, Array]
    unit: Array


def responses(
    sums: anndata.AnnData, control: str, covariates: tuple[str, ...]
) -> p.PerturbationTable:
    """Return the table of responses of pseudobulks."""
    found = p.differential_expression(
        sums, compound=COMPOUND, control=control, context=CONTEXT, covariates=covariates
    )
    return p.from_differential_expression(found)


def say(
    sums: anndata.AnnData,
    control: str,
    covariates: tuple[str, ...],
    predictors: Mapping[str, str | p.Predictor],
    train: pd.DataFrame,
    asked: pd.DataFrame,
    random_state: int,
) -> Said:
    """Return what is measured and predicted of the asked rows, from the training rows alone."""
    table = responses(sums, control, covariates)
    at = _places(table.rows, train)
    own = table.take(at[at >= 0])
    unit = units(own)
    data = p.training_data(own, layer="logFC", random_state=random_state)
    data = replace(data, Y=(data.Y / unit).astype(np.float32))
    predicted = {name: p.predict_by(how, data, asked) * unit for name, how in predictors.items()}
    return Said(seen(table, asked), predicted, unit)


def seen(table: p.PerturbationTable, asked: pd.DataFrame) -> Array:
    """Return the log2 fold changes of the asked rows; NaN where there is no count to tell."""
    at = _places(table.rows, asked)
    values = np.where(table.mask, table.layer("logFC"), np.nan)
    found: Array = np.where(at[:, None] >= 0, values[at], np.nan)
    return found


def units(table: p.PerturbationTable) -> Array:
    """Return the median standard error of each gene's log2 fold change, ``(n_genes,)``."""
    with np.errstate(invalid="ignore", divide="ignore"):
        errors = np.where(table.mask, np.abs(table.layer("logFC") / table.layer("t")), np.nan)
    errors = np.where(np.isfinite(errors) & (errors > 0), errors, np.nan)
    silent = np.isnan(errors).all(axis=0)
    found: Array = np.full(table.n_genes, np.nan)
    found[~silent] = np.nanmedian(errors[:, ~silent], axis=0)
    found[silent] = np.nanmedian(found) if not silent.all() else 1.0
    return found


def _places(rows: pd.DataFrame, wanted: pd.DataFrame) -> NDArray[np.intp]:
    """Return where the wanted context and compound stand, -1 where they do not."""
    pair = [CONTEXT, COMPOUND]
    index = pd.MultiIndex.from_frame(rows[pair].astype(str))
    return np.asarray(index.get_indexer(pd.MultiIndex.from_frame(wanted[pair].astype(str))))
