"""What is found of predictors on the noise axis: the screen, and one curve of each predictor."""

from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from cellaxes._core.files import plain
from cellaxes.perturbation.metrics import ResponseInformation
from cellaxes.scaling import DepthAnswer, NoiseFit

MEASURED = "measurement"
"""Name of what the cells of the asked rows say themselves, beside the predictors."""

NoiseAxis = Literal["cells", "depth"]


def rows_along(table: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Return the rows of an axis: those of all cells at full depth are the full end of both.

    Parameters
    ----------
    table
        ``(n_rows, n_columns)``: levels or draws of `NeedsReport`, with ``axis`` and ``fraction``.
    axis
        ``"cells"`` or ``"depth"``.

    Returns
    -------
    ``(n_rows_of_axis, n_columns)``.
    """
    whole = (table["axis"] == "cells") & (table["fraction"] == 1)
    return table[whole | (table["axis"] == axis)]


@dataclass(frozen=True)
class NeedsFacts:
    """The screen and the protocol.

    Attributes
    ----------
    name
        Of the data.
    n_cells, n_genes, n_contexts, n_compounds, n_samples
        Of the screen; without the control and the samples left out.
    left_out
        Samples with too few cells.
    cells, aside
        Median cells of a sample that are measured, and that are kept aside as the reference.
    umis
        Median UMIs per cell.
    n_train, n_asked
        Rows that train and that are predicted.
    split, claim, chosen
        What is held out, what it speaks for, how it was chosen.
    doubts
        Of the split.
    share
        Of the information that is to be kept.
    seeds
        Draws of cells and molecules.
    level
        Of the intervals of information.
    """

    name: str
    n_cells: int
    n_genes: int
    n_contexts: int
    n_compounds: int
    n_samples: int
    left_out: int
    cells: float
    aside: float
    umis: float
    n_train: int
    n_asked: int
    split: str
    claim: str
    chosen: str
    doubts: tuple[str, ...]
    share: float
    seeds: tuple[int, ...]
    level: float


@dataclass(frozen=True)
class NeedCurve:
    """Information of one predictor along one axis.

    Attributes
    ----------
    axis
        ``"cells"`` per sample or ``"depth"``, UMIs per cell.
    predictor
        Name, or ``"measurement"``.
    full
        Information with all measured cells at full depth, bits per gene.
    fit
        Noise law along the axis; None where there is nothing to fit.
    need
        Where the share of that information is reached.
    endless
        Where the share of the law's capacity is: what more cells than there are would add.
    halving
        Share of the information that is lost where the axis is halved from its full end.
    worth
        Of a predictor along cells: with how many the asked rows would have to be measured so that
        they say as much as the prediction; None of others.
    """

    axis: NoiseAxis
    predictor: str
    full: ResponseInformation
    fit: NoiseFit | None
    need: DepthAnswer
    endless: DepthAnswer
    halving: float
    worth: DepthAnswer | None

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        found: dict[str, Any] = plain(
            {
                "axis": self.axis,
                "predictor": self.predictor,
                "full": self.full.to_dict(),
                "fit": None if self.fit is None else self.fit.to_dict(),
                "need": self.need.to_dict(),
                "endless": self.endless.to_dict(),
                "halving": self.halving,
                "worth": None if self.worth is None else self.worth.to_dict(),
            }
        )
        return found
