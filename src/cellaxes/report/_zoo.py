"""The scaling zoo: every curve of a results table on one interactive page."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain, write_atomic
from cellaxes._core.tables import thinned_alike
from cellaxes.report._zoo_columns import NAMING, Tidy, tidy, unit_of
from cellaxes.report._zoo_page import render
from cellaxes.report._zoo_types import ZooCurve, ZooGrid, band_depths
from cellaxes.scaling import fit_joint_law, fit_noise_law

SCHEMA = "cellaxes.zoo/1"


@dataclass(frozen=True, eq=False)
class Zoo:
    """Every curve of a results table, fitted, and its page.

    Attributes
    ----------
    title
        Heading of the page.
    unit
        Unit of the depth.
    columns
        Meaning of the columns that were found: ``{"depth": "umis_per_cell", …}``.
    values
        Labels of each column that names something, in their order.
    curves
        One per dataset, signal, model and size; none is dropped.
    grids
        One per dataset, signal and model: depths times sizes, for the joint law.
    n_rows, n_missing
        Rows of the table, and those left out for want of a depth or an information.
    """

    title: str
    unit: str
    columns: dict[str, str]
    values: dict[str, tuple[str, ...]]
    curves: tuple[ZooCurve, ...]
    grids: tuple[ZooGrid, ...]
    n_rows: int
    n_missing: int

    def to_dict(self) -> dict[str, Any]:
        """Return what the page holds, in JSON's own types."""
        return {
            "schema": SCHEMA,
            "title": self.title,
            "unit": self.unit,
            "columns": dict(self.columns),
            "n_rows": self.n_rows,
            "n_missing": self.n_missing,
            "curves": [
                plain(
                    curve.key
                    | {"n": len(curve.depth), "identified": curve.identified}
                    | {"reason": curve.reason, "fit": curve.fit.to_dict() if curve.fit else None}
                )
                for curve in self.curves
            ],
            "grids": [
                plain(
                    grid.key
                    | {"identified": grid.identified, "reason": grid.reason}
                    | {"law": asdict(grid.fit.law) if grid.fit else None}
                )
                for grid in self.grids
            ],
        }

    def to_html(self) -> str:
        """Return the page: self-contained, offline, the same bytes for the same table."""
        return render(self)

    def write(self, path: str | Path) -> Path:
        """Write the page to the file ``path`` and return its path.

        Raises
        ------
        StoreError
            If the file cannot be written.
        """
        path = Path(path)
        write_atomic(path, self.to_html())
        return path

    def __repr__(self) -> str:
        read = sum(curve.identified for curve in self.curves)
        return (
            f"Zoo({self.n_rows - self.n_missing} measurements, {len(self.curves)} curves, "
            f"{read} identified)"
        )


