"""Depths that answer a question: where a target is reached, where two models cross."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cellaxes._core.errors import InputError
from cellaxes._core.files import plain
from cellaxes.scaling._laws import NoiseLaw
from cellaxes.scaling._result import NoiseFit

Array = NDArray[np.float64]

FAR = 10.0
"""How far beyond the deepest measurement a depth may lie before it is said to rest on the law
alone."""


@dataclass(frozen=True)
class DepthAnswer:
    """A depth with its interval.

    Attributes
    ----------
    depth, low, high
        In the units of the fit, with a 95 % interval; infinite where no depth does it.
    known
        Whether the pilot tells.
    reason
        Why not, or empty.
    """

    depth: float
    low: float
    high: float
    known: bool
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return the fields in JSON's own types."""
        fields: dict[str, Any] = plain(asdict(self))
        return fields


def depth_for(
    fit: NoiseFit,
    *,
    bits: float | None = None,
    share_of_bits: float | None = None,
    share_of_states: float | None = None,
    full: float | None = None,
) -> DepthAnswer:
    """Return the depth at which a target is reached.

    Targets relative to the capacity have two definitions that differ much: a share p of its
    bits, ``I = p I_max``; or a share q of its distinguishable states 2^I, ``I = I_max +
    log2 q``. Both are in use as "saturation depth" (Gowri et al., versions 1 and 2).

    Parameters
    ----------
    fit
        Of `fit_noise_law`.
    bits
        Information, bits.
    share_of_bits
        Between 0 and 1: of the capacity in bits.
    share_of_states
        Between 0 and 1: of the number of states.
    full
        Depth at which shares count as whole, within what was measured; ``None``: endless depth.
        The answer then lies between measurements, and does not ask for a capacity.

    Raises
    ------
    InputError
        If not exactly one target is given, or it is impossible.

    Examples
    --------
    >>> from cellaxes.scaling import fit_noise_law
    >>> u = [10, 30, 100, 300, 1000, 3000]
    >>> fit = fit_noise_law(u, NoiseLaw(200, 2.0)(u))
    >>> round(depth_for(fit, share_of_bits=0.9).depth)
    574
    >>> round(depth_for(fit, share_of_states=0.9).depth)
    787
    >>> round(depth_for(fit, share_of_bits=0.9, full=3000).depth)
    464
    """
    given = {"bits": bits, "share_of_bits": share_of_bits, "share_of_states": share_of_states}
    named = {name: value for name, value in given.items() if value is not None}
    if len(named) != 1:
        raise InputError(f"give one of {', '.join(given)}, not {len(named)}.")
    ((name, value),) = named.items()
    if not (value > 0 and (name == "bits" or value < 1)):
        limits = "above 0" if name == "bits" else "between 0 and 1"
        raise InputError(f"{name} must be {limits}, not {value}.")
    if full is not None and not 0 < full <= max(fit.depth):
        raise InputError(f"full must lie within the depths measured ({max(fit.depth):g}).")

    def answer(law: NoiseLaw) -> float:
        whole = law.I_max if full is None else law(full)
        targets = {
            "bits": value,
            "share_of_bits": value * whole,
            "share_of_states": whole + np.log2(value),
        }
        return law.inverse(max(targets[name], 0.0))

    best, low, high = _ends(answer, [fit])
    reasons = []
    if not fit.identified and full is None:
        reasons.append(f"the law is not identified: {fit.reason}")
    if np.isinf(best):
        reasons.append(f"no depth reaches {name} {value:g}: the capacity is {fit.I_max:.2f} bits")
    elif best == 0:
        reasons.append(
            f"no depth is needed: with {fit.I_max:.2f} bits of capacity one state is already that "
            "share of all"
        )
    return _answer(best, low, high, reasons, [fit])


