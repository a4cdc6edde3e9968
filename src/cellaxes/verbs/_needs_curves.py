"""From what was said at every level to curves of information, their laws and what they need."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellaxes.perturbation import metrics
from cellaxes.report import MEASURED, NeedCurve
from cellaxes.scaling import DepthAnswer, NoiseFit, depth_for, fit_noise_law
from cellaxes.verbs._needs_respond import Said
from cellaxes.verbs._needs_wells import Level

Array = NDArray[np.float64]
Point = tuple[Level, Said]

FEWEST = 3
"""Levels from which a law is fitted."""
FACTOR = 5.0
"""By which a number of cells may be off and still be named."""
NAN = float("nan")


class Judge:
    """Scores what was said of the asked rows against the cells kept aside.

    Parameters
    ----------
    reference
        Log2 fold changes of the cells kept aside, ``(n_seeds, n_rows, n_genes)``; NaN is not known.
    unit
        Standard error of each gene, ``(n_genes,)``.
    repeat
        The same of all cells that are measured.
    compounds
        Of the rows.
    """

    def __init__(
        self, reference: Array, unit: Array, repeat: Array, compounds: Sequence[str], level: float
    ) -> None:
        self.reference, self.unit, self.compounds, self.level = reference, unit, compounds, level
        self.repeat = np.nan_to_num(repeat)
        known = ~np.isnan(reference)
        noise = np.where(known, (self.repeat - np.nan_to_num(reference)) ** 2 / 2, 0.0)
        self.noise = np.sqrt(noise.sum(axis=2) / np.maximum(known.sum(axis=2), 1)).mean()

    def score(self, said: Array) -> tuple[metrics.ResponseInformation, dict[str, float]]:
        """Return the information of ``(n_seeds, n_rows, n_genes)``, and errors in log2."""
        guess = np.nan_to_num(said)
        found = self._information(slice(None), guess)
        rows, flat = (x.reshape(-1, x.shape[-1]) for x in (self.reference, guess))
        facts = {
            "error": metrics.mrrmse(rows, flat),
            "error_of_zero": metrics.mrrmse(rows, np.zeros_like(flat)),
            "noise_of_reference": float(self.noise),
        }
        return found, facts

    def bits(self, seed: int, said: Array) -> float:
        """Return the bits of one draw, by the reliability of all."""
        return self._information(slice(seed, seed + 1), np.nan_to_num(said)[None]).bits

    def _information(self, at: slice, guess: Array) -> metrics.ResponseInformation:
        return metrics.information(
            relative(self.reference[at], self.unit), relative(guess, self.unit), self.compounds,
            repeat=relative(self.repeat[at], self.unit), level=self.level,
        )  # fmt: skip


def relative(values: Array, unit: Array) -> Array:
    """Return log2 fold changes less what all genes of a row share, in units of their errors.

    Counts are relative, so that a change of all genes alike is a matter of normalisation; it is
    the mean weighted by precision. NaN stays.
    """
    precision = np.where(np.isnan(values), 0.0, unit**-2.0)
    total = precision.sum(axis=-1, keepdims=True)
    shared = (np.nan_to_num(values) * precision).sum(axis=-1, keepdims=True)
    found: Array = (values - shared / np.maximum(total, 1e-300)) / unit
    return found


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
        seen = _along(draws, axis)
        errors = _along(levels, axis).set_index(["fraction", "predictor"])["standard_error"]
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


def _along(table: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Return the rows of an axis: those of all cells at full depth belong to both."""
    whole = (table["axis"] == "cells") & (table["fraction"] == 1)
    return table[whole | (table["axis"] == axis)]


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
