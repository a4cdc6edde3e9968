"""The main numbers of a measurement in text."""

from cellaxes.report._measure import NAMES, MeasureReport, telling
from cellaxes.report._words import loss_sentence, number, range_of, sentence


def brief(report: MeasureReport) -> str:
    """Return the main numbers of ``report`` as a short table in text, and a sentence per curve."""
    axis = report.facts.axis
    head = ("capacity, bits", f"sensitivity, {axis.unit}", "R²")
    rows = [("signal", "model", axis.rows, "bits", "of", *head)]
    for curve in report.curves:
        fit = curve.fit
        entropy = report.facts.entropies[curve.signal]
        known = fit is not None and fit.identified
        rows.append(
            (
                curve.signal,
                curve.title,
                str(curve.n_train),
                f"{curve.information:.2f}",
                number(entropy),
                f"{fit.I_max:.2f} ({range_of(fit.I_max_low, fit.I_max_high)})"
                if fit is not None and known
                else "not identified",
                f"{number(fit.u_bar)} ({range_of(fit.u_bar_low, fit.u_bar_high)})"
                if fit is not None and known
                else "not identified",
                f"{fit.r_squared:.3f}" if fit is not None else "–",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    limiting = [found.sentence for found in report.limits()]
    said = [
        f"{curve.signal}: {sentence(curve, report.facts.entropies[curve.signal])}"
        for curve in report.drawn()
    ]
    lost = [
        f"{model}, {n_train} training {axis.rows}, {signal}: {loss_sentence(telling(rows), axis)}"
        for (signal, model, n_train), rows in report.shares.groupby(NAMES, sort=False)
    ]
    failed = [
        f"{count} of {len(report.runs)} runs failed: {error}"
        for error, count in report.failures["error"].value_counts().items()
    ]
    return "\n".join([*lines, "", *limiting, *said, *lost, *failed])
