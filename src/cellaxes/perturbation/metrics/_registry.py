"""What each metric is called, what it is best at, and where it misleads."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes._core.registry import Info, Registry
from cellaxes.perturbation.metrics._association import cosine_of, pearson_of, spearman_of
from cellaxes.perturbation.metrics._de import THRESHOLD, TOP, auprc_of, direction_of, overlap_of
from cellaxes.perturbation.metrics._discrimination import Distance, counts_of, pooled, scores_of
from cellaxes.perturbation.metrics._errors import mae_of, rmse_of
from cellaxes.perturbation.metrics._magnitude import norm_ratio_of, slope_of
from cellaxes.perturbation.metrics._pairs import Array, Axis, Pairs

OP = "Open Problems perturbation prediction, 2023"


@dataclass(frozen=True)
class Task:
    """What is scored: the pairs, centred if a training mean is known, contexts if they are."""

    held: Pairs
    centred: Pairs | None
    codes: NDArray[np.intp] | None
    k: int = TOP
    threshold: float = THRESHOLD


@dataclass(frozen=True)
class Metric:
    """How a metric is computed.

    Attributes
    ----------
    best
        Value of a perfect prediction.
    rows
        Gives a score per row, ``(n_rows,)``; ``None`` where rows have none of their own.
    value
        Gives the number; ``None`` where it is the mean over rows.
    needs
        What a task must have besides the pairs.
    """

    best: float
    rows: Callable[[Task], Array] | None
    value: Callable[[Task], float] | None = None
    needs: Literal["", "train_mean", "context"] = ""


Shape = Callable[[Pairs, Axis], Array]
Pick = Callable[[Task], Pairs]

METRICS: Registry[Metric] = Registry("metric")


def show() -> pd.DataFrame:
    """Return one row per metric: name, best value, description, units, reference, limits."""
    table = METRICS.show()
    table.insert(1, "best", [float(METRICS[name].best) for name in table["name"]])
    return table


def _add(
    name: str,
    metric: Metric,
    description: str,
    limits: str,
    *,
    units: str = "",
    reference: str = "",
) -> None:
    METRICS.add(Info(name, description, units, reference, limits), metric)


def _held(task: Task) -> Pairs:
    return task.held


def _centred(task: Task) -> Pairs:
    assert task.centred is not None  # noqa: S101 - `needs` was checked
    return task.centred


def _codes(task: Task) -> NDArray[np.intp]:
    assert task.codes is not None  # noqa: S101 - `needs` was checked
    return task.codes


def _over_rows(score: Shape, pick: Pick) -> Callable[[Task], Array]:
    return lambda task: score(pick(task), "row")


def _over_genes(score: Shape, pick: Pick) -> Callable[[Task], float]:
    return lambda task: float(np.nanmean(score(pick(task), "gene")))


def _told_apart(task: Task, distance: Distance) -> Array:
    return scores_of(*counts_of(task.held, _codes(task), distance))


def _pds(task: Task, distance: Distance) -> float:
    return pooled(*counts_of(task.held, _codes(task), distance), _codes(task))


_add(
    "mrrmse",
    Metric(0, lambda t: rmse_of(t.held)),
    "mean over rows of the root mean square error",
    "rows of huge values dominate; prefers shrunken predictions",
    units="of the profiles",
    reference=OP,
)
_add(
    "mrmae",
    Metric(0, lambda t: mae_of(t.held)),
    "mean over rows of the mean absolute error",
    "mostly the noise of genes that do not respond",
    units="of the profiles",
    reference=OP,
)
SHAPES: dict[str, tuple[Shape, str]] = {
    "pearson": (pearson_of, "correlation over genes"),
    "spearman": (spearman_of, "rank correlation over genes"),
    "cosine": (cosine_of, "cosine over genes"),
}
for _name, (_score, _what) in SHAPES.items():
    _add(
        _name,
        Metric(1, _over_rows(_score, _held)),
        f"{_what}, mean over rows; 0 where a row is constant",
        "the response that all compounds share already scores high",
        reference=OP,
    )
    _add(
        f"{_name}_centred",
        Metric(1, _over_rows(_score, _centred), needs="train_mean"),
        f"{_what} of what differs from the training mean, mean over rows",
        "a row near the mean is noise",
        reference="Systema, 2025",
    )
    _add(
        f"gene_{_name}",
        Metric(1, None, _over_genes(_score, _held)),
        f"{_what.replace('genes', 'rows')}, mean over genes: which compound moves a gene",
        "few rows give noisy genes; a difference between contexts alone scores high",
    )
_add(
    "gene_cosine_centred",
    Metric(1, None, _over_genes(cosine_of, _centred), needs="train_mean"),
    "cosine over rows of what differs from the training mean, mean over genes",
    "few rows give noisy genes; the other gene metrics do not change by centring",
)
for _distance in ("l1", "l2", "cosine"):
    _add(
        f"pds_{_distance}",
        Metric(
            1,
            partial(_told_apart, distance=_distance),
            partial(_pds, distance=_distance),
            needs="context",
        ),
        f"discrimination of compounds within a context, {_distance} distance; chance is 0.5",
        "weights are not used; near 1 wherever compounds differ much",
        reference="PerturBench, 2024; Virtual Cell Challenge, 2025",
    )
_add(
    "de_overlap",
    Metric(1, lambda t: overlap_of(t.held, t.k)),
    "share of the k largest predicted responses that are among the k largest",
    "chance is k / n_genes; blind to sign",
)
_add(
    "de_direction",
    Metric(1, lambda t: direction_of(t.held, t.threshold)),
    "share of moved genes whose direction is right; chance is 0.5",
    "rows of one sign are easy; rows without a moved gene are left out",
)
_add(
    "de_auprc",
    Metric(1, lambda t: auprc_of(t.held, t.threshold)),
    "average precision with which moved genes are found",
    "chance is the prevalence of each row; blind to sign",
)
_add(
    "slope",
    Metric(1, None, lambda t: slope_of(t.held)),
    "slope through zero of truth on prediction; above 1 predictions are too small",
    "rows of huge values dominate; none of a prediction of zero",
)
_add(
    "norm_ratio",
    Metric(1, None, lambda t: norm_ratio_of(t.held)),
    "size of the predictions over that of the truth",
    "rows of huge values dominate; below 1 for the best possible guess from noisy data",
)
