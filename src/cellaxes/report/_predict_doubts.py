"""Why a reader of the page of predictions should be careful, in words."""

from typing import TYPE_CHECKING

from cellaxes.report import _predict_numbers as numbers
from cellaxes.report._structure_words import joined

if TYPE_CHECKING:
    from cellaxes.report._predict import PredictReport

FEW_COMPOUNDS, FEW_ROWS, ALIKE, EXACT = 20, 50, 0.7, 1e-6


def doubts(report: "PredictReport") -> list[str]:
    """Return why a reader should be careful."""
    board, facts = report.board, report.facts
    found = [_sentence(said) for said in board.doubts]
    found += [_sentence(said) for said in dict.fromkeys(d for s in board.splits for d in s.doubts)]
    found += _leaks(report)
    ranked = board.ranked()
    perfect = ranked.index[(ranked["value"] - ranked["best"]).abs() < EXACT]
    exact = [name for name in facts.ready if name in perfect]
    if exact:
        found.append(f"{joined(exact)}: perfect in every row, as only the measured values are.")
    if facts.ready:
        found.append(
            f"{joined(facts.ready)}: made elsewhere, so whether test rows were used in training "
            "cannot be seen here; rows.csv says which rows may train."
        )
        if len(board.splits) > 1:
            found.append(
                f"There is one prediction of each row for {len(board.splits)} draws: trained for "
                "one of them, it has seen test rows of the others. Use one seed."
            )
    tested = board.row_scores.drop_duplicates(["split", "row"])
    n = tested["compound"].nunique()
    if n < FEW_COMPOUNDS or len(tested) < FEW_ROWS:
        found.append(
            f"There are few test rows ({len(tested)} of {n} compounds): intervals are rough."
        )
    if board.clip is not None and facts.largest <= board.clip:
        found.append(f"No value is beyond ±{board.clip:g}: clipping changes nothing.")
    orders = numbers.ranks(board)
    if "clipped" in orders and len(orders) > 3:
        rank = float(orders["raw"].corr(orders["clipped"]))
        if rank < ALIKE:
            found.append(
                f"Raw and clipped values rank models differently (rank correlation {rank:.2f}): a "
                "few rows of huge values decide the raw order."
            )
    if facts.origin != "stored":
        found.append(f"{facts.layer} is not stored: it follows {facts.origin}.")
    if facts.missing >= 0.001:
        found.append(f"{facts.missing:.1%} of the values are not known and do not count.")
    return found + [_sentence(said) for said in facts.notes]


def _leaks(report: "PredictReport") -> list[str]:
    """Say where training holds nearly what is tested."""
    found = []
    pair = report.board.splits[0].seen("pair")
    if pair:
        found.append(
            f"{pair:.0%} of the test rows have their context and compound in training too (another "
            "dose, time, donor or plate): this is nearer to repeating than to predicting."
        )
    found += [
        f"{near.context} is much like {near.nearest}, which is in training (mean cosine "
        f"{near.cosine:.2f} over {near.n_compounds} compounds): a context that is new in kind will "
        "be harder."
        for near in report.facts.likeness
        if near.cosine >= ALIKE
    ]
    return found


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."