def crossing(first: NoiseFit, second: NoiseFit) -> DepthAnswer:
    """Return the depth at which two models know as much as each other.

    Two noise laws cross at most once: ``(1 + B_1 u)(1 + A_2 u) = (1 + B_2 u)(1 + A_1 u)`` with
    ``A = 1 / u_bar`` and ``B = 4^I_max / u_bar`` is linear in u once its root at zero is taken
    out.

    Parameters
    ----------
    first, second
        Fits of the same signal, in the same units.

    Returns
    -------
    The depth, infinite if one is above the other everywhere (``reason`` says which).
    """

    def answer(one: NoiseLaw, other: NoiseLaw) -> float:
        a_1, a_2 = 1 / one.u_bar, 1 / other.u_bar
        b_1, b_2 = one.snr_per_unit, other.snr_per_unit
        rise, bend = b_1 - a_1 - b_2 + a_2, b_2 * a_1 - b_1 * a_2
        return rise / bend if bend != 0 and rise / bend > 0 else float("inf")

    best, low, high = _ends(answer, [first, second])
    reasons = [
        f"the law of the {which} model is not identified: {fit.reason}"
        for which, fit in (("first", first), ("second", second))
        if not fit.identified
    ]
    if np.isinf(best):
        # Curves that do not cross keep the order in which they rise from zero.
        rises = [fit.law.snr_per_unit - 1 / fit.law.u_bar for fit in (first, second)]
        if np.isclose(rises[0], rises[1], rtol=1e-9) and np.isclose(first.I_max, second.I_max):
            reasons.append("the two laws are the same")
        else:
            above = "first" if rises[0] > rises[1] else "second"
            reasons.append(f"the {above} model is above the other at every depth")
    return _answer(best, low, high, reasons, [first, second])


def _answer(
    best: float, low: float, high: float, reasons: list[str], fits: list[NoiseFit]
) -> DepthAnswer:
    deepest = min(max(fit.depth) for fit in fits)
    shallowest = max(min(fit.depth) for fit in fits)
    if np.isfinite(best) and best > FAR * deepest:
        reasons.append(
            f"the depth is {best / deepest:.0f} times the deepest that was measured "
            f"({deepest:.4g}): measure deeper"
        )
    elif 0 < best < shallowest / FAR:
        reasons.append(
            f"the depth is far below the shallowest that was measured ({shallowest:.4g}): "
            "measure shallower"
        )
    elif np.isfinite(best) and (high > FAR * best or low < best / FAR):
        wide = f"from {low:.3g} to {high:.3g}" if np.isfinite(high) else f"above {low:.3g}"
        reasons.append(
            f"you cannot know this from your pilot: anything {wide} agrees with it; measure "
            "deeper, or more replicates"
        )
    return DepthAnswer(best, low, high, not reasons, "; ".join(reasons))


def _ends(answer: Callable[..., float], fits: list[NoiseFit]) -> tuple[float, float, float]:
    """Return an answer and its smallest and largest value over the laws each fit allows.

    What one fit leaves open is joined with what the others do in quadrature, in logarithms.
    """
    laws = [fit.law for fit in fits]
    best = answer(*laws)
    down, up = 0.0, 0.0
    for place, fit in enumerate(fits):
        for group in fit.allowed():
            values = np.array([answer(*laws[:place], law, *laws[place + 1 :]) for law in group])
            with np.errstate(divide="ignore", invalid="ignore"):
                shift = np.log(values) - np.log(best)
            shift = np.where(np.isnan(shift), 0.0, shift)
            down = float(np.hypot(down, min(shift.min(), 0.0)))
            up = float(np.hypot(up, max(shift.max(), 0.0)))
    if np.isinf(best):
        return best, _least(answer, fits), best
    return best, float(best * np.exp(-down)), float(best * np.exp(up)) if up < 500 else np.inf


def _least(answer: Callable[..., float], fits: list[NoiseFit]) -> float:
    """Return the smallest value over the laws each fit allows, where the best is infinite."""
    laws = [fit.law for fit in fits]
    return min(
        answer(*laws[:place], law, *laws[place + 1 :])
        for place, fit in enumerate(fits)
        for group in fit.allowed()
        for law in group
    )
