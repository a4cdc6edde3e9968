"""From the points of a study to one curve and its laws."""

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from cellaxes._core.axis import Axis
from cellaxes._core.coordinates import coordinate
from cellaxes.noise import Noise
from cellaxes.report import CoordinateFit, Curve
from cellaxes.scaling import NoiseFit, fit_noise_law
from cellaxes.study import GIVEN


def curve_of(names: dict[str, Any], points: Any, kind: Noise) -> Curve:
    """Return a curve, named by signal, model and cells, with its laws, from its points."""
    deepest = points[points["fraction"] == points["fraction"].max()]
    error = (points["high"] - points["low"]) / 3.92
    # The mean over replicates: their test cells overlap, so its error is not divided by their
    # number; the spread between them counts as well.
    half = 1.96 * float(np.hypot(error[deepest.index].mean(), _standard_error(deepest)))
    seen = points["depth"] > 0
    fit = _fit(points, points["depth"], error, kind.axis)
    reasons = points.loc[~points["reliable"].astype(bool), "reason"]
    doubts = [reason.partition("; ")[2] for reason in reasons]
    if not seen.all():
        doubts.append(f"{int((~seen).sum())} points have a median of 0 UMIs and are not fitted")
    return Curve(
        **names,
        depth=float(deepest["depth"].mean()),
        information=float(deepest["information"].mean()),
        low=float(deepest["information"].mean()) - half,
        high=float(deepest["information"].mean()) + half,
        null_high=float(points["null_high"].max()),
        estimator=str(points["estimator"].iloc[0]),
        given=names["model"].partition(":")[0] == GIVEN,
        doubts=tuple(dict.fromkeys(doubts))[:3],
        fit=fit,
        axis=kind.axis,
        others=_others(points, error, kind),
    )


def _fit(points: Any, u: Any, error: Any, axis: Axis) -> NoiseFit | None:
    """Fit the law on one coordinate; ``None`` with fewer than three levels that have one."""
    seen = np.isfinite(u) & (u > 0)
    if points.loc[seen, "fraction"].nunique() <= 2:
        return None
    fit = fit_noise_law(
        u[seen],
        points.loc[seen, "information"],
        error=error[seen],
        level=points.loc[seen, "fraction"],
    )
    return replace(fit, reason=axis.worded(fit.reason))


def _others(points: Any, error: Any, kind: Noise) -> tuple[CoordinateFit, ...]:
    """Fit the law on the other coordinates of a kind of noise, the measured ratio last."""
    if kind.snr is None:
        return ()
    units = kind.units()
    along = {name: points["strength"].map(partial(coordinate, name)) for name in units}
    along = {name: along[name] for name in kind.coordinates[1:]} | {"snr": points["snr"]}
    fits = {name: _fit(points, u, error, kind.axis) for name, u in along.items()}
    return tuple(
        CoordinateFit(name, units.get(name, "signal / noise"), fit)
        for name, fit in fits.items()
        if fit is not None
    )


def _standard_error(points: Any) -> float:
    if len(points) < 2:
        return 0.0
    return float(points["information"].std() / np.sqrt(len(points)))
