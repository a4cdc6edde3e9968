"""Splits by name: what to hold out, and in words how it was chosen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

import pandas as pd

from cellaxes import perturbation as p
from cellaxes._core.errors import InputError, near
from cellaxes.verbs._predict_inputs import listed_in, names_of

SPLITS = {
    "random": ("held_out",),
    "few-shot": ("contexts", "bridge"),
    "zero-shot": ("contexts",),
    "leave-compound": ("held_out",),
    "scaffold": ("held_out",),
    "moa": ("held_out",),
    "joint": ("contexts", "held_out", "by"),
    "donor": ("held_out",),
    "plate": ("held_out",),
}
"""Names, and what each of them takes."""

By = Literal["compound", "scaffold", "moa"]
SHARE, BRIDGE = 0.2, 17
LEAVE = {"leave-compound": "compound", "scaffold": "scaffold", "moa": "moa"}


@dataclass(frozen=True)
class Asked:
    """What was asked of a split; ``None`` where nothing was.

    Attributes
    ----------
    name
        One of `SPLITS`.
    contexts
        To hold out.
    bridge
        Compounds kept in training: how many, their names, or a file of them.
    held_out
        Share of the rows, or names.
    by
        Of a joint split.
    """

    name: str
    contexts: str | Sequence[str] | None = None
    bridge: int | str | Path | Iterable[str] | None = None
    held_out: float | str | Sequence[str] | None = None
    by: str | None = None

    def __post_init__(self) -> None:
        if self.name not in SPLITS:
            raise InputError(f"there is no split {self.name!r}: {near(self.name, SPLITS)}")
        for what in ("contexts", "bridge", "held_out", "by"):
            if getattr(self, what) is not None and what not in SPLITS[self.name]:
                able = [name for name, takes in SPLITS.items() if what in takes]
                raise InputError(
                    f"the split {self.name!r} takes no {what.replace('_', '-')}: that is for "
                    f"{', '.join(able)}."
                )
        if self.by is not None and self.by not in get_args(By):
            raise InputError(f"by cannot be {self.by!r}: {near(str(self.by), get_args(By))}")


def make_splits(
    rows: pd.DataFrame, asked: Asked, seeds: Sequence[int]
) -> tuple[tuple[p.Split, ...], str]:
    """Return a split per seed (one, where nothing is left to chance), and how it was chosen."""
    contexts, how = _contexts(rows, asked)
    name = asked.name
    if name == "few-shot":
        bridge, told, drawn = _bridge(rows, contexts, asked.bridge)
        made = [
            p.few_shot_context(rows, contexts, bridge, random_state=seed)
            for seed in (seeds if drawn else seeds[:1])
        ]
        return tuple(made), f"{how} {told}"
    if name == "zero-shot":
        return (p.zero_shot_context(rows, contexts),), how
    column = LEAVE.get(name, asked.by or "compound" if name == "joint" else name)
    held, told, drawn = _held_out(rows, name, column, asked.held_out)
    made = [
        _one(rows, name, contexts, held, asked.by or "compound", seed)
        for seed in (seeds if drawn else seeds[:1])
    ]
    return tuple(made), f"{how} {told}".strip()


def _one(
    rows: pd.DataFrame,
    name: str,
    contexts: list[str],
    held: float | list[str],
    by: str,
    seed: int,
) -> p.Split:
    if name == "random":
        if not isinstance(held, float):
            raise InputError("random rows have no names: give held-out as a share, such as 0.2.")
        return p.random_rows(rows, held, random_state=seed)
    if name == "joint":
        return p.joint(rows, contexts, held, by=cast("By", by), random_state=seed)
    if name in ("donor", "plate"):
        return p.leave_group(rows, name, held, random_state=seed)
    leave = {"scaffold": p.leave_scaffold, "moa": p.leave_moa}.get(name, p.leave_compound)
    return leave(rows, held, random_state=seed)


def _contexts(rows: pd.DataFrame, asked: Asked) -> tuple[list[str], str]:
    """Return the contexts to hold out: those named, or the one that can be tested best."""
    if "contexts" not in SPLITS[asked.name]:
        return [], ""
    there = sorted(set(rows["context"]))
    if asked.contexts is not None:
        held = names_of(asked.contexts, there, "context")
        if not held:
            raise InputError(f"no context is named: {near('', there)}")
        return held, f"Held out as asked: {', '.join(held)}."
    pairs = rows[["context", "compound"]].drop_duplicates()
    shared = pairs[pairs.groupby("compound")["context"].transform("size") > 1]
    n = shared.groupby("context").size()
    if not len(n):
        raise InputError(
            "no compound was measured in two contexts, so that a context cannot be predicted from "
            "the others: use leave-compound or random."
        )
    best = str(n.index[int(n.to_numpy().argmax())])  # the first by name among equals
    return [best], (
        f"No context was named, so {best} is held out: of {len(there)} contexts it has the most "
        f"compounds that were measured in another too ({n.max()}; the first by name among equals)."
    )


def _bridge(
    rows: pd.DataFrame, contexts: list[str], asked: int | str | Path | Iterable[str] | None
) -> tuple[int | list[str], str, bool]:
    """Return the bridge compounds or their number, in words, and whether they are drawn."""
    if asked is not None and not isinstance(asked, int):
        names = listed_in(Path(asked)) if isinstance(asked, str | Path) else list(asked)
        if not names:
            raise InputError("the list of bridge compounds is empty: name one or more.")
        return names, f"The {len(names)} bridge compounds were named.", False
    if asked is not None:
        return asked, f"{asked} bridge compounds are drawn by chance.", True
    able = set(rows.loc[~rows["context"].isin(contexts), "compound"])
    for context in contexts:
        able &= set(rows.loc[rows["context"] == context, "compound"])
    n = BRIDGE if len(able) > 2 * BRIDGE else max(1, len(able) // 4)
    told = "as in the competition of 2023" if n == BRIDGE else f"a quarter of {len(able)}"
    return n, f"{n} bridge compounds ({told}) are drawn by chance.", True


def _held_out(
    rows: pd.DataFrame, name: str, column: str, asked: float | str | Sequence[str] | None
) -> tuple[float | list[str], str, bool]:
    """Return the share or the names to hold out, in words, and whether chance draws them."""
    if asked is None or isinstance(asked, int | float):
        share = SHARE if asked is None else float(asked)
        what = "rows" if name == "random" else f"the rows by whole {column}s"
        return share, f"{share:.0%} of {what} are drawn by chance.", True
    if column == "random" or column not in rows:
        return [asked] if isinstance(asked, str) else list(asked), "", False
    values = set(rows[column].dropna().astype(str))
    if column == "moa":
        values = {part.strip() for text in values for part in text.split(";")}
    names = names_of(asked, values, column)
    return names, f"Held out as asked: {', '.join(names)}.", False