def zoo(
    table: pd.DataFrame,
    depth: str | None = None,
    information: str | None = None,
    *,
    dataset: str | None = None,
    signal: str | None = None,
    model: str | None = None,
    size: str | None = None,
    seed: str | None = None,
    level: str | None = None,
    unit: str | None = None,
    title: str = "Scaling zoo",
    progress: bool = False,
) -> Zoo:
    """Fit every curve of a results table and put them on one interactive page.

    Rows of equal dataset, signal, model and size are one curve; its seeds are fitted
    together. Columns that are not named are looked for under common names
    (``umis_per_cell``, ``mi_value``, ``algorithm``, ``n_train``, …); of those that are not
    found, only depth and information are needed.

    Parameters
    ----------
    table
        One row per measurement. Rows without a finite depth or information are left out,
        and counted on the page; runs of a study with training or test cells thinned alone
        (column ``thin``) are left out before.
    depth, information
        Columns with the measured depth, in ``unit``, and the information, bits.
    dataset, signal, model
        Columns that name what was measured.
    size
        Column with the number of training cells.
    seed
        Column that tells replicates apart.
    level
        Column that says which points are replicates of one depth, where depths are measured;
        without it, points of equal depth are.
    unit
        Unit of the depth, in words; default: what a column ``unit`` says, else UMIs per cell.
    title
        Heading of the page.
    progress
        Whether to show a bar on standard error. A curve takes about 0.2 s, the joint law of
        a grid 1 s.

    Returns
    -------
    `Zoo`, whose ``write(path)`` writes the page. A curve that cannot be fitted is on it, with
    the reason.

    Raises
    ------
    InputError
        If a column is missing or holds text where numbers are needed, or no row is left.

    Examples
    --------
    >>> from cellaxes.scaling import NoiseLaw
    >>> u = [10, 30, 100, 300, 1000, 3000]
    >>> zoo(pd.DataFrame({"depth": u, "bits": NoiseLaw(200, 2.0)(u)}))
    Zoo(6 measurements, 1 curves, 1 identified)
    """
    given = {"depth": depth, "information": information, "dataset": dataset, "signal": signal}
    given |= {"model": model, "size": size, "seed": seed, "level": level}
    rows = tidy(thinned_alike(table), given)
    naming = [role for role in NAMING if role in rows.columns]
    whole = [role for role in naming if role != "size"]
    curves = _groups(rows, naming)
    grids = _groups(rows, whole) if "size" in rows.columns else []
    with tqdm(total=len(curves) + len(grids), desc="fits", unit="fit", disable=not progress) as bar:
        fitted = []
        for key, points in curves:
            fitted.append(_curve(key, points))
            bar.update()
        joint = []
        for key, points in grids:
            joint.append(_grid(key, points))
            bar.update()
    return Zoo(
        title=title,
        unit=unit or unit_of(table),
        columns=rows.columns,
        values={role: labels for role, labels in rows.values.items() if role != "level"},
        curves=tuple(fitted),
        grids=tuple(joint),
        n_rows=rows.n_rows,
        n_missing=rows.n_missing,
    )


def _groups(rows: Tidy, roles: list[str]) -> list[tuple[dict[str, str], pd.DataFrame]]:
    """Return the points of each combination of labels, in the order of the labels."""
    if not roles:
        return [({}, rows.points)]
    groups = [
        (dict(zip(roles, map(str, key), strict=True)), points)
        for key, points in rows.points.groupby(roles, sort=False)
    ]
    return sorted(groups, key=lambda g: [rows.values[role].index(g[0][role]) for role in roles])


def _curve(key: dict[str, str], points: pd.DataFrame) -> ZooCurve:
    """Fit one curve; what cannot be fitted keeps its points and says why."""
    fit, low, high, reason = None, np.empty(0), np.empty(0), ""
    try:
        fit = fit_noise_law(
            points["depth"],
            points["information"],
            level=points.get("level"),
        )
        low, high = fit.band(band_depths(points["depth"].to_numpy()))
        reason = fit.reason
    except InputError as error:
        reason = str(error)
    return ZooCurve(
        key=key,
        depth=tuple(points["depth"].tolist()),
        information=tuple(points["information"].tolist()),
        seed=tuple(points["seed"].tolist()) if "seed" in points else (),
        fit=fit,
        band=(tuple(low.tolist()), tuple(high.tolist())),
        reason=reason,
    )


def _grid(key: dict[str, str], points: pd.DataFrame) -> ZooGrid:
    """Fit the joint law to all sizes of a dataset, signal and model, where it can be."""
    points = points[points["cells"].notna()]
    fit, reason = None, ""
    try:
        fit = fit_joint_law(points["depth"], points["cells"], points["information"])
        reason = fit.reason
    except InputError as error:
        reason = str(error)
    return ZooGrid(
        key=key,
        depths=(float(points["depth"].min()), float(points["depth"].max())),
        cells=(float(points["cells"].min()), float(points["cells"].max())),
        fit=fit,
        reason=reason,
    )
