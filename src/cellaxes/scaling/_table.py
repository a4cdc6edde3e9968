"""Fits of every curve in a tidy table."""

from collections.abc import Sequence

import pandas as pd

from cellaxes._core.errors import InputError, near
from cellaxes.scaling._fit import fit_noise_law

COLUMNS = (
    "u_bar",
    "u_bar_low",
    "u_bar_high",
    "I_max",
    "I_max_low",
    "I_max_high",
    "r_squared",
    "r_squared_points",
    "residual_sd",
    "n",
    "n_levels",
    "n_missing",
    "identified",
    "reason",
)


def fit_table(
    table: pd.DataFrame,
    depth: str,
    information: str,
    *,
    by: Sequence[str] = (),
    level: str | None = None,
) -> pd.DataFrame:
    """Fit the noise law to each curve of a tidy table.

    Parameters
    ----------
    table
        One row per measurement.
    depth, information
        Names of the columns with the depth and the information (bits).
    by
        Columns whose values together name a curve; none for a single curve.
    level
        Column that says which points are replicates of one depth, e.g. ``fraction`` in the
        ``runs.csv`` of a study, where depths are measured; ``None``: points of equal depth.

    Returns
    -------
    One row per curve, in order of the ``by`` values: those, then ``u_bar``, ``I_max`` with
    ``_low`` and ``_high``, ``r_squared`` (level means), ``r_squared_points``,
    ``residual_sd``, ``n``, ``n_levels``, ``n_missing`` (points without a number, left out),
    ``identified``, ``reason``. A curve that cannot be
    fitted at all has empty numbers and its reason; none is dropped.

    Raises
    ------
    InputError
        If a column is missing or holds no numbers.
    """
    clash = sorted(set(by) & set(COLUMNS))
    if clash:
        raise InputError(
            f"the column {clash[0]!r} names curves and is a result as well: rename it in the table."
        )
    for name in (depth, information, *by, *([level] if level else [])):
        if name not in table:
            raise InputError(f"the table has no column {name!r}: {near(name, table.columns)}")
    for name in (depth, information):
        if not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(f"the column {name!r} holds text: it must hold numbers.")
    if len(table) == 0:
        raise InputError("the table has no rows.")
    keys = list(by)
    groups = table.groupby(keys, sort=True, observed=True, dropna=False) if keys else [((), table)]
    rows = []
    for values, curve in groups:
        named = dict(zip(keys, values if isinstance(values, tuple) else (values,), strict=True))
        known = curve[curve[[depth, information]].notna().all(axis=1)]
        missing = len(curve) - len(known)
        try:
            found = fit_noise_law(
                known[depth], known[information], level=known[level] if level else None
            )
            fit = found.to_frame().iloc[0].to_dict()
        except InputError as error:
            fit = {"n": len(known), "identified": False, "reason": str(error)}
        fit["n_missing"] = missing
        rows.append(named | {column: fit.get(column) for column in COLUMNS})
    return pd.DataFrame(rows, columns=[*keys, *COLUMNS])
