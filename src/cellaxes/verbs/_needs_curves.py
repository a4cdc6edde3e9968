"""From what was said at every level to curves of information, their laws and what they need."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from cellaxes.perturbation import metrics
from cellaxes.report import MEASURED, NeedCurve, rows_along
from cellaxes.scaling import DepthAnswer, NoiseFit, depth_for, fit_noise_law
from cellaxes.verbs._needs_judge import Judge
from cellaxes.verbs._needs_respond import Said
from cellaxes.verbs._needs_wells import Level

Point = tuple[Level, Said]

FEWEST = 3
"""Levels from which a law is fitted."""
FACTOR = 5.0
"""By which a number of cells may be off and still be named."""
NAN = float("nan")


def tables(
    points: Sequence[Point], judge: Judge, predictors: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame, dict[tuple[str, float, str], metrics.ResponseInformation]]:
    """Return one row per level and predictor, one per draw of it, and the information by level."""
    rows, draws, found = [], [], {}
    places = dict.fromkeys((level.axis, level.fraction) for level, _ in points)
    for axis, fraction in places:
        here = sorted(
            (point for point in points if (point[0].axis, point[0].fraction) == (axis, fraction)),
            key=lambda point: point[0].seed,
        )
        at = {
            "axis": axis,
            "fraction": fraction,
            "cells": float(np.mean([level.cells for level, _ in here])),
            "umis": float(np.mean([level.umis for level, _ in here])),
        }
        for name in (MEASURED, *predictors):
            said = [of.measured if name == MEASURED else of.predicted[name] for _, of in here]
            information, errors = judge.score(np.stack(said))
            found[axis, fraction, name] = information
            told = {
                "bits": information.bits,
                "low": information.low,
                "high": information.high,
                "standard_error": information.standard_error,
                "correlation": information.correlation,
            }
            rows.append(at | {"predictor": name} | told | errors)
            for i, (level, _) in enumerate(here):
                place = {"cells": level.cells, "umis": level.umis, "seed": level.seed}
                value = judge.bits(i, said[i])
                draws.append(at | place | {"predictor": name, "bits": value})
    return pd.DataFrame(rows), pd.DataFrame(draws), found


def curves(
    levels: pd.DataFrame,
    draws: pd.DataFrame,
    full: Mapping[str, metrics.ResponseInformation],
    share: float,
) -> tuple[NeedCurve, ...]:
    """Return the curve of each predictor along cells and along depth."""
    made = []
    for axis, column in (("cells", "cells"), ("depth", "umis")):
        whole = levels[(levels["axis"] == "cells") & (levels["fraction"] == 1)]
        seen = rows_along(draws, axis)
        errors = rows_along(levels, axis).set_index(["fraction", "predictor"])["standard_error"]
        top = float(whole[column].iloc[0])
        fits = {
            name: _fit(part, column, errors) if full[str(name)].low > 0 else None
            for name, part in seen.groupby("predictor", sort=False)
        }
        for name, fit in fits.items():
            need, endless, halving = _needs(full[str(name)], fit, top, share)
            worth = None
            if axis == "cells" and name != MEASURED:
                worth = _worth(full[str(name)], full[MEASURED], fits[MEASURED], top)
            made.append(
                NeedCurve(axis, str(name), full[str(name)], fit, need, endless, halving, worth)  # type: ignore[arg-type]
            )
    return tuple(made)


def _fit(part: pd.DataFrame, column: str, errors: pd.Series) -> NoiseFit | None:
    if part["fraction"].nunique() < FEWEST:
        return None
    keys = pd.MultiIndex.from_frame(part[["fraction", "predictor"]])
    return fit_noise_law(
        part[column], part["bits"], error=errors.reindex(keys), level=part["fraction"]
    )


def _unknown(reason: str) -> DepthAnswer:
    return DepthAnswer(NAN, NAN, NAN, False, reason)


def _needs(
    full: metrics.ResponseInformation, fit: NoiseFit | None, top: float, share: float
) -> tuple[DepthAnswer, DepthAnswer, float]:
    """Return what shares of the full information and of the capacity need, and a half's cost."""
    if not full.low > 0:
        none = _unknown(
            f"nothing to lose: with all cells at full depth it tells {full.bits:.3f} bits per gene "
            f"({full.low:.3f} to {full.high:.3f})"
        )
        return none, none, NAN
    if fit is None:
        none = _unknown(f"fewer than {FEWEST} levels were measured")
        return none, none, NAN
    whole, half = fit.law(top), fit.law(top / 2)
    return (
        _told(depth_for(fit, share_of_bits=share, full=min(top, max(fit.depth))), fit),
        depth_for(fit, share_of_bits=share),
        1 - half / whole if whole > 0 else NAN,
    )


def _told(answer: DepthAnswer, fit: NoiseFit) -> DepthAnswer:
    """Return an answer that says in words of any axis why it is none."""
    least = min(fit.depth)
    if answer.known and answer.depth >= least:
        return answer
    ends = f"from {answer.low:.3g} to {answer.high:.3g}"
    ends = ends if np.isfinite(answer.high) else f"above {answer.low:.3g}"
    wide = f"anything {ends} agrees with these data"
    flat = f"no more than the least that was measured ({least:g}) is needed, its curve is flat"
    return replace(answer, known=False, reason=flat if answer.depth < least else wide)


def _worth(
    full: metrics.ResponseInformation,
    measured: metrics.ResponseInformation,
    fit: NoiseFit | None,
    top: float,
) -> DepthAnswer:
    """Return with how many cells measuring says as much as this prediction."""
    if not (full.low > 0 and measured.low > 0) or fit is None:
        return _unknown("the measurement or the prediction tells nothing that could be compared")
    found = depth_for(fit, bits=full.bits, full=max(fit.depth))
    if not found.depth <= top:
        return DepthAnswer(
            found.depth, found.low, found.high, False,
            f"it tells more than measuring with all {top:g} cells",
        )  # fmt: skip
    ends = [fit.law.inverse(max(bits, 0.0)) / found.depth for bits in (full.low, full.high)]
    down, up = (np.hypot(np.log(end), np.log(own / found.depth)) for end, own in
                zip(ends, (found.low, found.high), strict=True))  # fmt: skip
    low, high = (float(found.depth * np.exp(by)) for by in (-down, up))
    known = low * FACTOR > found.depth > high / FACTOR
    reason = "" if known else f"anything from {low:.3g} to {high:.3g} cells agrees with these data"
    return DepthAnswer(found.depth, low, high, known, reason)
