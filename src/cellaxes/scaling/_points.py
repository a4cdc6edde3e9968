"""What fits of every law share: checked points, and how a fit is written down."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._search import MAX_BITS


def checked(information: ArrayLike, **axes: ArrayLike) -> list[NDArray[np.float64]]:
    """Return information and the axes it was measured along, as finite arrays ``(n,)``.

    Raises
    ------
    InputError
        If lengths differ, a value is NaN, an axis not positive, or information no bits.
    """
    named = {"information": information} | axes
    arrays = {name: np.asarray(v, dtype=np.float64).ravel() for name, v in named.items()}
    lengths = [len(values) for values in arrays.values()]
    if len(set(lengths)) > 1:
        raise InputError(f"{', '.join(arrays)} must have equal lengths, not {lengths}.")
    for name, values in arrays.items():
        if not np.isfinite(values).all():
            raise InputError(f"{name} holds NaN or infinity: remove these points.")
    for name in axes:
        if len(arrays[name]) and arrays[name].min() <= 0:
            lowest = arrays[name].min()
            raise InputError(f"{name} must be positive, but the lowest is {lowest:g}: remove it.")
    highest = np.abs(arrays["information"]).max(initial=0)
    if highest > MAX_BITS:
        raise InputError(
            f"information reaches {highest:g}, more than {MAX_BITS}: it must be in bits."
        )
    return list(arrays.values())


@dataclass(frozen=True, eq=False)
class Levels:
    """Replicates joined to levels, in order of depth.

    Attributes
    ----------
    u, y
        Mean depth and mean information (bits) of each level, ``(n_levels,)``.
    count
        Replicates of each.
    spread
        Sum of their squared deviations from the mean, bits².
    """

    u: NDArray[np.float64]
    y: NDArray[np.float64]
    count: NDArray[np.intp]
    spread: NDArray[np.float64]

    def error(self, deepest: int) -> float:
        """Root mean square standard error of the deepest levels' means; 0 without replicates."""
        count, spread = self.count[-deepest:], self.spread[-deepest:]
        repeated = count > 1
        if not repeated.any():
            return 0.0
        variance = spread[repeated] / (count[repeated] - 1) / count[repeated]
        return float(np.sqrt(variance.mean()))


def group_of(level: ArrayLike | None, u: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the number of each point's level: equal labels, or equal depths, are replicates."""
    labels = u if level is None else np.asarray(level).ravel()
    if len(labels) != len(u):
        raise InputError(f"level must have one entry per point: {len(u)}, not {len(labels)}.")
    if pd.isna(labels).any():
        raise InputError("level has missing entries: leave these points out, or name their level.")
    group: NDArray[np.intp] = pd.factorize(labels)[0].astype(np.intp)
    return group


def join_levels(u: NDArray[np.float64], y: NDArray[np.float64], level: ArrayLike | None) -> Levels:
    """Join the replicates of each level."""
    group = group_of(level, u)
    count = np.bincount(group)
    mean_u, mean_y = np.bincount(group, u) / count, np.bincount(group, y) / count
    spread = np.asarray(np.bincount(group, (y - mean_y[group]) ** 2), dtype=np.float64)
    order = np.argsort(mean_u)
    return Levels(mean_u[order], mean_y[order], count[order].astype(np.intp), spread[order])


def grid_means(
    u: NDArray[np.float64],
    n: NDArray[np.float64],
    y: NDArray[np.float64],
    level: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], ...]:
    """Return mean depth, cells and mean information of each place of a grid."""
    table = pd.DataFrame({"u": u, "n": n, "y": y, "level": group_of(level, u)})
    means = table.groupby(["level", "n"], as_index=False)[["u", "y"]].mean()
    means = means.sort_values(["u", "n"])
    return tuple(means[name].to_numpy() for name in ("u", "n", "y"))


def r_squared(
    y: NDArray[np.float64], fitted: NDArray[np.float64], *axes: NDArray[np.float64]
) -> float:
    """Return R² on the means of the points that share their place on all axes."""
    keys = list(range(len(axes)))
    table = pd.DataFrame(dict(zip(keys, axes, strict=True)) | {"y": y, "fitted": fitted})
    means = table.groupby(keys)[["y", "fitted"]].mean()
    spread = float(((means["y"] - means["y"].mean()) ** 2).sum())
    left = float(((means["y"] - means["fitted"]) ** 2).sum())
    return 1 - left / spread if spread > 0 else float("nan")


class Written:
    """A fit that is a dataclass with its law in the field ``law``."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))  # type: ignore[call-overload]
        return fields

    def to_frame(self) -> pd.DataFrame:
        """Return a table of one row."""
        fields = asdict(self)  # type: ignore[call-overload]
        return pd.DataFrame([fields.pop("law") | fields])
