"""Fits of every curve in a tidy table."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.scaling._cells import fit_cell_law
from cellaxes.scaling._extrapolate import predict
from cellaxes.scaling._fit import fit_noise_law
from cellaxes.scaling._forms import fit_forms
from cellaxes.scaling._joint import fit_joint_law

Points = dict[str, Any]


@dataclass(frozen=True)
class _Fitting:
    """How a law is fitted to the points of one curve.

    Attributes
    ----------
    axes
        Columns it needs besides the information: ``depth``, ``n_cells``.
    columns
        What its fit says.
    fit
        From the points to these.
    """

    axes: tuple[str, ...]
    columns: tuple[str, ...]
    fit: Callable[[Points], pd.DataFrame]


def _forms(points: Points) -> pd.DataFrame:
    found = fit_forms(points["depth"], points["information"], level=points["level"])
    names = ("I_max", "I_max_low", "I_max_high", "n_levels")
    row = {"form": found.best.form, "weight": found.best.weight}
    row |= {name: getattr(found, name) for name in names}
    row |= {name: getattr(found.best.law, name) for name in ("u_bar", "gamma", "k")}
    reasons = []
    if not np.isfinite(found.I_max_high):
        reasons.append("the forms together set no upper limit to the capacity")
    if found.I_max_low <= 0:
        reasons.append("the capacity is not told from zero")
    row |= {"identified": not reasons, "reason": "; ".join(reasons)}
    return pd.DataFrame([row])


_END = ("n_missing", "identified", "reason")
LAWS = {
    "noise": _Fitting(
        ("depth",),
        (
            *("u_bar", "u_bar_low", "u_bar_high", "I_max", "I_max_low", "I_max_high"),
            *("r_squared", "r_squared_points", "residual_sd", "n", "n_levels", *_END),
        ),
        lambda points: fit_noise_law(
            points["depth"], points["information"], level=points["level"]
        ).to_frame(),
    ),
    "forms": _Fitting(
        ("depth",),
        (
            *("form", "weight", "u_bar", "gamma", "k", "I_max", "I_max_low", "I_max_high"),
            *("n_levels", *_END),
        ),
        _forms,
    ),
    "cells": _Fitting(
        ("n_cells",),
        (
            *("n_0", "s", "s_low", "s_high", "I_inf", "I_inf_low", "I_inf_high"),
            *("r_squared", "residual_sd", "n", "n_sizes", *_END),
        ),
        lambda points: fit_cell_law(points["n_cells"], points["information"]).to_frame(),
    ),
    "joint": _Fitting(
        ("depth", "n_cells"),
        (
            *("u_bar", "n_bar", "I_max", "gamma", "s", "k"),
            *("r_squared", "residual_sd", "n", *_END),
        ),
        lambda points: fit_joint_law(
            points["depth"], points["n_cells"], points["information"], level=points["level"]
        ).to_frame(),
    ),
}


def fit_table(
    table: pd.DataFrame,
    depth: str | None,
    information: str,
    *,
    by: Sequence[str] = (),
    level: str | None = None,
    law: str = "noise",
    n_cells: str | None = None,
) -> pd.DataFrame:
    """Fit a law to each curve of a tidy table.

    Parameters
    ----------
    table
        One row per measurement.
    depth, information
        Names of the columns with the depth and the information (bits); the depth is not
        needed where the law is ``"cells"``.
    by
        Columns whose values together name a curve; none for a single curve.
    level
        Column that says which points are replicates of one depth, e.g. ``fraction`` in the
        ``runs.csv`` of a study, where depths are measured; ``None``: points of equal depth.
    law
        ``"noise"`` (`fit_noise_law`), ``"forms"`` (`fit_forms`), ``"cells"`` (`fit_cell_law`)
        or ``"joint"`` (`fit_joint_law`).
    n_cells
        Name of the column with the training cells, for ``"cells"`` and ``"joint"``.

    Returns
    -------
    One row per curve, in order of the ``by`` values: those, then what the fit of the law
    says (for ``"noise"``: ``u_bar``, ``I_max`` with ``_low`` and ``_high``, ``r_squared`` of
    level means, ``r_squared_points``, ``residual_sd``, ``n``, ``n_levels``), ``n_missing``
    (points without a number, left out), ``identified``, ``reason``. A curve that cannot be
    fitted at all has empty numbers and its reason; none is dropped.

    Raises
    ------
    InputError
        If there is no such law, or a column is missing or holds no numbers.
    """
    if law not in LAWS:
        raise InputError(f"there is no law {law!r}: {near(law, LAWS)}")
    fitting = LAWS[law]
    named = {"depth": depth, "n_cells": n_cells}
    for axis in fitting.axes:
        if named[axis] is None:
            raise InputError(f"the law {law!r} needs the name of the column with {axis}.")
    axes = {axis: str(named[axis]) for axis in fitting.axes} | {"information": information}
    clash = sorted(set(by) & set(fitting.columns))
    if clash:
        raise InputError(
            f"the column {clash[0]!r} names curves and is a result as well: rename it in the table."
        )
    rows = []
    for of, known, missing in curves_of(table, list(axes.values()), by=by, level=level):
        points: Points = {axis: known[name] for axis, name in axes.items()}
        try:
            found = fitting.fit(points | {"level": known[level] if level else None})
            fit = found.iloc[0].to_dict()
        except InputError as error:
            fit = {"n": len(known), "identified": False, "reason": str(error)}
        fit["n_missing"] = missing
        rows.append(of | {column: fit.get(column) for column in fitting.columns})
    return pd.DataFrame(rows, columns=[*by, *fitting.columns])


def predict_table(
    table: pd.DataFrame,
    axis: str,
    information: str,
    *,
    at: Sequence[float],
    by: Sequence[str] = (),
    level: str | None = None,
    along: str = "depth",
) -> pd.DataFrame:
    """Predict each curve of a tidy table at depths or numbers of cells (`predict`).

    Parameters
    ----------
    table
        One row per measurement.
    information
        Name of the column with the information (bits).
    by, level
        As in `fit_table`.
    axis
        Column with the depth, or with the training cells.
    at, along
        As in `predict`.

    Returns
    -------
    One row per curve and entry of ``at``: the ``by`` values, ``at, mean, low, high`` (bits),
    and ``reason`` where a curve cannot be predicted.

    Raises
    ------
    InputError
        If a column is missing or holds no numbers.
    """
    parts = []
    for of, known, _ in curves_of(table, [axis, information], by=by, level=level):
        try:
            found = predict(
                known[axis],
                known[information],
                at=list(at),
                level=known[level] if level else None,
                along=along,
            )
            part = found.to_frame()[["at", "mean", "low", "high"]].assign(reason="")
        except InputError as error:
            part = pd.DataFrame({"at": list(at), "reason": str(error)})
        parts.append(part.assign(**of))
    columns = [*by, "at", "mean", "low", "high", "reason"]
    return pd.concat(parts, ignore_index=True).reindex(columns=columns)


def curves_of(
    table: pd.DataFrame,
    numbers: Sequence[str],
    *,
    by: Sequence[str] = (),
    level: str | None = None,
) -> Iterator[tuple[dict[str, Any], pd.DataFrame, int]]:
    """Yield what names each curve, its complete rows, and how many were left out.

    Parameters
    ----------
    table
        One row per measurement.
    numbers
        Columns that must hold numbers; rows without one of them are left out.
    by, level
        As in `fit_table`.

    Yields
    ------
    The ``by`` values by column, the rows ``(n_rows, n_columns)`` with all ``numbers``, and how many
    of its rows lack one.

    Raises
    ------
    InputError
        If a column is missing, one of ``numbers`` holds text, or there are no rows.
    """
    for name in (*numbers, *by, *([level] if level else [])):
        if name not in table:
            raise InputError(f"the table has no column {name!r}: {near(name, table.columns)}")
    if len(table) == 0:
        raise InputError("the table has no rows.")
    for name in numbers:
        kind = table[name].dtype
        if not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):
            raise InputError(f"the column {name!r} holds text: it must hold numbers.")
        if name in by:
            raise InputError(f"the column {name!r} is measured: it cannot name curves as well.")
    keys = list(by)
    groups = table.groupby(keys, sort=True, observed=True, dropna=False) if keys else [((), table)]
    for values, curve in groups:
        of = dict(zip(keys, values if isinstance(values, tuple) else (values,), strict=True))
        complete = np.isfinite(curve[list(numbers)].to_numpy(dtype=np.float64)).all(axis=1)
        known = curve[complete & (curve[level].notna() if level else True)]
        yield of, known, len(curve) - len(known)
