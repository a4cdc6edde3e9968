"""What the page of predictions concludes, in words."""

from typing import TYPE_CHECKING

import pandas as pd

from cellaxes.perturbation import metrics
from cellaxes.report import _predict_numbers as numbers
from cellaxes.report._structure_words import joined
from cellaxes.report._words import number

if TYPE_CHECKING:
    from cellaxes.perturbation import Leaderboard
    from cellaxes.report._predict import PredictReport


ORDER = ("beats", "open", "loses")
"""How models stand beside the best baseline, in the order in which they are told."""


def conclusions(report: "PredictReport") -> list[str]:
    """Return what was found, the most important first."""
    board = report.board
    said = [_verdict(board, "raw")]
    if board.clip is not None:
        said.append(f"Clipped at ±{board.clip:g}: {_lower(_verdict(board, 'clipped'))}")
    said.append(claim(board))
    said.append(_suspects(report))
    return said


def claim(board: "Leaderboard") -> str:
    """Say what the split speaks for, and what is known of the test rows from training."""
    split = board.splits[0]
    seen = [
        f"{'context and compound together' if leak.column == 'pair' else leak.column} "
        f"{leak.seen:.0%}{f' ({leak.unknown:.0%} unknown)' if leak.unknown else ''}"
        for leak in split.leaks
    ]
    again = f" ({len(board.splits)} draws)" if len(board.splits) > 1 else ""
    said = f"The split{again} speaks for {split.claim}."
    return f"{said} Of the test rows, training knows: {joined(seen)}."


def value_of(line: pd.Series, metric: str) -> str:
    """Write a score."""
    return f"{metric} {number(float(line['value']), 4)}"


def _verdict(board: "Leaderboard", scale: str) -> str:
    ranked, metric = board.ranked(scale=scale), board.metrics[0]
    against = str(ranked["against"].iloc[0])
    best = ranked.loc[[against]].iloc[0]
    start = f"The best of {int(ranked['kind'].isin(numbers.BASES).sum())} baselines is {against} "
    start += f"({value_of(best, metric)}; {number(float(best['best']))} is perfect)"
    models = ranked[ranked["kind"] == "model"]
    if models.empty:
        second = ranked[ranked["kind"].isin(numbers.BASES)].drop(against)
        close = [str(name) for name, line in second.iterrows() if line["low"] <= 0 <= line["high"]]
        alike = f", and not told apart from {joined(close)}" if close else ""
        return f"{start}{alike}. No model was given: this is what one has to beat."
    sign = -1 if float(best["best"]) < float(best["value"]) else 1
    found = [_compared(str(name), line, sign) for name, line in models.iterrows()]
    told = [words for kind, words in sorted(found, key=lambda one: ORDER.index(one[0]))]
    start = f"{start}. " if "beats" in dict(found) else f"{start}. No model beats it: "
    return f"{start}{'; '.join(told)}."


def _compared(name: str, line: pd.Series, sign: int) -> tuple[str, str]:
    """Return how a model stands beside the best baseline: beats, loses, open; and in words."""
    gain, ends = sign * float(line["difference"]), [sign * float(line[k]) for k in ("low", "high")]
    if pd.isna(line["difference"]):
        return "open", f"{name} cannot be compared (fewer than three compounds)"
    span = f"[{number(min(ends))}, {number(max(ends))}]"
    if min(ends) > 0:
        return "beats", f"{name} beats it by {number(gain)} {span}"
    if max(ends) < 0:
        return (
            "loses",
            f"{name} is worse by {number(-gain)} [{number(-max(ends))}, {number(-min(ends))}]",
        )
    return "open", f"{name} cannot be told from it (gain {number(gain)} {span})"


def _suspects(report: "PredictReport") -> str:
    flags = report.rows["suspect"].to_numpy()
    board = report.board
    tested = board.row_scores.drop_duplicates("row")["row"].to_numpy()
    if report.doubted.told:
        return report.doubted.told
    if not flags.any():
        return f"None of the {len(flags):,} rows is suspect."
    start = (
        f"{flags.sum():,} of {len(flags):,} rows are suspect, {flags[tested].sum()} of them tested"
    )
    table = numbers.without_suspects(board)
    if table.empty:
        return f"{start}."
    raw = table[table["scale"] == "raw"].set_index("model")
    trusted = board.ranked(rows="trusted")
    best = str(trusted["against"].iloc[0])
    same = "still" if best == board.best else "then"
    line = raw.loc[[best]].iloc[0]
    return (
        f"{start}. Without them the best baseline is {same} {best} ({board.metrics[0]} "
        f"{number(float(line['trusted']), 4)}, with them {number(float(line['all']), 4)})."
    )


def describe_metrics(names: list[str]) -> dict[str, dict[str, object]]:
    """Return what each metric is, its best value and where it misleads."""
    table = metrics.show().set_index("name")
    return {
        name: {key: table.loc[name, key] for key in ("best", "description", "units", "limits")}
        for name in names
    }


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
