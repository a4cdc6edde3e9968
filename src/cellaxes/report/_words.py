"""Numbers and findings in words."""

import math
from collections.abc import Mapping
from typing import Any

from cellaxes._core.axis import DEPTH, Axis
from cellaxes.report._types import Curve

POOR = 0.95
"""R² on level means below which the law is said to describe a curve poorly."""
LIMIT = 0.25
"""Bits that must be missing before their cause is called a limit."""
SNR = {
    "images": "The measured signal-to-noise ratio (SNR) is the variance of the signal over all "
    "pixels and images, over the mean squared difference of noisy and clean pixels; where pixels "
    "are averaged, the signal is the averages.",
    "sequences": "The measured signal-to-noise ratio (SNR) is that of true to changed residues: a "
    "draw that hits the true residue changes nothing.",
}
"""How the ratio is measured, for the page."""
SHARES = {
    "loss": "information at the deepest level minus information with all cells thinned",
    "train_loss": "the training cells' own loss: deepest level minus training cells alone thinned",
    "query_loss": "the queries' own loss: deepest level minus queries (test cells) alone thinned",
    "interaction": "loss − train_loss − query_loss: the two losses need not add up",
    "train_share": "train_loss / loss; query_share and interaction_share alike",
    "deeper_queries": "training cells alone thinned minus all thinned: what deep queries alone "
    "would bring back",
    "deeper_training": "queries alone thinned minus all thinned: what deep training cells alone "
    "would bring back",
}
"""Whose loss it is: what each number of `cellaxes.study.shares` means, bits."""


def number(value: float, digits: int = 3) -> str:
    """Write a number for people: thousands apart, few digits, ∞ and – by name.

    Examples
    --------
    >>> number(12345.6), number(0.12345), number(float("inf")), number(float("nan"))
    ('12,300', '0.123', '∞', '–')
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    return f"{round(value, places):,.{max(places, 0)}f}".replace("-", "−")


def whole(count: float) -> str:
    """Write a count for people: three digits, no decimals.

    Examples
    --------
    >>> whole(60), whole(12345), whole(float("nan"))
    ('60', '12,300', '–')
    """
    return f"{count:.0f}" if count < 100 else number(count)


def range_of(low: float, high: float, digits: int = 3) -> str:
    """Write an interval; an open end is said.

    Examples
    --------
    >>> range_of(1.0, float("inf")), range_of(1, 2)
    ('above 1.00', '1.00 to 2.00')
    """
    if math.isinf(high):
        return f"above {number(low, digits)}"
    return f"{number(low, digits)} to {number(high, digits)}"


def percent(value: float) -> str:
    """Write a share in percent.

    Examples
    --------
    >>> percent(0.358), percent(-0.04), percent(-0.001), percent(float("nan"))
    ('36 %', '−4 %', '0 %', '–')
    """
    told = f"{100 * value:.0f} %".replace("-", "−")
    return "–" if math.isnan(value) else "0 %" if told == "−0 %" else told


def percent_range(low: float, high: float) -> str:
    """Write an interval of shares; ``open`` where it has no ends.

    Examples
    --------
    >>> percent_range(0.2, 0.5), percent_range(float("-inf"), float("inf"))
    ('20 % to 50 %', 'open')
    """
    return "open" if math.isinf(low) else f"{percent(low)} to {percent(high)}"


def bits(value: float) -> str:
    """Write bits to two places.

    Examples
    --------
    >>> bits(-0.123), bits(-0.001), bits(float("nan"))
    ('−0.12', '0.00', '–')
    """
    return "–" if math.isnan(value) else f"{round(value, 2) + 0.0:.2f}".replace("-", "−")


def loss_sentence(row: Mapping[str, Any], axis: Axis = DEPTH) -> str:
    """Say how much is lost at a depth, and what deeper queries or training cells would mend.

    Parameters
    ----------
    row
        Of `cellaxes.study.shares`.
    axis
        How the coordinate is spoken of.
    """
    start = f"At {axis.at.format(number(row['depth']))}"
    if row["loss"] < 0.005:
        return f"{start} nothing is lost."
    mends, before = [], ""
    for gain, who in (
        ("deeper_queries", f"{axis.better} queries"),
        ("deeper_training", f"{axis.better} training {axis.rows}"),
    ):
        if not math.isnan(row[gain]):
            verb, amount = _brings(row[gain], row["loss"])
            mends.append(f"{who} alone {'' if verb == before else verb}{amount}")
            before = verb
    return f"{start} {bits(row['loss'])} of {bits(row['full'])} bits are lost; {', '.join(mends)}."


def _brings(gain: float, loss: float) -> tuple[str, str]:
    """Return what a gain does, and how much of it."""
    if abs(gain) < 0.005:
        return "would change ", "nothing"
    if gain < 0:
        return "would cost another ", bits(-gain)
    return "would bring back ", f"{bits(gain)} ({percent(gain / loss)})"


def sentence(curve: Curve, entropy: float | None) -> str:
    """Say in one or two sentences what a curve shows and what limits it."""
    axis = curve.axis
    of = f" of {entropy:.2f}" if entropy is not None and math.isfinite(entropy) else ""
    seen = (
        " (given; it may have seen these cells)"
        if curve.given
        else f", trained on {curve.n_train:,} {axis.rows},"
    )
    start = (
        f"{curve.title}{seen} holds {curve.information:.2f}{of} bits at "
        f"{axis.at.format(number(curve.depth))} (95 % interval {curve.low:.2f} to {curve.high:.2f})"
    )
    if curve.doubts:
        start += f" (not reliable: {curve.doubts[0]})"
    fit = curve.fit
    if fit is None:
        return f"{start}; fewer than three {axis.levels} show no law."
    if not fit.identified:
        return f"{start}. Its law is not identified: {fit.reason}."
    if fit.r_squared < POOR:
        return (
            f"{start}. The noise law describes this curve poorly (R² {fit.r_squared:.2f}): read "
            "the points rather than its parameters."
        )
    gain = fit.law.bits_per_doubling(curve.depth)
    lost = max(fit.I_max - fit.law(curve.depth), 0.0)
    limit = (
        f"{axis.limit} is a limit: it costs {lost:.2f} bits here"
        if lost > LIMIT
        else f"{axis.limit_again} is no limit here (it costs {lost:.2f} bits)"
    )
    if of and entropy is not None:
        missing = entropy - max(fit.I_max, curve.information)
        limit += f"; {missing:.2f} bits are missing at any {axis.level}" if missing > LIMIT else ""
    return (
        f"{start}; {limit}. Twice the {axis.name} would add {gain:.2f} bits; half a bit of the "
        f"capacity is gone at {axis.at.format(number(fit.u_bar))}."
    )
