"""Every baseline: what it is called, what it needs, where it misleads."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from cellaxes._core.registry import Info, Registry
from cellaxes.perturbation._baselines import (
    _chemistry,
    _controls,
    _means,
    _neighbours,
    _recommender,
    _ridge,
    _slope,
)
from cellaxes.perturbation._baselines._groups import Array
from cellaxes.perturbation._baselines._task import Task

Kind = Literal["average", "baseline", "negative control"]
Needs = Literal["", "fingerprints", "moa"]

CHAIN = ("compound_mean", "context_mean", "gene_mean", "zero")
"""What a value rests on, first to last, where a baseline has none of its own."""
FLAT = ("gene_mean", "zero")
"""The same, of baselines that must not tell compounds apart."""


@dataclass(frozen=True)
class Baseline:
    """How a baseline is computed.

    Attributes
    ----------
    predict
        Gives ``(n_wanted, n_genes)``, NaN where it cannot tell.
    kind
        ``"average"`` are those that scaled scores begin from; a control knows nothing.
    needs
        What a task must have besides profiles, contexts and compounds.
    chain
        Names of the averages that fill what it cannot tell, in order.
    """

    predict: Callable[[Task], Array]
    kind: Kind = "baseline"
    needs: Needs = ""
    chain: tuple[str, ...] = CHAIN


BASELINES: Registry[Baseline] = Registry("baseline")


def show_baselines() -> pd.DataFrame:
    """Return one row per baseline: name, kind, needs, description, units, reference, limits."""
    table = BASELINES.show()
    table.insert(1, "kind", [BASELINES[name].kind for name in table["name"]])
    table.insert(2, "needs", [BASELINES[name].needs for name in table["name"]])
    return table


def _add(name: str, entry: Baseline, description: str, limits: str, reference: str = "") -> None:
    BASELINES.add(Info(name, description, "of the profiles", reference, limits), entry)


_add(
    "zero",
    Baseline(_means.zero, "average", chain=()),
    "no response at all",
    "tells nothing apart",
)
_add(
    "gene_mean",
    Baseline(_means.gene_mean, "average", chain=("zero",)),
    "mean of the training rows",
    "tells nothing apart",
)
_add(
    "context_mean",
    Baseline(_means.context_mean, "average", chain=FLAT),
    "mean of the context",
    "tells no compounds apart; noisy where few were measured",
)
_add(
    "context_mean_shrunk",
    Baseline(_means.context_mean_shrunk, "average", chain=FLAT),
    "mean of the context, n/(n + κ) of the way from the gene mean; κ by moments",
    "tells no compounds apart",
    "Searle, Casella & McCulloch 1992",
)
_add(
    "compound_mean",
    Baseline(_means.compound_mean, "average"),
    "mean of the compound over the contexts where it was measured",
    "a toxic compound takes its huge values to every context",
)
_add(
    "compound_mean_shrunk",
    Baseline(_means.compound_mean_shrunk, "average"),
    "mean of the compound, n/(n + κ) of the way from the gene mean; κ by moments",
    "one κ for all compounds, so strong ones are shrunken as much as weak ones",
    "Searle, Casella & McCulloch 1992",
)
_add(
    "additive",
    Baseline(_means.additive),
    "context mean + compound mean − gene mean",
    "adds the noise of both",
    "Ahlmann-Eltze, Huber & Anders 2025",
)
_add(
    "additive_ridge",
    Baseline(_ridge.additive_ridge),
    f"gene mean + context effect + compound effect, each at a ridge penalty of {_ridge.PENALTY:g}",
    "worse than zero where a few compounds have huge values",
)
_add(
    "additive_ridge_loo",
    Baseline(_ridge.additive_ridge_loo),
    "the same, penalties of contexts and of compounds chosen by leave-one-out in closed form",
    "leave-one-out speaks for gaps in a table, not for a new context",
)
_add(
    "compound_mean_x_context_slope",
    Baseline(_slope.compound_mean_x_context_slope),
    "mean of the compound in the other contexts, times how strongly the context responds",
    "the slope of a context of few compounds is theirs",
)
_add(
    "ridge_recommender",
    Baseline(_recommender.ridge_recommender),
    "ridge of a context's profiles on the principal components of its compounds elsewhere; "
    "components and penalty chosen within training",
    "needs three compounds of the context; fit it on t rather than on log10 p",
)
_add(
    "knn_response",
    Baseline(_neighbours.knn_response),
    f"mean, in the context, of the {_neighbours.K} compounds that do alike in the other contexts",
    "as good as the nearest compound that the context knows",
)
_add(
    "nearest_context",
    Baseline(_neighbours.nearest_context),
    "the compound's profile in the context that responds most alike (or is most alike untreated)",
    "copies the noise of a profile with its response",
)
_add(
    "moa_mean",
    Baseline(_neighbours.moa_mean, needs="moa"),
    "mean of the rows that share a mechanism of action: of the context, else of all",
    "no better than the annotation",
)
_add(
    "fingerprint_knn",
    Baseline(_chemistry.fingerprint_knn, needs="fingerprints"),
    f"mean, in the context, of the {_neighbours.K} compounds of most alike fingerprints (Tanimoto)",
    "structures that are alike often act differently",
)
_add(
    "fingerprint_ridge",
    Baseline(_chemistry.fingerprint_ridge, needs="fingerprints"),
    "context mean plus a Tanimoto kernel ridge of what compounds add; penalty by leave-one-out",
    "often no better than the context mean for compounds of new mechanisms",
    "Rasmussen & Williams 2006",
)
_add(
    "random_row",
    Baseline(_controls.random_row, "negative control", chain=FLAT),
    "a training row drawn at random",
    "must lose to every model",
)
_add(
    "permuted_labels", Baseline(_controls.permuted_labels, "negative control"),
    "additive_ridge where every compound carries the name of another",
    "must lose to additive_ridge, unless compounds do not matter or the split leaks",
)  # fmt: skip
