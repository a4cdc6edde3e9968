"""A leaderboard as a person reads it."""

import pandas as pd

from cellaxes.perturbation._splits._split import Split

SHOWN = 8
"""Lines of the ranking; models and controls are shown wherever they stand."""
COLUMN = 29
"""Width of a score and its interval."""


def board_text(
    ranked: dict[str, pd.DataFrame],
    head: str,
    splits: tuple[Split, ...],
    said: tuple[str, ...],
) -> str:
    """Return the ranking, what leaks, and what follows.

    Parameters
    ----------
    ranked
        What a scale is called to its lines, best first, by model; the first one orders.
    head
        First line.
    splits
        What was tested.
    said
        Sentences to end with.
    """
    first, *others = ranked.values()
    seen = ", ".join(f"{leak.column} {leak.seen:.0%}" for leak in splits[0].leaks)
    lines = [head, f"  of the test rows in train: {seen}"]
    width = max(len(name) for name in first.index)
    titles = [f"{name} (− {table['against'].iloc[0]})" for name, table in ranked.items()]
    columns = [max(COLUMN, len(title)) for title in titles]
    titled = zip(titles, columns, strict=True)
    lines.append("  ".join([" " * (width + 4), *(f"{title:{n}}" for title, n in titled)]).rstrip())
    for place, (name, line) in enumerate(first.iterrows()):
        if place >= SHOWN and line["kind"] in ("average", "baseline"):
            continue
        cells = [_score(table.loc[[str(name)]].iloc[0]) for table in (first, *others)]
        padded = (f"{cell:{n}}" for cell, n in zip(cells, columns, strict=True))
        text = "  ".join([f"  {place + 1:2d} {name!s:{width}}", *padded, _kind(line)])
        lines.append(text.rstrip())
    return "\n".join([*lines, *(f"  {sentence}." for sentence in said)])


def verdict_of(ranked: pd.DataFrame) -> str:
    """Return whether a model beats the best baseline, in words."""
    against = ranked["against"].iloc[0]
    models = ranked[ranked["kind"] == "model"]
    if models.empty:
        return f"no model was given; {against} is the best baseline"
    nearer = (models["value"] - models["best"]).abs() < abs(
        ranked.loc[against, "value"] - ranked.loc[against, "best"]
    )
    apart = (models["low"] > 0) | (models["high"] < 0)
    winners = list(models.index[nearer & apart])
    if winners:
        return f"{', '.join(winners)} beat{'' if len(winners) > 1 else 's'} {against}"
    close = " beyond chance" if nearer.any() else ""
    return f"no model beats {against}{close}"


def _score(line: pd.Series) -> str:
    value = f"{line['value']:.4g}"
    if pd.isna(line["difference"]):
        return value
    return f"{value:5} {line['difference']:+.2g} [{line['low']:+.2g}, {line['high']:+.2g}]"


def _kind(line: pd.Series) -> str:
    scaled = "" if pd.isna(line["scaled"]) else f"scaled {line['scaled']:.2f}"
    kind = str(line["kind"]) if line["kind"] not in ("average", "baseline") else ""
    return " ".join(filter(None, [kind.upper() if kind == "model" else kind, scaled]))
